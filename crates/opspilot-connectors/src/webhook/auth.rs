//! Who may deliver.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opspilot_core::clock::Timestamp;
use opspilot_core::config::{KeyPath, Secret};
use opspilot_core::module::BuildError;
use opspilot_net::{HeaderMap, HeaderName, header};
use ring::{digest, hmac};

use super::config::{AuthConfig, Encoding};

/// The shortest secret, in bytes.
const SHORTEST: usize = 16;

/// What the sender of a delivery must prove.
#[derive(Debug, Clone)]
pub(super) enum Guard {
    /// Nothing; on loopback only.
    Open,
    /// A header equal to this.
    Header(Hidden),
    /// A signature over the body.
    Signature(Box<Signature>),
}

/// The SHA-256 of a header value: comparing hashes tells nothing of where two values differ.
#[derive(Clone)]
pub(super) struct Hidden([u8; 32]);

/// How a body is signed.
#[derive(Clone)]
pub(super) struct Signature {
    key: hmac::Key,
    header: HeaderName,
    prefix: String,
    encoding: Encoding,
    timestamp: Option<Clocked>,
}

#[derive(Clone)]
struct Clocked {
    header: HeaderName,
    tolerance: std::time::Duration,
    /// What is signed before and behind the time, and behind the body.
    before: String,
    between: String,
}

/// Why a delivery was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no credential.
    Missing,
    /// It is not the right one.
    Wrong,
    /// It was signed too long ago, or in the future.
    Old,
}

impl Refusal {
    /// The label value in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "credential_missing",
            Self::Wrong => "credential_wrong",
            Self::Old => "signature_old",
        }
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signature")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl Hidden {
    fn of(value: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, value).as_ref());
        Self(bytes)
    }

    fn is(&self, value: &[u8]) -> bool {
        let Self(other) = Self::of(value);
        self.0
            .iter()
            .zip(other)
            .fold(0, |all, (mine, theirs)| all | (mine ^ theirs))
            == 0
    }
}

impl Guard {
    /// Reads the options `at`.
    pub(super) fn new(config: &AuthConfig, at: &KeyPath) -> Result<Self, BuildError> {
        let long_enough = |key: &str, secret: &Secret| {
            if secret.expose().len() >= SHORTEST {
                return Ok(());
            }
            let message = format!(
                "must have at least {SHORTEST} characters; `openssl rand -hex 32` makes a good one"
            );
            Err(BuildError::option(at.clone().with_key(key), message))
        };
        match config {
            AuthConfig::None {} => Ok(Self::Open),
            AuthConfig::Bearer { token } => {
                long_enough("token", token)?;
                let value = format!("Bearer {}", token.expose());
                Ok(Self::Header(Hidden::of(value.as_bytes())))
            }
            AuthConfig::Basic { username, password } => {
                long_enough("password", password)?;
                if username.contains(':') {
                    let path = at.clone().with_key("username");
                    return Err(BuildError::option(path, "must not contain a colon"));
                }
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                Ok(Self::Header(Hidden::of(format!("Basic {pair}").as_bytes())))
            }
            AuthConfig::Hmac(options) => {
                long_enough("secret", &options.secret)?;
                let name = |key: &str, text: &str| {
                    text.parse::<HeaderName>().map_err(|_| {
                        let message = format!("`{text}` is not the name of a header");
                        BuildError::option(at.clone().with_key(key), message)
                    })
                };
                let timestamp = match &options.timestamp_header {
                    None => None,
                    Some(header) => {
                        let (before, between) = split(&options.signed, at)?;
                        Some(Clocked {
                            header: name("timestampHeader", header)?,
                            tolerance: std::time::Duration::from_secs(options.tolerance_sec.into()),
                            before,
                            between,
                        })
                    }
                };
                Ok(Self::Signature(Box::new(Signature {
                    key: hmac::Key::new(hmac::HMAC_SHA256, options.secret.expose().as_bytes()),
                    header: name("header", &options.header)?,
                    prefix: options.prefix.clone(),
                    encoding: options.encoding,
                    timestamp,
                })))
            }
        }
    }

    /// True if anybody may deliver.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Checks what needs no body, so that strangers send none in vain.
    pub(super) fn check_head(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Open => Ok(()),
            Self::Header(expected) => {
                let given = headers.get(header::AUTHORIZATION).ok_or(Refusal::Missing)?;
                let is_right = expected.is(given.as_bytes());
                is_right.then_some(()).ok_or(Refusal::Wrong)
            }
            Self::Signature(signature) => {
                let is_there = headers.contains_key(&signature.header);
                is_there.then_some(()).ok_or(Refusal::Missing)
            }
        }
    }

    /// Checks the body.
    pub(super) fn check_body(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match self {
            Self::Open | Self::Header(_) => Ok(()),
            Self::Signature(signature) => signature.check(headers, body, now),
        }
    }

    /// What names this delivery if it comes again: the signature, where it was made for one moment.
    pub(super) fn once<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        match self {
            Self::Signature(signature) if signature.timestamp.is_some() => {
                headers.get(&signature.header).map(|value| value.as_bytes())
            }
            _ => None,
        }
    }
}

impl Signature {
    fn check(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refusal> {
        let given = headers.get(&self.header).ok_or(Refusal::Missing)?;
        let given = given.to_str().map_err(|_| Refusal::Wrong)?;
        let text = given.strip_prefix(&self.prefix).ok_or(Refusal::Wrong)?;
        let tag = self.encoding.decode(text).ok_or(Refusal::Wrong)?;
        let mut message = Vec::new();
        let mut moment = None;
        if let Some(clocked) = &self.timestamp {
            let stamp = headers.get(&clocked.header).ok_or(Refusal::Missing)?;
            let stamp = stamp.to_str().map_err(|_| Refusal::Wrong)?;
            moment = Some((stamp.parse::<i64>().map_err(|_| Refusal::Wrong)?, clocked));
            message.extend_from_slice(clocked.before.as_bytes());
            message.extend_from_slice(stamp.as_bytes());
            message.extend_from_slice(clocked.between.as_bytes());
        }
        message.extend_from_slice(body);
        // In constant time.
        hmac::verify(&self.key, &message, &tag).map_err(|_| Refusal::Wrong)?;
        let Some((seconds, clocked)) = moment else {
            return Ok(());
        };
        let signed = Timestamp::from_millis(seconds.saturating_mul(1_000));
        let distance = now.since(signed).max(signed.since(now));
        let is_fresh = distance <= clocked.tolerance;
        is_fresh.then_some(()).ok_or(Refusal::Old)
    }
}

/// What stands before the time, and between time and body.
fn split(signed: &str, at: &KeyPath) -> Result<(String, String), BuildError> {
    let parts = signed
        .strip_suffix("{body}")
        .and_then(|head| head.split_once("{timestamp}"));
    let (before, between) = parts.ok_or_else(|| {
        let message = format!(
            "`{signed}` must hold `{{timestamp}}` and end in `{{body}}`, or the time could be changed"
        );
        BuildError::option(at.clone().with_key("signed"), message)
    })?;
    Ok((before.to_owned(), between.to_owned()))
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => {
                let digits = text.as_bytes().chunks(2);
                let pairs = digits.map(|pair| {
                    let digit = |at: usize| {
                        let digit = char::from(*pair.get(at)?).to_digit(16)?;
                        u8::try_from(digit).ok()
                    };
                    Some(digit(0)? << 4 | digit(1)?)
                });
                pairs.collect()
            }
        }
    }
}
