//! Live tail as a doorbell.

use opspilot_core::clock::SystemClock;
use std::time::Duration;

use super::*;

/// Options with live tail, where nothing waits for the usual poll.
fn rung(fake: &Fake, groups: &str) -> Config {
    let mut config = config(&fake.url, &format!("logGroups: [{groups}], liveTail: true"));
    config.poll_interval_ms = 3_600_000;
    config
}

/// How often `group` was asked.
fn asked(fake: &Fake, group: &str) -> usize {
    let requests = fake.requests().into_iter();
    let meant = requests.filter(|request| request["logGroupName"] == group);
    meant.count()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not so: {what}");
}

/// A fake with one event, and the module that has told it and holds a session.
async fn rung_once(bench: &Bench, groups: &str) -> (Fake, Running, i64) {
    let fake = Fake::start().await;
    let now = bench.clock.now().as_millis();
    fake.event("/shop", now - 5000, "first");
    let mut running = start(bench, rung(&fake, groups)).await;
    assert_eq!(told(&mut running, 1).await, numbered(0, &["first"]));
    running.figure("liveSessions", 1).await;
    polls(&running, 0).await;
    (fake, running, now)
}

#[tokio::test]
async fn a_ring_polls_long_before_the_usual_time_and_twins_come_once_each() {
    let bench = Bench::new().await;
    let (fake, mut running, now) = rung_once(&bench, "/shop").await;
    for id in ["one", "two"] {
        fake.event_called("/shop", now - 3000, ("twin", id));
    }
    fake.ring("/shop", now - 2000);
    let twins = numbered(1, &["twin", "twin"]);
    assert_eq!(told(&mut running, 2).await, twins);
    // The next ring finds what is new alone.
    fake.event("/shop", now - 2900, "later");
    fake.ring("/shop", now - 1900);
    assert_eq!(told(&mut running, 1).await, numbered(3, &["later"]));
    polls(&running, 0).await;
    let shown = format!("{:?}", running.cx.health.current());
    assert!(!shown.contains(TEXT), "{shown}");
    assert!(
        running.logs.try_recv().is_none(),
        "the session's own text is not sent"
    );
    running.stop().await;
}

#[tokio::test]
async fn what_a_poll_does_not_see_yet_is_asked_for_again() {
    let bench = Bench::new().await;
    let (fake, mut running, now) = rung_once(&bench, "/shop").await;
    let before = asked(&fake, "/shop");
    fake.ring("/shop", now - 2000);
    until("it is polled", || asked(&fake, "/shop") > before).await;
    fake.event("/shop", now - 3000, "slow");
    assert_eq!(told(&mut running, 1).await, numbered(1, &["slow"]));
    running.stop().await;
}

#[tokio::test]
async fn a_session_that_ends_is_opened_again_and_what_came_between_is_found() {
    let bench = Bench::new().await;
    let (fake, mut running, now) = rung_once(&bench, "/shop").await;
    fake.hang_up();
    fake.event("/shop", now - 3000, "between");
    assert_eq!(told(&mut running, 1).await, numbered(1, &["between"]));
    assert_eq!(fake.sessions().len(), 2);
    fake.event("/shop", now - 2900, "after");
    fake.ring("/shop", now - 1900);
    assert_eq!(told(&mut running, 1).await, numbered(2, &["after"]));
    assert_eq!(running.cx.health.current().status, HealthStatus::Healthy);
    running.stop().await;
}

#[tokio::test]
async fn ten_groups_share_a_session_and_only_the_one_meant_is_polled() {
    let bench = Bench::new().await;
    let fake = Fake::start().await;
    let now = bench.clock.now().as_millis();
    let names: Vec<String> = (0..11).map(|number| format!("/g{number:02}")).collect();
    for name in &names {
        fake.event(name, now - 5000, name);
    }
    let mut running = start(&bench, rung(&fake, &names.join(", "))).await;
    told(&mut running, 11).await;
    running.figure("liveSessions", 2).await;
    let sizes: Vec<_> = fake.sessions().iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 11, "{sizes:?}");
    assert!(sizes.contains(&10), "{sizes:?}");
    running.figure("pollCycles", 11).await;
    fake.event("/g10", now - 3000, "new");
    fake.ring("/g10", now - 2000);
    assert_eq!(running.lines(1).await, ["new"]);
    assert_eq!(asked(&fake, "/g03"), 1);
    running.stop().await;
}

