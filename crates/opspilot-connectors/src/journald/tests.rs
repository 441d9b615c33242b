//! The module on a real bus, with a `journalctl` of the tests' own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::SystemClock;
use opspilot_core::module::HealthStatus;
use opspilot_core::testing::Bench;
use tempfile::TempDir;

use super::*;

mod real;
mod trials;

type Running = crate::testing::Running<Journald>;

/// A `journalctl` of the tests' own. Each start does what the next script says, and notes its arguments.
struct Fake(TempDir);

impl Fake {
    fn new(lives: &[&str]) -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        for (number, life) in (1..).zip(lives) {
            fake.life(number, life);
        }
        fake
    }

    fn life(&self, number: usize, script: &str) {
        fs::write(self.path().join(format!("life{number}")), script).unwrap();
    }

    /// Puts the program where it is looked for.
    fn install(self) -> Self {
        let script = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\ncd {}\nread -r n < count || n=0\nn=$((n+1))\necho $n > count\necho \"$@\" > args$n\n. ./life$n\n",
            self.path().display()
        );
        fs::write(self.path().join("count"), "0\n").unwrap();
        let program = self.program();
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn program(&self) -> std::path::PathBuf {
        self.path().join("journalctl")
    }

    fn yaml(&self) -> String {
        format!(
            "{{backend: journalctl, journalctlPath: {}}}",
            self.program().display()
        )
    }

    fn arguments(&self, number: usize) -> String {
        fs::read_to_string(self.path().join(format!("args{number}"))).unwrap()
    }
}

/// A command of a script that prints the entries `numbers`.
fn says(numbers: std::ops::RangeInclusive<u64>) -> String {
    let line = |number: u64| {
        format!(
            "printf '__CURSOR={}\\nMESSAGE=m{number}\\n\\n'\n",
            cursor(number)
        )
    };
    numbers.map(line).collect()
}

fn cursor(number: u64) -> String {
    format!("s=95c7ac927d384be185a3146f67ee5164;i={number:x};b=0;m=0;t=0;x=0")
}

fn texts(numbers: std::ops::RangeInclusive<u64>) -> Vec<String> {
    numbers.map(|number| format!("m{number}")).collect()
}

const STAYS: &str = "exec sleep 60\n";

#[tokio::test]
async fn a_reader_that_ends_is_started_again_where_it_was() {
    let fake = Fake::new(&[
        &(says(1..=3) + "echo oops >&2\nexit 3"),
        &(says(3..=4) + "echo garbage: no\nprintf '__CURSOR=half\\nMESSAGE=half'\nkill -9 $$"),
        &(says(4..=5) + STAYS),
    ])
    .install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    assert_eq!(running.lines(3).await, texts(1..=3));
    let message = running.health(HealthStatus::Degraded).await;
    assert!(
        message.ends_with("journalctl` ended (exit status: 3): oops"),
        "{message}"
    );
    assert_eq!(running.lines(2).await, texts(4..=5));
    running.health(HealthStatus::Healthy).await;
    let details = running.cx.health.current().details;
    assert_eq!(
        (&details["errors"], &details["restarts"], &details["gaps"]),
        (&1.into(), &2.into(), &0.into())
    );
    running.stop().await;
    assert!(fake.arguments(1).contains("--no-tail --boot"));
    assert!(
        fake.arguments(2)
            .contains(&format!("--cursor={}", cursor(3))),
        "{}",
        fake.arguments(2)
    );
    assert!(
        fake.arguments(3)
            .contains(&format!("--cursor={}", cursor(4))),
        "{}",
        fake.arguments(3)
    );
}

#[tokio::test]
async fn a_restart_of_the_server_repeats_and_loses_nothing() {
    let fake = Fake::new(&[&(says(1..=3) + STAYS), &(says(3..=5) + STAYS)]).install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    assert_eq!(running.lines(3).await, texts(1..=3));
    running.stop().await;
    let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&again, &fake.yaml()).await;
    assert_eq!(running.lines(2).await, texts(4..=5));
    running.stop().await;
    assert!(
        fake.arguments(2)
            .contains(&format!("--cursor={}", cursor(3))),
        "{}",
        fake.arguments(2)
    );
}

