//! The cluster's API: what is asked of it.

mod access;
mod arriving;
mod trouble;

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::client::Body;
use kube::core::Request;
use kube::core::params::{ListParams, WatchParams};
use kube::core::subresource::LogParams;

pub(super) use self::access::ACCOUNT;
pub(super) use self::arriving::Arriving;
pub(super) use self::trouble::{Trouble, TroubleKind, refusal};
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

/// A cluster.
pub(super) struct Cluster {
    config: Config,
    client: Mutex<Option<kube::Client>>,
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

    /// One page of a list, of the objects that have the labels of `selector`; empty means all.
    pub(super) async fn page(
        &self,
        kind: Kind,
        selector: &str,
        rest: Option<String>,
    ) -> Result<Vec<u8>, Trouble> {
        let parameters = ListParams {
            label_selector: (!selector.is_empty()).then(|| selector.to_owned()),
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

    /// A list with the pod of that name, if there is one, as it is now.
    pub(super) async fn named_pod(&self, namespace: &str, name: &str) -> Result<Vec<u8>, Trouble> {
        let parameters = ListParams {
            field_selector: Some(format!("metadata.name={name}")),
            limit: Some(1),
            ..ListParams::default()
        };
        // Lists are allowed anyhow, for the watch.
        let request = Request::new(Kind::Pods.path(namespace)).list(&parameters);
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

    /// A watch from `version` on of the objects that have the labels of `selector`, which the cluster ends after `length`.
    pub(super) async fn watch(
        &self,
        (kind, selector): (Kind, &str),
        version: u64,
        length: Duration,
    ) -> Result<Arriving, Trouble> {
        let parameters = WatchParams {
            label_selector: (!selector.is_empty()).then(|| selector.to_owned()),
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
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
