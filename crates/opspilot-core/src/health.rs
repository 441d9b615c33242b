//! Health that is pushed: a module says how it is, readers look at any moment.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};

/// How well something works.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// All is well.
    #[default]
    Healthy,
    /// It works, but not fully.
    Degraded,
    /// It does not work.
    Unhealthy,
}

/// How a module is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The worst of its troubles.
    pub status: HealthStatus,
    /// What the troubles are, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Figures of the module.
    #[serde(default)]
    pub details: Map<String, Value>,
    /// When any of this last changed.
    pub last_check: Timestamp,
    #[serde(skip)]
    #[schemars(skip)]
    troubles: BTreeMap<Cow<'static, str>, (HealthStatus, String)>,
}

/// The writing end of a module's health; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct HealthReporter {
    sender: Arc<watch::Sender<Health>>,
    clock: Arc<dyn Clock>,
}

impl HealthReporter {
    /// A reporter of something healthy, and the reading end.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> (Self, watch::Receiver<Health>) {
        let health = Health {
            status: HealthStatus::Healthy,
            message: None,
            details: Map::new(),
            last_check: clock.now(),
            troubles: BTreeMap::new(),
        };
        let (sender, receiver) = watch::channel(health);
        (
            Self {
                sender: Arc::new(sender),
                clock,
            },
            receiver,
        )
    }

    /// Reports a trouble named `cause`, in place of an earlier report of the same cause.
    pub fn raise(
        &self,
        cause: impl Into<Cow<'static, str>>,
        status: HealthStatus,
        message: impl Into<String>,
    ) {
        let (cause, trouble) = (cause.into(), (status, message.into()));
        self.update(|health| {
            health.troubles.insert(cause, trouble);
        });
    }

    /// Reports that the trouble named `cause` is over.
    pub fn clear(&self, cause: &str) {
        if self.sender.borrow().troubles.contains_key(cause) {
            self.update(|health| {
                health.troubles.remove(cause);
            });
        }
    }

    /// Sets a figure.
    pub fn detail(&self, key: &str, value: impl Into<Value>) {
        let (value, now) = (value.into(), self.clock.now());
        // A figure changes often and says nothing of the status.
        self.sender.send_modify(|health| {
            if let Some(known) = health.details.get_mut(key) {
                *known = value;
            } else {
                health.details.insert(key.to_owned(), value);
            }
            health.last_check = now;
        });
    }

    /// The health as it is now.
    #[must_use]
    pub fn current(&self) -> Health {
        self.sender.borrow().clone()
    }

    fn update(&self, change: impl FnOnce(&mut Health)) {
        let now = self.clock.now();
        self.sender.send_modify(|health| {
            change(health);
            health.last_check = now;
            health.status = health
                .troubles
                .values()
                .map(|(status, _)| *status)
                .max()
                .unwrap_or_default();
            let messages: Vec<_> = health
                .troubles
                .values()
                .map(|(_, message)| message.as_str())
                .collect();
            health.message = (!messages.is_empty()).then(|| messages.join("; "));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn status_is_the_worst_trouble_until_it_is_over() {
        let (reporter, health) = HealthReporter::new(SystemClock::shared());
        reporter.raise("read", HealthStatus::Degraded, "cannot read");
        reporter.raise("bind", HealthStatus::Unhealthy, "cannot bind");
        assert_eq!(health.borrow().status, HealthStatus::Unhealthy);
        reporter.clear("bind");
        assert_eq!(health.borrow().message.as_deref(), Some("cannot read"));
        reporter.clear("read");
        assert_eq!(
            (health.borrow().status, health.borrow().message.clone()),
            (HealthStatus::Healthy, None)
        );
    }
}
