//! Troubles that come from outside: told once in the log, shown in the health, and over when they stop.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opspilot_core::module::{Context, HealthReporter, HealthStatus};
use tokio::time::Instant;

/// How long after the last of a kind of trouble it counts as over, and how often one is logged at most.
const QUIET: Duration = Duration::from_mins(1);

/// The present troubles of a listener.
#[derive(Debug)]
pub struct Troubles {
    module: &'static str,
    health: HealthReporter,
    present: Mutex<BTreeMap<&'static str, Trouble>>,
}

#[derive(Debug)]
struct Trouble {
    message: String,
    count: u64,
    /// How many were neither logged nor counted in a log line.
    hidden: u64,
    last: Instant,
    logged: Instant,
}

impl Troubles {
    /// No troubles of the module that `cx` belongs to.
    #[must_use]
    pub fn of(cx: &Context) -> Self {
        Self {
            module: cx.id,
            health: cx.health.clone(),
            present: Mutex::default(),
        }
    }

    /// Notes one more trouble of a kind. Its message is made only if it will be shown.
    pub fn note(&self, cause: &'static str, message: impl FnOnce() -> String) {
        let now = Instant::now();
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(trouble) = present.get_mut(cause) else {
            let message = message();
            tracing::warn!(module = self.module, cause, "{message}");
            self.health
                .raise(cause, HealthStatus::Degraded, message.clone());
            let trouble = Trouble {
                message,
                count: 1,
                hidden: 0,
                last: now,
                logged: now,
            };
            present.insert(cause, trouble);
            return;
        };
        trouble.count += 1;
        trouble.last = now;
        if now - trouble.logged < QUIET {
            trouble.hidden += 1;
            return;
        }
        trouble.message = message();
        let hidden = std::mem::take(&mut trouble.hidden);
        trouble.logged = now;
        tracing::warn!(module = self.module, cause, hidden, "{}", trouble.message);
    }

    /// Renews the health: what has been quiet for long enough is over. To be called every second or so.
    pub fn settle(&self) {
        let now = Instant::now();
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.retain(|cause, trouble| {
            let is_over = now - trouble.last >= QUIET;
            if is_over {
                self.health.clear(cause);
            } else if trouble.count > 1 {
                let message = format!("{} ({} times)", trouble.message, trouble.count);
                self.health.raise(*cause, HealthStatus::Degraded, message);
            }
            !is_over
        });
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::module::{Category, Manifest};
    use opspilot_core::testing::Bench;

    use super::*;

    static MANIFEST: Manifest = Manifest::new("connector.test", Category::Connector, "Tests.");

    #[tokio::test(start_paused = true)]
    async fn a_trouble_is_shown_until_it_was_quiet_for_a_minute() {
        let cx = Bench::new().await.context(&MANIFEST);
        let troubles = Troubles::of(&cx);
        for _ in 0..3 {
            troubles.note("refused", || "a peer was refused".to_owned());
        }
        troubles.settle();
        let health = cx.health.current();
        let message = Some("a peer was refused (3 times)".to_owned());
        assert_eq!(
            (health.status, health.message),
            (HealthStatus::Degraded, message)
        );
        tokio::time::advance(QUIET).await;
        troubles.settle();
        assert_eq!(cx.health.current().status, HealthStatus::Healthy);
    }
}
