//! Logs of containers, with connections that are cut, containers that start again, and restarts of the server.

use super::*;

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

#[tokio::test]
async fn every_line_comes_once() {
    let api = Api::start().await;
    let yaml = api.yaml(", watchEvents: false, watchDeployments: false, watchPods: false, podLogs: [{selector: app=web}]");
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
