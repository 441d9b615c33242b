//! Where the suite plays.

use std::sync::Arc;

use crate::clock::{Clock, ManualClock, Timestamp};
use crate::config::Secret;
use crate::safety::audit::AuditFilter;
use crate::safety::credentials::{
    CredentialError, Credentials, Invalid, NewUser, Password, Source, User, UserName,
};
use crate::safety::identity::{Identity, Kind, Method, Role};
use crate::storage::SharedStorage;
use crate::storage::conformance::Subject;
use crate::testing::Bench;

const START: Timestamp = Timestamp::from_millis(1_771_588_800_000);

/// Credentials on an engine, with a clock that the suite moves.
pub(super) struct Stage {
    pub(super) bench: Bench,
    pub(super) clock: Arc<ManualClock>,
    pub(super) credentials: Credentials,
    pub(super) by: Identity,
}

pub(super) fn typed(password: &str) -> Password {
    Password::parse(Secret::new(password.to_owned())).expect("a good password")
}

impl Stage {
    pub(super) async fn fresh(subject: &dyn Subject) -> Self {
        Self::on(subject.fresh().await).await
    }

    async fn on(storage: SharedStorage) -> Self {
        let clock = ManualClock::starting_at(START);
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let bench = Bench::on(storage, shared).await;
        Self {
            credentials: bench.access.credentials.clone(),
            by: Identity::vouch("root", Role::Admin, Kind::Human, Method::Local),
            bench,
            clock,
        }
    }

    /// The same after a restart; `None` where nothing outlives the process.
    pub(super) async fn restart(self, subject: &dyn Subject) -> Option<Self> {
        let storage = Arc::clone(&self.bench.storage);
        drop(self);
        Some(Self::on(subject.reopen(storage).await?).await)
    }

    pub(super) async fn add(&self, name: &str, password: &str) -> Result<User, CredentialError> {
        let new = NewUser {
            name: UserName::parse(name)?,
            role: Role::Operator,
            password: typed(password),
        };
        self.credentials.add_user(&self.by, new).await
    }

    pub(super) async fn sign_in(
        &self,
        name: &str,
        password: &str,
    ) -> Result<(User, Source), Invalid> {
        let password = Secret::new(password.to_owned());
        let checked = self.credentials.check_password(name, password).await;
        checked.expect("the storage works")
    }

    /// Whether a session that began with `source` goes on, and with which role.
    pub(super) async fn goes_on(&self, source: &Source) -> Result<Role, Invalid> {
        let Source::Password { name, generation } = source else {
            return Err(Invalid::Malformed);
        };
        let live = self.credentials.live_user(name, generation).await;
        live.expect("the storage works").map(|user| user.role)
    }

    /// What the audit log tells of, newest first.
    pub(super) async fn actions(&self) -> Vec<String> {
        let filter = AuditFilter::default();
        let listed = self.bench.audit.list(&filter, None, 100).await;
        let (entries, _) = listed.expect("the storage works");
        let actions = entries.iter().map(|entry| entry.action.to_string());
        actions.collect()
    }
}
