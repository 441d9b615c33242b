//! The runs of containers: what a log belongs to.

use opspilot_core::clock::Timestamp;

use crate::kubernetes::wire::LoggedPod;

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kubernetes) struct Run {
    pub(in crate::kubernetes) namespace: String,
    pub(in crate::kubernetes) pod: String,
    pub(in crate::kubernetes) container: String,
    pub(in crate::kubernetes) stream: String,
    /// It is the one before the present one.
    pub(in crate::kubernetes) is_previous: bool,
    /// It ended.
    pub(in crate::kubernetes) is_over: bool,
    /// When it started, or ended.
    pub(in crate::kubernetes) at: Option<Timestamp>,
}

/// The pod that a stream belongs to, by the id that no other pod has.
pub(super) fn uid_of(stream: &str) -> &str {
    stream.split('/').nth(1).unwrap_or_default()
}

/// The runs of the containers of a pod.
pub(super) fn runs_of(pod: &LoggedPod, wanted: &[String]) -> Vec<Run> {
    let status = pod.status.as_ref();
    let all = status.map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let containers = all.into_iter().flatten().flatten().flatten();
    let chosen =
        containers.filter(|container| wanted.is_empty() || wanted.contains(&container.name));
    let run = |container: &str, id: &str, is_previous: bool, is_over: bool, at: Option<&str>| {
        let id = id.rsplit('/').next().unwrap_or_default();
        Run {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            pod: pod.metadata.name.clone(),
            container: container.to_owned(),
            stream: format!("kubernetes-log/{}/{container}/{id}", pod.metadata.uid),
            is_previous,
            is_over,
            at: at.and_then(|at| Timestamp::parse(at).ok()),
        }
    };
    let mut runs = Vec::new();
    for container in chosen {
        let name = container.name.as_str();
        for (state, is_previous) in [(&container.last_state, true), (&container.state, false)] {
            let ended = state.as_ref().and_then(|state| state.terminated.as_ref());
            if let Some(ended) = ended
                && let Some(id) = ended.container_id.as_deref().filter(|id| !id.is_empty())
            {
                runs.push(run(
                    name,
                    id,
                    is_previous,
                    true,
                    ended.finished_at.as_deref(),
                ));
            }
        }
        let running = container
            .state
            .as_ref()
            .and_then(|state| state.running.as_ref());
        if let (Some(running), Some(id)) = (running, container.container_id.as_deref())
            && !id.is_empty()
        {
            runs.push(run(name, id, false, false, running.started_at.as_deref()));
        }
    }
    runs
}
