//! What WebSocket clients cost: frames a second, time from an event to its frame, memory, and a crowd that does not read.
//!
//! Server and clients share one process and two threads, so the clients' reading is part of every figure.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::Severity;
use opspilot_core::module::{Context, Module as _};
use opspilot_core::testing::Bench;
use opspilot_http::{WebSocket, WebSocketConfig};
use serde_json::{Map, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const SUBSCRIBE: &[u8] = br#"{"action":"subscribe","events":["incident.created"]}"#;

/// How far publishing runs ahead of the slowest reader: less than waits for one client.
const AHEAD: u64 = 512;

/// Tells of incidents.
struct Tell {
    count: u64,
    bytes: usize,
}

#[async_trait]
impl Work for Tell {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        for number in 0..self.count {
            let line =
                format!("2026-02-20T11:58:06.904Z ERROR orders connection {number} timed out");
            tx.emit(IncidentCreated {
                incident_id: format!("incident-{number}").as_str().into(),
                title: "Connections time out".into(),
                description: "x".repeat(self.bytes),
                severity: Severity::Warning,
                detected_by: "detector.regex".into(),
                source_event: Some("log.ingested".into()),
                detected_at: Timestamp::UNIX_EPOCH,
                occurrences: 1,
                last_seen_at: None,
                auto_resolve_ms: None,
                context: Map::from_iter([
                    ("ruleId".to_owned(), json!("timeout")),
                    ("matchedLine".to_owned(), json!(line)),
                ]),
            });
        }
    }
}

/// A running module.
struct Server {
    bench: Bench,
    cx: Context,
    address: SocketAddr,
}

impl Server {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let cx = bench.context(&WebSocket::MANIFEST);
        let mut module = WebSocket::new(WebSocketConfig {
            port: 0,
            max_clients: 10_000,
            // The clients only count frames, and answer no ping.
            heartbeat_interval_ms: 3_600_000,
            ..WebSocketConfig::default()
        })
        .expect("the options are right");
        module.init(&cx).await.expect("a port is free");
        let port = cx.health.current().details["port"].as_u64();
        let port = port.and_then(|port| u16::try_from(port).ok());
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("a port is a port")));
        let context = cx.clone();
        cx.tasks.spawn("websocket", async move {
            module.run(&context).await.expect("the module runs");
        });
        Self { bench, cx, address }
    }

    async fn tell(&self, count: u64, bytes: usize) {
        let work = Tell { count, bytes };
        let told = self.bench.bus.transact("detector.regex", work).await;
        told.expect("memory works");
    }

    /// A socket that is subscribed, and has read the answers.
    async fn client(&self) -> TcpStream {
        let address = self.address;
        let connect = move || {
            let mut stream = std::net::TcpStream::connect(address)?;
            let head = format!(
                "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            stream.write_all(head.as_bytes())?;
            read_until(&mut stream, b"heartbeatIntervalMs\":3600000}")?;
            let length = u8::try_from(SUBSCRIBE.len()).unwrap_or(0);
            stream.write_all(&[0x81, 0x80 | length, 0, 0, 0, 0])?;
            stream.write_all(SUBSCRIBE)?;
            read_until(&mut stream, b"}")?;
            stream.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(stream)
        };
        let stream = tokio::task::spawn_blocking(connect).await;
        let stream = stream.expect("no panic").expect("the server answers");
        TcpStream::from_std(stream).expect("a socket")
    }

    /// So many of them, some at a time.
    async fn clients(&self, count: usize) -> Vec<TcpStream> {
        let connect = (0..count).map(|_| self.client());
        stream::iter(connect).buffer_unordered(32).collect().await
    }

    fn stop(&self) {
        self.cx.cancel.cancel();
    }
}

fn read_until(stream: &mut std::net::TcpStream, end: &[u8]) -> std::io::Result<()> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end) {
        stream.read_exact(&mut byte)?;
        read.push(byte[0]);
    }
    Ok(())
}

/// Counts frames in what a server sends (RFC 6455, section 5.2), however it is cut.
#[derive(Default)]
struct Frames {
    header: Vec<u8>,
    left: usize,
    count: u64,
}

impl Frames {
    fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            self.header.push(*first);
            bytes = rest;
            let length = match self.header[..] {
                [_, length @ 0..126] => usize::from(length),
                [_, 126, high, low] => usize::from(u16::from_be_bytes([high, low])),
                _ => continue,
            };
            self.left = length;
            self.count += u64::from(self.header[0] == 0x81);
            self.header.clear();
        }
    }
}

/// Reads until `total` frames came; tells of each number reached.
async fn read(stream: TcpStream, total: u64, seen: Arc<AtomicU64>, told: impl Fn(u64, u64)) {
    let mut frames = Frames::default();
    while frames.count < total {
        stream.readable().await.expect("the server is there");
        let mut buffer = [0; 16 * 1024];
        let Ok(count) = stream.try_read(&mut buffer) else {
            continue;
        };
        assert!(count > 0, "the server hung up");
        let before = frames.count;
        frames.feed(&buffer[..count]);
        told(before, frames.count);
        seen.store(frames.count, Ordering::Relaxed);
    }
}

