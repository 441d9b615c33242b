//! The cluster's API.

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value as Json;

use crate::safe::catalogue::WorkloadKind;

/// The name under which the cluster records who changed a field.
const MANAGER: &str = "opspilot";

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) kubeconfig: Option<String>,
    pub(super) context: Option<String>,
    pub(super) timeout: Duration,
}

/// An object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: WorkloadKind,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A change of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// A merge patch (RFC 7386) of the object.
    Patch(Json),
    /// A merge patch of its scale.
    Scale(Json),
    /// It is deleted.
    Delete,
}

impl Cluster {
    /// What an action on `object` rests on: that it is the same one, and that nobody changed what it is meant to be.
    /// What it *is* changes all the time and does not count.
    ///
    /// # Errors
    /// When it is not there, or the cluster does not answer.
    pub(super) async fn state(&self, object: &Object) -> Result<String, String> {
        let found = self.limited(async {
            let api = self.api(object).await?;
            api.get(&object.name).await.map_err(|error| told(&error))
        });
        let metadata = found
            .await
            .map_err(|error| format!("cannot see {object}: {error}"))?
            .metadata;
        let uid = metadata.uid.unwrap_or_default();
        Ok(match metadata.generation {
            Some(generation) if object.kind != WorkloadKind::Pod => {
                format!("uid={uid} generation={generation}")
            }
            _ => format!("uid={uid}"),
        })
    }

    /// Makes `change`, or has the cluster check what it would be, and says in one line what came of it.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub(super) async fn apply(
        &self,
        object: &Object,
        change: &Change,
        is_dry: bool,
    ) -> Result<String, String> {
        let done = if is_dry { "would be" } else { "is" };
        let applied = self.limited(async {
            let api = self.api(object).await?;
            let parameters = PatchParams {
                dry_run: is_dry,
                field_manager: Some(MANAGER.to_owned()),
                ..PatchParams::default()
            };
            match change {
                Change::Patch(body) => {
                    let answer = api
                        .patch(&object.name, &parameters, &Patch::Merge(body))
                        .await;
                    let generation = answer
                        .map_err(|error| told(&error))?
                        .metadata
                        .generation
                        .unwrap_or_default();
                    Ok(format!(
                        "{object} {done} rolled out as generation {generation}"
                    ))
                }
                Change::Scale(body) => {
                    let answer = api
                        .patch_scale(&object.name, &parameters, &Patch::Merge(body))
                        .await;
                    let spec = answer.map_err(|error| told(&error))?.spec;
                    let replicas = spec.and_then(|spec| spec.replicas).unwrap_or_default();
                    Ok(format!("{object} {done} scaled to {replicas} replicas"))
                }
                Change::Delete => {
                    let parameters = DeleteParams {
                        dry_run: is_dry,
                        ..DeleteParams::default()
                    };
                    api.delete(&object.name, &parameters)
                        .await
                        .map_err(|error| told(&error))?;
                    Ok(format!("{object} {done} deleted"))
                }
            }
        });
        applied
            .await
            .map_err(|error| format!("{object} is not changed: {error}"))
    }

    async fn limited<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let answer = tokio::time::timeout(self.timeout, work).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout.as_secs())))
    }

    async fn api(&self, object: &Object) -> Result<Api<DynamicObject>, String> {
        // It fails when a provider is installed already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let mut config = self.config().await?;
        config.connect_timeout = Some(self.timeout);
        config.read_timeout = Some(self.timeout);
        config.write_timeout = Some(self.timeout);
        if config.accept_invalid_certs {
            return Err(
                "its certificate would not be checked: remove `insecure-skip-tls-verify`"
                    .to_owned(),
            );
        }
        let client = Client::try_from(config).map_err(|error| format!("no client: {error}"))?;
        Ok(Api::namespaced_with(
            client,
            &object.namespace,
            &object.resource(),
        ))
    }

    async fn config(&self) -> Result<Config, String> {
        let Some(path) = &self.kubeconfig else {
            return Config::incluster()
                .map_err(|error| format!("not inside of a cluster: {error}"));
        };
        let unreadable = |error: &dyn fmt::Display| format!("cannot use `{path}`: {error}");
        let text = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| unreadable(&error))?;
        let kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| unreadable(&error))?;
        let mut users = kubeconfig
            .auth_infos
            .iter()
            .filter_map(|user| user.auth_info.as_ref());
        // Only the executor of commands starts programs.
        if users.any(|user| user.exec.is_some() || user.auth_provider.is_some()) {
            return Err(unreadable(
                &"it starts a program to log in: use a token or a certificate",
            ));
        }
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| unreadable(&error))
    }
}

/// What an error says to a person.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => {
            format!("{} {}: {}", status.code, status.reason, status.message)
        }
        other => opspilot_core::error::chain(other),
    }
}

impl Object {
    fn resource(&self) -> ApiResource {
        match self.kind {
            WorkloadKind::Deployment => ApiResource::erase::<Deployment>(&()),
            WorkloadKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            WorkloadKind::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
            WorkloadKind::Pod => ApiResource::erase::<Pod>(&()),
        }
    }

    /// Its place in the API.
    pub(super) fn path(&self) -> String {
        let resource = self.resource();
        let root = match resource.group.is_empty() {
            true => format!("/api/{}", resource.version),
            false => format!("/apis/{}", resource.api_version),
        };
        format!(
            "{root}/namespaces/{}/{}/{}",
            self.namespace, resource.plural, self.name
        )
    }
}

impl Change {
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Patch(_) | Self::Scale(_) => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn subresource(&self) -> &'static str {
        match self {
            Self::Scale(_) => "/scale",
            Self::Patch(_) | Self::Delete => "",
        }
    }

    pub(super) const fn body(&self) -> Option<&Json> {
        match self {
            Self::Patch(body) | Self::Scale(body) => Some(body),
            Self::Delete => None,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            WorkloadKind::Deployment => "deployment",
            WorkloadKind::StatefulSet => "stateful set",
            WorkloadKind::DaemonSet => "daemon set",
            WorkloadKind::Pod => "pod",
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kubeconfig, &self.context) {
            (None, _) => f.write_str("the one that the server runs in"),
            (Some(path), None) => write!(f, "the current one of {path}"),
            (Some(path), Some(context)) => write!(f, "{context} of {path}"),
        }
    }
}
