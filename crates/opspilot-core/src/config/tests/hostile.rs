//! Input that is meant to do harm, or is no configuration at all.

use std::path::Path;

use proptest::prelude::*;

use super::{Environment, KnownModules, faults, known, load, load_text};

fn one_fault(text: &str, part: &str) {
    let faults = faults(text, &[]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains(part), "{} has no {part:?}", faults[0]);
}

#[test]
fn what_is_no_configuration_gives_one_clear_fault() {
    one_fault("", "a.yaml: the file is empty");
    one_fault("# nothing\n", "a.yaml: the file is empty");
    one_fault("- a\n- b\n", "holds a list at its root");
    one_fault("just text", "holds text at its root");
    one_fault("a: [1, 2", "not valid YAML");
    one_fault("a: b: c", "a.yaml:1:");
    one_fault("system:\n\tname: x", "a.yaml:2:2: not valid YAML");
    one_fault(
        "system: {}\n---\nsystem: {}",
        "a.yaml:3:1: a second document begins here",
    );
    one_fault("system: {name: !!python/object 1}", "tag");
    one_fault("system: {name: !run 1}", "tag");
    one_fault("? {a: 1}\n: 2\n", "not valid YAML");
    one_fault("\"\": 1", "key is empty");
    one_fault("a: *nobody", "not valid YAML");
    one_fault("a: &a [*a]", "not valid YAML");
}

#[test]
fn bombs_are_refused() {
    let level = |level: u32| match level.checked_sub(1) {
        None => "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(),
        Some(below) => format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{below}"); 10].join(", ")
        ),
    };
    let laughs: String = (0..12).map(level).collect();
    one_fault(&laughs, "too large or too deeply nested");
    let wide = format!(
        "a: &a [{}]\nb: [{}]",
        "x, ".repeat(1_000),
        "*a, ".repeat(100)
    );
    one_fault(&wide, "too large or too deeply nested");
    one_fault(
        &format!("a: {}", "[".repeat(100_000)),
        "too large or too deeply nested",
    );
    one_fault(
        &format!("a: {}", "{b: ".repeat(100_000)),
        "too large or too deeply nested",
    );
    one_fault(&"- ".repeat(5_000), "too large or too deeply nested");
    let nested: String = (0..2_000)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    one_fault(&nested, "too large or too deeply nested");
}

#[test]
fn anchors_work_where_they_are_harmless() {
    let text = "
modules:
  detector.regex:
    rules:
      - &first {id: a, pattern: b}
      - *first
";
    assert!(load(text).is_ok());
}

#[test]
fn unreadable_files_give_one_clear_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opspilot.yaml");
    let load = || {
        let errors = super::super::load(&path, &Environment::default(), &KnownModules::default());
        errors.unwrap_err().to_string()
    };
    assert!(load().contains("there is no such configuration file; run `opspilot-server init`"));
    std::fs::write(&path, b"system:\n  name: \xff\n").unwrap();
    assert!(
        load().contains("opspilot.yaml:2:9: this byte is not UTF-8"),
        "{}",
        load()
    );
    std::fs::write(&path, vec![b'#'; 10 * 1024 * 1024 + 1]).unwrap();
    assert!(load().contains("larger than 10 MiB"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(load().contains("is a folder"));
}

#[cfg(unix)]
#[test]
fn file_that_anybody_can_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opspilot.yaml");
    std::fs::write(&path, "system: {}").unwrap();
    let load = || super::super::load(&path, &Environment::default(), &KnownModules::default());
    assert!(load().is_ok());
    let set_mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    set_mode(0o660).unwrap();
    assert!(load().is_ok());
    set_mode(0o602).unwrap();
    assert!(load().unwrap_err().to_string().contains("chmod o-w"));
}

#[test]
fn byte_order_mark_is_no_fault() {
    assert!(load("\u{feff}system: {name: a}").is_ok());
}

/// YAML-like noise: pieces that mean something, in any order.
fn noise() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("modules:\n".to_owned()),
        Just("  detector.regex:\n".to_owned()),
        Just("    rules: ".to_owned()),
        Just("- ".to_owned()),
        Just("{id: a, ".to_owned()),
        Just("${".to_owned()),
        Just("${A:-".to_owned()),
        Just("}".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!!str ".to_owned()),
        Just("|\n ".to_owned()),
        Just("\"".to_owned()),
        Just("system: ".to_owned()),
        Just("logging: {level: ".to_owned()),
        "[ -~\n]{0,8}",
        "\\PC{0,4}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn loader_never_panics(text in prop_oneof![noise(), any::<String>()]) {
        let environment = Environment::from_iter([("A", "${A}")]);
        if let Err(errors) = load_text(&text, Path::new("a.yaml"), &environment, &known()) {
            prop_assert!(!errors.faults().is_empty());
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    #[test]
    fn any_variable_is_taken_or_refused(name in "[A-Z_]{0,24}", value in any::<String>()) {
        let name = format!("OPSPILOT_{name}");
        let environment = Environment::from_iter([(name, value)]);
        match load_text("system: {}", Path::new("a.yaml"), &environment, &known()) {
            Ok(_) => {}
            Err(errors) => prop_assert!(!errors.faults().is_empty()),
        }
    }
}
