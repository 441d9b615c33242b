//! Users and their passwords.

use super::*;
use crate::config::Secret;
use crate::safety::audit::AuditFilter;
use crate::safety::credentials::{NewUser, Password, User, UserName};

const FIRST: &str = "correct horse battery";
const SECOND: &str = "staple battery horse";

impl Fixture {
    async fn user(&self, name: &str, password: &str) -> Result<User, CredentialError> {
        let new = NewUser {
            name: UserName::parse(name)?,
            role: Role::Operator,
            password: typed(password),
        };
        self.credentials.add_user(&self.by, new).await
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<(User, Source), Invalid> {
        let password = Secret::new(password.to_owned());
        let checked = self.credentials.check_password(name, password).await;
        checked.unwrap()
    }

    /// Whether a session that began with `source` goes on.
    async fn goes_on(&self, source: &Source) -> Result<Role, Invalid> {
        let Source::Password { name, generation } = source else {
            panic!("not a session of a user");
        };
        let live = self.credentials.live_user(name, generation).await.unwrap();
        live.map(|user| user.role)
    }
}

fn typed(password: &str) -> Password {
    Password::parse(Secret::new(password.to_owned())).unwrap()
}

#[tokio::test]
async fn a_user_signs_in_with_their_password_alone() {
    let it = Fixture::new().await;
    let added = it.user("Ann", FIRST).await.unwrap();
    assert_eq!(
        (added.name.as_str(), added.role, added.created_by.as_str()),
        ("ann", Role::Operator, "root")
    );
    for name in ["ann", "ANN"] {
        let (user, _) = it.sign_in(name, FIRST).await.unwrap();
        assert_eq!(user, added, "{name}");
    }
    assert_eq!(
        it.sign_in("ann", SECOND).await.err(),
        Some(Invalid::Password)
    );
    assert_eq!(it.sign_in("bob", FIRST).await.err(), Some(Invalid::Unknown));
    assert_eq!(
        it.sign_in("ann\0", FIRST).await.err(),
        Some(Invalid::Unknown)
    );
    let again = it.user("ANN", SECOND).await;
    assert!(matches!(again, Err(CredentialError::Exists { .. })));
    assert!(
        it.sign_in("ann", FIRST).await.is_ok(),
        "nothing was replaced"
    );
}

#[tokio::test]
async fn a_session_ends_with_the_password_and_with_the_user_and_has_the_present_role() {
    let it = Fixture::new().await;
    it.user("ann", FIRST).await.unwrap();
    let credentials = &it.credentials;
    let (_, old) = it.sign_in("ann", FIRST).await.unwrap();
    assert_eq!(it.goes_on(&old).await, Ok(Role::Operator));
    credentials
        .change_role(&it.by, "ann", Role::Viewer)
        .await
        .unwrap();
    assert_eq!(it.goes_on(&old).await, Ok(Role::Viewer));
    let changes = credentials.changes();
    let changed = credentials
        .change_password(&it.by, "ann", typed(SECOND))
        .await;
    changed.unwrap();
    assert!(credentials.changes() > changes, "open streams ask again");
    assert_eq!(it.goes_on(&old).await, Err(Invalid::Revoked));
    assert_eq!(
        it.sign_in("ann", FIRST).await.err(),
        Some(Invalid::Password)
    );
    let (_, new) = it.sign_in("ann", SECOND).await.unwrap();
    credentials.remove_user(&it.by, "ann").await.unwrap();
    assert_eq!(it.goes_on(&new).await, Err(Invalid::Revoked));
    assert_eq!(
        it.sign_in("ann", SECOND).await.err(),
        Some(Invalid::Unknown)
    );
    it.user("ann", SECOND).await.unwrap();
    assert_eq!(it.goes_on(&new).await, Err(Invalid::Revoked), "another ann");
}

#[tokio::test]
async fn only_users_that_are_there_are_changed() {
    let it = Fixture::new().await;
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
    assert!(!credentials.has_user().await.unwrap());
    it.user("ann", FIRST).await.unwrap();
    assert!(credentials.has_user().await.unwrap());
}

#[test]
fn names_are_plain_and_nobody_elses() {
    for name in ["ann", "ann@example.org", "7of9", "a.b_c-d+e"] {
        assert_eq!(UserName::parse(name).unwrap().as_str(), name);
    }
    let long = "a".repeat(65);
    for name in [
        "",
        " ann",
        "ann ",
        "a b",
        "änn",
        "oidc:ann",
        "-ann",
        "@ann",
        "a\u{200b}nn",
        &long,
    ] {
        assert!(UserName::parse(name).is_err(), "{name:?}");
    }
    for name in ["core", "Action.Safe", "operator@127.0.0.1", "anonymous@x"] {
        let refused = UserName::parse(name);
        assert!(
            matches!(refused, Err(CredentialError::Reserved(_))),
            "{name}"
        );
    }
}

#[tokio::test]
async fn no_password_is_stored_or_told() {
    let it = Fixture::new().await;
    it.user("ann", FIRST).await.unwrap();
    let changed = it.credentials.change_password(&it.by, "ann", typed(SECOND));
    changed.await.unwrap();
    let kept = stored(&it.bench, "system::users").await;
    assert!(kept.contains("$argon2id$"), "{kept}");
    let (entries, _) = it
        .bench
        .audit
        .list(&AuditFilter::default(), None, 100)
        .await
        .unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry.action.to_string())
        .collect();
    assert_eq!(actions, ["user.passwordChanged", "user.created"]);
    let told = serde_json::to_string(&entries).unwrap();
    for secret in [FIRST, SECOND] {
        assert!(!kept.contains(secret) && !told.contains(secret));
    }
    assert!(!told.contains("argon2id"), "{told}");
}