/// Readers with the number of frames that each has.
struct Readers {
    tasks: JoinSet<()>,
    seen: Vec<Arc<AtomicU64>>,
}

impl Readers {
    async fn new(server: &Server, count: usize, total: u64) -> Self {
        let mut readers = Self {
            tasks: JoinSet::new(),
            seen: Vec::new(),
        };
        for stream in server.clients(count).await {
            let seen = Arc::new(AtomicU64::new(0));
            readers.seen.push(Arc::clone(&seen));
            readers.tasks.spawn(read(stream, total, seen, |_, _| {}));
        }
        readers
    }

    /// Waits until everybody has at least `count`.
    async fn reach(&mut self, count: u64) {
        while self
            .seen
            .iter()
            .any(|seen| seen.load(Ordering::Relaxed) < count)
        {
            if let Some(Err(failure)) = self.tasks.try_join_next() {
                std::panic::resume_unwind(failure.into_panic());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    async fn end(mut self) {
        while let Some(read) = self.tasks.join_next().await {
            read.expect("a reader reads");
        }
    }
}

#[expect(clippy::print_stdout, reason = "figures are for people")]
fn say(line: &str) {
    println!("{line}");
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let digits = line.and_then(|line| line.trim().strip_suffix(" kB"));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// 100 clients, each of which gets every event.
async fn throughput() {
    let (clients, total, group) = (100, 20_000, 100);
    let server = Server::new().await;
    let mut readers = Readers::new(&server, clients, total).await;
    let started = Instant::now();
    let mut published = 0;
    while published < total {
        server.tell(group, 200).await;
        published += group;
        readers.reach(published.saturating_sub(AHEAD)).await;
    }
    readers.end().await;
    let (frames, seconds) = (total * clients as u64, started.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = frames as f64 / seconds;
    say(&format!(
        "throughput: {frames} frames to {clients} clients in {seconds:.2} s = {rate:.0} frames/s (load {})",
        load()
    ));
    server.stop();
}

/// 100 clients, an event every 5 ms: from before it is stored until its frame is read.
async fn latency() {
    let (clients, total) = (100, 1_000);
    let server = Server::new().await;
    let begun = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let took = Arc::new(Mutex::new(Vec::<Duration>::new()));
    let mut readers = JoinSet::new();
    for stream in server.clients(clients).await {
        let (begun, took) = (Arc::clone(&begun), Arc::clone(&took));
        readers.spawn(read(stream, total, Arc::default(), move |from, to| {
            let now = Instant::now();
            let begun = begun.lock().expect("nobody panics");
            let mut took = took.lock().expect("nobody panics");
            let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
            took.extend(begun[range].iter().map(|begun| now - *begun));
        }));
    }
    for _ in 0..total {
        begun.lock().expect("nobody panics").push(Instant::now());
        server.tell(1, 200).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while let Some(read) = readers.join_next().await {
        read.expect("a reader reads");
    }
    let mut took = took.lock().expect("nobody panics").clone();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    say(&format!(
        "latency: p50 {:?}, p99 {:?}, worst {:?} (load {})",
        at(50),
        at(99),
        at(100),
        load()
    ));
    server.stop();
}

/// 1,000 clients that are subscribed, and to whom nothing happens.
async fn memory() {
    let server = Server::new().await;
    let _first = server.client().await;
    let before = resident();
    let clients = server.clients(1_000).await;
    let each = resident().saturating_sub(before);
    say(&format!(
        "memory: {each} KiB for {} idle clients, both ends = {:.1} KiB each",
        clients.len(),
        f64::from(u32::try_from(each).unwrap_or(u32::MAX)) / 1_000.0
    ));
    server.stop();
}

/// 5,000 clients, of which 500 never read.
async fn crowd() {
    let (total, bytes, group) = (200, 8 * 1_024, 20);
    let server = Server::new().await;
    let idle = server.clients(500).await;
    let mut readers = Readers::new(&server, 4_500, total).await;
    let (before, started) = (resident(), Instant::now());
    let mut most = before;
    for group_number in 1..=total / group {
        server.tell(group, bytes).await;
        readers.reach(group_number * group).await;
        most = most.max(resident());
    }
    readers.end().await;
    say(&format!(
        "crowd: 4500 readers had all {total} events of {bytes} bytes after {:.1} s while {} never read; resident {} MiB, \
         at most {} MiB (load {})",
        started.elapsed().as_secs_f64(),
        idle.len(),
        before / 1_024,
        most / 1_024,
        load()
    ));
    server.stop();
}

/// Begins the measuring of one figure.
type Start = fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let run = |figure: Start| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        runtime.block_on(figure());
    };
    let figures: [(&str, Start); 4] = [
        ("memory", || Box::pin(memory())),
        ("latency", || Box::pin(latency())),
        ("throughput", || Box::pin(throughput())),
        ("crowd", || Box::pin(crowd())),
    ];
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let is_all = !figures.iter().any(|(name, _)| asked(name));
    for (name, figure) in figures {
        if is_all || asked(name) {
            run(figure);
        }
    }
}
