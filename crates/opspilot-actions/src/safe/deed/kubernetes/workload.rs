//! Workloads of the catalogue.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::{ActionError, Effect, Outcome};
use serde_json::json;

use super::cluster::{Change, Cluster, Object};
use crate::safe::catalogue::{Kubernetes, KubernetesVerb, Template, Values, WorkloadKind};
use crate::safe::deed::command::is_plain_path;
use crate::safe::deed::{Deed, Planned, Site, World, not_done, owned};

/// The most pods that a workload can be scaled to.
const MOST_REPLICAS: i64 = 10_000;

/// A workload of the catalogue.
#[derive(Debug)]
pub(super) struct Workload {
    verb: KubernetesVerb,
    kind: WorkloadKind,
    namespace: Template,
    name: Template,
    replicas: Option<Template>,
    cluster: Cluster,
}

impl Workload {
    /// Checks the options of `site`.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn parse(options: &Kubernetes, site: &Site<'_>) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        let mut template = |key, text: &str| {
            let template = site.template(key, text);
            if let Ok(fixed) = template.as_ref().map(Template::is_fixed)
                && fixed
                && !is_name(text)
            {
                faults.push(site.fault(
                    key,
                    "must be the name of an object: small letters, digits, `-` and `.`",
                ));
            }
            template.map_err(|fault| faults.push(fault)).ok()
        };
        let namespace = template("namespace", &options.namespace);
        let name = template("name", &options.name);
        let replicas = options
            .replicas
            .as_deref()
            .map(|text| parse_replicas(text, site));
        let replicas = replicas
            .transpose()
            .map_err(|fault| faults.push(fault))
            .ok()
            .flatten();
        faults.extend(check_verb(options, site));
        if options
            .kubeconfig
            .as_deref()
            .is_some_and(|path| !is_plain_path(path))
        {
            faults.push(site.fault("kubeconfig", "must be an absolute path without `..`"));
        }
        if options.context.is_some() && options.kubeconfig.is_none() {
            faults.push(site.fault("context", "needs `kubeconfig`"));
        }
        if !(1..=300).contains(&options.timeout_seconds) {
            faults.push(site.fault("timeoutSeconds", "must be from 1 to 300"));
        }
        match (BuildError::join(faults), namespace, name) {
            (None, Some(namespace), Some(name)) => Ok(Self {
                verb: options.verb,
                kind: options.kind,
                namespace,
                name,
                replicas,
                cluster: Cluster {
                    kubeconfig: options.kubeconfig.clone(),
                    context: options.context.clone(),
                    timeout: Duration::from_secs(options.timeout_seconds),
                },
            }),
            (fault, ..) => Err(fault.unwrap_or_else(|| site.fault("name", "cannot be used"))),
        }
    }

    fn object(&self, values: &Values) -> Result<Object, String> {
        let object = Object {
            kind: self.kind,
            namespace: self.namespace.render(values),
            name: self.name.render(values),
        };
        if is_name(&object.namespace) && is_name(&object.name) {
            return Ok(object);
        }
        Err("the values make no name of an object".to_owned())
    }

    /// The change, at `now`.
    fn change(&self, values: &Values, now: &str) -> Result<Change, String> {
        let replicas = || -> Option<i64> { self.replicas.as_ref()?.render(values).parse().ok() };
        Ok(match self.verb {
            // What `kubectl rollout restart` does: another annotation is another template, which is rolled out.
            KubernetesVerb::RolloutRestart => {
                Change::Patch(json!({ "spec": { "template": { "metadata": {
                "annotations": { "kubectl.kubernetes.io/restartedAt": now } } } } }))
            }
            KubernetesVerb::Scale => {
                match replicas().filter(|count| (0..=MOST_REPLICAS).contains(count)) {
                    Some(count) => Change::Scale(json!({ "spec": { "replicas": count } })),
                    None => return Err(format!("replicas: must be from 0 to {MOST_REPLICAS}")),
                }
            }
            KubernetesVerb::Delete => Change::Delete,
        })
    }

    async fn apply(&self, values: &Values, world: &World, is_dry: bool) -> Result<String, String> {
        let object = self.object(values)?;
        let change = self.change(values, &world.clock.now().to_string())?;
        self.cluster.apply(&object, &change, is_dry).await
    }

    fn deed(&self, object: &Object, values: &Values) -> String {
        match (self.verb, &self.replicas) {
            (KubernetesVerb::Scale, Some(replicas)) => {
                format!("scale {object} to {} replicas", replicas.render(values))
            }
            (KubernetesVerb::Scale, None) => format!("scale {object}"),
            (KubernetesVerb::RolloutRestart, _) => {
                format!("replace the pods of {object}, one after another")
            }
            (KubernetesVerb::Delete, _) => format!("delete {object}"),
        }
    }
}

