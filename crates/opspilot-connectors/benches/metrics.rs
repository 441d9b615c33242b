//! The processor time of one cycle of `connector.metrics` on this machine, from the kernel's files to the subscriber:
//! with the default options, with the shipped ones, and with everything switched on.

use opspilot_connectors::metrics::Metrics;
use opspilot_core::module::{Category, Manifest, Module};
use opspilot_core::testing::Bench;

const CYCLES: u64 = 2_000;

const CONFIGURATIONS: [(&str, &str); 3] = [
    ("default", "{}"),
    (
        "shipped",
        "enabledMetrics: [cpu, memory, loadAvg, fileSystems]",
    ),
    (
        "everything",
        "enabledMetrics: [cpu, memory, loadAvg, uptime, fileSystems, disks, network, processes, pressure, \
         fileDescriptors]",
    ),
];

static METRICS: Manifest = Metrics::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.bench", Category::Detector, "Counts.")
};

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn main() {
    for (name, options) in CONFIGURATIONS {
        // The clock is paused: a cycle follows the other as soon as it is done.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (lines, millis) = runtime.block_on(cycles(options));
        let micros = millis as f64 * 1000.0 / CYCLES as f64;
        println!("{name}: {micros:.0} us of CPU a cycle, {lines} lines each");
    }
}

/// How many lines a cycle has, and the milliseconds of processor time that all cycles take.
async fn cycles(options: &str) -> (usize, u64) {
    let bench = Bench::new().await;
    let cx = bench.context(&METRICS);
    let mut logs = bench.context(&READER).bus.logs();
    let config = serde_saphyr::from_str(options).expect("the options are right");
    let mut module = Metrics::new(config).expect("the options are right");
    module.init(&cx).await.expect("an empty store");
    let cancel = cx.cancel.clone();
    let counting = async {
        let mut lines = 0;
        // The first cycles find nothing in caches.
        for _ in 0..10 {
            logs.recv().await;
        }
        let before = cpu_millis();
        for _ in 0..CYCLES {
            lines = logs.recv().await.map_or(0, |batch| batch.len());
        }
        cancel.cancel();
        (lines, cpu_millis() - before)
    };
    let (outcome, result) = tokio::join!(module.run(&cx), counting);
    outcome.expect("the module runs");
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
