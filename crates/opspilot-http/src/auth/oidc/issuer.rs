//! What is known of the issuer: asked for when somebody needs it, once at a time, and kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opspilot_core::config::KeySet;
use opspilot_core::error::chain;
use opspilot_core::module::RunError;
use tokio::time::Instant;

use super::super::errand::{Background, Errand};
use super::super::fetch;
use super::super::key_set::KeyRing;
use super::discovery::{self, Discovered};

/// How long what the issuer says of itself is believed.
const FRESH: Duration = Duration::from_hours(1);

/// How long an issuer that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// How long the issuer may take to say all that must be known of it.
const PATIENCE: Duration = Duration::from_secs(8);

/// The issuer, as far as it is known.
#[derive(Debug)]
pub(super) struct Directory {
    seeker: Arc<Seeker>,
    errand: Errand,
}

/// Asks, and keeps the answer.
#[derive(Debug)]
struct Seeker {
    issuer: String,
    client: reqwest::Client,
    background: Background,
    /// Held for a moment at a time: whoever asks how sign-in works here waits for no issuer.
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    known: Option<(Instant, Arc<Issuer>)>,
    failed: Option<(Instant, String)>,
}

/// What is known of the issuer.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) discovered: Discovered,
    pub(super) keys: KeyRing,
}

impl Directory {
    /// Nothing is known of `issuer` yet.
    ///
    /// # Errors
    /// When there is no HTTP client.
    pub(super) fn new(issuer: &str, background: &Background) -> Result<Self, RunError> {
        Ok(Self {
            errand: background.errand("oidc discovery"),
            seeker: Arc::new(Seeker {
                issuer: issuer.to_owned(),
                client: fetch::client("auth.oidc")?,
                background: background.clone(),
                cache: Mutex::default(),
            }),
        })
    }

    /// What asks the issuer.
    pub(super) fn client(&self) -> &reqwest::Client {
        &self.seeker.client
    }

    /// What is known of the issuer, which is asked where that is not enough.
    ///
    /// # Errors
    /// Why it cannot be used.
    ///
    /// # Cancel safety
    /// An issuer that was asked is listened to.
    pub(super) async fn issuer(&self) -> Result<Arc<Issuer>, String> {
        let standing = || self.seeker.cache().standing();
        let seek = || Arc::clone(&self.seeker).seek();
        self.errand.run(|| standing().is_none(), seek).await;
        standing().unwrap_or_else(|| Err("it was not asked to the end".to_owned()))
    }

    /// True unless the issuer did not work when it was asked last.
    pub(super) fn is_available(&self) -> bool {
        self.seeker.cache().failed.is_none()
    }
}

impl Seeker {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn seek(self: Arc<Self>) {
        let found = tokio::time::timeout(PATIENCE, self.discover()).await;
        let late = || format!("it does not answer within {} s", PATIENCE.as_secs());
        let found = found.unwrap_or_else(|_| Err(late()));
        self.cache().renew(found);
    }

    async fn discover(&self) -> Result<Issuer, String> {
        let discovered = discovery::discover(&self.client, &self.issuer).await?;
        let set = KeySet {
            url: Some(discovered.keys.clone().into()),
            ..KeySet::default()
        };
        let keys = KeyRing::open(&set, &self.background).await;
        let keys = keys.map_err(|error| chain(&error))?;
        match keys.unusable(&discovered.algorithms) {
            Some(reason) => Err(format!(
                "its keys at `{}` cannot be used: {reason}",
                discovered.keys
            )),
            None => Ok(Issuer { discovered, keys }),
        }
    }
}

impl Cache {
    /// What holds now; `None` when the issuer must be asked.
    fn standing(&self) -> Option<Result<Arc<Issuer>, String>> {
        if let Some((at, known)) = &self.known
            && at.elapsed() < FRESH
        {
            return Some(Ok(Arc::clone(known)));
        }
        let (at, reason) = self.failed.as_ref()?;
        (at.elapsed() < RETRY).then(|| Err(reason.clone()))
    }

    fn renew(&mut self, found: Result<Issuer, String>) {
        let now = Instant::now();
        match found {
            Ok(issuer) => {
                *self = Self {
                    known: Some((now, Arc::new(issuer))),
                    failed: None,
                }
            }
            Err(reason) => self.failed = Some((now, reason)),
        }
    }
}
