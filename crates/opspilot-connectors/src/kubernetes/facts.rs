//! What an object says that people on call want to know.

use opspilot_core::signal::Attributes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::config::Severities;
use super::kind::Kind;
use super::wire::{Condition, ContainerStatus, Deployment, Event, Head, Metadata, Node, Pod};

/// The longest message in a line, in bytes.
const LONGEST: usize = 8 << 10;

/// Reasons for which a container waits that are no part of a good start.
const WAITING: &[&str] = &[
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// Reasons for which a container ended that are no good end.
const TERMINATED: &[&str] = &[
    "OOMKilled",
    "Error",
    "ContainerCannotRun",
    "StartError",
    "DeadlineExceeded",
];

/// Conditions of a node that are trouble when they hold.
const PRESSURES: &[&str] = &[
    "MemoryPressure",
    "DiskPressure",
    "PIDPressure",
    "NetworkUnavailable",
];

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    /// The same fact of the same object has the same key.
    pub(super) key: u64,
    pub(super) line: String,
    pub(super) attributes: Attributes,
}

/// What is known of one object.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) uid: String,
    /// Its version, as a number: versions of one resource ascend.
    pub(super) version: u64,
    /// What holds now.
    pub(super) facts: Vec<Fact>,
}

/// Why an object cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectError {
    #[error("an object is not what it should be")]
    Shape(#[from] serde_json::Error),
    #[error("the resource version `{0}` is not a number")]
    Version(String),
}

/// The version that `text` is.
pub(super) fn version(text: &str) -> Result<u64, ObjectError> {
    text.parse()
        .map_err(|_| ObjectError::Version(text.to_owned()))
}

/// Reads an object.
pub(super) fn read(
    kind: Kind,
    object: &RawValue,
    severities: &Severities,
) -> Result<Seen, ObjectError> {
    let Head { metadata } = parse(object)?;
    let facts = match kind {
        Kind::Events => event(&parse(object)?, severities),
        Kind::Pods => pod(&metadata, &parse(object)?, severities),
        Kind::Nodes => node(&metadata, &parse(object)?, severities),
        Kind::Logs => Vec::new(),
        Kind::Deployments => deployment(&metadata, &parse(object)?, severities),
    };
    Ok(Seen {
        version: version(&metadata.resource_version)?,
        uid: metadata.uid,
        facts,
    })
}

fn parse<T: DeserializeOwned>(object: &RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(object.get())
}

/// An Event says something new each time it changes: its count grew.
fn event(event: &Event, severities: &Severities) -> Vec<Fact> {
    let kind = event.kind.as_deref().unwrap_or("Normal");
    let reason = event.reason.as_deref().unwrap_or_default();
    let involved = &event.involved_object;
    let object = involved.kind.as_deref().unwrap_or("Object");
    let name = involved.name.as_deref().unwrap_or_default();
    let count = event
        .series
        .as_ref()
        .and_then(|series| series.count)
        .or(event.count);
    let component = event
        .source
        .as_ref()
        .and_then(|source| source.component.as_deref());
    let component = component
        .filter(|text| !text.is_empty())
        .or(event.reporting_component.as_deref());
    let message = bounded(event.message.as_deref().unwrap_or_default());
    let severity = severities.of_event(kind, reason);
    let mut attributes = attributes(&[
        ("eventType", kind.into()),
        ("reason", reason.into()),
        ("kind", object.into()),
        ("name", name.into()),
        ("opsSeverity", severity.into()),
    ]);
    let optional = [
        ("namespace", involved.namespace.as_deref().map(Value::from)),
        ("count", count.map(Value::from)),
        (
            "sourceComponent",
            component.filter(|text| !text.is_empty()).map(Value::from),
        ),
    ];
    for (key, value) in optional {
        attributes.extend(value.map(|value| (key.to_owned(), value)));
    }
    vec![Fact {
        key: 0,
        line: format!("[K8S_EVENT] [{kind}] {object}/{name}: {reason} — {message}"),
        attributes,
    }]
}

fn pod(metadata: &Metadata, pod: &Pod, severities: &Severities) -> Vec<Fact> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let all = [
        &status.init_container_statuses,
        &status.container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let containers = all.into_iter().flatten().flatten();
    let mut facts: Vec<Fact> = containers
        .flat_map(|container| {
            troubles(container)
                .into_iter()
                .map(move |trouble| (container, trouble))
        })
        .map(|(container, trouble)| trouble.fact(metadata, container, severities))
        .collect();
    if status.phase.as_deref() == Some("Failed")
        && let Some(reason) = status.reason.as_deref()
    {
        let (namespace, name) = place(metadata);
        let message = bounded(status.message.as_deref().unwrap_or(reason));
        facts.push(Fact {
            key: key(&["pod", reason]),
            line: format!("[K8S_POD] [{reason}] {namespace}/{name}: {message}"),
            attributes: attributes(&[
                ("podName", name.into()),
                ("namespace", namespace.into()),
                ("reason", reason.into()),
                ("opsSeverity", severities.of(&[reason]).into()),
            ]),
        });
    }
    facts
}

/// Something that is wrong with a container.
struct Trouble<'a> {
    reason: &'a str,
    message: String,
    /// Which time it is.
    instance: String,
}

