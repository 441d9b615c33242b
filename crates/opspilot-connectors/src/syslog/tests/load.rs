//! Detectors that are behind.

use super::*;

const MESSAGES: u64 = 200_000;

#[tokio::test]
async fn tcp_waits_for_detectors_and_loses_nothing() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    #[expect(clippy::disallowed_methods, reason = "the test owns the task")]
    let writing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            let message = format!("<13>1 - host app - - - {number:080}\n");
            peer.write_all(message.as_bytes()).await.unwrap();
        }
    });
    let received = || counted(&bench, "opspilot_syslog_received_total");
    // The queue fills, then nothing is read any more although the peer has more.
    let mut last = 0;
    waits_until(|| {
        let is_still = received() == last && last > 0;
        last = received();
        is_still
    })
    .await;
    assert!(last < MESSAGES, "{last}");
    assert!(!writing.is_finished());
    let mut expected = 0;
    while expected < MESSAGES {
        let batch = running.logs.recv().await.unwrap();
        for record in batch.iter() {
            assert_eq!(record.text().parse(), Ok(expected));
            expected += 1;
        }
    }
    writing.await.unwrap();
    assert_eq!(received(), MESSAGES);
    assert_eq!(counted(&bench, "opspilot_syslog_dropped_total"), 0);
    running.stop().await;
}

#[tokio::test]
async fn udp_counts_every_datagram_that_detectors_are_too_slow_for() {
    let bench = Bench::new().await;
    let yaml = "{port: 0, receiveBufferBytes: 65536}";
    let mut running = Running::start(&bench, yaml).await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..MESSAGES {
        let message = format!("<13>1 - host app - - - {number:080}");
        sender
            .send_to(message.as_bytes(), running.addresses[0])
            .await
            .unwrap();
    }
    let counts = || {
        let received = counted(&bench, "opspilot_syslog_received_total");
        let dropped = counted(&bench, "opspilot_syslog_dropped_total");
        (received, dropped)
    };
    let mut seen = 0;
    while counts().0 < MESSAGES || seen < counts().0 - counts().1 {
        let batch = tokio::time::timeout(Duration::from_secs(5), running.logs.recv()).await;
        seen += batch.map_or_else(
            |_| panic!("{seen} {:?}", counts()),
            |batch| batch.unwrap().len() as u64,
        );
        if counts().0 < MESSAGES && seen == counts().0 - counts().1 {
            waits_until(|| counts().0 == MESSAGES || seen < counts().0 - counts().1).await;
        }
    }
    let (received, dropped) = counts();
    assert_eq!((received, seen + dropped), (MESSAGES, MESSAGES));
    assert!(dropped > 0, "the machine is too fast for this test");
    running.stop().await;
}

#[tokio::test]
async fn what_detectors_could_not_store_is_counted() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    peer.write_all(b"<13>one\n<13>two\n").await.unwrap();
    let batch = running.logs.recv().await.unwrap();
    let count = batch.len() as u64;
    batch.ack().fail();
    drop(batch);
    assert_eq!(
        counted(
            &bench,
            "opspilot_syslog_dropped_total{module=\"connector.syslog\",reason=\"not_stored\"}"
        ),
        count
    );
    let message = running.health(HealthStatus::Degraded).await;
    assert!(message.contains("could not be stored"), "{message}");
    running.stop().await;
}
