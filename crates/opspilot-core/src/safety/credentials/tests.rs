//! Credentials on memory, with a clock that the test moves.

mod users;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;
use crate::safety::identity::{Kind, Method, Role};
use crate::storage::MemoryStorage;
use crate::testing::Bench;

const HOUR: Duration = Duration::from_hours(1);

struct Fixture {
    bench: Bench,
    clock: Arc<ManualClock>,
    credentials: Credentials,
    by: Identity,
}

impl Fixture {
    async fn new() -> Self {
        let clock = ManualClock::starting_at(Timestamp::parse("2026-02-20T12:00:00Z").unwrap());
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let bench = Bench::on(Arc::new(MemoryStorage::default()), shared).await;
        Self {
            credentials: bench.access.credentials.clone(),
            by: Identity::vouch("root", Role::Admin, Kind::Human, Method::Local),
            bench,
            clock,
        }
    }

    async fn key(&self, life: Duration) -> (Key, KeyText) {
        let new = NewKey {
            label: "ci".into(),
            role: Role::Operator,
            kind: Kind::Service,
            life,
        };
        self.credentials.create_key(&self.by, new).await.unwrap()
    }

    async fn check(&self, text: &str) -> Result<String, Invalid> {
        let checked = self.credentials.check_key(text).await.unwrap();
        checked.map(|key| key.label)
    }

    async fn token(&self, jti: &str) -> Token {
        let new = NewToken {
            jti: jti.into(),
            subject: "ann".into(),
            role: Role::Viewer,
            kind: Kind::Human,
            issued_at: self.clock.now(),
            expires_at: self.clock.now().plus(HOUR),
        };
        self.credentials.add_token(&self.by, new).await.unwrap()
    }

    async fn session(&self) -> SessionToken {
        let new = NewSession {
            source: Source::Key { id: "k".into() },
            address: "127.0.0.1".into(),
        };
        self.credentials.open_session(&self.by, new).await.unwrap()
    }

    async fn is_in(&self, token: &SessionToken) -> Result<(), Invalid> {
        let checked = self.credentials.check_session(token).await.unwrap();
        if let Ok(session) = &checked {
            self.credentials.note_session(session).await.unwrap();
        }
        checked.map(|_| ())
    }
}

/// Everything that the storage holds of `collection`, as text.
async fn stored(bench: &Bench, collection: &str) -> String {
    let page = bench.storage.list(collection, None, 100).await.unwrap();
    page.documents
        .into_iter()
        .map(|document| document.json)
        .collect::<Vec<_>>()
        .concat()
}

#[tokio::test]
async fn changes_are_counted_and_checks_are_not() {
    let fixture = Fixture::new().await;
    let (key, text) = fixture.key(HOUR).await;
    let made = fixture.credentials.changes();
    assert!(made > 0);
    fixture.check(text.expose()).await.unwrap();
    fixture.credentials.note_use(&key.id).await.unwrap();
    assert_eq!(fixture.credentials.changes(), made);
    let credentials = &fixture.credentials;
    credentials.revoke_key(&fixture.by, &key.id).await.unwrap();
    assert!(credentials.changes() > made);
}

#[tokio::test]
async fn a_key_lets_in_until_it_expires_or_is_revoked() {
    let it = Fixture::new().await;
    let (key, text) = it.key(HOUR).await;
    assert_eq!(it.check(text.expose()).await, Ok("ci".into()));
    it.clock.advance(HOUR - Duration::from_millis(1));
    assert_eq!(it.check(text.expose()).await, Ok("ci".into()));
    it.clock.advance(Duration::from_millis(1));
    assert_eq!(it.check(text.expose()).await, Err(Invalid::Expired));
    let revoked = it.credentials.revoke_key(&it.by, &key.id).await.unwrap();
    assert_eq!(it.check(text.expose()).await, Err(Invalid::Revoked));
    it.clock.advance(HOUR);
    let again = it.credentials.revoke_key(&it.by, &key.id).await.unwrap();
    assert_eq!(again, revoked, "the first revocation stands");
    let unknown = it.credentials.revoke_key(&it.by, "00000000").await;
    assert!(matches!(unknown, Err(CredentialError::NotFound { .. })));
}

#[tokio::test]
async fn the_secret_of_a_key_is_not_stored() {
    let it = Fixture::new().await;
    let (_, text) = it.key(HOUR).await;
    let token = it.session().await;
    let kept =
        stored(&it.bench, "system::api_keys").await + &stored(&it.bench, "system::sessions").await;
    let secret = text.expose().get(13..56).unwrap();
    assert!(kept.contains(text.id()) && !kept.contains(secret), "{kept}");
    assert!(
        !kept.contains(token.expose()) && !kept.contains(&token.csrf()),
        "{kept}"
    );
    let shown = format!("{text:?} {token:?}");
    assert!(
        !shown.contains(secret) && !shown.contains(token.expose()),
        "{shown}"
    );
}

