//! How fast the journal is read, from the reader to a subscriber: entries a second, and this process' CPU time.
//!
//! `cargo bench --bench journal` has a stand-in for `journalctl` print 500,000 entries, so what is measured is our part.
//! `cargo bench --bench journal -- DIR COUNT` reads the COUNT entries of the journal files in DIR with the real reader:
//! `journalctl`, or libsystemd with `--features journald`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use opspilot_connectors::journald::{Backend, Config, Journald};
use opspilot_core::module::{Category, Manifest, Module};
use opspilot_core::testing::Bench;

const ENTRIES: u64 = 500_000;
const ROUNDS: usize = 5;

static JOURNALD: Manifest = Journald::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.bench", Category::Detector, "Counts.")
};

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Cargo adds an argument of its own.
    let mut arguments = std::env::args().skip(1).filter(|text| text != "--bench");
    let (config, count) = match (arguments.next(), arguments.next()) {
        (Some(directory), Some(count)) => {
            let config = Config {
                directory,
                since_boot: true,
                priorities: Vec::new(),
                ..Config::default()
            };
            (config, count.parse().expect("COUNT is a number"))
        }
        _ => (stand_in(folder.path()), ENTRIES),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for _ in 0..ROUNDS {
        let (seconds, cpu) = runtime.block_on(round(&config, count));
        println!("{count} entries in {seconds:.3} s, CPU of this process {cpu} ms");
    }
}

fn stand_in(folder: &Path) -> Config {
    let (entries, program) = (folder.join("entries"), folder.join("journalctl"));
    let mut file =
        std::io::BufWriter::new(fs::File::create(&entries).expect("room for the entries"));
    for number in 1..=ENTRIES {
        writeln!(
            file,
            "__CURSOR=s=8fe8114451be431e8333131759eb4bc9;i={number:x};b=7ce109de913d49e98b9e1cfa79f96eb0;m=9128abe6;t=66178b09158c4;x=bc28b789e32a29e3\n__REALTIME_TIMESTAMP=1796020846549188\n__MONOTONIC_TIMESTAMP=2435361766\n_BOOT_ID=7ce109de913d49e98b9e1cfa79f96eb0\n_PID=1234\n_UID=0\nSYSLOG_IDENTIFIER=app\nMESSAGE={number:010} {}\nPRIORITY=6\n_HOSTNAME=host\n_SYSTEMD_UNIT=app.service\n",
            "x".repeat(100)
        )
        .expect("room for the entries");
    }
    file.flush().expect("room for the entries");
    let script = format!(
        "#!/bin/sh\n/bin/cat {}\nexec /bin/sleep 60\n",
        entries.display()
    );
    fs::write(&program, script).expect("room for a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the script is ours");
    Config {
        backend: Backend::Journalctl,
        journalctl_path: program.display().to_string(),
        ..Config::default()
    }
}

async fn round(config: &Config, count: u64) -> (f64, u64) {
    let bench = Bench::new().await;
    let cx = bench.context(&JOURNALD);
    let mut logs = bench.context(&READER).bus.logs();
    let mut module = Journald::new(config.clone()).expect("the options are right");
    let before = cpu_millis();
    let started = Instant::now();
    let cancel = cx.cancel.clone();
    let counting = async {
        let mut entries = 0;
        while entries < count {
            entries += logs.recv().await.map_or(count, |batch| batch.len() as u64);
        }
        let spent = (started.elapsed().as_secs_f64(), cpu_millis() - before);
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
