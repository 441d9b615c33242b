//! `check` and what a wrong configuration leads to.

use serde_json::Value;

use crate::common::files::Site;
use crate::common::server::{Ended, command};

/// Five faults: a misspelt section, a wrong type, a misspelt module, a misspelt option, a pattern that does not compile.
const WRONG: &str = "\
sytem:
  name: x
logging:
  level: 7
modules:
  detector.regx:
    enabled: true
  connector.fileTail:
    enabled: true
    pahts: [app.log]
  detector.regex:
    enabled: true
    rules:
      - id: broken
        pattern: '('
        severity: warning
        title: Broken
";

fn check(site: &Site, more: &[&str]) -> Ended {
    Ended::run(
        site.folder(),
        &[&["check", "--config", "wrong.yaml"], more].concat(),
    )
}

#[test]
fn check_prints_every_fault_of_a_section_with_its_place_and_the_right_key() {
    let site = Site::new();
    site.write("wrong.yaml", WRONG);
    let ended = check(&site, &[]);
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    let rows = [
        ("wrong.yaml:1:1: ", "system"),
        ("wrong.yaml:4:10: ", "logging.level"),
        ("wrong.yaml:6:3: ", "detector.regex"),
        ("wrong.yaml:10:5: ", "paths"),
    ];
    for (place, named) in rows {
        let line = ended.stderr.lines().find(|line| line.contains(place));
        let line = line.unwrap_or_else(|| panic!("no fault at {place}\n{}", ended.stderr));
        assert!(line.contains(named), "{line} does not name `{named}`");
    }
}

#[test]
fn check_names_the_place_of_a_pattern_that_does_not_compile() {
    let site = Site::new();
    let (_, rules) = WRONG.split_once("  detector.regex:").expect("it has rules");
    site.write("wrong.yaml", format!("modules:\n  detector.regex:{rules}"));
    let ended = check(&site, &[]);
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("wrong.yaml:6:18: "),
        "{}",
        ended.stderr
    );
}

#[test]
fn check_as_json_gives_the_same_faults_to_programs() {
    let site = Site::new();
    site.write("wrong.yaml", WRONG);
    let ended = check(&site, &["--json"]);
    assert_eq!(ended.code(), 2);
    let value: Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
    assert_eq!(value["ok"], false);
    let faults = value["faults"].as_array().expect("faults");
    let first = faults.first().expect("a fault");
    assert_eq!(
        (&first["line"], &first["column"]),
        (&Value::from(1), &Value::from(1)),
        "{value:#}"
    );
    let shown = check(&site, &[]).stderr;
    assert_eq!(
        shown
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count(),
        faults.len()
    );
}

#[test]
fn a_rule_whose_own_test_fails_is_a_fault() {
    let site = Site::new();
    let rule = "{ id: a, pattern: ERROR, severity: warning, title: A, tests: [{ line: fine, expect: match }] }";
    site.write(
        "wrong.yaml",
        format!("modules:\n  detector.regex:\n    enabled: true\n    rules:\n      - {rule}\n"),
    );
    let ended = check(&site, &[]);
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("wrong.yaml:"), "{}", ended.stderr);
}

#[test]
fn a_server_with_a_wrong_configuration_starts_nothing_and_exits_with_2() {
    let site = Site::new();
    site.write("wrong.yaml", WRONG);
    let ended = Ended::run(site.folder(), &["--config", "wrong.yaml"]);
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("nothing was changed or started"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        std::fs::read_dir(site.folder())
            .expect("the folder")
            .count(),
        1,
        "only the configuration is there"
    );
}

#[test]
fn a_configuration_that_is_not_there_or_not_readable_is_one_clear_error() {
    let site = Site::new();
    let missing = check(&site, &[]);
    assert_eq!(missing.code(), 2);
    assert!(missing.stderr.contains("wrong.yaml"), "{}", missing.stderr);
    for text in [&b"a: [1\n"[..], b"\xff\xfe\x00", b"- 1\n"] {
        site.write("wrong.yaml", text);
        let ended = check(&site, &[]);
        assert_eq!(ended.code(), 2, "{text:?}");
        assert!(
            ended.stderr.contains("wrong.yaml"),
            "{text:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_misspelt_variable_is_an_error_that_names_the_right_one() {
    let site = Site::new();
    site.write("right.yaml", "modules: {}\n");
    let ended = Ended::of(
        command(&["check", "--config", "right.yaml"])
            .current_dir(site.folder())
            .env("OPSPILOT_LOGING_LEVEL", "info"),
    );
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("OPSPILOT_LOGGING_LEVEL"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_wrong_argument_exits_with_2() {
    let site = Site::new();
    assert_eq!(Ended::run(site.folder(), &["--no-such-flag"]).code(), 2);
    assert_eq!(Ended::run(site.folder(), &["explode"]).code(), 2);
    assert_eq!(Ended::run(site.folder(), &["version"]).code(), 0);
}

#[test]
fn strict_takes_a_warning_for_a_fault() {
    let site = Site::new();
    site.write(
        "wrong.yaml",
        "auth: { enabled: true, apiKeys: [{ label: ci, key: literal-s3cret-of-the-pipeline, role: viewer }] }\n",
    );
    let lax = check(&site, &[]);
    assert_eq!(lax.code(), 0, "{}", lax.stderr);
    let strict = check(&site, &["--strict"]);
    assert_eq!(strict.code(), 2, "{}", strict.stderr);
    assert!(
        strict.stderr.contains("auth.apiKeys[0].key"),
        "{}",
        strict.stderr
    );
    assert!(!strict.stderr.contains("s3cret"), "{}", strict.stderr);
}
