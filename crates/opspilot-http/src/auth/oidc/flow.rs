//! What ties a browser to its answer.
//!
//! A flow is 256 random bits in a cookie that no script reads. State, nonce and verifier are derived from them, each for
//! itself, so that nothing need be kept for whoever begins and never comes back. The cookie also tells when it was made
//! and how the issuer was asked, under a code of this process: another cannot be planted, and an old one is over.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opspilot_core::clock::Timestamp;
use opspilot_core::module::RunError;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::proof::Ask;

/// How long somebody may take at the issuer.
pub(crate) const FLOW_LIFE: Duration = Duration::from_mins(10);

/// How many flows that are over are remembered; each lives ten minutes, and failing ones are limited by address.
const ENDED: usize = 4_096;

/// Begins, recognises and ends flows.
pub(super) struct Flows {
    key: hmac::Key,
    ended: Mutex<VecDeque<[u8; 32]>>,
}

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows").finish_non_exhaustive()
    }
}

/// One sign-in, from the button to the way back.
pub(crate) struct Flow {
    secret: [u8; 32],
    pub(super) begun: Timestamp,
    pub(super) ask: Ask,
}

impl Flows {
    /// Nobody has begun yet.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(super) fn new() -> Result<Self, RunError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            key: key.map_err(|_| RunError::message("the system gives no random numbers"))?,
            ended: Mutex::default(),
        })
    }

    /// A new flow, and the value of its cookie.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(super) fn begin(&self, ask: Ask, now: Timestamp) -> Result<(Flow, String), String> {
        let mut secret = [0; 32];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        let encoded = URL_SAFE_NO_PAD.encode(secret);
        let body = format!("{encoded}.{}.{}", now.as_millis(), ask.word());
        let tag = hmac::sign(&self.key, body.as_bytes());
        let cookie = format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag));
        let flow = Flow {
            secret,
            begun: now,
            ask,
        };
        Ok((flow, cookie))
    }

    /// The flow of a cookie; `None` if it was not made here, or too long ago.
    pub(super) fn read(&self, cookie: &str, now: Timestamp) -> Option<Flow> {
        let (body, tag) = cookie.rsplit_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.key, body.as_bytes(), &tag).ok()?;
        let (body, ask) = body.rsplit_once('.')?;
        let (secret, begun) = body.split_once('.')?;
        let begun = Timestamp::from_millis(begun.parse().ok()?);
        if begun > now || now.since(begun) >= FLOW_LIFE {
            return None;
        }
        Some(Flow {
            secret: URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?,
            begun,
            ask: Ask::of(ask)?,
        })
    }

    /// Ends a flow; false if it was ended before.
    pub(super) fn end(&self, flow: &Flow) -> bool {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.contains(&flow.secret) {
            return false;
        }
        if ended.len() >= ENDED {
            ended.pop_front();
        }
        ended.push_back(flow.secret);
        true
    }
}

impl Flow {
    /// What the issuer gives back with the code.
    pub(super) fn state(&self) -> String {
        self.derive(b"opspilot oidc state 1")
    }

    /// What the issuer writes into the token.
    pub(super) fn nonce(&self) -> String {
        self.derive(b"opspilot oidc nonce 1")
    }

    /// What proves to the issuer that the code is shown by whoever began (RFC 7636, section 4.1).
    pub(super) fn verifier(&self) -> String {
        self.derive(b"opspilot oidc verifier 1")
    }

    /// What the issuer is told of the verifier (RFC 7636, section 4.2).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier().as_bytes()))
    }

    fn derive(&self, what: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_771_588_800_000);

    #[test]
    fn a_cookie_is_good_for_ten_minutes_at_the_server_that_made_it() {
        let flows = Flows::new().unwrap();
        let (flow, cookie) = flows.begin(Ask::Anew, NOW).unwrap();
        let read = flows.read(&cookie, NOW).unwrap();
        assert_eq!(read.state(), flow.state());
        assert_eq!((read.begun, read.ask), (NOW, Ask::Anew));
        let last = NOW.plus(FLOW_LIFE - Duration::from_millis(1));
        assert!(flows.read(&cookie, last).is_some());
        assert!(flows.read(&cookie, NOW.plus(FLOW_LIFE)).is_none());
        let before = NOW.minus(Duration::from_millis(1));
        assert!(flows.read(&cookie, before).is_none(), "made in the future");
        assert!(Flows::new().unwrap().read(&cookie, NOW).is_none());
    }

    #[test]
    fn no_other_cookie_is_taken() {
        let flows = Flows::new().unwrap();
        let (_, cookie) = flows.begin(Ask::Anew, NOW).unwrap();
        let (_, other) = flows.begin(Ask::Anew, NOW).unwrap();
        let parts: Vec<_> = cookie.split('.').collect();
        let foreign = other.split('.').next().unwrap();
        let later = NOW.as_millis() + 1;
        for wrong in [
            String::new(),
            "..".to_owned(),
            "...".to_owned(),
            cookie.replace('.', ""),
            cookie.replace(parts[0], foreign),
            cookie.replace(parts[1], &later.to_string()),
            cookie.replace(".anew.", ".usual."),
            cookie.replace(".anew.", "."),
            cookie.replace(parts[3], ""),
            format!("{cookie}A"),
            format!("x{cookie}"),
        ] {
            assert!(flows.read(&wrong, NOW).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_derived_differs_and_tells_nothing_of_the_rest() {
        let flows = Flows::new().unwrap();
        let (flow, cookie) = flows.begin(Ask::Usual, NOW).unwrap();
        let made = [
            flow.state(),
            flow.nonce(),
            flow.verifier(),
            flow.challenge(),
        ];
        for (index, one) in made.iter().enumerate() {
            assert_eq!(one.len(), 43, "256 bits");
            assert!(!cookie.contains(one.as_str()));
            assert!(!made[..index].contains(one));
        }
        assert!(flows.end(&flow) && !flows.end(&flow), "once");
    }

    #[test]
    fn what_is_remembered_of_ended_flows_is_bounded() {
        let flows = Flows::new().unwrap();
        for number in 0..u32::try_from(ENDED).unwrap() + 10 {
            let mut secret = [0; 32];
            secret[..4].copy_from_slice(&number.to_le_bytes());
            let (begun, ask) = (NOW, Ask::Usual);
            assert!(flows.end(&Flow { secret, begun, ask }));
        }
        assert_eq!(flows.ended.lock().unwrap().len(), ENDED);
    }
}