#[tokio::test]
async fn every_other_spelling_of_a_key_is_refused() {
    let it = Fixture::new().await;
    let (_, text) = it.key(HOUR).await;
    let (_, other) = it.key(HOUR).await;
    let text = text.expose();
    for at in 0..text.len() {
        let (before, rest) = text.split_at(at);
        let old = rest.chars().next().unwrap();
        for new in ['A', 'b', '0', '_', ' '] {
            let changed = format!("{before}{new}{}", rest.get(1..).unwrap());
            if new != old {
                assert!(it.check(&changed).await.is_err(), "{changed}");
            }
        }
        assert!(it.check(before).await.is_err(), "{before}");
    }
    let swapped: String = text
        .chars()
        .map(|c| {
            if c.is_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    for wrong in [
        swapped,
        format!("{text}\n"),
        format!(" {text}"),
        format!("{text}0"),
        String::new(),
    ] {
        assert_eq!(it.check(&wrong).await, Err(Invalid::Malformed), "{wrong:?}");
    }
    // A well-formed key with the id of one and the secret of another.
    let body = format!(
        "{}{}",
        text.get(..12).unwrap(),
        other.expose().get(12..56).unwrap()
    );
    let mixed = format!("{body}_{:08x}", crc32fast::hash(body.as_bytes()));
    assert_eq!(it.check(&mixed).await, Err(Invalid::Unknown));
}

#[tokio::test]
async fn a_key_lives_a_year_at_most() {
    let it = Fixture::new().await;
    let new = |life| NewKey {
        label: "a".into(),
        role: Role::Viewer,
        kind: Kind::Human,
        life,
    };
    let too_long = LONGEST_KEY_LIFE + Duration::from_secs(1);
    let refused = it.credentials.create_key(&it.by, new(too_long)).await;
    assert!(matches!(refused, Err(CredentialError::TooLong { .. })));
    let longest = it
        .credentials
        .create_key(&it.by, new(LONGEST_KEY_LIFE))
        .await;
    assert!(longest.is_ok());
}

#[tokio::test]
async fn the_last_use_is_due_once_a_minute() {
    let it = Fixture::new().await;
    let (key, _) = it.key(HOUR).await;
    let mut due = Vec::new();
    for _ in 0..130 {
        due.push(it.credentials.is_use_due(&key.id));
        it.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(due.iter().filter(|due| **due).count(), 3);
    it.credentials.note_use(&key.id).await.unwrap();
    let (keys, _) = it.credentials.keys(None, 10).await.unwrap();
    assert_eq!(keys[0].last_used_at, Some(it.clock.now()));
}

#[tokio::test]
async fn tokens_are_listed_revoked_and_forgotten_a_day_after_their_end() {
    let it = Fixture::new().await;
    it.token("a").await;
    it.clock.advance(Duration::from_millis(1));
    it.token("b").await;
    let listed = |tokens: Vec<Token>| {
        tokens
            .into_iter()
            .map(|token| token.jti)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        listed(it.credentials.tokens(None, 10).await.unwrap().0),
        ["b", "a"]
    );
    let revoked = it.credentials.revoke_token(&it.by, "a").await.unwrap();
    assert_eq!(revoked.check(), Err(Invalid::Revoked));
    assert!(
        it.credentials
            .token("b")
            .await
            .unwrap()
            .unwrap()
            .check()
            .is_ok()
    );
    it.clock.advance(Duration::from_hours(26));
    it.token("c").await;
    assert_eq!(
        listed(it.credentials.tokens(None, 10).await.unwrap().0),
        ["c"]
    );
    let rule = it.credentials.revoke_subject(&it.by, "ann").await.unwrap();
    assert_eq!(rule.not_before, it.clock.now());
    assert_eq!(
        it.credentials.not_before("ann").await.unwrap(),
        Some(it.clock.now())
    );
    assert_eq!(it.credentials.not_before("bob").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_eight_hours() {
    let it = Fixture::new().await;
    let minute = Duration::from_mins(1);
    let idle = it.session().await;
    it.clock.advance(SESSION_IDLE - Duration::from_millis(1));
    assert_eq!(it.is_in(&idle).await, Ok(()));
    it.clock.advance(SESSION_IDLE);
    assert_eq!(it.is_in(&idle).await, Err(Invalid::Expired));
    it.clock.advance(Duration::from_millis(1));
    let busy = it.session().await;
    let mut minutes = 0;
    while it.is_in(&busy).await.is_ok() {
        it.clock.advance(minute);
        minutes += 1;
    }
    assert_eq!(minutes, 8 * 60);
    assert!(
        !stored(&it.bench, "system::sessions")
            .await
            .contains(&idle.id()),
        "swept"
    );
}

#[tokio::test]
async fn a_session_that_was_ended_is_unknown() {
    let it = Fixture::new().await;
    let token = it.session().await;
    it.credentials
        .close_session(&it.by, &token.id())
        .await
        .unwrap();
    assert_eq!(it.is_in(&token).await, Err(Invalid::Unknown));
    assert_ne!(it.session().await.csrf(), token.csrf());
    for text in ["", "short", &"a".repeat(44), &"ä".repeat(43)] {
        assert!(SessionToken::parse(text).is_none(), "{text}");
    }
}

#[tokio::test]
async fn only_a_live_key_is_a_way_in() {
    let it = Fixture::new().await;
    assert!(!it.credentials.has_live_key().await.unwrap());
    let (key, _) = it.key(HOUR).await;
    assert!(it.credentials.has_live_key().await.unwrap());
    it.credentials.revoke_key(&it.by, &key.id).await.unwrap();
    assert!(!it.credentials.has_live_key().await.unwrap());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_of_keys_panic(text in "(opk_)?[0-9a-z_]{0,12}.{0,70}") {
        if let Some(key) = KeyText::parse(&text) {
            prop_assert_eq!(key.expose(), text);
        }
    }
}
