//! What users must be on every engine, as one suite.
//!
//! An engine's test awaits [`check`] beside the [suite of the storage](crate::storage::conformance), with the same
//! [`Subject`]; it panics at the first difference:
//!
//! ```
//! use std::sync::Arc;
//!
//! use opspilot_core::safety::credentials::conformance;
//! use opspilot_core::storage::conformance::Subject;
//! use opspilot_core::storage::{MemoryStorage, SharedStorage};
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl Subject for Memory {
//!     async fn fresh(&self) -> SharedStorage {
//!         Arc::new(MemoryStorage::new())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().expect("starts").block_on(
//! conformance::check(&Memory)
//! # );
//! ```

mod stage;

use std::time::Duration;

use super::{CredentialError, Invalid};
use crate::safety::audit::AuditFilter;
use crate::safety::identity::Role;
use crate::storage::conformance::Subject;

use self::stage::{Stage, typed};

const FIRST: &str = "correct horse battery";
const SECOND: &str = "staple battery horse";

/// Runs the whole suite.
///
/// # Panics
/// At the first thing that users on this engine are otherwise than they must be.
pub async fn check(subject: &dyn Subject) {
    only_their_password_lets_them_in(&Stage::fresh(subject).await).await;
    sessions_end_with_the_password_and_the_user(&Stage::fresh(subject).await).await;
    only_users_that_are_there_are_changed(&Stage::fresh(subject).await).await;
    of_many_who_add_one_name_one_does(&Stage::fresh(subject).await).await;
    they_are_listed_newest_first(&Stage::fresh(subject).await).await;
    no_password_is_stored_or_told(&Stage::fresh(subject).await).await;
    they_outlive_the_process(subject).await;
}

async fn only_their_password_lets_them_in(it: &Stage) {
    let added = it.add("Ann", FIRST).await.expect("adds");
    assert_eq!(
        (added.name.as_str(), added.role, added.created_by.as_str()),
        ("ann", Role::Operator, "root")
    );
    for name in ["ann", "ANN"] {
        let (user, _) = it.sign_in(name, FIRST).await.expect("lets in");
        assert_eq!(user, added, "{name}");
    }
    for (name, password, reason) in [
        ("ann", SECOND, Invalid::Password),
        ("bob", FIRST, Invalid::Unknown),
        ("ann\0", FIRST, Invalid::Unknown),
        ("an", FIRST, Invalid::Unknown),
        ("", FIRST, Invalid::Unknown),
    ] {
        let refused = it.sign_in(name, password).await.err();
        assert_eq!(refused, Some(reason), "{name:?}");
    }
    let again = it.add("ANN", SECOND).await;
    assert!(matches!(again, Err(CredentialError::Exists { .. })));
    assert!(
        it.sign_in("ann", FIRST).await.is_ok(),
        "nothing was replaced"
    );
}

async fn sessions_end_with_the_password_and_the_user(it: &Stage) {
    it.add("ann", FIRST).await.expect("adds");
    let (credentials, by) = (&it.credentials, &it.by);
    let (_, old) = it.sign_in("ann", FIRST).await.expect("lets in");
    assert_eq!(it.goes_on(&old).await, Ok(Role::Operator));
    let changed = credentials.change_role(by, "ann", Role::Viewer).await;
    assert_eq!(changed.expect("changes").role, Role::Viewer);
    assert_eq!(it.goes_on(&old).await, Ok(Role::Viewer), "the present role");
    let changes = credentials.changes();
    let changed = credentials.change_password(by, "ann", typed(SECOND)).await;
    changed.expect("changes");
    assert!(credentials.changes() > changes, "open streams ask again");
    assert_eq!(it.goes_on(&old).await, Err(Invalid::Revoked));
    let refused = it.sign_in("ann", FIRST).await.err();
    assert_eq!(refused, Some(Invalid::Password));
    let (_, new) = it.sign_in("ann", SECOND).await.expect("lets in");
    credentials.remove_user(by, "ann").await.expect("removes");
    assert_eq!(it.goes_on(&new).await, Err(Invalid::Revoked));
    let refused = it.sign_in("ann", SECOND).await.err();
    assert_eq!(refused, Some(Invalid::Unknown));
    it.add("ann", SECOND).await.expect("adds again");
    assert_eq!(it.goes_on(&new).await, Err(Invalid::Revoked), "another ann");
}

async fn only_users_that_are_there_are_changed(it: &Stage) {
    let (credentials, by) = (&it.credentials, &it.by);
    for name in ["nobody", "", "core", "a b"] {
        let refused = [
            credentials.change_password(by, name, typed(FIRST)).await,
            credentials.change_role(by, name, Role::Admin).await,
            credentials.remove_user(by, name).await,
        ];
        for refused in refused {
            assert!(
                matches!(refused, Err(CredentialError::NotFound { kind: "user", .. })),
                "{refused:?}"
            );
        }
    }
    assert!(!credentials.has_user().await.expect("reads"));
    it.add("ann", FIRST).await.expect("adds");
    assert!(credentials.has_user().await.expect("reads"));
    assert_eq!(it.actions().await, ["user.created"], "refusals are none");
}

async fn of_many_who_add_one_name_one_does(it: &Stage) {
    let add = |password| it.add("ann", password);
    let (one, two, three) = tokio::join!(add(FIRST), add(SECOND), add("horse staple correct"));
    let tried = [one, two, three];
    let added = tried.iter().filter(|tried| tried.is_ok()).count();
    assert_eq!(added, 1, "{tried:?}");
    let (users, _) = it.credentials.users(None, 10).await.expect("lists");
    assert_eq!(users.len(), 1, "{users:?}");
}

async fn they_are_listed_newest_first(it: &Stage) {
    for name in ["ann", "zoe", "bob"] {
        it.clock.advance(Duration::from_millis(1));
        it.add(name, FIRST).await.expect("adds");
    }
    let changed = it.credentials.change_role(&it.by, "ann", Role::Viewer);
    changed.await.expect("changes");
    let (first, next) = it.credentials.users(None, 2).await.expect("lists");
    let (rest, end) = it.credentials.users(next, 2).await.expect("lists");
    let names: Vec<_> = first.iter().chain(&rest).map(|user| &*user.name).collect();
    assert_eq!(names, ["bob", "zoe", "ann"]);
    assert_eq!(end, None);
}

async fn no_password_is_stored_or_told(it: &Stage) {
    it.add("ann", FIRST).await.expect("adds");
    let changed = it.credentials.change_password(&it.by, "ann", typed(SECOND));
    changed.await.expect("changes");
    let page = it.bench.storage.list("system::users", None, 100).await;
    let documents = page.expect("lists").documents;
    let kept: String = documents.iter().map(|document| &*document.json).collect();
    assert!(kept.contains("$argon2id$"), "{kept}");
    assert_eq!(it.actions().await, ["user.passwordChanged", "user.created"]);
    let filter = AuditFilter::default();
    let (entries, _) = it
        .bench
        .audit
        .list(&filter, None, 100)
        .await
        .expect("lists");
    let told = serde_json::to_string(&entries).expect("an entry is JSON");
    for secret in [FIRST, SECOND] {
        assert!(!kept.contains(secret) && !told.contains(secret), "{secret}");
    }
    assert!(!told.contains("argon2id"), "{told}");
}

async fn they_outlive_the_process(subject: &dyn Subject) {
    let it = Stage::fresh(subject).await;
    for name in ["ann", "bob"] {
        it.add(name, FIRST).await.expect("adds");
    }
    let (ann, source) = it.sign_in("ann", FIRST).await.expect("lets in");
    let removed = it.credentials.remove_user(&it.by, "bob").await;
    removed.expect("removes");
    let Some(it) = it.restart(subject).await else {
        return;
    };
    let (again, _) = it.sign_in("ann", FIRST).await.expect("lets in");
    assert_eq!(again, ann);
    assert_eq!(it.goes_on(&source).await, Ok(Role::Operator));
    let refused = it.sign_in("bob", FIRST).await.err();
    assert_eq!(refused, Some(Invalid::Unknown));
    let (users, _) = it.credentials.users(None, 10).await.expect("lists");
    assert_eq!(users, [ann]);
}