#[tokio::test]
async fn what_is_not_acknowledged_is_read_again() {
    let fake = Fake::new(&[
        &(says(1..=1) + "sleep 0.3\n" + &says(2..=2) + STAYS),
        &(says(1..=2) + STAYS),
    ])
    .install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    assert_eq!(running.lines(1).await, ["m1"]);
    let held = running.batch().await;
    held.ack().fail();
    drop(held);
    assert_eq!(running.lines(1).await, ["m2"]);
    running.stop().await;
    assert!(
        fake.arguments(2)
            .contains(&format!("--cursor={}", cursor(1))),
        "{}",
        fake.arguments(2)
    );
}

#[tokio::test]
async fn a_position_waits_for_its_acknowledgement() {
    let fake = Fake::new(&[&(says(1..=2) + STAYS), &(says(1..=2) + STAYS)]).install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    let held = running.batch().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.stop().await;
    drop(held);
    let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&again, &fake.yaml()).await;
    assert_eq!(running.lines(2).await, texts(1..=2));
    running.stop().await;
    assert!(
        fake.arguments(2).contains("--boot"),
        "{}",
        fake.arguments(2)
    );
}

#[tokio::test]
async fn a_gap_is_counted_and_named() {
    let fake = Fake::new(&[&(says(1..=3) + "exit 0"), &(says(9..=9) + STAYS)]).install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    assert_eq!(running.lines(4).await, ["m1", "m2", "m3", "m9"]);
    running.health(HealthStatus::Healthy).await;
    let details = running.cx.health.current().details;
    assert_eq!(
        (&details["gaps"], &details["entriesMissing"]),
        (&1.into(), &5.into())
    );
    assert_eq!(
        details["lastGap"],
        format!("up to 5 entries behind {}", cursor(3))
    );
    running.stop().await;
}

#[tokio::test]
async fn a_missing_program_is_named_until_it_is_there() {
    let fake = Fake::new(&[&(says(1..=1) + STAYS)]);
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    let message = running.health(HealthStatus::Unhealthy).await;
    let named = format!(
        "`{}` does not exist: install systemd, set `journalctlPath`",
        fake.program().display()
    );
    assert!(message.starts_with(&named), "{message}");
    let _fake = fake.install();
    assert_eq!(running.lines(1).await, ["m1"]);
    running.health(HealthStatus::Healthy).await;
    running.stop().await;
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let hint =
        "echo 'Hint: You are currently not seeing messages from other users and the system.' >&2\n";
    for (life, expected) in [
        (
            "echo 'No journal files were opened due to insufficient permissions.' >&2\nexit 1"
                .to_owned(),
            HealthStatus::Unhealthy,
        ),
        (
            hint.to_owned() + &says(1..=1) + STAYS,
            HealthStatus::Degraded,
        ),
    ] {
        let fake = Fake::new(&[&life]).install();
        let bench = Bench::new().await;
        let running = Running::start(&bench, &fake.yaml()).await;
        let message = running.health(expected).await;
        assert!(
            message.contains("add the user that OpsPilot runs as to the group `systemd-journal`"),
            "{message}"
        );
        running.stop().await;
    }
}

#[tokio::test]
async fn a_cursor_that_is_refused_is_forgotten() {
    let refuses = "echo 'Failed to seek to cursor: Invalid argument' >&2\nexit 1";
    let fake = Fake::new(&[&(says(1..=1) + "exit 0"), refuses, &(says(1..=2) + STAYS)]).install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    assert_eq!(running.lines(3).await, ["m1", "m1", "m2"]);
    running.stop().await;
    assert!(
        fake.arguments(3).contains("--boot"),
        "{}",
        fake.arguments(3)
    );
}

#[tokio::test]
async fn silence_is_no_trouble_and_the_reader_dies_with_the_module() {
    let fake = Fake::new(&[&(says(1..=1) + "echo $$ > pid\nsleep 1.5\n" + &says(2..=2) + STAYS)])
        .install();
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &fake.yaml()).await;
    assert_eq!(running.lines(2).await, texts(1..=2));
    assert_eq!(running.cx.health.current().status, HealthStatus::Healthy);
    running.stop().await;
    let pid = fs::read_to_string(fake.path().join("pid")).unwrap();
    let place = format!("/proc/{}/stat", pid.trim());
    for _ in 0..500 {
        // A zombie that was not reaped yet is dead.
        if fs::read_to_string(&place).map_or(true, |stat| stat.contains(" Z ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!(
        "the reader is still there: {}",
        fs::read_to_string(&place).unwrap()
    );
}
