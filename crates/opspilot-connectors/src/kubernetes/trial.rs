//! Lists what is watched once: for `check --online`.

use futures_util::future::join_all;
use opspilot_core::module::{Trial, TrialContext};

use super::cluster::{Cluster, Trouble};
use super::config::Config;
use super::kind::Kind;

/// Reads one page of every resource that is watched, and of the pods whose logs are read.
pub(super) async fn try_cluster(config: &Config, cx: &TrialContext) -> Vec<Trial> {
    let cluster = Cluster::new(config.clone());
    let told = |found: Result<Vec<u8>, Trouble>| match found {
        Ok(_) => Ok(None),
        Err(trouble) => Err(trouble.message),
    };
    let kinds = Kind::wanted(config).into_iter().map(|kind| {
        let name = format!("list {} of {}", kind.resource(), cluster.name());
        let cluster = &cluster;
        cx.attempt(
            name,
            async move { told(cluster.page(kind, "", None).await) },
        )
    });
    let logs = config.pod_logs.iter().map(|logs| {
        let name = format!("list pods `{}` of {}", logs.selector, cluster.name());
        let cluster = &cluster;
        cx.attempt(name, async move {
            told(cluster.page(Kind::Pods, &logs.selector, None).await)?;
            let note = "whether their logs may be read (`get` on `pods/log`) is not tried";
            Ok(Some(note.to_owned()))
        })
    });
    let (mut kinds, logs) = tokio::join!(join_all(kinds), join_all(logs));
    kinds.extend(logs);
    kinds
}
