//! What it costs to receive syslog: messages a second and CPU time for each, from socket to subscriber, with a sender in
//! a process of its own.
//!
//! The messages are of 105 bytes in the form of RFC 5424. The bench calls itself as the sender, so that its CPU time is
//! the receiver's alone.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use opspilot_connectors::syslog::{Config, Syslog};
use opspilot_core::module::{Category, Manifest, Module};
use opspilot_core::testing::Bench;

const MESSAGES: u64 = 2_000_000;
const ROUNDS: usize = 5;
const UDP_RATE: u64 = 200_000;

static SYSLOG: Manifest = Syslog::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.bench", Category::Detector, "Counts.")
};

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, address, ..] = arguments.as_slice()
        && let Ok(address) = address.parse()
    {
        return match mode.as_str() {
            "send-tcp" => send_tcp(address),
            _ => send_udp(address),
        };
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for protocol in ["tcp", "udp"] {
        for _ in 0..ROUNDS {
            let result = runtime.block_on(round(protocol));
            println!("{protocol}: {result}");
        }
    }
}

fn message(number: u64) -> String {
    format!(
        "<134>1 2026-02-20T12:00:00.000Z web-1 checkout 2217 - - order {number:010} was paid and packed for tomorrow"
    )
}

fn send_tcp(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let chunk: String = (0..1000).map(|number| message(number) + "\n").collect();
    for _ in 0..MESSAGES / 1000 {
        stream.write_all(chunk.as_bytes()).expect("a reader");
    }
}

/// Sends at a steady rate, in steps of a millisecond.
fn send_udp(address: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("an address");
    let text = message(7);
    let began = Instant::now();
    let mut sent = 0;
    while sent < MESSAGES {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let due = (micros * UDP_RATE / 1_000_000).min(MESSAGES);
        while sent < due {
            // A full queue of the sender is not the receiver's loss.
            if socket.send(text.as_bytes()).is_ok() {
                sent += 1;
            }
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the sender is no part of the product"
        )]
        std::thread::sleep(Duration::from_micros(200));
    }
}

async fn round(protocol: &str) -> String {
    let bench = Bench::new().await;
    let cx = bench.context(&SYSLOG);
    let mut logs = bench.context(&READER).bus.logs();
    let yaml = format!("{{protocol: {protocol}, port: 0}}");
    let config: Config = serde_saphyr::from_str(&yaml).expect("the options are right");
    let mut module = Syslog::new(config).expect("the options are right");
    module.init(&cx).await.expect("a free port");
    let listeners = cx.health.current().details["listeners"].clone();
    let (_, address) = listeners[0]
        .as_str()
        .and_then(|text| text.split_once("://"))
        .expect("an address");
    let program = std::env::current_exe().expect("a program");
    #[expect(clippy::disallowed_methods, reason = "the sender must not count")]
    let mut sender = std::process::Command::new(program)
        .args([&format!("send-{protocol}"), address])
        .spawn()
        .expect("a sender");
    let (before, cancel) = (cpu_millis(), cx.cancel.clone());
    let counting = async {
        let (mut seen, mut batches, mut began, mut ended) = (0, 0, None, Instant::now());
        while seen < MESSAGES {
            let batch = tokio::time::timeout(Duration::from_secs(2), logs.recv());
            let Ok(Some(batch)) = batch.await else {
                if began.is_some() {
                    break;
                }
                continue;
            };
            began.get_or_insert_with(Instant::now);
            ended = Instant::now();
            seen += batch.len() as u64;
            batches += 1;
        }
        cancel.cancel();
        let spent = cpu_millis() - before;
        let wall = ended.duration_since(began.unwrap_or(ended));
        format!(
            "{seen} of {MESSAGES} in {batches} batches, {:.0} messages/s, {:.3} us of CPU each",
            seen as f64 / wall.as_secs_f64(),
            spent as f64 * 1000.0 / seen as f64
        )
    };
    let (outcome, result) = tokio::join!(module.run(&cx), counting);
    outcome.expect("the module runs");
    sender.wait().expect("the sender ends");
    result
}

/// User and system time of this process. Linux counts it in ticks of 10 ms: see proc(5), fields 14 and 15 of `stat`.
fn cpu_millis() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = behind_name.split_whitespace().skip(11).take(2);
    fields
        .filter_map(|field| field.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}
