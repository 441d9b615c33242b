//! The parsers of this crate that read bytes from outside.

use std::path::Path;

use super::fuzz::Target;
use crate::clock::Timestamp;
use crate::config::{Environment, KnownModules, Logging, ModuleSchema, load_text};
use crate::safety::audit::verify::{Trust, verify};
use crate::safety::credentials::{KeyText, SessionToken};
use crate::storage::Cursor;

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "config",
        seeds: &[
            include_bytes!("../../../../config/default.yaml"),
            b"system: { name: a }\nmodules:\n  x.y: { enabled: true, level: \"d\\u0065bug\", maxFiles: 1_0, file: ~ }\nlogging: { maxFileSize: 1e4 }\n",
            b"a: |\n  text\nb: >-\n  folded\n? complex\n: !!str value\n--- # next\n...\n",
        ],
        run: config,
    },
    Target {
        name: "audit",
        seeds: &[
            include_bytes!("audit.jsonl"),
            b"{\"format\":\"opspilot-audit\",\"version\":1}\n{\"seq\":1}\n",
        ],
        run: audit,
    },
    Target {
        name: "words",
        seeds: &[
            b"2026-02-20T12:00:00.123456789+01:00",
            b"opk_0123456789abcdef_0123456789abcdefghijklmnopqrstuvwxyz",
        ],
        run: words,
    },
];

/// A configuration: read, or refused with faults that can be shown. Files that it names are not read.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if text.contains("${") {
        return;
    }
    let environment = Environment::default();
    let module = ModuleSchema {
        id: "x.y".to_owned(),
        schema: schemars::schema_for!(Logging),
        enabled_by_default: true,
    };
    let known = KnownModules::from_iter([module]);
    match load_text(text, Path::new("config.yaml"), &environment, &known) {
        Err(faults) => assert!(!faults.to_string().is_empty()),
        Ok(loaded) => {
            let options = loaded.config.modules().next();
            drop(options.map(|options| options.parse::<Logging>()));
        }
    }
}

/// An exported audit log: what was not signed by the key is never proved.
fn audit(bytes: &[u8]) {
    let proved = verify(bytes, Trust::default());
    if let Ok(summary) = proved {
        assert!(summary.last + 1 >= summary.first);
    }
}

/// Times, cursors and credentials as callers write them: what is read is written back as the same.
fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()).ok(), Some(time));
    }
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse().ok(), Some(cursor));
    }
    if let Some(key) = KeyText::parse(text) {
        assert_eq!(key.expose(), text);
    }
    if let Some(token) = SessionToken::parse(text) {
        assert_eq!(token.expose(), text);
    }
}
