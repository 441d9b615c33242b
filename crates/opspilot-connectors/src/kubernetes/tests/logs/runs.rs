//! Containers that start again at the worst moments.

use super::*;

/// A module that has seen no pod yet, and the cluster.
async fn quiet(bench: &Bench) -> (Api, Running) {
    let api = Api::start().await;
    let yaml = api.yaml(&format!(", {ONLY_LOGS}"));
    let yaml = yaml.replace("pollIntervalMs: 1000", "pollIntervalMs: 300000");
    let running = Running::start(bench, &yaml).await;
    running.figure("logStreamsLeftOut", 0).await;
    (api, running)
}

/// The next `count` lines, each with the run that it is said to be of.
async fn said(running: &mut Running, count: usize) -> Vec<(String, String)> {
    let sent = running.records(count).await.into_iter();
    sent.map(|sent| {
        let run = sent.stream.rsplit('/').next().unwrap().to_owned();
        (run, sent.line)
    })
    .collect()
}

fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    let lines = lines.iter();
    lines
        .map(|(run, line)| ((*run).to_owned(), (*line).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_restart_between_list_and_request_loses_and_mistakes_nothing() {
    let bench = Bench::new().await;
    let (api, mut running) = quiet(&bench).await;
    api.change(|state| {
        state.before_log = Some(Box::new(|api| {
            api.log("log-a", "2026-01-01T00:00:01Z last words");
            api.start_logged("log-a", "two");
            api.log("log-a", "2026-01-01T00:00:02Z hello");
        }));
    });
    api.start_logged("log-a", "one");
    let expected = lines(&[("one", "last words"), ("two", "hello")]);
    assert_eq!(said(&mut running, 2).await, expected);
    api.log("log-a", "2026-01-01T00:00:03Z on");
    assert_eq!(said(&mut running, 1).await, lines(&[("two", "on")]));
    assert_eq!(running.figure("logRunsLost", 0).await, 0);
    running.stop().await;
}

#[tokio::test]
async fn a_restart_while_a_log_is_followed_needs_no_interval() {
    let bench = Bench::new().await;
    let (api, mut running) = quiet(&bench).await;
    api.start_logged("log-a", "one");
    api.log("log-a", "2026-01-01T00:00:01Z first");
    assert_eq!(said(&mut running, 1).await, lines(&[("one", "first")]));
    api.log("log-a", "2026-01-01T00:00:02Z last");
    api.start_logged("log-a", "two");
    api.log("log-a", "2026-01-01T00:00:03Z hello");
    let expected = lines(&[("one", "last"), ("two", "hello")]);
    assert_eq!(said(&mut running, 2).await, expected);
    running.stop().await;
}

#[tokio::test]
async fn what_is_left_of_a_run_is_read_before_the_next() {
    let api = Api::start().await;
    // By name the present run comes before the other.
    api.start_logged("log-a", "b-one");
    let numbers = 100..600;
    for number in numbers.clone() {
        api.log("log-a", &format!("2026-01-01T00:00:01.{number}Z {number}"));
    }
    api.start_logged("log-a", "a-two");
    api.log("log-a", "2026-01-01T00:00:02Z hello");
    let mut expected: Vec<_> = numbers
        .map(|number| ("b-one".to_owned(), number.to_string()))
        .collect();
    expected.extend(lines(&[("a-two", "hello")]));
    let bench = Bench::new().await;
    let yaml = api.yaml(&format!(", {ONLY_LOGS}"));
    let mut running = Running::start(&bench, &yaml).await;
    assert_eq!(said(&mut running, 501).await, expected);
    running.stop().await;
}

#[tokio::test]
async fn a_run_that_two_restarts_took_away_is_counted() {
    let bench = Bench::new().await;
    let (api, mut running) = quiet(&bench).await;
    api.change(|state| {
        state.before_log = Some(Box::new(|api| {
            for (second, id) in [(1, "two"), (2, "three")] {
                api.log("log-a", &format!("2026-01-01T00:00:0{second}Z before {id}"));
                api.start_logged("log-a", id);
            }
            api.log("log-a", "2026-01-01T00:00:03Z hello");
        }));
    });
    api.start_logged("log-a", "one");
    let expected = lines(&[("two", "before three"), ("three", "hello")]);
    assert_eq!(said(&mut running, 2).await, expected);
    assert_eq!(running.figure("logRunsLost", 1).await, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_run_whose_log_the_node_has_no_more_is_counted() {
    let bench = Bench::new().await;
    let (api, mut running) = quiet(&bench).await;
    api.change(|state| {
        state.lost_logs = vec!["one"];
        state.before_log = Some(Box::new(|api| {
            api.start_logged("log-a", "two");
            api.log("log-a", "2026-01-01T00:00:01Z hello");
        }));
    });
    api.start_logged("log-a", "one");
    running.figure("logRunsLost", 1).await;
    assert_eq!(said(&mut running, 1).await, lines(&[("two", "hello")]));
    running.stop().await;
}

#[tokio::test]
async fn what_two_restarts_took_away_while_nobody_read_is_counted() {
    let bench = Bench::new().await;
    let (api, mut running) = quiet(&bench).await;
    api.start_logged("log-a", "one");
    api.log("log-a", "2026-01-01T00:00:01Z first");
    assert_eq!(said(&mut running, 1).await, lines(&[("one", "first")]));
    running.stop().await;
    for id in ["two", "three"] {
        api.start_logged("log-a", id);
    }
    api.log("log-a", "2026-01-01T00:00:02Z hello");
    let bench = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let yaml = api.yaml(&format!(", {ONLY_LOGS}"));
    let mut running = Running::start(&bench, &yaml).await;
    assert_eq!(running.figure("logRunsLost", 1).await, 1);
    assert_eq!(said(&mut running, 1).await, lines(&[("three", "hello")]));
    running.stop().await;
}
