//! However a program behaves, its run ends in time and nothing of it is left.

use std::fs;
use std::time::{Duration, Instant};

use super::harness::{Place, runner, strip};
use crate::process::How;
use crate::process::job::OUTPUT_LIMIT;

#[tokio::test]
async fn a_program_runs_with_its_arguments_and_nothing_else() {
    let mut place = Place::new("", 10);
    place.job.argv = [
        "/usr/bin/printf",
        "[%s]",
        "$(id)",
        "; id",
        "`id`",
        "|id",
        "*",
        "a  b",
    ]
    .map(str::to_owned)
    .to_vec();
    let ended = place.run_cleanly().await;
    assert_eq!(ended.stdout.text, "[$(id)][; id][`id`][|id][*][a  b]");
    assert_eq!(
        (ended.how, ended.stderr.text),
        (How::Exit(0), String::new())
    );
}

#[tokio::test]
async fn the_environment_holds_what_was_named_and_no_descriptor_is_inherited() {
    let mut place = Place::new("", 10);
    place.job.environment.insert("LANG".into(), "C".into());
    place.job.argv = vec!["/usr/bin/env".into()];
    let ended = place.run_cleanly().await;
    assert_eq!(ended.stdout.text, "LANG=C\nPATH=/usr/bin:/bin\n");

    // As whoever starts the server may leave one open to it.
    let inherited = fs::File::open("/etc/hostname").unwrap();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    let place = Place::new("cd /proc/self/fd; echo *", 10);
    let ended = place.run_cleanly().await;
    // The three standard ones, and the one that lists them.
    assert_eq!(ended.stdout.text, "0 1 2 3\n", "{ended:?}");
}

#[tokio::test]
async fn its_exit_code_and_signal_are_told() {
    let ended = Place::new("echo no >&2; exit 3", 10).run_cleanly().await;
    assert_eq!(
        (ended.how, ended.stderr.text),
        (How::Exit(3), "no\n".into())
    );
    let ended = Place::new("kill -SEGV $$", 10).run_cleanly().await;
    assert_eq!(ended.how, How::Signal(11));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_refused_with_the_reason() {
    let mut place = Place::new("", 10);
    place.job.argv = vec!["/nowhere/program".into()];
    let how = place.run_cleanly().await.how.to_string();
    assert!(how.starts_with("not started: `/nowhere/program`"), "{how}");
    assert!(how.contains("No such file"), "{how}");
}

#[tokio::test]
async fn root_is_refused_unless_it_is_allowed() {
    if !super::harness::is_root() {
        return;
    }
    let mut place = Place::new("id -u", 10);
    place.job.account = None;
    let how = place.run_cleanly().await.how.to_string();
    assert!(how.contains("it would run as root"), "{how}");
    place.job.allow_root = true;
    assert_eq!(place.run_cleanly().await.stdout.text, "0\n");
}

#[tokio::test]
async fn a_program_that_ignores_the_request_to_end_is_killed() {
    let place = Place::new(
        "trap '' TERM INT HUP; echo here; while :; do sleep 0.1; done",
        1,
    );
    let ended = place.run_cleanly().await;
    assert_eq!(ended.how, How::TimedOut(1_000));
    assert_eq!(ended.stdout.text, "here\n");
}

#[tokio::test]
async fn a_program_may_tidy_up_when_its_time_is_up() {
    let place = Place::new(
        "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done",
        1,
    );
    let ended = place.run_cleanly().await;
    assert_eq!(ended.how, How::TimedOut(1_000));
    assert_eq!(ended.stdout.text, "bye\n");
}

#[tokio::test]
async fn a_child_that_left_the_session_and_its_parent_does_not_survive() {
    let script = "(setsid setsid sleep 300 >/dev/null 2>&1 </dev/null &) ; \
                  (trap '' TERM; setsid -f sh -c 'trap \"\" TERM; sleep 301' ) ; echo started";
    let ended = Place::new(script, 5).run_cleanly().await;
    assert_eq!(
        (ended.how, ended.stdout.text.as_str()),
        (How::Exit(0), "started\n")
    );
}

#[tokio::test]
async fn a_child_that_holds_the_output_open_delays_nothing() {
    let begin = Instant::now();
    let ended = Place::new("sleep 300 & echo done", 20).run_cleanly().await;
    assert_eq!(
        (ended.how, ended.stdout.text.as_str()),
        (How::Exit(0), "done\n")
    );
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_program_that_closes_its_output_is_still_timed() {
    let place = Place::new("exec >&- 2>&- ; trap '' TERM; while :; do :; done", 1);
    assert_eq!(place.run_cleanly().await.how, How::TimedOut(1_000));
}

#[tokio::test]
async fn a_flood_of_output_is_drained_counted_and_not_kept() {
    let place = Place::new(
        "head -c 1000000000 /dev/zero | tr '\\0' x; echo end >&2",
        60,
    );
    let before = resident_bytes();
    let ended = place.run_cleanly().await;
    assert_eq!(ended.how, How::Exit(0));
    assert_eq!(ended.stderr.text, "end\n");
    let kept = OUTPUT_LIMIT as u64;
    let prefix = ended.stdout.dropped + kept - 1_000_000_000;
    assert!(prefix < 100, "{prefix}");
    assert!(ended.stdout.text.len() <= OUTPUT_LIMIT);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown}");
}

fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

#[tokio::test]
async fn a_fork_bomb_stays_small_and_ends() {
    let place = Place::new(":() { : | : & }; : 2>/dev/null; sleep 20", 3);
    let ended = place.run_cleanly().await;
    let is_expected = matches!(
        ended.how,
        How::TooMany(32) | How::TimedOut(3_000) | How::Exit(_)
    );
    assert!(is_expected, "{ended:?}");
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_is_ended() {
    let place = Place::new(
        "touch started; trap '' TERM; setsid -f sleep 300; sleep 301",
        60,
    );
    let run = runner();
    let started = place.path().join("started");
    tokio::select! {
        ended = run.run(place.job.clone()) => panic!("it ended: {ended:?}"),
        () = async { while !started.exists() { tokio::task::yield_now().await } } => {}
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while !place.left_behind().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", place.left_behind());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_does_not_outlive_its_supervisor() {
    let place = Place::new(
        "echo $PPID > supervisor; mv supervisor found; sleep 300",
        60,
    );
    let (run, found) = (runner(), place.path().join("found"));
    let kill = async {
        while !found.exists() {
            tokio::task::yield_now().await;
        }
        let pid: i32 = fs::read_to_string(&found).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    let (ended, ()) = tokio::join!(run.run(place.job.clone()), kill);
    assert!(matches!(ended.how, How::Lost(_)), "{ended:?}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !place.left_behind().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", place.left_behind());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_helper_that_says_nothing_is_told_as_lost() {
    let place = Place::new("", 1);
    let silent = crate::process::Runner::with_helper("/bin/true".into(), Vec::new());
    let ended = strip(silent.run(place.job.clone()).await);
    assert!(matches!(ended.how, How::Lost(_)), "{ended:?}");
}
