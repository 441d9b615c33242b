//! Logs of containers, with connections that are cut, containers that start again, and restarts of the server.

use opspilot_core::storage::Query;

use super::super::logs;
use super::*;

mod runs;

fn stamped(number: u64) -> String {
    // Some lines have the same time, and two of them even the same text.
    let (time, text) = (number / 3, number.min(40));
    format!(
        "2026-01-01T00:00:{:02}.{:09}Z line {text}",
        time / 4,
        time % 4 * 250_000_000
    )
}

async fn take(running: &mut Running, sent: &mut Vec<Sent>, patience: Duration) {
    while let Some(more) = running.next(patience).await {
        sent.extend(
            more.into_iter()
                .filter(|sent| sent.stream.starts_with("kubernetes-log/")),
        );
    }
}

const ONLY_LOGS: &str = "watchEvents: false, watchDeployments: false, watchPods: false, \
                         podLogs: [{selector: app=web}]";

/// The text of the next line of a log.
async fn next_line(running: &mut Running) -> String {
    running.lines(1).await.remove(0)
}

/// Waits until these runs have a place.
async fn until_places(running: &Running, wanted: &[&str]) {
    let mut found = Vec::new();
    for _ in 0..1000 {
        let places = running.cx.store.collection::<logs::Place>().await.unwrap();
        let (places, _) = places.query(&Query::by_key(100)).await.unwrap();
        let ids = places
            .iter()
            .filter_map(|place| place.stream.rsplit_once('/'));
        found = ids.map(|(_, id)| id.to_owned()).collect();
        if found == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!(
        "{found:?} are not {wanted:?}: {:?}",
        running.cx.health.current()
    );
}

#[tokio::test]
async fn a_new_pod_is_read_at_once_and_one_that_is_gone_is_let_go_of() {
    let api = Api::start().await;
    // Nothing here waits for an interval.
    let yaml = api.yaml(&format!(", {ONLY_LOGS}")).replace(
        "pollIntervalMs: 1000",
        "pollIntervalMs: 300000, timeoutMs: 1000",
    );
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &yaml).await;
    running.figure("logStreamsLeftOut", 0).await;
    api.start_logged("log-a", "one");
    api.log("log-a", "2026-01-01T00:00:00Z first");
    assert_eq!(next_line(&mut running).await, "first");
    // Another pod and another run of the container, and a change that the watch came too late for.
    api.start_logged("log-b", "two");
    api.log("log-b", "2026-01-01T00:00:01Z second");
    assert_eq!(next_line(&mut running).await, "second");
    api.compact();
    api.start_logged("log-a", "three");
    api.log("log-a", "2026-01-01T00:00:02Z third");
    assert_eq!(next_line(&mut running).await, "third");
    until_places(&running, &["one", "three", "two"]).await;
    // The log stays open, as that of a node that is cut off does.
    api.delete("pods", "log-a");
    until_places(&running, &["two"]).await;
    // The others are read on.
    api.start_logged("log-b", "four");
    api.log("log-b", "2026-01-01T00:00:03Z fourth");
    assert_eq!(next_line(&mut running).await, "fourth");
    running.stop().await;
}

#[tokio::test]
async fn every_line_comes_once() {
    let api = Api::start().await;
    let yaml = api.yaml(&format!(", {ONLY_LOGS}"));
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &yaml).await;
    running.figure("logStreamsLeftOut", 0).await;
    api.start_logged("log-a", "one");
    api.change(|state| state.cuts = 7);
    let mut sent = Vec::new();
    let mut expected = Vec::new();
    let mut say = |number: u64| {
        api.log("log-a", &stamped(number));
        expected.push(format!("line {}", number.min(40)));
    };
    for number in 0..30 {
        say(number);
        if number % 10 == 0 {
            take(&mut running, &mut sent, Duration::from_millis(500)).await;
        }
    }
    running.stop().await;
    // Nobody reads, and the container starts again.
    (30..35).for_each(&mut say);
    api.start_logged("log-a", "two");
    let bench = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&bench, &yaml).await;
    for number in 35..43 {
        say(number);
        if number == 38 {
            take(&mut running, &mut sent, Duration::from_millis(1500)).await;
        }
    }
    api.change(|state| state.cuts = 0);
    take(&mut running, &mut sent, Duration::from_millis(3000)).await;
    running.stop().await;
    sent.sort_by_key(|sent| (sent.stream.ends_with("/two"), sent.position));
    // What was under way at a stop may come again, in the same place.
    sent.dedup();
    let lines: Vec<_> = sent.iter().map(|sent| sent.line.clone()).collect();
    assert_eq!(lines, expected, "{sent:#?}");
    let attributes = &sent[0].attributes;
    let named = ["collector", "namespace", "podName", "containerName"]
        .map(|key| attributes[key].as_str().unwrap());
    assert_eq!(named, ["connector.kubernetes", "shop", "log-a", "main"]);
}
