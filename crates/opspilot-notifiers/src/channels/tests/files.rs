//! The file channel on a real file system.

use std::fs;
use std::path::Path;

use opspilot_core::config::ModuleOptions;
use opspilot_core::module::Factory;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::Channels;
use super::super::file::FileNotifier;
use super::notice;
use crate::driver::Notifier as _;
use crate::testing::Process;

async fn lines(path: &Path, count: usize) -> Vec<Value> {
    for _ in 0..100_000 {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            let parse = |line| serde_json::from_str(line).unwrap();
            return text.lines().map(parse).collect();
        }
        tokio::task::yield_now().await;
    }
    panic!("{} never had {count} lines", path.display());
}

#[tokio::test]
async fn each_incident_is_one_line_with_its_evidence() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a/b/incidents.jsonl");
    let process = Process::new().await;
    let options = json!({
        "channels": [{ "id": "log", "type": "file", "path": path, "events": ["incident.created"],
            "rateLimitPerMinute": 0 }],
    });
    let options = ModuleOptions::from_json("notifier.channels", options);
    let mut module = Factory::of::<Channels>().build(&options).unwrap();
    let cx = process.context();
    module.init(&cx).await.unwrap();
    let running = cx.clone();
    cx.tasks
        .spawn("run", async move { module.run(&running).await.unwrap() });
    process
        .publish((0..1_000).map(|index| format!("i{index}")))
        .await;
    let told = lines(&path, 1_000).await;
    for (index, line) in told.iter().enumerate() {
        assert_eq!(line["type"], "incident.created");
        assert_eq!(
            line["payload"]["context"]["matchedLine"],
            format!("line of i{index}")
        );
    }
    cx.cancel.cancel();
}

#[tokio::test]
async fn a_file_that_is_moved_away_or_removed_is_made_again() {
    let folder = TempDir::new().unwrap();
    let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
    let process = Process::new().await;
    let notifier = FileNotifier::new(path.clone(), process.context().tasks);
    let tell = async |id: &str| notifier.deliver(&notice(&process, id).await).await.unwrap();
    tell("a").await;
    fs::rename(&path, &old).unwrap();
    tell("b").await;
    assert_eq!(
        (lines(&old, 1).await.len(), lines(&path, 1).await.len()),
        (1, 1)
    );
    fs::remove_file(&path).unwrap();
    tell("c").await;
    assert_eq!(lines(&path, 1).await[0]["payload"]["incidentId"], "c");
}

#[tokio::test]
async fn a_torn_line_is_ended_before_the_next() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "{\"torn").unwrap();
    let process = Process::new().await;
    let notifier = FileNotifier::new(path.clone(), process.context().tasks);
    notifier
        .deliver(&notice(&process, "a").await)
        .await
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"torn");
    serde_json::from_str::<Value>(whole).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_named_and_may_pass() {
    let process = Process::new().await;
    let notifier = FileNotifier::new("/dev/full".into(), process.context().tasks);
    let error = notifier
        .deliver(&notice(&process, "a").await)
        .await
        .unwrap_err();
    assert!(error.is_transient());
    let text = opspilot_core::error::chain(&error);
    assert!(
        text.starts_with("cannot append to `/dev/full`: No space left"),
        "{text}"
    );
}
