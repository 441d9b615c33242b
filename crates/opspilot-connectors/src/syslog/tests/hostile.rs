//! Peers that send nonsense, too much, or nothing.

use std::time::Duration;

use super::*;

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let row = status.lines().find(|row| row.starts_with("VmRSS:"));
    let kibibytes = row.and_then(|row| row.split_whitespace().nth(1));
    kibibytes.unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_gigabyte_without_a_line_end_is_cut_and_memory_stays_flat() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    peer.write_all(b"<13>begin\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["begin"]);
    let before = resident();
    let chunk = vec![b'x'; 1 << 20];
    peer.write_all(b"<13>").await.unwrap();
    for _ in 0..1024 {
        peer.write_all(&chunk).await.unwrap();
    }
    peer.write_all(b"\n<13>after\n").await.unwrap();
    let records = running.records(2).await;
    assert_eq!(
        (records[0].text.len(), &*records[1].text),
        (8192 - 4, "after")
    );
    assert_eq!(records[0].attributes["truncated"], true);
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown} bytes");
    assert_eq!(counted(&bench, "opspilot_syslog_cut_total"), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_count_that_lies_is_bounded() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0, maxMessageSize: 480}").await;
    let mut peer = running.connect().await;
    peer.write_all(b"9999999999 <13>").await.unwrap();
    peer.write_all(&vec![b'y'; 3 << 20]).await.unwrap();
    let mut other = running.connect().await;
    other.write_all(b"3 <13>short\n").await.unwrap();
    drop(peer);
    drop(other);
    let mut texts = running.texts(3).await;
    texts.sort();
    // A count that is too small leaves a rest that is a line of its own.
    assert_eq!(texts[..2], ["<13", ">short"]);
    assert_eq!(texts[2].len(), 476);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_end_is_taken_as_it_is_and_its_connection_closed() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    peer.write_all(b"<13>half a mess").await.unwrap();
    // The paused clock runs ahead whenever everybody waits.
    let batch = running.logs.recv().await.unwrap();
    assert_eq!(batch.get(0).unwrap().text(), "half a mess");
    assert_eq!(counted(&bench, "opspilot_syslog_refused_total"), 1);
    let message = running.cx.health.current().message.unwrap();
    assert!(message.contains("did not end it in time"), "{message}");
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut peer, &mut rest)
        .await
        .unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_silent_peer_holds_up_nobody_and_the_limits_hold() {
    let bench = Bench::new().await;
    let yaml = "{protocol: tcp, port: 0, maxConnectionsPerPeer: 50}";
    let mut running = Running::start(&bench, yaml).await;
    let mut silent = Vec::new();
    for _ in 0..49 {
        silent.push(running.connect().await);
    }
    let mut peer = running.connect().await;
    peer.write_all(b"<13>text\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["text"]);
    let mut refused = running.connect().await;
    let mut rest = Vec::new();
    // A refused peer sees the end of its connection.
    drop(tokio::io::AsyncReadExt::read_to_end(&mut refused, &mut rest).await);
    let message = running.health(HealthStatus::Degraded).await;
    assert!(
        message.contains("50 connections open, which is its limit"),
        "{message}"
    );
    assert_eq!(counted(&bench, "opspilot_syslog_refused_total"), 1);
    drop(silent);
    waits_until(|| counted(&bench, "opspilot_syslog_open_connections") == 1).await;
    let mut peer = running.connect().await;
    peer.write_all(b"<13>again\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["again"]);
    running.stop().await;
}

#[tokio::test]
async fn tls_on_a_plain_listener_is_named() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    peer.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, b'\n'])
        .await
        .unwrap();
    let message = running.health(HealthStatus::Degraded).await;
    assert!(
        message.contains("speaks TLS to a listener without"),
        "{message}"
    );
    let mut peer = running.connect().await;
    peer.write_all(b"<13>text\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["text"]);
    running.stop().await;
}

#[tokio::test]
async fn a_peer_beyond_its_rate_is_slowed_over_tcp_and_dropped_over_udp() {
    let bench = Bench::new().await;
    let yaml = "{listeners: [{protocol: udp, port: 0}, {protocol: tcp, port: 0}], maxMessagesPerSecondPerPeer: 100}";
    let mut running = Running::start(&bench, yaml).await;
    let sender = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for _ in 0..300 {
        sender
            .send_to(b"<13>text", running.addresses[0])
            .await
            .unwrap();
    }
    waits_until(|| counted(&bench, "opspilot_syslog_received_total") == 300).await;
    let dropped = counted(&bench, "opspilot_syslog_dropped_total");
    assert!((1..=200).contains(&dropped), "{dropped}");
    let passed = usize::try_from(300 - dropped).unwrap();
    assert_eq!(running.texts(passed).await.len(), passed);
    let mut peer = TcpStream::connect(running.addresses[1]).await.unwrap();
    let began = tokio::time::Instant::now();
    peer.write_all("<13>text\n".repeat(110).as_bytes())
        .await
        .unwrap();
    assert_eq!(running.texts(110).await.len(), 110);
    peer.write_all(b"<13>last\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["last"]);
    assert!(began.elapsed() > Duration::from_millis(50));
    assert_eq!(counted(&bench, "opspilot_syslog_dropped_total"), dropped);
    running.stop().await;
}
