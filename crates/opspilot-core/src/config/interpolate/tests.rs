use proptest::prelude::*;

use super::*;
use crate::config::fault::Origin;

fn filled(text: &str, environment: &Environment) -> Result<String, String> {
    let lookup = Lookup {
        environment,
        folder: Path::new("/nowhere"),
    };
    match lookup.fill(text) {
        Ok(filled) => Ok(filled.text),
        Err(problem) => Err(format!("{}; {}", problem.message, problem.help)),
    }
}

fn environment() -> Environment {
    Environment::from_iter([
        ("A", "alpha"),
        ("EMPTY", ""),
        ("NESTED", "${A}"),
        ("SLACK_URL", "u"),
    ])
}

#[test]
fn variables_and_defaults_are_filled_in() {
    let rows = [
        ("${A}", "alpha"),
        ("x${A}y${A}z", "xalphayalphaz"),
        ("${A:-b}", "alpha"),
        ("${B:-b}", "b"),
        ("${EMPTY:-b}", "b"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${B:-a:-b}", "a:-b"),
        ("${NESTED}", "${A}"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A $0 a$ $", "$A $0 a$ $"),
        ("^a{2}$", "^a{2}$"),
    ];
    for (text, expected) in rows {
        assert_eq!(
            filled(text, &environment()).as_deref(),
            Ok(expected),
            "{text}"
        );
    }
}

#[test]
fn faulty_interpolations_say_what_to_write() {
    let rows = [
        ("${B}", "`B` is not set; set it, or write `${B:-default}`"),
        ("${SLACK_URI}", "did you mean `SLACK_URL`?"),
        ("${A", "without a closing `}`"),
        ("${}", "is not an interpolation"),
        ("${a b}", "is not an interpolation"),
        ("${1}", "`$${` for a literal `${`"),
        ("${A:-${B}}", "inside another"),
        ("${file:}", "names no file"),
        ("${file:gone}", "cannot read the file `/nowhere/gone`"),
    ];
    for (text, part) in rows {
        let problem = filled(text, &environment()).unwrap_err();
        assert!(problem.contains(part), "{text}: {problem}");
    }
}

fn text_node(text: &str) -> Node {
    Node::new(Value::Text(text.to_owned()), Origin::Inline)
}

/// The text and the warnings of one value.
fn filled_from(folder: &Path, text: &str) -> (Value, Vec<Fault>, Vec<Fault>) {
    let mut node = text_node(text);
    let mut report = Report::default();
    interpolate(&mut node, &environment(), folder, &mut report);
    (node.value, report.faults, report.warnings)
}

#[cfg(unix)]
#[test]
fn file_content_is_taken_without_its_final_newline() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let rows: [(&[u8], &str); 5] = [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"abc\n\n", "abc\n"),
        (b"${A}", "${A}"),
    ];
    for (content, expected) in rows {
        std::fs::write(&path, content).unwrap();
        for (mode, warnings) in [(0o600, 0), (0o604, 1)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let (value, faults, doubts) = filled_from(folder.path(), "${file:key}");
            assert!(
                matches!(&value, Value::Text(text) if text == expected),
                "{expected:?}"
            );
            assert_eq!((faults.len(), doubts.len()), (0, warnings));
        }
    }
}

#[test]
fn files_that_are_no_value_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("binary"), b"\xff\xfe").unwrap();
    std::fs::write(folder.path().join("large"), vec![b'a'; 1 + (1 << 20)]).unwrap();
    let rows = [
        ("${file:binary}", "is not UTF-8"),
        ("${file:large}", "larger than 1 MiB"),
        ("${file:.}", "is not a regular file"),
    ];
    for (text, part) in rows {
        let (value, faults, _) = filled_from(folder.path(), text);
        assert!(matches!(value, Value::Invalid));
        assert!(faults[0].message.contains(part), "{}", faults[0]);
    }
}

proptest! {
    #[test]
    fn text_without_an_opening_is_unchanged(text in any::<String>()) {
        prop_assume!(!text.contains("${"));
        prop_assert_eq!(filled(&text, &environment()), Ok(text));
    }

    #[test]
    fn what_a_variable_holds_is_never_expanded(value in "[${}A-B:-]{0,20}", before in "[a-z$]{0,4}") {
        prop_assume!(!before.ends_with('$'));
        let environment = Environment::from_iter([("V", value.clone()), ("A", "secret".to_owned())]);
        let text = format!("{before}${{V}}");
        prop_assert_eq!(filled(&text, &environment), Ok(format!("{before}{value}")));
    }

    #[test]
    fn escaped_text_comes_back_as_it_was(text in "[${}A:-]{0,20}") {
        // `$${` stands for `${`; a `$` just before would belong to the escape.
        prop_assume!(!text.contains("$$"));
        let escaped = text.replace("${", "$${");
        prop_assert_eq!(filled(&escaped, &environment()), Ok(text));
    }

    #[test]
    fn any_text_is_filled_or_refused(text in "[${}a-zA-Z:/-]{0,30}") {
        drop(filled(&text, &environment()));
    }
}

#[test]
fn the_files_of_a_text_are_found_wherever_they_stand() {
    let text = "a: ${file:/run/a}\n# b: \"${file:b}${file:c}\" ${A}\nd: ${file:unended\n";
    let found = files(text, Path::new("/etc/ops"));
    let expected = ["/run/a", "/etc/ops/b", "/etc/ops/c"].map(PathBuf::from);
    assert_eq!(found, expected);
}
