//! The module on a real bus, with real sockets.

mod crowd;
mod hostile;
mod load;
mod peers;
mod tls;
mod trials;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::LogReceiver;
use opspilot_core::clock::SystemClock;
use opspilot_core::module::{Category, Context, HealthStatus, Manifest, Module};
use opspilot_core::signal::Attributes;
use opspilot_core::testing::Bench;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use super::{Config, Syslog};

static MANIFEST: Manifest = Syslog::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.test", Category::Detector, "Reads in tests.")
};

/// A record as detectors see it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    text: String,
    attributes: Attributes,
    stream: Arc<str>,
    position: u64,
}

/// A running module and what it sends.
struct Running {
    cx: Context,
    logs: LogReceiver,
    task: JoinHandle<()>,
    addresses: Vec<SocketAddr>,
}

impl Running {
    async fn start(bench: &Bench, yaml: &str) -> Self {
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        let cx = bench.context(&MANIFEST);
        let logs = bench.context(&READER).bus.logs();
        let mut module = Syslog::new(config).unwrap();
        module.init(&cx).await.unwrap();
        let listeners = cx.health.current().details["listeners"].clone();
        let address = |text: &serde_json::Value| {
            let (_, address) = text.as_str().unwrap().split_once("://").unwrap();
            address.parse().unwrap()
        };
        let addresses = listeners.as_array().unwrap().iter().map(address).collect();
        let own = cx.clone();
        #[expect(clippy::disallowed_methods, reason = "the test is the runtime here")]
        let task = tokio::spawn(async move { module.run(&own).await.unwrap() });
        Self {
            cx,
            logs,
            task,
            addresses,
        }
    }

    /// The next `count` records, within ten seconds.
    async fn records(&mut self, count: usize) -> Vec<Seen> {
        let mut records = Vec::new();
        while records.len() < count {
            let batch = tokio::time::timeout(Duration::from_secs(10), self.logs.recv());
            let batch = batch
                .await
                .unwrap_or_else(|_| panic!("only {records:?} of {count}"))
                .unwrap();
            let seen = batch.iter().enumerate().map(|(index, record)| Seen {
                text: record.text().into_owned(),
                attributes: batch.attributes(index),
                stream: Arc::clone(&batch.source().stream),
                position: record.position,
            });
            records.extend(seen);
        }
        records
    }

