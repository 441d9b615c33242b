//! The runs of containers: what a log belongs to.

use opspilot_core::clock::Timestamp;

use crate::kubernetes::wire::{ContainerState, ContainerStatus, LoggedPod};

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kubernetes) struct Run {
    pub(in crate::kubernetes) namespace: String,
    pub(in crate::kubernetes) pod: String,
    pub(in crate::kubernetes) container: String,
    pub(in crate::kubernetes) stream: String,
    /// How often the container had started before it.
    pub(in crate::kubernetes) number: i64,
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

/// The container that a stream belongs to, by a name that no other container has.
pub(super) fn container_of(stream: &str) -> &str {
    stream
        .rsplit_once('/')
        .map_or(stream, |(container, _)| container)
}

/// The runs of the containers of a pod.
pub(super) fn runs_of(pod: &LoggedPod, wanted: &[String]) -> Vec<Run> {
    let status = pod.status.as_ref();
    let all = status.map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let containers = all.into_iter().flatten().flatten().flatten();
    let chosen =
        containers.filter(|container| wanted.is_empty() || wanted.contains(&container.name));
    chosen.flat_map(|status| runs_in(pod, status)).collect()
}

/// The runs of one container: the present one, and the one before it.
fn runs_in(pod: &LoggedPod, container: &ContainerStatus) -> Vec<Run> {
    let run = |id: &str, at: Option<&str>| {
        let id = id.rsplit('/').next().unwrap_or_default();
        let name = &container.name;
        Run {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            pod: pod.metadata.name.clone(),
            container: name.clone(),
            stream: format!("kubernetes-log/{}/{name}/{id}", pod.metadata.uid),
            number: container.restart_count,
            is_previous: false,
            is_over: false,
            at: at.and_then(|at| Timestamp::parse(at).ok()),
        }
    };
    let ended = |state: Option<&ContainerState>| {
        let ended = state?.terminated.as_ref()?;
        let id = ended.container_id.as_deref().filter(|id| !id.is_empty())?;
        Some(Run {
            is_over: true,
            ..run(id, ended.finished_at.as_deref())
        })
    };
    let running = || {
        let running = container.state.as_ref()?.running.as_ref()?;
        let id = container.container_id.as_deref();
        let id = id.filter(|id| !id.is_empty())?;
        Some(run(id, running.started_at.as_deref()))
    };
    let present = ended(container.state.as_ref()).or_else(running);
    // A container that waits to start again counts as it did in its last run.
    let earlier = i64::from(present.is_some());
    let previous = ended(container.last_state.as_ref()).map(|run| Run {
        number: run.number - earlier,
        is_previous: true,
        ..run
    });
    previous.into_iter().chain(present).collect()
}
