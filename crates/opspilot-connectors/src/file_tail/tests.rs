//! The module on a real bus, with real files and notifications.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use opspilot_core::clock::SystemClock;
use opspilot_core::module::{HealthStatus, Module as _};
use opspilot_core::testing::Bench;

use super::FileTail;

type Running = crate::testing::Running<FileTail>;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn appended_lines_are_sent_and_a_restart_repeats_none() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let yaml = format!("path: {}\nfromBeginning: true", path.display());
    append(&path, "one\n");
    let mut running = Running::start(&bench, &yaml).await;
    assert_eq!(running.lines(1).await, ["one"]);
    append(&path, "two\n");
    assert_eq!(running.lines(1).await, ["two"]);
    running.stop().await;
    append(&path, "three\n");
    let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&again, &yaml).await;
    append(&path, "four\n");
    assert_eq!(running.lines(2).await, ["three", "four"]);
    running.stop().await;
}

#[tokio::test]
async fn rotation_and_new_folders_are_noticed_at_once() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("later/app");
    let path = inner.join("app.log");
    let mut running = Running::start(
        &bench,
        &format!("path: {}/later/*/app.log", folder.path().display()),
    )
    .await;
    fs::create_dir_all(&inner).unwrap();
    append(&path, "one\n");
    assert_eq!(running.lines(1).await, ["one"]);
    fs::rename(&path, inner.join("app.log.1")).unwrap();
    append(&path, "two\n");
    assert_eq!(running.lines(1).await, ["two"]);
    append(&inner.join("app.log.1"), "late\n");
    assert_eq!(running.lines(1).await, ["late"]);
    running.stop().await;
}

#[tokio::test]
async fn polling_needs_no_notifications() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let yaml = format!("path: {}\nwatch: poll\npollIntervalMs: 20", path.display());
    let mut running = Running::start(&bench, &yaml).await;
    append(&path, "one\n");
    assert_eq!(running.lines(1).await, ["one"]);
    append(&path, "two\n");
    assert_eq!(running.lines(1).await, ["two"]);
    running.stop().await;
}

#[tokio::test]
async fn what_is_written_once_the_source_began_is_new() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    append(&path, "an old line\n");
    let yaml = format!("path: {}", path.display());
    let config = serde_saphyr::from_str(&yaml).unwrap();
    let cx = bench.context(const { &FileTail::MANIFEST });
    let mut module = FileTail::new(config).unwrap();
    module.init(&cx).await.unwrap();
    append(&path, "one\n");
    let mut running = Running::begun(&bench, cx, module);
    assert_eq!(running.lines(1).await, ["one"]);
    running.stop().await;
}

#[tokio::test]
async fn an_unreadable_file_degrades_health_until_it_is_gone() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let link = folder.path().join("loop.log");
    std::os::unix::fs::symlink(&link, &link).unwrap();
    let yaml = format!("paths: [{}, {}]", path.display(), link.display());
    let running = Running::start(&bench, &yaml).await;
    let message = running.health(HealthStatus::Degraded).await;
    assert!(message.contains("loop.log"), "{message}");
    fs::remove_file(&link).unwrap();
    running.health(HealthStatus::Healthy).await;
    running.stop().await;
}

/// Runs the real `logrotate` if it is installed.
#[tokio::test]
async fn logrotate_loses_nothing() {
    let program = Path::new("/usr/sbin/logrotate");
    if !program.exists() {
        eprintln!("SKIPPED: logrotate is not installed");
        return;
    }
    for options in [
        "create",
        "copytruncate",
        "compress",
        "copytruncate\n compress",
    ] {
        rotate_with(program, options).await;
    }
}

async fn rotate_with(program: &Path, options: &str) {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let rules = folder.path().join("rules");
    let state = folder.path().join("state");
    let text = format!(
        "{} {{\n rotate 9\n {options}\n missingok\n su root root\n}}\n",
        path.display()
    );
    fs::write(&rules, text).unwrap();
    let mut running = Running::start(&bench, &format!("path: {}", path.display())).await;
    let mut seen = Vec::new();
    for round in 0..4 {
        for number in round * 100..round * 100 + 100 {
            append(&path, &format!("line number {number:05} of this test\n"));
        }
        #[expect(clippy::disallowed_methods, reason = "the test needs the real tool")]
        let run = std::process::Command::new(program)
            .arg("--force")
            .arg("--state")
            .arg(&state)
            .arg(&rules)
            .output();
        let run = run.unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        eprintln!("{options}, round {round}");
        seen.extend(running.lines(100).await);
    }
    seen.sort_unstable();
    let expected: Vec<String> = (0..400)
        .map(|number| format!("line number {number:05} of this test"))
        .collect();
    assert_eq!(seen, expected, "{options}");
    drop(File::open(&rules));
    running.stop().await;
}
