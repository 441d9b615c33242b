//! The real Alertmanager.

use std::process::{Child, Stdio};
use std::time::Duration;

use opspilot_core::incident::Status;
use opspilot_net::testing::ask;

use super::harness::{Running, TOKEN};
use super::routes;

const PROGRAM: &str = "prometheus-alertmanager";

struct Alertmanager(Child);

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn the_real_alertmanager_delivers_firing_and_resolved() {
    let running = Running::new(&routes()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alertmanager.yml");
    let options = format!(
        "route: {{ receiver: opspilot, group_by: [alertname], group_wait: 10ms, group_interval: 100ms }}
receivers:
  - name: opspilot
    webhook_configs:
      - url: http://{}/am
        send_resolved: true
        http_config: {{ authorization: {{ credentials: {TOKEN} }} }}
",
        running.address
    );
    std::fs::write(&file, options).unwrap();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    #[expect(clippy::disallowed_methods, reason = "the test needs the real program")]
    let started = std::process::Command::new(PROGRAM)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.path={}", folder.path().display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(started) = started else {
        eprintln!("SKIPPED: {PROGRAM} is missing: install prometheus-alertmanager");
        return;
    };
    let _alertmanager = Alertmanager(started);
    let address = ([127, 0, 0, 1], port).into();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let alert = |more: &str| {
        format!(
            r#"[{{"labels": {{"alertname": "Down", "instance": "a:1", "severity": "critical"}}, "annotations": {{"summary": "It is down"}}{more}}}]"#
        )
    };
    let send = async |body: String| {
        let head = ["POST /api/v2/alerts", "Content-Type: application/json"];
        assert_eq!(ask(address, &head, body.as_bytes()).await.status, 200);
    };
    send(alert("")).await;
    wait(&running, Status::Open).await;
    let incident = running.incidents().await.remove(0);
    assert_eq!(incident.title, "It is down (instance=a:1)");
    assert_eq!(incident.context["attributes"]["receiver"], "opspilot");
    send(alert(
        r#", "endsAt": "2020-01-01T00:00:00Z", "startsAt": "2019-12-31T00:00:00Z""#,
    ))
    .await;
    wait(&running, Status::Resolved).await;
    assert_eq!(running.incidents().await.len(), 1);
}

async fn wait(running: &Running, status: Status) {
    let seen = async {
        while running
            .incidents()
            .await
            .iter()
            .all(|incident| incident.status != status)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), seen).await;
    in_time.unwrap_or_else(|_| panic!("nothing is {status} in time"));
}