/// What is wrong with a container. How its last run ended stands in the last state while it waits or runs again.
fn troubles(container: &ContainerStatus) -> Vec<Trouble<'_>> {
    let mut found = Vec::new();
    let waiting = container
        .state
        .as_ref()
        .and_then(|state| state.waiting.as_ref());
    if let Some(waiting) = waiting
        && let Some(reason) = waiting
            .reason
            .as_deref()
            .filter(|reason| WAITING.contains(reason))
    {
        found.push(Trouble {
            reason,
            message: waiting.message.as_deref().unwrap_or(reason).to_owned(),
            instance: container.restart_count.to_string(),
        });
    }
    let states = [&container.state, &container.last_state];
    let ended = states
        .into_iter()
        .filter_map(|state| state.as_ref()?.terminated.as_ref());
    for ended in ended {
        let Some(reason) = ended
            .reason
            .as_deref()
            .filter(|reason| TERMINATED.contains(reason))
        else {
            continue;
        };
        let code = ended
            .exit_code
            .map_or_else(String::new, |code| format!("exit code {code}"));
        let message = [ended.message.as_deref(), Some(code.as_str()), Some(reason)];
        let message = message
            .into_iter()
            .flatten()
            .find(|text| !text.trim().is_empty());
        found.push(Trouble {
            reason,
            message: message.unwrap_or(reason).trim().to_owned(),
            instance: ended.finished_at.clone().unwrap_or_default(),
        });
    }
    found
}

impl Trouble<'_> {
    fn fact(
        self,
        metadata: &Metadata,
        container: &ContainerStatus,
        severities: &Severities,
    ) -> Fact {
        let (namespace, name) = place(metadata);
        let (reason, restarts) = (self.reason, container.restart_count);
        let message = bounded(&self.message);
        Fact {
            key: key(&["container", &container.name, reason, &self.instance]),
            line: format!(
                "[K8S_POD] [{reason}] {namespace}/{name}/{}: {message} (restarts: {restarts})",
                container.name
            ),
            attributes: attributes(&[
                ("podName", name.into()),
                ("namespace", namespace.into()),
                ("containerName", container.name.as_str().into()),
                ("reason", reason.into()),
                ("restartCount", restarts.into()),
                ("opsSeverity", severities.of(&[reason]).into()),
            ]),
        }
    }
}

fn node(metadata: &Metadata, node: &Node, severities: &Severities) -> Vec<Fact> {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let trouble = |condition: &Condition| {
        let reason = match condition.kind.as_str() {
            "Ready" if condition.status != "True" => "NodeNotReady",
            kind if PRESSURES.contains(&kind) && condition.status == "True" => kind,
            _ => return None,
        };
        let message = bounded(condition.message.as_deref().unwrap_or_default());
        let since = condition
            .last_transition_time
            .as_deref()
            .unwrap_or_default();
        let mut attributes = attributes(&[
            ("nodeName", metadata.name.as_str().into()),
            ("conditionType", condition.kind.as_str().into()),
            ("conditionStatus", condition.status.as_str().into()),
            ("opsSeverity", severities.of(&[reason]).into()),
        ]);
        attributes.extend(
            condition
                .reason
                .as_deref()
                .map(|reason| ("reason".to_owned(), reason.into())),
        );
        Some(Fact {
            key: key(&["node", reason, &condition.status, since]),
            line: format!("[K8S_NODE] [{reason}] {}: {message}", metadata.name),
            attributes,
        })
    };
    conditions
        .into_iter()
        .flatten()
        .filter_map(trouble)
        .collect()
}

fn deployment(metadata: &Metadata, deployment: &Deployment, severities: &Severities) -> Vec<Fact> {
    let Some(status) = &deployment.status else {
        return Vec::new();
    };
    let wanted = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let missing = status.unavailable_replicas.unwrap_or(0);
    let (namespace, name) = place(metadata);
    let fact = |key: u64, reason: &str, message: &str| Fact {
        key,
        line: format!(
            "[K8S_DEPLOYMENT] [{reason}] {namespace}/{name}: {}",
            bounded(message)
        ),
        attributes: attributes(&[
            ("deploymentName", name.into()),
            ("namespace", namespace.into()),
            ("reason", reason.into()),
            ("replicas", wanted.into()),
            ("unavailableReplicas", missing.into()),
            ("opsSeverity", severities.of(&[reason]).into()),
        ]),
    };
    let generation = metadata.generation.unwrap_or_default().to_string();
    let mut facts = Vec::new();
    if missing > 0 {
        let message = format!("{missing} of {wanted} replicas are unavailable");
        facts.push(fact(
            key(&["replicas", &generation]),
            "UnavailableReplicas",
            &message,
        ));
    }
    for condition in status.conditions.iter().flatten() {
        let reason = condition.reason.as_deref().unwrap_or_default();
        if condition.kind == "Progressing"
            && condition.status == "False"
            && reason == "ProgressDeadlineExceeded"
        {
            let since = condition
                .last_transition_time
                .as_deref()
                .unwrap_or_default();
            let message = condition.message.as_deref().unwrap_or("it does not get on");
            facts.push(fact(key(&["progress", since]), reason, message));
        }
    }
    facts
}

fn place(metadata: &Metadata) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        &metadata.name,
    )
}

fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

/// A key of the parts, the same in every run: FNV-1a of 64 bits (draft-eastlake-fnv). The parts come from the cluster, which
/// has nothing to gain from two facts with one key.
fn key(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn bounded(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
