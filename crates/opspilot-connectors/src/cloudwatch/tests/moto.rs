//! The module against moto, the mock of AWS.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use opspilot_core::module::HealthStatus;
use opspilot_core::testing::Bench;

use super::super::cloud::Cloud;
use super::{Config, config, polls, start, told};

/// Where moto may be: the one for tests, and the machine's own.
const SERVERS: &[&str] = &[
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/moto/bin/moto_server"
    ),
    "moto_server",
];

struct Moto {
    child: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Moto {
    async fn start() -> Option<Self> {
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port().to_string()
        };
        let started = SERVERS.iter().find_map(|server| {
            #[expect(clippy::disallowed_methods, reason = "the test needs the real program")]
            let mut command = Command::new(server);
            command.args(["-H", "127.0.0.1", "-p", &port]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().ok()
        });
        let Some(child) = started else {
            eprintln!(
                "SKIPPED: moto is missing: python3 -m venv target/moto && target/moto/bin/pip install 'moto[logs,iam]' \
                 flask flask-cors"
            );
            return None;
        };
        let moto = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(format!("127.0.0.1:{port}"))
                .await
                .is_ok()
            {
                return Some(moto);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("moto does not listen");
    }

    fn config(&self, more: &str) -> Config {
        config(&self.url, more)
    }

    async fn group(&self, name: &str) {
        let cloud = Cloud::open(&self.config("logGroups: [x]")).await.unwrap();
        let client = cloud.client();
        let group = client.create_log_group().log_group_name(name);
        group.send().await.unwrap();
        for stream in ["one", "two"] {
            let stream = client.create_log_stream().log_stream_name(stream);
            stream.log_group_name(name).send().await.unwrap();
        }
    }

    async fn put(&self, group: &str, stream: &str, events: &[(i64, String)]) {
        let cloud = Cloud::open(&self.config("logGroups: [x]")).await.unwrap();
        let events = events.iter().map(|(time, message)| {
            let event = InputLogEvent::builder().timestamp(*time).message(message);
            event.build().unwrap()
        });
        let put = cloud.client().put_log_events().log_group_name(group);
        put.log_stream_name(stream)
            .set_log_events(Some(events.collect()))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn pages_of_two_streams_come_once_over_restarts() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    moto.group("/shop").await;
    let mut expected = Vec::new();
    for (offset, stream) in [(0, "one"), (1, "two")] {
        let events: Vec<_> = (0..40)
            .map(|number| {
                (
                    now - 10_000 + 2 * number + offset,
                    format!("{stream}-{number}"),
                )
            })
            .collect();
        moto.put("/shop", stream, &events).await;
        expected.extend(events);
    }
    let options = || moto.config("logGroups: [/shop]");
    let mut running = start(&bench, options()).await;
    // Moto shows one log stream after the other.
    let (positions, mut lines): (Vec<_>, Vec<_>) = told(&mut running, 80).await.into_iter().unzip();
    let mut wanted: Vec<_> = expected.into_iter().map(|(_, line)| line).collect();
    lines.sort();
    wanted.sort();
    assert_eq!((positions, lines), ((0..80).collect(), wanted));
    polls(&running, 2).await;
    assert!(running.logs.try_recv().is_none(), "nothing comes twice");
    running.kill().await;
    let latecomer = [(now - 9_999, "latecomer".to_owned())];
    moto.put("/shop", "one", &latecomer).await;
    let mut running = start(&bench, options()).await;
    assert_eq!(told(&mut running, 1).await, [(80, "latecomer".to_owned())]);
    polls(&running, 2).await;
    assert!(running.logs.try_recv().is_none(), "nothing comes twice");
    running.stop().await;
}

#[tokio::test]
async fn a_missing_group_is_named_and_delays_nobody() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    moto.group("/shop").await;
    moto.put("/shop", "one", &[(now - 1000, "a".to_owned())])
        .await;
    let role = "assumeRole: {arn: 'arn:aws:iam::123456789012:role/reader', externalId: x";
    let options = moto.config(&format!(
        "logGroups: [/missing, /shop], {role}, endpointUrl: '{}'}}",
        moto.url
    ));
    let mut running = start(&bench, options).await;
    assert_eq!(told(&mut running, 1).await, [(0, "a".to_owned())]);
    let wanted = "log group `/missing`: does not exist in region us-east-1";
    running.says(HealthStatus::Degraded, wanted).await;
    running.stop().await;
}

#[tokio::test]
async fn sessions_of_live_tail_ring_long_before_the_usual_poll() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    moto.group("/shop").await;
    moto.put("/shop", "one", &[(now - 2000, "a".to_owned())])
        .await;
    let mut options = moto.config("logGroups: [/shop], liveTail: true");
    options.poll_interval_ms = 3_600_000;
    let mut running = start(&bench, options).await;
    assert_eq!(told(&mut running, 1).await, [(0, "a".to_owned())]);
    // A session of moto tells all that there is and ends; the next one is opened soon.
    moto.put("/shop", "two", &[(now - 2000, "b".to_owned())])
        .await;
    assert_eq!(told(&mut running, 1).await, [(1, "b".to_owned())]);
    assert_eq!(running.cx.health.current().status, HealthStatus::Healthy);
    running.stop().await;
}
