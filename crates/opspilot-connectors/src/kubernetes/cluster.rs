//! The cluster's API: how it is reached, and what it says when it refuses.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use http_body_util::BodyExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::core::Request;
use kube::core::params::{ListParams, WatchParams};
use kube::core::subresource::LogParams;
use opspilot_core::module::HealthStatus;

use super::config::Config;
use super::kind::Kind;
use super::logs::Run;
use super::wire::Status;

/// The longest answer that is read at once, in bytes: a page of a list.
const LONGEST_ANSWER: usize = 64 << 20;

/// The longest refusal that is read, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;

/// How many objects a page has.
const PAGE: u32 = 100;

/// Where a pod finds the account it runs as.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A cluster.
pub(super) struct Cluster {
    config: Config,
    client: Mutex<Option<kube::Client>>,
}

/// Why the cluster is of no help now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) status: HealthStatus,
    pub(super) message: String,
    pub(super) kind: TroubleKind,
    /// What the API server answered; 0 if it did not.
    pub(super) code: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// The version is too old, or not yet there: list again.
    Gone,
    /// Try again.
    Other,
}

impl Trouble {
    pub(super) fn other(message: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Degraded,
            message: message.into(),
            kind: TroubleKind::Other,
            code: 0,
        }
    }

    /// The watch cannot go on where it was.
    pub(super) fn gone(message: impl Into<String>) -> Self {
        Self {
            kind: TroubleKind::Gone,
            ..Self::other(message)
        }
    }

    fn unhealthy(message: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Unhealthy,
            ..Self::other(message)
        }
    }
}

/// A body that arrives.
pub(super) struct Arriving(Body);

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arriving")
    }
}

impl Arriving {
    /// Reads what there is into `bytes`; 0 means that it is at its end.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn read(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Trouble> {
        loop {
            let Some(frame) = self.0.frame().await else {
                return Ok(0);
            };
            let frame = frame.map_err(|error| {
                Trouble::other(format!(
                    "the connection broke: {}",
                    opspilot_core::error::chain(&error)
                ))
            })?;
            if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                bytes.extend_from_slice(data);
                return Ok(data.len());
            }
        }
    }

    /// Reads all of it, up to `longest` bytes.
    async fn all(mut self, longest: usize) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while self.read(&mut bytes).await? > 0 {
            if bytes.len() > longest {
                return Err(Trouble::other(format!(
                    "the answer is longer than {longest} bytes"
                )));
            }
        }
        Ok(bytes)
    }
}