#[async_trait]
impl Deed for Workload {
    fn executor(&self) -> &'static str {
        "kubernetes"
    }

    fn names(&self) -> BTreeSet<String> {
        owned(
            [&self.namespace, &self.name]
                .into_iter()
                .chain(&self.replicas),
        )
    }

    fn success(&self) -> &'static str {
        "the cluster accepts the change"
    }

    fn plan(&self, values: &Values) -> Result<Planned, Vec<String>> {
        let object = self.object(values).map_err(|fault| vec![fault])?;
        let change = self.change(values, "<now>").map_err(|fault| vec![fault])?;
        Ok(Planned {
            target: object.to_string(),
            touches: vec![self.deed(&object, values)],
            effect: Effect::Request {
                method: change.method().to_owned(),
                url: format!("{}{}", object.path(), change.subresource()),
                headers: Vec::new(),
                body: change.body().map(ToString::to_string),
            },
            limits: vec![
                format!("cluster: {}", self.cluster),
                format!("time: {} s a request", self.cluster.timeout.as_secs()),
            ],
        })
    }

    async fn observe(&self, values: &Values, _: &World) -> Result<Option<String>, ActionError> {
        let object = self.object(values).map_err(ActionError)?;
        self.cluster
            .state(&object)
            .await
            .map(Some)
            .map_err(ActionError)
    }

    async fn dry_run(&self, values: &Values, world: &World) -> Result<Option<String>, ActionError> {
        self.apply(values, world, true)
            .await
            .map(Some)
            .map_err(ActionError)
    }

    async fn perform(&self, values: &Values, world: &World) -> Outcome {
        match self.apply(values, world, false).await {
            Ok(summary) => Outcome {
                succeeded: true,
                summary,
                output: String::new(),
                truncated: false,
            },
            Err(reason) => not_done(reason),
        }
    }
}

fn parse_replicas(text: &str, site: &Site<'_>) -> Result<Template, BuildError> {
    let template = site.template("replicas", text)?;
    let is_right = match template.only() {
        Some(name) => site.parameters.is_number(name),
        None => text
            .parse()
            .is_ok_and(|count: i64| (0..=MOST_REPLICAS).contains(&count)),
    };
    if is_right {
        return Ok(template);
    }
    let message =
        format!("must be a number from 0 to {MOST_REPLICAS}, or one parameter of type `integer`");
    Err(site.fault("replicas", message))
}

/// Which verbs make sense for which kinds.
fn check_verb(options: &Kubernetes, site: &Site<'_>) -> Option<BuildError> {
    let (key, message) = match (options.verb, options.kind, &options.replicas) {
        (KubernetesVerb::Delete, WorkloadKind::Pod, None)
        | (KubernetesVerb::Scale, WorkloadKind::Deployment | WorkloadKind::StatefulSet, Some(_))
        | (
            KubernetesVerb::RolloutRestart,
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet,
            None,
        ) => return None,
        (KubernetesVerb::Scale, WorkloadKind::Deployment | WorkloadKind::StatefulSet, None) => {
            ("replicas", "is missing: `scale` needs it")
        }
        (KubernetesVerb::Scale, ..) => (
            "kind",
            "cannot be scaled: use `deployment` or `statefulSet`",
        ),
        (KubernetesVerb::Delete, WorkloadKind::Pod, Some(_))
        | (KubernetesVerb::RolloutRestart, _, Some(_)) => {
            ("replicas", "is for `scale` alone: remove it")
        }
        (KubernetesVerb::Delete, ..) => ("kind", "is not deleted by an action: only a `pod` is"),
        (KubernetesVerb::RolloutRestart, WorkloadKind::Pod, None) => {
            ("kind", "has no rollout: use `verb: delete` for a pod")
        }
    };
    Some(site.fault(key, message))
}

/// True if `text` can name an object (RFC 1123, as the Kubernetes documentation on object names has it).
fn is_name(text: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|label| {
            label.starts_with(is_edge)
                && label.ends_with(is_edge)
                && label.chars().all(|c| is_edge(c) || c == '-')
        })
}
