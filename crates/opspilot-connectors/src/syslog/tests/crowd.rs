//! Ten thousand connections at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

const CROWD: usize = 10_000;
const PLACES: usize = 9_000;

/// A descriptor for each side of a connection, of which the listener may take half.
const FILES: u64 = 2 * CROWD as u64;

/// What all connections, both of their sides, may take of memory: 12 KiB each.
const MEMORY: u64 = 120 << 20;

/// Raises the limit of open files of this process; false where the machine forbids it.
fn allow_files() -> bool {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: Some(FILES),
        ..limits
    };
    let is_enough = |most: Option<u64>| most.is_none_or(|most| most >= FILES);
    is_enough(limits.current)
        || (is_enough(limits.maximum) && setrlimit(Resource::Nofile, raised).is_ok())
}

/// The resident memory of this process, in bytes: see proc_pid_statm(5).
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_ten_thousand_connections_take_little_and_delay_nobody() {
    if !allow_files() {
        eprintln!("SKIPPED: ten thousand connections: `ulimit -Hn` must be {FILES} or more");
        return;
    }
    let bench = Bench::new().await;
    let yaml = format!(
        "{{protocol: tcp, port: 0, maxConnections: {PLACES}, maxConnectionsPerPeer: {PLACES}}}"
    );
    let mut running = Running::start(&bench, &yaml).await;
    let mut early = running.connect().await;
    let before = resident();
    let mut crowd = Vec::with_capacity(CROWD);
    for _ in 0..CROWD {
        crowd.push(running.connect().await);
    }
    let refused = || counted(&bench, "opspilot_syslog_refused_total");
    let excess = CROWD + 1 - PLACES;
    waits_until(|| refused() == excess as u64).await;
    let grown = resident().saturating_sub(before);
    assert!(
        grown < MEMORY,
        "{} KiB for each",
        grown / 1024 / CROWD as u64
    );
    // Whoever was there before is served as ever.
    early.write_all(b"<13>early\n").await.unwrap();
    assert_eq!(running.texts(1).await, ["early"]);
    // One message tells of all that were refused.
    let told = format!("({excess} times)");
    waits_until(|| {
        let message = running.cx.health.current().message;
        message
            .is_some_and(|message| message.contains("a connection from") && message.contains(&told))
    })
    .await;
    let mut served = 0;
    for (number, peer) in crowd.iter_mut().enumerate() {
        // Who was refused learns of it here or not at all.
        peer.write_all(format!("<13>{number}\n").as_bytes())
            .await
            .ok();
        if number % 1000 == 999 || number + 1 == CROWD {
            while served < (number + 1).min(PLACES - 1) {
                served += running.records(1).await.len();
            }
        }
    }
    assert_eq!(served, PLACES - 1);
    assert_eq!(counted(&bench, "opspilot_syslog_dropped_total"), 0);
    drop(crowd);
    let open = || counted(&bench, "opspilot_syslog_open_connections");
    waits_until(|| open() == 1).await;
    assert_eq!(refused(), excess as u64);
    running.stop().await;
}
