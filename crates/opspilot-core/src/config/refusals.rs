//! Values that are understood and refused because they are not safe.
//!
//! One table: which key, when it is refused, why, and what to write instead. It holds for the
//! section of any module, present in this version or not, unless the section is switched off.

use std::net::IpAddr;

use super::fault::{Fault, KeyPath, Report};
use super::modules;
use super::tree::{Node, Value};

struct Refusal {
    key: &'static [&'static str],
    /// Gets the value and the whole configuration.
    applies: fn(&Node, &Node) -> bool,
    why: &'static str,
    instead: &'static str,
}

const EVERYONE: &str =
    "other machines could reach this address, and nobody would ask them who they are";
const EVERYONE_WAYS_OUT: &str =
    "write `host: 127.0.0.1`, or set `auth.enabled: true` and give keys";

/// The fewest bytes of a secret that signs tokens (RFC 7518, section 3.2: as many as the hash has).
const SECRET_BYTES: usize = 32;

/// What people write until they think of a secret, also where it is repeated to be long enough.
const COMMON_SECRETS: [&str; 10] = [
    "changeme",
    "change-me",
    "undefined",
    "null",
    "secret",
    "password",
    "opspilot",
    "your-256-bit-secret",
    "your-secret-key",
    "jwtsecret",
];

const GUESSABLE: &str =
    "whoever guesses this secret signs tokens: it is shorter than 32 bytes, or a common text";

const REFUSALS: [Refusal; 7] = [
    Refusal {
        key: &["modules", "ui.api", "host"],
        applies: is_open,
        why: EVERYONE,
        instead: EVERYONE_WAYS_OUT,
    },
    Refusal {
        key: &["modules", "ui.websocket", "host"],
        applies: is_open,
        why: EVERYONE,
        instead: EVERYONE_WAYS_OUT,
    },
    Refusal {
        key: &["modules", "ui.dashboard", "host"],
        applies: is_open,
        why: EVERYONE,
        instead: EVERYONE_WAYS_OUT,
    },
    Refusal {
        key: &["modules", "ui.api", "corsOrigin"],
        applies: |value, _| value.is_text("*"),
        why: "`*` lets every web page that an operator visits use the API",
        instead: "remove the key, or name one origin: `corsOrigin: https://ops.example.org`",
    },
    Refusal {
        key: &["modules", "action.runbook", "autoExecute"],
        applies: |value, _| value.is_true(),
        why: "nothing is executed without the approval of a human",
        instead: "write `autoExecute: false`; each run then asks for approval",
    },
    Refusal {
        key: &["auth", "jwtSecret"],
        applies: is_weak,
        why: GUESSABLE,
        instead: "make one with `openssl rand -base64 32` and hand it over as `OPSPILOT_JWT_SECRET`",
    },
    Refusal {
        key: &["auth", "jwtPreviousSecret"],
        applies: is_weak,
        why: GUESSABLE,
        instead: "remove the key; tokens that it signed end now",
    },
];

/// Reports every refused value.
pub(crate) fn check(root: &Node, report: &mut Report) {
    for refusal in &REFUSALS {
        let Some(value) = root.at(refusal.key.iter().copied()) else {
            continue;
        };
        if !is_switched_off(root, refusal.key) && (refusal.applies)(value, root) {
            let path = KeyPath::of(refusal.key.iter().copied());
            let fault = Fault::new(value.origin.clone(), path, refusal.why);
            report.fault(fault.help(refusal.instead));
        }
    }
}

fn is_switched_off(root: &Node, key: &[&str]) -> bool {
    matches!(key, ["modules", id, ..] if modules::is_switched_off(root, id))
}

fn is_open(host: &Node, root: &Node) -> bool {
    let Value::Text(host) = &host.value else {
        return false;
    };
    !is_loopback(host) && !root.at(["auth", "enabled"]).is_some_and(Node::is_true)
}

fn is_weak(secret: &Node, root: &Node) -> bool {
    let Value::Text(secret) = &secret.value else {
        return false;
    };
    root.at(["auth", "enabled"]).is_some_and(Node::is_true)
        && (secret.len() < SECRET_BYTES || is_common(secret))
}

/// True for texts of one character, and of nothing but a common text with signs and digits around it.
fn is_common(secret: &str) -> bool {
    let mut rest = secret.to_lowercase();
    let first = rest.chars().next();
    if rest.chars().all(|c| Some(c) == first) {
        return true;
    }
    for common in COMMON_SECRETS {
        rest = rest.replace(common, "");
    }
    !rest.chars().any(char::is_alphabetic)
}

/// Says whether only this machine can reach an address. A name other than `localhost` may stand
/// for anything, so it cannot.
fn is_loopback(host: &str) -> bool {
    let host = host.trim().trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests;
