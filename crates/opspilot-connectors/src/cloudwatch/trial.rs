//! Reads each group once, and opens sessions of live tail: for `check --online`.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use opspilot_core::error::chain;
use opspilot_core::module::{Trial, TrialContext};

use super::cloud::{Cloud, Span};
use super::config::Config;
use super::live;

/// How many groups are read at a time.
const TOGETHER: usize = 4;

/// Reads a page of each group, and opens the sessions of live tail if they are wanted.
pub(super) async fn try_cloud(config: &Config, cx: &TrialContext) -> Vec<Trial> {
    if cx.is_remote {
        // The SDK may ask the machine's metadata for credentials.
        let note = "is tried by `opspilot-server check --online` alone";
        return vec![Trial::of("CloudWatch Logs", Ok(Some(note.to_owned())))];
    }
    let cloud = match Cloud::open(config).await {
        Ok(cloud) => cloud,
        Err(error) => return vec![Trial::of("CloudWatch Logs", Err(chain(&error)))],
    };
    let mut trials = Vec::new();
    for groups in config.log_groups.chunks(TOGETHER) {
        let reads = groups.iter().map(|group| try_group(&cloud, group, cx));
        trials.extend(join_all(reads).await);
    }
    for (_, groups) in live::sessions(config) {
        let name = format!(
            "live tail of {} with {}",
            groups.join(", "),
            cloud.service()
        );
        let opening = async {
            let opened = live::open(&cloud, groups, &mut BTreeMap::new(), cx.limit).await;
            let note = "a session was opened and closed; AWS charges sessions by the minute";
            opened
                .map(|_| Some(note.to_owned()))
                .map_err(|trouble| trouble.message)
        };
        trials.push(cx.attempt(name, opening).await);
    }
    trials
}

/// Reads a page of what is new in `group`.
async fn try_group(cloud: &Cloud, group: &str, cx: &TrialContext) -> Trial {
    let name = format!("read log group `{group}` from {}", cloud.service());
    let from = cx.clock.now().as_millis();
    cx.attempt(name, async {
        let found = cloud.page(group, Span { from, to: None }, None).await;
        found.map(|_| None).map_err(|trouble| trouble.message)
    })
    .await
}
