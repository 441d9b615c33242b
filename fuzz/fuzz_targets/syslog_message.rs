//! Any bytes as a syslog message: its parts lie within it, and telling its facts does not fail.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opspilot_connectors::syslog::facts::describe;
use opspilot_connectors::syslog::header::{Grammar, Kind, scan};
use opspilot_core::clock::Timestamp;

fuzz_target!(|frame: &[u8]| {
    for grammar in [Grammar::Auto, Grammar::Rfc3164, Grammar::Rfc5424] {
        let header = scan(frame, grammar);
        assert!(header.message <= frame.len());
        assert!(header.kind != Kind::Bare || header.message == 0);
        let attributes = describe(frame, grammar, Timestamp::UNIX_EPOCH);
        assert_eq!(attributes.contains_key("parseError"), header.kind == Kind::Bare);
    }
});
