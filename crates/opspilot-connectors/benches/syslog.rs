//! What it costs to receive syslog: messages a second and CPU time for each, from socket to subscriber, with a sender in
//! a process of its own.
//!
//! The messages are of 105 bytes in the form of RFC 5424. The bench calls itself as the sender, so that its CPU time is
//! the receiver's alone. Datagrams are sent many with one call, at a steady rate, and as fast as the sender can: the
//! receiver may lose some then, and must have counted each.

use std::io::{IoSlice, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use opspilot_connectors::syslog::{Config, Syslog};
use opspilot_core::module::{Category, Manifest, Module};
use opspilot_core::testing::Bench;

const MESSAGES: u64 = 2_000_000;
const ROUNDS: usize = 5;

/// The steady rate of datagrams, in messages a second; and no rate at all.
const UDP_RATES: [u64; 2] = [200_000, u64::MAX];

/// How many datagrams go with one call.
const BURST: usize = 64;

static SYSLOG: Manifest = Syslog::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.bench", Category::Detector, "Counts.")
};

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, address, rate, ..] = arguments.as_slice()
        && let (Ok(address), Ok(rate)) = (address.parse(), rate.parse())
    {
        return match mode.as_str() {
            "send-tcp" => send_tcp(address),
            _ => send_udp(address, rate),
        };
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let tcp = ("tcp", "as fast as it is read".to_owned(), 0);
    let udp = UDP_RATES.map(|rate| match rate {
        u64::MAX => ("udp", "as fast as it is sent".to_owned(), rate),
        rate => ("udp", format!("{rate} messages/s sent"), rate),
    });
    for (protocol, name, rate) in [tcp].into_iter().chain(udp) {
        for _ in 0..ROUNDS {
            let result = runtime.block_on(round(protocol, rate));
            println!("{protocol}, {name}: {result}");
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

/// Sends at a steady rate. A full queue of the sender makes it wait, so nothing is lost on this side.
fn send_udp(address: SocketAddr, rate: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("an address");
    let text = message(7);
    let slices = vec![[IoSlice::new(text.as_bytes())]; BURST];
    let connected = vec![None::<SockaddrStorage>; BURST];
    let began = Instant::now();
    let mut sent = 0;
    while sent < MESSAGES {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let due = micros.saturating_mul(rate) / 1_000_000;
        while sent < due.min(MESSAGES) {
            let count = usize::try_from(due.min(MESSAGES) - sent).unwrap_or(BURST);
            let slices = slices.iter().take(count);
            let mut headers = MultiHeaders::preallocate(BURST, None);
            let done = sendmmsg(
                socket.as_raw_fd(),
                &mut headers,
                slices,
                &connected,
                [],
                MsgFlags::empty(),
            );
            sent += done.map_or(0, |done| done.count() as u64);
        }
        if rate != u64::MAX {
            #[expect(
                clippy::disallowed_methods,
                reason = "the sender is no part of the product"
            )]
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

async fn round(protocol: &str, rate: u64) -> String {
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
        .args([&format!("send-{protocol}"), address, &rate.to_string()])
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
        let dropped = counted(&bench, "opspilot_syslog_dropped_total");
        let uncounted = MESSAGES.abs_diff(seen + dropped);
        format!(
            "{seen} of {MESSAGES} in {batches} batches, {dropped} lost and counted, {uncounted} not accounted for, \
             {:.0} messages/s, {:.3} us of CPU each",
            seen as f64 / wall.as_secs_f64(),
            spent as f64 * 1000.0 / seen as f64
        )
    };
    let (outcome, result) = tokio::join!(module.run(&cx), counting);
    outcome.expect("the module runs");
    sender.wait().expect("the sender ends");
    result
}

/// The sum of a counter over its labels.
fn counted(bench: &Bench, name: &str) -> u64 {
    let page = bench.metrics.render();
    let rows = page.lines().filter(|row| row.starts_with(name));
    rows.filter_map(|row| row.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
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
