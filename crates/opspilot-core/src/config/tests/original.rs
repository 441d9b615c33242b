//! The default configuration of the original.

use super::{Fault, faults, load};

const ORIGINAL: &str = include_str!("../testdata/original-default.yaml");

/// Faults of modules that these tests know in another form than the product has them.
fn without_module_options(text: &str) -> String {
    let (before, rest) = text.split_once("  detector.regex:\n").unwrap();
    let (_, after) = rest.split_once("  detector.threshold:\n").unwrap();
    let (start, rest) = before.split_once("  connector.fileTail:\n").unwrap();
    let (_, middle) = rest.split_once("  connector.metrics:\n").unwrap();
    format!("{start}  connector.metrics:\n{middle}  detector.threshold:\n{after}")
}

#[test]
fn original_is_refused_only_where_it_is_not_safe() {
    let faults = faults(&without_module_options(ORIGINAL), &[]);
    let short: Vec<(&str, &str)> = faults
        .iter()
        .map(|fault| {
            let (_, rest) = fault.split_once(": ").unwrap();
            let (key, _) = rest.split_once(": ").unwrap();
            let (_, way_out) = rest.split_once("; ").unwrap();
            (key, way_out)
        })
        .collect();
    let ways_out = "write `host: 127.0.0.1`, or set `auth.enabled: true` and give keys";
    assert_eq!(
        short,
        [
            ("modules.\"ui.api\".host", ways_out),
            (
                "modules.\"ui.api\".corsOrigin",
                "remove the key, or name one origin: `corsOrigin: https://ops.example.org`"
            ),
            ("modules.\"ui.websocket\".host", ways_out),
            ("modules.\"ui.dashboard\".host", ways_out),
        ]
    );
}

#[test]
fn original_loads_once_the_ways_out_are_taken() {
    let safe = without_module_options(ORIGINAL)
        .replace("host: 0.0.0.0", "host: 127.0.0.1")
        .replace("    corsOrigin: \"*\"\n", "");
    let loaded = load(&safe).unwrap();
    let [warning] = loaded.warnings.as_slice() else {
        panic!("one warning: {:?}", loaded.warnings);
    };
    for id in ["connector.journald", "notifier.email", "ui.dashboard"] {
        assert!(Fault::to_string(warning).contains(id), "{id}");
    }
}

#[test]
fn original_speaks_of_all_26_modules() {
    let yaml = super::super::yaml::Source::File("a.yaml".into());
    let tree = super::super::yaml::parse(ORIGINAL, &yaml).unwrap();
    let ids: Vec<&str> = tree
        .get("modules")
        .unwrap()
        .entries()
        .iter()
        .map(|e| e.key.as_str())
        .collect();
    assert_eq!(ids.len(), 26);
    for id in ids {
        assert!(super::super::modules::NAMED_MODULES.contains(&id), "{id}");
    }
}