#[tokio::test]
async fn without_sessions_the_reason_is_told_and_polls_go_on() {
    for (code, status, expected) in [
        (
            "AccessDeniedException",
            400,
            "live tail: access denied: allow the action logs:StartLiveTail on \
             arn:aws:logs:us-east-1:123456789012:log-group:/shop to the access key AKIATEST",
        ),
        (
            "UnknownOperationException",
            404,
            "does not know logs:StartLiveTail (404 UnknownOperationException); polls go on as usual",
        ),
        (
            "LimitExceededException",
            400,
            "live tail: is throttled: too many requests",
        ),
    ] {
        let bench = Bench::new().await;
        let fake = Fake::start().await;
        let now = bench.clock.now().as_millis();
        fake.event("/shop", now - 5000, "first");
        let header = "";
        fake.fail_tail(Some(Failure {
            status,
            code,
            header,
        }));
        let mut options = rung(&fake, "/shop");
        options.poll_interval_ms = 50;
        let mut running = start(&bench, options).await;
        running.says(HealthStatus::Degraded, expected).await;
        told(&mut running, 1).await;
        fake.event("/shop", now - 3000, "second");
        assert_eq!(told(&mut running, 1).await, numbered(1, &["second"]));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_missing_group_keeps_the_others_from_nothing() {
    let bench = Bench::new().await;
    let (fake, mut running, now) = rung_once(&bench, "/sho, /shop").await;
    assert_eq!(
        fake.sessions().concat().len(),
        1,
        "`/sho` is only a beginning"
    );
    fake.event("/shop", now - 3000, "second");
    fake.ring("/shop", now - 2000);
    assert_eq!(told(&mut running, 1).await, numbered(1, &["second"]));
    running.stop().await;
}

#[tokio::test]
async fn nothing_rings_when_it_is_off() {
    let bench = Bench::new().await;
    let fake = Fake::start().await;
    fake.event("/shop", bench.clock.now().as_millis() - 5000, "first");
    let mut running = start(&bench, config(&fake.url, "logGroups: [/shop]")).await;
    told(&mut running, 1).await;
    polls(&running, 3).await;
    assert!(fake.sessions().is_empty());
    assert!(!fake.heads().contains("DescribeLogGroups"));
    let details = running.cx.health.current().details;
    assert!(!details.contains_key("liveSessions"), "{details:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_check_online_reads_each_group_and_opens_a_session() {
    let fake = Fake::start().await;
    fake.event("/shop", 1, "first");
    let cx = TrialContext::new(CloudWatch::MANIFEST.id, SystemClock::shared());
    let mut module = CloudWatch {
        config: rung(&fake, "/shop, /cart"),
    };
    let told = |trials: &[Trial]| -> Vec<(bool, String)> {
        let trials = trials.iter();
        trials
            .map(|trial| {
                let text = trial.fault.as_ref().or(trial.note.as_ref());
                (trial.is_ok(), text.cloned().unwrap_or_default())
            })
            .collect()
    };
    let trials = module.trial(&cx).await;
    let note = "a session was opened and closed; AWS charges sessions by the minute";
    assert_eq!(
        told(&trials),
        [
            (true, String::new()),
            (
                false,
                "log group `/cart`: does not exist in region us-east-1: no such group".to_owned()
            ),
            (true, note.to_owned()),
        ]
    );
    fake.fail_tail(Some(Failure {
        status: 400,
        code: "AccessDeniedException",
        header: "",
    }));
    let trials = module.trial(&cx).await;
    let fault = trials[2].fault.clone().unwrap();
    assert!(
        fault.contains("allow the action logs:StartLiveTail"),
        "{fault}"
    );
    assert!(!format!("{trials:?}").contains("hidden"));
    let remote = TrialContext {
        is_remote: true,
        ..cx
    };
    let before = fake.requests().len();
    assert!(module.trial(&remote).await.iter().all(Trial::is_ok));
    assert_eq!(fake.requests().len(), before, "nobody is asked");
}
