//! What all handlers share.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use opspilot_core::module::{Context, Health, HealthStatus};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::access::Access;
use super::config::Options;
use super::csp::CspReports;
use super::etag::ETag;
use super::idempotency::Answers;
use super::metrics::ApiMetrics;
use super::names::Names;
use super::openapi;
use super::problem::Problem;
use super::proxies::Proxies;
use super::rate::RateLimiter;
use super::stream::Hub;
use crate::dashboard::Site;

/// How many searches and trials of rules go on at once; further ones wait.
const HEAVY: usize = 2;

/// What a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct ApiLimits {
    /// The time of the whole request.
    pub(super) request: Duration,
    /// The time of the arrival of its body.
    pub(super) body: Duration,
    /// How many bad credentials a minute one address may show before it has to wait.
    pub(super) bad_credentials: usize,
    /// How many log-ins a minute may fail from one address.
    pub(super) bad_logins: usize,
    /// How often a stream says that it lives, and whether its listener may still listen is asked.
    pub(super) beat: Duration,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            body: Duration::from_secs(15),
            bad_credentials: 30,
            bad_logins: 5,
            beat: Duration::from_secs(5),
        }
    }
}

/// What all handlers share; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct State(Arc<Shared>);

/// The one value behind every [`State`].
#[derive(Debug)]
pub(super) struct Shared {
    /// The module's context.
    pub(super) cx: Context,
    /// Who may do what.
    pub(super) access: Access,
    /// The names that the server answers to.
    pub(super) names: Names,
    /// The proxies that are believed.
    pub(super) proxies: Proxies,
    /// The web origin that may use the API besides the server's own.
    pub(super) cors_origin: Option<HeaderValue>,
    /// Who asked how often.
    pub(super) rate: RateLimiter,
    /// Answers that are given again.
    pub(super) answers: Answers,
    /// Hands events to whoever listens.
    pub(super) hub: Hub,
    /// Room for work that takes a processor for long: the rest of the server goes on meanwhile.
    heavy: Semaphore,
    /// What browsers reported.
    pub(super) csp: CspReports,
    /// The pages for people, where they can be served.
    pub(super) site: Option<Site>,
    base_path: String,
    openapi: OnceLock<(Bytes, ETag)>,
    limits: ApiLimits,
    metrics: ApiMetrics,
}

/// What a state is made of besides the context and the options.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) access: Access,
    pub(super) names: Names,
    pub(super) limits: ApiLimits,
}

impl State {
    /// The state of a server that has answered nothing yet.
    pub(super) fn new(cx: Context, options: &Options, parts: Parts) -> Self {
        let metrics = ApiMetrics::new(cx.metrics.clone(), cx.health.clone());
        Self(Arc::new(Shared {
            access: parts.access,
            names: parts.names,
            proxies: Proxies::new(cx.access.as_ref().map(|access| &*access.auth)),
            cors_origin: options.cors_origin.clone(),
            rate: RateLimiter::new(options.rate_limit),
            answers: Answers::default(),
            hub: Hub::default(),
            heavy: Semaphore::new(HEAVY),
            csp: CspReports::default(),
            site: Site::new(&options.base_path),
            base_path: options.base_path.clone(),
            openapi: OnceLock::new(),
            cx,
            limits: parts.limits,
            metrics,
        }))
    }
}

impl Shared {
    /// What a request may take.
    pub(super) const fn limits(&self) -> ApiLimits {
        self.limits
    }

    /// What the paths of the API begin with.
    pub(super) fn base_path(&self) -> &str {
        &self.base_path
    }

    /// How the core is: what the bus says of the storage.
    pub(super) fn core(&self) -> Option<Health> {
        let modules = self.cx.system.modules();
        modules
            .into_iter()
            .find(|module| module.id == "core")
            .map(|core| core.health)
    }

    /// Refuses a change at once while changes cannot be stored; it would wait in the bus until they can.
    ///
    /// # Errors
    /// While the core is unhealthy.
    pub(super) fn require_storage(&self) -> Result<(), Problem> {
        match self
            .core()
            .filter(|core| core.status == HealthStatus::Unhealthy)
        {
            None => Ok(()),
            Some(core) => Err(Problem::storage(core.message.unwrap_or_default())),
        }
    }

    /// The OpenAPI document as it is sent, and its tag. It is made when somebody first asks for it.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub(super) fn openapi(&self) -> Result<&(Bytes, ETag), Problem> {
        if let Some(made) = self.openapi.get() {
            return Ok(made);
        }
        let made = openapi::represent(&self.base_path)?;
        Ok(self.openapi.get_or_init(|| made))
    }

    /// Waits for a turn at work that takes a processor for long; dropping what comes back ends the turn.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes the semaphore.
        self.heavy.acquire().await.ok()
    }

    /// What is counted.
    pub(super) const fn metrics(&self) -> &ApiMetrics {
        &self.metrics
    }
}

impl Deref for State {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
