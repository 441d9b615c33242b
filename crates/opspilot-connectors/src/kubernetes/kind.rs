//! What is watched.

use super::config::Config;

/// A kind of object that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Events,
    Pods,
    Nodes,
    Deployments,
    /// Not watched: the logs of pods.
    Logs,
}

impl Kind {
    /// Every kind.
    pub(super) const ALL: [Self; 4] = [Self::Events, Self::Pods, Self::Nodes, Self::Deployments];

    /// Those that are to be watched.
    pub(super) fn wanted(config: &Config) -> Vec<Self> {
        let is_wanted = |kind: &Self| match kind {
            Self::Events => config.watch_events,
            Self::Pods => config.watch_pods,
            Self::Nodes => config.watch_nodes,
            Self::Deployments => config.watch_deployments,
            Self::Logs => false,
        };
        Self::ALL.into_iter().filter(is_wanted).collect()
    }

    /// The name of the resource in the API.
    pub(super) const fn resource(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Pods => "pods",
            Self::Nodes => "nodes",
            Self::Deployments => "deployments",
            Self::Logs => "pods/log",
        }
    }

    /// The group of the resource, as roles name it.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Self::Events | Self::Pods | Self::Nodes | Self::Logs => "",
            Self::Deployments => "apps",
        }
    }

    /// The place in the API, of all namespaces or of one.
    pub(super) fn path(self, namespace: &str) -> String {
        let root = match self {
            Self::Events | Self::Pods | Self::Nodes | Self::Logs => "/api/v1",
            Self::Deployments => "/apis/apps/v1",
        };
        match (self, namespace) {
            (Self::Nodes, _) | (_, "") => format!("{root}/{}", self.resource()),
            (_, namespace) => format!("{root}/namespaces/{namespace}/{}", self.resource()),
        }
    }
}
