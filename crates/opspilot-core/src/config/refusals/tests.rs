use super::*;
use crate::config::yaml::{Source, parse};

fn refused(text: &str) -> Vec<String> {
    let root = parse(text, &Source::File("a.yaml".into())).unwrap();
    let mut report = Report::default();
    check(&root, &mut report);
    report
        .faults
        .iter()
        .map(|fault| fault.key_path.to_string())
        .collect()
}

#[test]
fn unsafe_values_are_refused_and_safe_ones_are_not() {
    let rows: &[(&str, &[&str])] = &[
        (
            "modules: {ui.api: {host: 0.0.0.0}}",
            &["modules.\"ui.api\".host"],
        ),
        (
            "modules: {ui.api: {host: '::'}}",
            &["modules.\"ui.api\".host"],
        ),
        (
            "modules: {ui.api: {host: ''}}",
            &["modules.\"ui.api\".host"],
        ),
        (
            "modules: {ui.api: {host: ops.example.org}}",
            &["modules.\"ui.api\".host"],
        ),
        (
            "modules: {ui.dashboard: {host: 192.168.0.1}}",
            &["modules.\"ui.dashboard\".host"],
        ),
        (
            "modules: {ui.websocket: {host: '::ffff:10.0.0.1'}}",
            &["modules.\"ui.websocket\".host"],
        ),
        ("modules: {ui.api: {host: 127.0.0.1}}", &[]),
        ("modules: {ui.api: {host: 127.8.0.1}}", &[]),
        ("modules: {ui.api: {host: '[::1]'}}", &[]),
        ("modules: {ui.api: {host: '::ffff:127.0.0.1'}}", &[]),
        ("modules: {ui.api: {host: localhost}}", &[]),
        ("modules: {ui.api: {enabled: false, host: 0.0.0.0}}", &[]),
        (
            "auth: {enabled: true}\nmodules: {ui.api: {host: 0.0.0.0}}",
            &[],
        ),
        (
            "auth: {enabled: true, jwtSecret: short}",
            &["auth.jwtSecret"],
        ),
        (
            "auth: {enabled: true, jwtSecret: changeme-changeme-changeme-changeme-1}",
            &["auth.jwtSecret"],
        ),
        (
            "auth: {enabled: true, jwtSecret: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
            &["auth.jwtSecret"],
        ),
        (
            "auth: {enabled: true, jwtSecret: '1234567890123456789012345678901234567890'}",
            &["auth.jwtSecret"],
        ),
        (
            "auth: {enabled: true, jwtSecret: 'kq9S0mP2vX7cT4bN8zR1wY6uE3iO5aLd'}",
            &[],
        ),
        ("auth: {enabled: false, jwtSecret: short}", &[]),
        (
            "auth: {enabled: true, jwtPreviousSecret: short}",
            &["auth.jwtPreviousSecret"],
        ),
        ("auth: {enabled: false}", &[]),
        (
            "modules: {ui.api: {corsOrigin: '*'}}",
            &["modules.\"ui.api\".corsOrigin"],
        ),
        ("modules: {ui.api: {corsOrigin: 'https://a'}}", &[]),
        (
            "modules: {action.runbook: {autoExecute: true}}",
            &["modules.\"action.runbook\".autoExecute"],
        ),
        ("modules: {action.runbook: {autoExecute: false}}", &[]),
    ];
    for (text, expected) in rows {
        assert_eq!(refused(text), *expected, "{text}");
    }
}
