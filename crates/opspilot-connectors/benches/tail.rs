//! What it costs to read and split a log: CPU milliseconds for a million lines of 160 bytes, from file to subscriber.

use std::fs;
use std::io::Write;

use opspilot_connectors::file_tail::{Config, FileTail};
use opspilot_core::module::{Category, Manifest, Module};
use opspilot_core::testing::Bench;

const LINES: u64 = 1_000_000;
const ROUNDS: usize = 8;

static TAIL: Manifest = FileTail::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.bench", Category::Detector, "Counts.")
};

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("app.log");
    write_log(&path).expect("room for the log");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut spent: Vec<u64> = (0..ROUNDS)
        .map(|_| runtime.block_on(round(&path)))
        .collect();
    spent.sort_unstable();
    println!(
        "CPU milliseconds for {LINES} lines: {spent:?}, median {}",
        spent[ROUNDS / 2]
    );
}

fn write_log(path: &std::path::Path) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for number in 0..LINES {
        writeln!(file, "{number:010} {}", "x".repeat(148))?;
    }
    file.flush()
}

async fn round(path: &std::path::Path) -> u64 {
    let bench = Bench::new().await;
    let cx = bench.context(&TAIL);
    let mut logs = bench.context(&READER).bus.logs();
    let config = Config {
        path: Some(path.display().to_string()),
        from_beginning: true,
        ..Config::default()
    };
    let mut module = FileTail::new(config).expect("the options are right");
    let before = cpu_millis();
    let cancel = cx.cancel.clone();
    let counting = async {
        let mut lines = 0;
        while lines < LINES {
            lines += logs.recv().await.map_or(LINES, |batch| batch.len() as u64);
        }
        let spent = cpu_millis() - before;
        cancel.cancel();
        spent
    };
    let (outcome, spent) = tokio::join!(module.run(&cx), counting);
    outcome.expect("the module runs");
    spent
}

/// User and system time of this process. Linux counts it in ticks of 10 ms: see proc(5), fields 14 and 15 of `stat`.
fn cpu_millis() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = behind_name.split_whitespace().skip(11).take(2);
    fields
        .filter_map(|field| field.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}
