//! Users and their passwords.

use super::*;
use crate::storage::SharedStorage;
use crate::storage::conformance::Subject;

struct Memory;

#[async_trait::async_trait]
impl Subject for Memory {
    async fn fresh(&self) -> SharedStorage {
        Arc::new(MemoryStorage::default())
    }
}

#[tokio::test]
async fn users_on_memory_pass_the_suite() {
    conformance::check(&Memory).await;
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
