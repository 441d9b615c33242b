//! The parsers of this crate that read bytes from outside: for `cargo xtask fuzz`, and in ordinary tests.

use opspilot_core::testing::fuzz::Target;

use crate::{api, auth};

/// All of them.
pub const TARGETS: &[Target] = &[
    api::fuzz::QUERY,
    api::fuzz::BODY,
    auth::fuzz::TOKENS,
    auth::fuzz::CLAIMS,
    auth::fuzz::KEYS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_of_the_api_withstand_anything() {
        opspilot_core::testing::fuzz::exercise(TARGETS, 400);
    }
}
