//! What changed between two configurations.

use super::{Config, load};

#[test]
fn only_sections_with_other_values_count_as_changed() {
    let base = "
system: {name: a}
modules:
  detector.regex: {share: 0.25, rules: [{id: a, pattern: b}]}
";
    let rows: &[(&str, &[&str], &[&str])] = &[
        (base, &[], &[]),
        (
            "# moved\nmodules:\n  detector.regex:\n    rules:\n      - pattern: b\n        id: a\n    share: 0.25\nsystem: {name: a}\n",
            &[],
            &[],
        ),
        (
            "system: {name: a}\nmodules: {detector.regex: {share: 0.5, rules: [{id: a, pattern: b}]}}",
            &["detector.regex"],
            &[],
        ),
        (
            "system: {name: a}\nmodules: {detector.regex: {rules: [{id: a, pattern: b}]}}",
            &["detector.regex"],
            &[],
        ),
        (
            "system: {name: a}\nmodules: {detector.regex: {enabled: false, share: 0.25, rules: [{id: a, pattern: b}]}}",
            &["detector.regex"],
            &[],
        ),
        (
            "system: {name: b}\nstorage: {}\nmodules: {detector.regex: {share: 0.25, rules: [{id: a, pattern: b}]}, connector.fileTail: {path: x}}",
            &["connector.fileTail"],
            &["storage", "system"],
        ),
    ];
    let old = load(base).unwrap().config;
    for (text, modules, sections) in rows {
        let new = load(text).unwrap().config;
        assert_eq!(Config::changed_modules(&old, &new), *modules, "{text}");
        assert_eq!(Config::changed_sections(&old, &new), *sections, "{text}");
        assert_eq!(
            Config::changed_modules(&new, &old),
            *modules,
            "{text}, back"
        );
    }
}