    async fn texts(&mut self, count: usize) -> Vec<String> {
        let records = self.records(count).await;
        records.into_iter().map(|seen| seen.text).collect()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addresses[0]).await.unwrap()
    }

    async fn stop(self) {
        self.cx.cancel.cancel();
        drop(self.logs);
        self.task.await.unwrap();
    }

    /// Waits until the health is as `wanted`, for at most ten seconds.
    async fn health(&self, wanted: HealthStatus) -> String {
        for _ in 0..1000 {
            let health = self.cx.health.current();
            if health.status == wanted {
                return health.message.unwrap_or_default();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("health stays {:?}", self.cx.health.current());
    }
}

/// The sum of a counter of the module over its labels.
fn counted(bench: &Bench, name: &str) -> u64 {
    let page = bench.metrics.render();
    let rows = page.lines().filter(|row| row.starts_with(name));
    rows.filter_map(|row| row.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

async fn waits_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited for ten seconds");
}

#[tokio::test]
async fn datagrams_are_records_with_attributes() {
    let bench = Bench::new().await;
    for host in ["127.0.0.1", "'::1'", "'::'"] {
        let yaml = format!("{{host: {host}, port: 0}}");
        let mut running = Running::start(&bench, &yaml).await;
        let mut to = running.addresses[0];
        if to.ip().is_unspecified() {
            to.set_ip([127, 0, 0, 1].into());
        }
        let any = SocketAddr::new(to.ip(), 0);
        let sender = UdpSocket::bind(any).await.unwrap();
        let message =
            "<27>1 2024-05-06T07:08:09.123Z web-1 nginx 77 - [meta@1 k=\"v\"] upstream timed out\n";
        sender.send_to(message.as_bytes(), to).await.unwrap();
        sender.send_to(b"\n", to).await.unwrap();
        sender.send_to(b"neither fish nor fowl", to).await.unwrap();
        let records = running.records(2).await;
        assert_eq!(records[0].text, "upstream timed out");
        let expected = serde_json::json!({
            "collector": "connector.syslog", "protocol": "udp",
            "remoteAddress": sender.local_addr().unwrap().to_string(),
            "priority": 27, "facility": "daemon", "severity": "err", "opsSeverity": "warning", "rfc": "5424",
            "hostname": "web-1", "appName": "nginx", "pid": "77",
            "originalTimestamp": "2024-05-06T07:08:09.123Z", "structuredData": {"meta@1": {"k": "v"}},
        });
        assert_eq!(
            serde_json::Value::Object(records[0].attributes.clone()),
            expected
        );
        assert_eq!(records[1].text, "neither fish nor fowl");
        assert_eq!(records[1].attributes["parseError"], "no syslog header");
        running.stop().await;
    }
    assert_eq!(counted(&bench, "opspilot_syslog_received_total"), 9);
    assert_eq!(counted(&bench, "opspilot_syslog_dropped_total"), 3);
    assert_eq!(counted(&bench, "opspilot_syslog_unparsed_total"), 3);
}

#[tokio::test]
async fn both_framings_may_mix_and_arrive_in_pieces() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    peer.set_nodelay(true).unwrap();
    let stream = "<13>Oct 11 22:14:15 h a: one\n34 <13>Oct 11 22:14:15 h a: two\nlines<13>four\n8 <13>five<13>six";
    for piece in stream.as_bytes().chunks(7) {
        peer.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    drop(peer);
    let texts = running.texts(5).await;
    assert_eq!(texts, ["one", "two\nlines", "four", "five", "six"]);
    running.stop().await;
}

#[tokio::test]
async fn no_identity_comes_again_on_another_connection_or_after_a_restart() {
    let bench = Bench::new().await;
    let mut identities = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let bench = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
        let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
        let mut held = Vec::new();
        for index in 0..4 {
            let mut peer = running.connect().await;
            peer.write_all(b"<13>text\n").await.unwrap();
            let seen = running.records(1).await.remove(0);
            assert!(
                identities.insert((seen.stream, seen.position)),
                "{identities:?}"
            );
            if index % 2 == 0 {
                held.push(peer);
            }
        }
        running.stop().await;
    }
    assert_eq!(identities.len(), 8);
}

#[tokio::test]
async fn several_listeners_run_at_once_and_a_taken_port_is_named() {
    let bench = Bench::new().await;
    let yaml = "listeners: [{protocol: tcp, port: 0}, {protocol: udp, port: 0}, {protocol: tcp, host: '::1', port: 0}]";
    let mut running = Running::start(&bench, yaml).await;
    for address in [running.addresses[0], running.addresses[2]] {
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(b"<13>over tcp\n").await.unwrap();
        assert_eq!(running.texts(1).await, ["over tcp"]);
    }
    let taken = running.addresses[0].port();
    let config = serde_saphyr::from_str(&format!("{{protocol: tcp, port: {taken}}}")).unwrap();
    let mut second = Syslog::new(config).unwrap();
    let error = second.init(&bench.context(&MANIFEST)).await.unwrap_err();
    let message = opspilot_core::error::chain(&error);
    assert!(
        message.contains(&format!("127.0.0.1:{taken}: another program listens there")),
        "{message}"
    );
    running.stop().await;
}

#[tokio::test]
async fn what_was_sent_before_the_stop_is_still_read() {
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, "{protocol: tcp, port: 0}").await;
    let mut peer = running.connect().await;
    peer.write_all(b"<13>first\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["first"]);
    peer.write_all(b"<13>second\n<13>the begin").await.unwrap();
    running.cx.cancel.cancel();
    let texts = running.texts(2).await;
    assert_eq!(texts, ["second", "the begin"]);
    running.stop().await;
}