impl Cluster {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            config,
            client: Mutex::new(None),
        }
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    /// The cluster by a name that stays.
    pub(super) fn name(&self) -> String {
        match (
            self.config.api_url.as_str(),
            self.config.kubeconfig.as_str(),
        ) {
            ("", "") => "in-cluster".to_owned(),
            ("", file) => format!("{file} {}", self.config.context)
                .trim_end()
                .to_owned(),
            (url, _) => url.to_owned(),
        }
    }

    /// One page of a list.
    pub(super) async fn page(&self, kind: Kind, rest: Option<String>) -> Result<Vec<u8>, Trouble> {
        let parameters = ListParams {
            limit: Some(PAGE),
            continue_token: rest,
            ..ListParams::default()
        };
        let request = Request::new(kind.path(&self.config.namespace)).list(&parameters);
        let answer = async {
            let body = self.get(request, "list", kind).await?;
            body.all(LONGEST_ANSWER).await
        };
        self.limited(answer).await
    }

    /// One page of the pods that have labels.
    pub(super) async fn pods(
        &self,
        selector: &str,
        rest: Option<String>,
    ) -> Result<Vec<u8>, Trouble> {
        let parameters = ListParams {
            label_selector: Some(selector.to_owned()),
            limit: Some(PAGE),
            continue_token: rest,
            ..ListParams::default()
        };
        let request = Request::new(Kind::Pods.path(&self.config.namespace)).list(&parameters);
        let answer = async {
            let body = self.get(request, "list", Kind::Pods).await?;
            body.all(LONGEST_ANSWER).await
        };
        self.limited(answer).await
    }

    /// The log of a run from `since` on, in seconds since 1970; it arrives as long as the run goes on. `None`: there is none
    /// (yet).
    pub(super) async fn log(
        &self,
        run: &Run,
        since: Option<u64>,
    ) -> Result<Option<Arriving>, Trouble> {
        let parameters = LogParams {
            container: Some(run.container.clone()),
            follow: !run.is_over,
            previous: run.is_previous,
            timestamps: true,
            since_time: since
                .and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok()),
            ..LogParams::default()
        };
        let request = Request::new(Kind::Pods.path(&run.namespace)).logs(&run.pod, &parameters);
        match self.limited(self.get(request, "get", Kind::Logs)).await {
            Ok(arriving) => Ok(Some(arriving)),
            // It waits to start, or it is gone.
            Err(trouble) if matches!(trouble.code, 400 | 404) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// A watch from `version` on, which the cluster ends after `length`.
    pub(super) async fn watch(
        &self,
        kind: Kind,
        version: u64,
        length: Duration,
    ) -> Result<Arriving, Trouble> {
        let parameters = WatchParams {
            bookmarks: true,
            timeout: u32::try_from(length.as_secs()).ok(),
            ..WatchParams::default()
        };
        let request = Request::new(kind.path(&self.config.namespace))
            .watch(&parameters, &version.to_string());
        self.limited(self.get(request, "watch", kind)).await
    }

    async fn limited<T>(
        &self,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let limit = self.config.timeout();
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(Trouble::other(format!(
                "the API server does not answer within {} s",
                limit.as_secs()
            )))
        })
    }

    async fn get<E: std::error::Error>(
        &self,
        request: Result<http::Request<Vec<u8>>, E>,
        verb: &'static str,
        kind: Kind,
    ) -> Result<Arriving, Trouble> {
        let request = request.map_err(|error| {
            Trouble::other(format!(
                "no request: {}",
                opspilot_core::error::chain(&error)
            ))
        })?;
        let client = self.client().await?;
        let answer = client
            .send(request.map(Body::from))
            .await
            .map_err(|error| {
                // What it was made of may have changed.
                self.forget();
                Trouble::other(format!(
                    "cannot reach the API server: {}",
                    opspilot_core::error::chain(&error)
                ))
            })?;
        let code = answer.status().as_u16();
        let body = Arriving(answer.into_body());
        if (200..300).contains(&code) {
            return Ok(body);
        }
        let text = body.all(LONGEST_REFUSAL).await.unwrap_or_default();
        let mut status: Status = serde_json::from_slice(&text).unwrap_or_default();
        status.code = code;
        if code == 401 {
            // The token may have been replaced.
            self.forget();
        }
        Err(refusal(&status, verb, kind, &self.config.namespace))
    }

    async fn client(&self) -> Result<kube::Client, Trouble> {
        if let Some(client) = self.lock().clone() {
            return Ok(client);
        }
        // It fails when a provider is installed already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let mut config = self.access().await?;
        config.connect_timeout = Some(self.config.timeout());
        config.write_timeout = Some(self.config.timeout());
        config.read_timeout = None;
        config.default_retry = false;
        config.disable_compression = true;
        if config.accept_invalid_certs {
            return Err(Trouble::unhealthy(
                "its certificate would not be checked: remove `insecure-skip-tls-verify`",
            ));
        }
        let client = kube::Client::try_from(config).map_err(|error| {
            Trouble::unhealthy(format!(
                "no client for the API: {}",
                opspilot_core::error::chain(&error)
            ))
        })?;
        *self.lock() = Some(client.clone());
        Ok(client)
    }

    fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<kube::Client>> {
        self.client
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn access(&self) -> Result<kube::Config, Trouble> {
        let config = &self.config;
        if !config.kubeconfig.is_empty() {
            return self.of_file(&config.kubeconfig).await;
        }
        let mut access = if config.api_url.is_empty() {
            kube::Config::incluster().map_err(|error| {
                Trouble::unhealthy(format!(
                    "not inside of a cluster ({}): set `apiUrl` or `kubeconfig`",
                    opspilot_core::error::chain(&error)
                ))
            })?
        } else {
            let url = config.api_url.parse().map_err(|error| {
                Trouble::unhealthy(format!("`apiUrl` is not an address: {error}"))
            })?;
            let mut access = kube::Config::new(url);
            access.auth_info = self.account();
            let account = format!("{ACCOUNT}/ca.crt");
            let certificates = match config.ca_path.as_str() {
                "" if Path::new(&account).exists() => Some(account),
                "" => None,
                path => Some(path.to_owned()),
            };
            if let Some(path) = certificates {
                tokio::fs::metadata(&path).await.map_err(|error| {
                    Trouble::unhealthy(format!("cannot read `{path}`: {error}"))
                })?;
                access.root_cert_file = Some(path.into());
            }
            access
        };
        if !config.token.is_empty() || !config.token_path.is_empty() {
            access.auth_info = self.account();
        }
        if let Some(path) = &access.auth_info.token_file {
            tokio::fs::metadata(path).await.map_err(|error| {
                Trouble::unhealthy(format!("cannot read the token `{path}`: {error}"))
            })?;
        }
        Ok(access)
    }

    fn account(&self) -> AuthInfo {
        let token = &self.config.token;
        let file = match self.config.token_path.as_str() {
            "" => {
                let file = format!("{ACCOUNT}/token");
                Path::new(&file).exists().then_some(file)
            }
            file => Some(file.to_owned()),
        };
        AuthInfo {
            token: (!token.is_empty()).then(|| token.expose().to_owned().into()),
            token_file: file.filter(|_| token.is_empty()),
            ..AuthInfo::default()
        }
    }

    async fn of_file(&self, path: &str) -> Result<kube::Config, Trouble> {
        let unusable =
            |error: &dyn fmt::Display| Trouble::unhealthy(format!("cannot use `{path}`: {error}"));
        let text = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| unusable(&error))?;
        let kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| unusable(&error))?;
        let mut users = kubeconfig
            .auth_infos
            .iter()
            .filter_map(|user| user.auth_info.as_ref());
        if users.any(|user| user.exec.is_some() || user.auth_provider.is_some()) {
            return Err(unusable(
                &"it starts a program to log in: use a token or a certificate",
            ));
        }
        let options = KubeConfigOptions {
            context: (!self.config.context.is_empty()).then(|| self.config.context.clone()),
            ..KubeConfigOptions::default()
        };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| unusable(&error))
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// What a refusal means.
pub(super) fn refusal(status: &Status, verb: &str, kind: Kind, namespace: &str) -> Trouble {
    let said = status
        .message
        .as_deref()
        .or(status.reason.as_deref())
        .unwrap_or_default();
    let causes = status
        .details
        .as_ref()
        .and_then(|details| details.causes.as_ref());
    let is_future = causes
        .into_iter()
        .flatten()
        .any(|cause| cause.reason.as_deref() == Some("ResourceVersionTooLarge"));
    match status.code {
        410 => Trouble::gone(format!("the version is gone: {said}")),
        _ if is_future => Trouble::gone(format!("the version is not there: {said}")),
        401 => Trouble::unhealthy(format!(
            "the API server does not accept the credentials (401): {said}"
        )),
        403 => {
            let scope = match (kind, namespace) {
                (Kind::Nodes, _) | (_, "") => "in the cluster".to_owned(),
                (_, namespace) => format!("in the namespace `{namespace}`"),
            };
            let resource = kind.resource();
            let verbs = match kind {
                Kind::Logs => "the verb `get`",
                _ => "the verbs `list` and `watch`",
            };
            Trouble::unhealthy(format!(
                "may not {verb} {resource} {scope} (403): grant {verbs} on `{resource}` in the API group \
                 `{}`, as docs/kubernetes-rbac.yaml does: {said}",
                kind.group()
            ))
        }
        code => Trouble {
            code,
            ..Trouble::other(format!("cannot {verb} {}: {code} {said}", kind.resource()))
        },
    }
}
