//! What an action is done to, where it is no program: a unit, an address, a workload.

use std::collections::BTreeMap;

use opspilot_core::config::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{digests, sixty, ten};

/// A systemd unit.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Systemd {
    /// What is done to it.
    pub verb: SystemdVerb,
    /// The unit's whole name, such as `nginx.service`, or a parameter of type `enum` that lists the units.
    pub unit: String,
    /// How many seconds it may take, from 1 to 600. Default 60.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout_seconds: u64,
}

/// What can be done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SystemdVerb {
    /// It is stopped and started.
    Restart,
    /// It is started.
    Start,
    /// It is stopped.
    Stop,
}

/// A request.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// The method.
    pub method: Method,
    /// The address. Values may stand in its path and query, where they are percent-encoded; never before.
    pub url: String,
    /// The hosts that may be asked; the host of `url` must be one of them. An address is written as such. Default: the
    /// host of `url`, if it is a name.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Lets the names of `hosts` lead to private and loopback addresses. Link-local and metadata addresses never are
    /// asked.
    #[serde(default)]
    pub allow_private: bool,
    /// The headers, by name. They are secret, and take no values.
    #[serde(default, serialize_with = "digests")]
    pub headers: BTreeMap<String, Secret>,
    /// The body, as JSON. Values may stand within its strings; a string that is one integer parameter becomes a number.
    #[serde(default)]
    pub body: Option<String>,
    /// How many seconds it may take, from 1 to 300. Default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u64,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
}

/// A workload in a cluster.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubernetes {
    /// What is done to it.
    pub verb: KubernetesVerb,
    /// The namespace.
    pub namespace: String,
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// How many pods it shall have: a number, or an integer parameter. For `scale` alone.
    #[serde(default)]
    pub replicas: Option<String>,
    /// The file that says how to reach the cluster. Default: as from inside the cluster.
    #[serde(default)]
    pub kubeconfig: Option<String>,
    /// The context in that file. Default: its current one.
    #[serde(default)]
    pub context: Option<String>,
    /// How many seconds a request may take, from 1 to 300. Default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u64,
}

/// What can be done to a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KubernetesVerb {
    /// Its pods are replaced, one after another.
    RolloutRestart,
    /// It gets another number of pods.
    Scale,
    /// The pod is deleted; whoever made it makes another.
    Delete,
}

/// What a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WorkloadKind {
    /// A deployment.
    Deployment,
    /// A stateful set.
    StatefulSet,
    /// A daemon set, which cannot be scaled.
    DaemonSet,
    /// A pod, which can only be deleted.
    Pod,
}
