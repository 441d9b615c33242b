//! The module with a prober of the test and paused time; `network` has the real one.

mod grpc;
mod network;
mod records;
mod remote;
mod world;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use opspilot_core::clock::SystemClock;
use opspilot_core::signal::LogBatch;
use opspilot_core::testing::Bench;

use super::failure::Failure;
use super::probe::Answer;
use super::trial::{Tried, try_all};
use super::*;

static MANIFEST: Manifest = HealthCheck::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.test", Category::Detector, "Reads in tests.")
};

fn config(yaml: &str) -> Config {
    serde_saphyr::from_str(yaml).unwrap()
}

/// Tries the endpoints of a configuration once.
async fn tried(yaml: &str) -> Vec<Tried> {
    let module = HealthCheck::new(config(yaml)).unwrap();
    let cx = TrialContext::new(MANIFEST.id, SystemClock::shared());
    try_all(&module.endpoints, &module.networks, &cx).await
}

/// Why an endpoint is not up, or what is not well with it although it is.
fn message_of(tried: &Tried) -> Option<String> {
    match &tried.outcome.result {
        Ok(warning) => warning.clone(),
        Err(failure) => Some(failure.to_string()),
    }
}

/// Answers as it is told, and notes when it was asked.
#[derive(Debug)]
struct Scripted {
    answer: fn(u64) -> Result<Answer, Failure>,
    takes: Duration,
    start: Instant,
    asked: Mutex<Vec<(String, u64)>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Scripted {
    fn new(takes: Duration, answer: fn(u64) -> Result<Answer, Failure>) -> Arc<Self> {
        Arc::new(Self {
            answer,
            takes,
            start: Instant::now(),
            asked: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// The seconds at which it was asked for `id`.
    fn seconds(&self, id: &str) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let of_id = asked.iter().filter(|(of, _)| of == id);
        of_id.map(|(_, at)| (at + 500) / 1000).collect()
    }
}

#[async_trait]
impl Prober for Scripted {
    async fn probe(&self, endpoint: &CheckedEndpoint) -> Result<Answer, Failure> {
        let at = u64::try_from(self.start.elapsed().as_millis()).unwrap();
        self.asked
            .lock()
            .unwrap()
            .push((endpoint.id.to_string(), at));
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        (self.answer)(at)
    }
}

/// Runs the module for so long, and gives what it sent.
async fn run(
    yaml: &str,
    prober: &Arc<Scripted>,
    seconds: u64,
) -> (Vec<LogBatch>, opspilot_core::health::Health) {
    let bench = Bench::new().await;
    let cx = bench.context(&MANIFEST);
    let mut logs = bench.context(&READER).bus.logs();
    let mut module = HealthCheck::new(config(yaml)).unwrap();
    module.prober = Some(Arc::clone(prober) as Arc<dyn Prober>);
    module.init(&cx).await.unwrap();
    let mut batches = Vec::new();
    let reading = async {
        while let Some(batch) = logs.recv().await {
            batches.push(batch);
        }
    };
    tokio::select! {
        ended = module.run(&cx) => panic!("it ended: {ended:?}"),
        () = reading => {}
        () = tokio::time::sleep(Duration::from_millis(seconds * 1000 + 900)) => {}
    }
    cx.cancel.cancel();
    module.run(&cx).await.unwrap();
    (batches, cx.health.current())
}

const NONE: &str = "jitterPercent: 0\nbreaker: {failures: 0}\n";

fn up(_: u64) -> Result<Answer, Failure> {
    Ok(Answer::default())
}

fn down(_: u64) -> Result<Answer, Failure> {
    Err(Failure::new("connection refused"))
}

#[tokio::test(start_paused = true)]
async fn each_endpoint_has_its_own_interval_and_the_first_probe_is_at_once() {
    let prober = Scripted::new(Duration::ZERO, up);
    let yaml = format!(
        "{NONE}endpoints:\n- {{id: a, name: A, url: 'tcp://a:1', intervalMs: 5000}}\n- {{id: b, name: B, url: 'tcp://b:1'}}"
    );
    let (batches, health) = run(&yaml, &prober, 61).await;
    assert_eq!(
        prober.seconds("a"),
        (0..=12).map(|n| n * 5).collect::<Vec<_>>()
    );
    assert_eq!(prober.seconds("b"), [0, 30, 60]);
    assert!(batches.iter().all(|batch| batch.get(0).is_none()));
    assert_eq!(health.status, HealthStatus::Healthy);
    assert_eq!(health.details["totalProbes"], 16);
    assert_eq!(health.details["endpoints"]["b"]["status"], "healthy");
}

#[tokio::test(start_paused = true)]
async fn probes_of_one_endpoint_never_overlap_and_late_ones_are_left_out() {
    let prober = Scripted::new(Duration::from_secs(12), up);
    let yaml = format!(
        "{NONE}intervalMs: 5000\ntimeoutMs: 60000\nendpoints: [{{id: a, name: A, url: 'tcp://a:1'}}]"
    );
    run(&yaml, &prober, 60).await;
    assert_eq!(prober.most.load(Ordering::SeqCst), 1);
    assert_eq!(prober.seconds("a"), [0, 17, 34, 51]);
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_run_at_once_than_allowed() {
    let prober = Scripted::new(Duration::from_secs(1), up);
    let mut yaml = format!("{NONE}maxConcurrent: 3\nendpoints:\n");
    for n in 0..10 {
        writeln!(yaml, "- {{id: e{n}, name: E, url: 'tcp://e{n}:1'}}").unwrap();
    }
    run(&yaml, &prober, 20).await;
    assert_eq!(prober.most.load(Ordering::SeqCst), 3);
    assert_eq!(prober.asked.lock().unwrap().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn jitter_spreads_probes_within_its_bounds() {
    let prober = Scripted::new(Duration::ZERO, up);
    let yaml =
        "jitterPercent: 20\nintervalMs: 100000\nendpoints: [{id: a, name: A, url: 'tcp://a:1'}]";
    run(yaml, &prober, 5000).await;
    let at = prober.seconds("a");
    let gaps: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (89..=111).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.iter().min(), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_and_then_told_with_its_facts() {
    let prober = Scripted::new(
        Duration::ZERO,
        |at| if at < 40_000 { down(at) } else { up(at) },
    );
    let yaml = format!(
        "{NONE}endpoints: [{{id: a, name: Shop, url: 'http://a/?key=s3cret', retries: 2, severity: warning}}]"
    );
    let (batches, health) = run(&yaml, &prober, 61).await;
    assert_eq!(prober.asked.lock().unwrap().len(), 3 + 3 + 1);
    let told: Vec<_> = batches
        .iter()
        .filter(|batch| batch.get(0).is_some())
        .collect();
    assert_eq!(told.len(), 2);
    let text = |index: usize| told[index].get(0).unwrap().text().into_owned();
    assert_eq!(
        text(0),
        "[HEALTH_CHECK] [FAILURE] Shop (http://a/?…): connection refused (attempt 1)"
    );
    assert!(text(1).starts_with("[HEALTH_CHECK] [RECOVERY] Shop (http://a/?…) is reachable again"));
    let facts = told[0].attributes(0);
    for (key, value) in [
        ("collector", json!("connector.healthCheck")),
        ("endpointId", json!("a")),
        ("endpointName", json!("Shop")),
        ("endpointUrl", json!("http://a/?…")),
        ("severity", json!("warning")),
        ("opsSeverity", json!("warning")),
        ("error", json!("connection refused")),
        ("consecutiveFails", json!(1)),
    ] {
        assert_eq!(facts[key], value, "{key}");
    }
    assert_eq!(told[1].attributes(0)["opsSeverity"], "info");
    let samples = |index: usize| -> Vec<_> {
        let all = batches[index].samples();
        all.map(|(_, sample)| (sample.name.to_string(), sample.value))
            .collect()
    };
    assert_eq!(samples(0), [("probe.up".to_owned(), 0.0)]);
    assert_eq!(samples(2)[0], ("probe.up".to_owned(), 1.0));
    assert_eq!(samples(2)[1].0, "probe.response_ms");
    let is_ordered = |pair: &[LogBatch]| pair[0].end() <= pair[1].start().unwrap();
    assert!(batches.windows(2).all(is_ordered));
    let counts = [
        "totalFailures",
        "totalRecoveries",
        "unhealthyEndpoints",
        "totalCycles",
    ];
    assert_eq!(
        counts.map(|key| health.details[key].as_u64().unwrap()),
        [2, 1, 0, 3]
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_probes_less_often_and_without_retries() {
    let prober = Scripted::new(Duration::ZERO, down);
    let yaml = "jitterPercent: 0\nintervalMs: 5000\nbreaker: {failures: 2, resetMs: 60000}\nendpoints: [{id: a, name: A, url: 'tcp://a:1', retries: 1, retryDelayMs: 100}]";
    let (_, health) = run(yaml, &prober, 130).await;
    assert_eq!(prober.seconds("a"), [0, 0, 5, 5, 65, 125]);
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(
        health.message.as_deref(),
        Some("`A` (tcp://a:1): connection refused")
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_to_be_left_alone_is() {
    let prober = Scripted::new(Duration::ZERO, |at| {
        let mut failure = Failure::new("answered 429 Too Many Requests, expected 200");
        failure.retry_after = (at < 1000).then(|| Duration::from_secs(70));
        Err(failure)
    });
    let yaml = format!("{NONE}endpoints: [{{id: a, name: A, url: 'tcp://a:1', retries: 3}}]");
    run(&yaml, &prober, 75).await;
    assert_eq!(prober.seconds("a")[..2], [0, 70]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_takes_too_long_is_a_failure() {
    let prober = Scripted::new(Duration::from_hours(1), up);
    let yaml = format!("{NONE}timeoutMs: 2000\nendpoints: [{{id: a, name: A, url: 'tcp://a:1'}}]");
    let (batches, _) = run(&yaml, &prober, 5).await;
    let text = batches[0].get(0).unwrap().text().into_owned();
    assert!(
        text.contains(": timed out after 2000 ms (attempt 1)"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_endpoint_is_degraded_and_not_down() {
    let prober = Scripted::new(Duration::from_secs(2), up);
    let yaml = format!(
        "{NONE}endpoints: [{{id: a, name: A, url: 'tcp://a:1', degradedAboveMs: 1500, severity: info}}]"
    );
    let (batches, health) = run(&yaml, &prober, 5).await;
    let text = batches[0].get(0).unwrap().text().into_owned();
    assert!(
        text.starts_with("[HEALTH_CHECK] [DEGRADED] A (tcp://a:1): answered in 200"),
        "{text}"
    );
    assert_eq!(batches[0].attributes(0)["opsSeverity"], "info");
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(health.details["unhealthyEndpoints"], 0);
    assert_eq!(health.details["endpoints"]["a"]["status"], "degraded");
}

#[test]
fn the_shipped_example_is_right_in_every_key() {
    let shipped = include_str!("../../../../config/default.yaml");
    let (_, section) = shipped.split_once("  connector.healthCheck:\n").unwrap();
    let (section, _) = section.split_once("\n\n").unwrap();
    let lines = section.lines().filter(|line| !line.contains("enabled:"));
    let uncommented = |line: &str| match line.strip_prefix("    #") {
        Some(rest) => format!("     {rest}\n"),
        None => format!("{}\n", line.replace("endpoints: []", "endpoints:")),
    };
    let yaml: String = lines.map(uncommented).collect();
    let config = config(&yaml);
    assert_eq!(config.endpoints.len(), 6);
    HealthCheck::new(config).unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_endpoints_it_waits_to_be_stopped() {
    let prober = Scripted::new(Duration::ZERO, up);
    let (batches, health) = run("{}", &prober, 5).await;
    assert!(batches.is_empty());
    assert_eq!(health.details["endpointCount"], 0);
}

#[test]
fn every_fault_is_named_and_no_secret_is_shown() {
    let yaml = r#"
intervalMs: 1
allowedNetworks: [nonsense]
endpoints:
  - { id: 'a b', name: "x\ny", url: 'ftp://h' }
  - { id: b, name: B, url: 'https://user:s3cret@h/' }
  - { id: b, name: B, url: 'https://h/', headers: { 'bad name': s3cret, x-key: "s3cret\r\nx: y" } }
  - { id: c, name: C, url: 'tcp://h:1', headers: { x: s3cret }, expectedBodyContains: x, retries: 99 }
  - { id: d, name: D, url: 'https://h/', method: HEAD, expectedBodyMatches: '(', expectedJson: [{ pointer: x }] }
  - { id: e, name: E, url: 'dns://h', expectedAnswers: [x], body: s3cret, timeoutMs: 1 }
"#;
    let config = config(yaml);
    assert!(!format!("{config:?}").contains("s3cret\""), "{config:?}");
    let fault = HealthCheck::new(config).unwrap_err().to_string();
    for part in [
        "intervalMs: must be 5000",
        "allowedNetworks[0]: `nonsense`",
        "endpoints[0].id: must be",
        "endpoints[0].name",
        "endpoints[0].url: cannot be probed",
        "endpoints[1].url: a name or password",
        "endpoints[2].id: `b` is the id of two",
        "endpoints[2].headers",
        "endpoints[3].headers: are of HTTP alone",
        "endpoints[3].url: has no body",
        "endpoints[3].retries: must be 0 to 10",
        "endpoints[4].expectedBodyMatches",
        "endpoints[4].expectedJson[0].pointer",
        "endpoints[4].method: an answer to HEAD",
        "endpoints[5].expectedAnswers[0]",
        "endpoints[5].timeoutMs: must be",
        "endpoints[5].body",
    ] {
        assert!(fault.contains(part), "{part} in {fault}");
    }
    assert!(!fault.contains("s3cret"), "{fault}");
}
