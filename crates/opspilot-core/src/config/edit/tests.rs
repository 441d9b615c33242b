mod first;

use schemars::json_schema;

use super::super::diff::DiffKind;
use super::*;

const FILE: &str = "\
# The night shift's rules.
modules:
  notifier.test:
    token: xoxb-s3cret   # between the modules
  detector.test:
    rules:
      # Disks.
      - id: disk   # the first
        title: |
          Disk full

          # not a comment
        limit: 3
      # About the second.

      -   id: load
          # inside
          title: 'High: load'
        # behind the second
  # the end
  enricher.test: { on: true }
";

fn module() -> ModuleSchema {
    let schema = json_schema!({
        "type": "object",
        "properties": {
            "secrets": { "type": "string", "writeOnly": true },
            "rules": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "title": { "type": "string" },
                    "limit": { "type": "integer" },
                    "key": { "type": "string", "writeOnly": true },
                },
                "required": ["id"],
                "additionalProperties": false,
            } },
        },
    });
    ModuleSchema {
        id: "detector.test".into(),
        schema,
        enabled_by_default: false,
    }
}

fn with_file<T>(text: &str, ask: impl FnOnce(RuleFile<'_>) -> T) -> T {
    ask(RuleFile::new(text, Path::new("a.yaml"), &module()))
}

fn rule(text: &str, id: &str) -> Result<String, EditError> {
    with_file(text, |file| file.rule(id))
}

fn edit(text: &str, edit: RuleEdit<'_>) -> Result<Edited, EditError> {
    with_file(text, |file| file.edit(edit))
}

#[track_caller]
fn edited(text: &str, change: RuleEdit<'_>, from: &str, to: &str) -> Edited {
    assert!(text.contains(from), "{from}");
    let edited = edit(text, change).unwrap();
    assert_eq!(edited.text, text.replacen(from, to, 1));
    edited
}

#[test]
fn a_rule_is_read_from_the_left_margin_without_what_surrounds_it() {
    let disk = "id: disk   # the first\ntitle: |\n  Disk full\n\n  # not a comment\nlimit: 3\n";
    assert_eq!(rule(FILE, "disk").unwrap(), disk);
    let load = "id: load\n# inside\ntitle: 'High: load'\n";
    assert_eq!(rule(FILE, "load").unwrap(), load);
    let unknown = EditError::NoSuchRule("none".into());
    assert_eq!(rule(FILE, "none"), Err(unknown));
}

#[test]
fn its_own_lines_change_and_no_others() {
    let change = RuleEdit::Change("load", "id: load\n# inside\ntitle: 'Load'\n\nlimit: 7");
    let old = "          title: 'High: load'\n";
    let new = "          title: 'Load'\n\n          limit: 7\n";
    let after = edited(FILE, change, old, new);
    let shown: Vec<_> = after
        .diff
        .iter()
        .map(|line| (line.kind, line.old, line.new, line.text.as_str()))
        .collect();
    let expected = [
        (DiffKind::Same, Some(16), Some(16), "      -   id: load"),
        (DiffKind::Same, Some(17), Some(17), "          # inside"),
        (
            DiffKind::Removed,
            Some(18),
            None,
            "          title: 'High: load'",
        ),
        (DiffKind::Added, None, Some(18), "          title: 'Load'"),
        (DiffKind::Added, None, Some(19), ""),
        (DiffKind::Added, None, Some(20), "          limit: 7"),
    ];
    assert_eq!(shown, expected);
    // What was read can be written back.
    for id in ["disk", "load"] {
        let text = rule(FILE, id).unwrap();
        assert_eq!(
            edit(FILE, RuleEdit::Change(id, &text)),
            Err(EditError::Same)
        );
    }
    let change = RuleEdit::Change("disk", "# new\nid: disc\nlimit: 4\n");
    let disk = "id: disk   # the first\n        title: |\n          Disk full\n\n          # not a comment\n        limit: 3\n";
    let after = edited(
        FILE,
        change,
        disk,
        "# new\n        id: disc\n        limit: 4\n",
    );
    assert_eq!(rule(&after.text, "disc").unwrap(), "id: disc\nlimit: 4\n");
    let again = RuleEdit::Change("disc", "id: disc\nlimit: 5");
    edited(&after.text, again, "limit: 4", "limit: 5");
}

#[test]
fn rules_are_added_behind_the_last_one_and_removed_alone() {
    let last = "          title: 'High: load'\n";
    let new =
        format!("{last}      -   id: new\n          title: |\n            a\n              b\n");
    let add = RuleEdit::Add("id: new\ntitle: |\n  a\n    b\n");
    let after = edited(FILE, add, last, &new);
    assert_eq!(
        after.diff.iter().map(|line| line.kind).collect::<Vec<_>>(),
        [DiffKind::Added; 4]
    );
    let gone = "      -   id: load\n          # inside\n          title: 'High: load'\n";
    edited(FILE, RuleEdit::Remove("load"), gone, "");
    let one = edit(FILE, RuleEdit::Remove("disk")).unwrap().text;
    assert_eq!(
        edit(&one, RuleEdit::Remove("load")),
        Err(EditError::Awkward(LAST))
    );
    assert_eq!(
        edit(FILE, RuleEdit::Add("id: disk")),
        Err(EditError::Exists("disk".into()))
    );
    assert_eq!(
        edit(FILE, RuleEdit::Change("load", "id: disk")),
        Err(EditError::Exists("disk".into()))
    );
}

#[test]
fn other_ways_to_write_a_list() {
    let head = "modules:\n  detector.test:\n    rules:\n";
    let rows = [
        // At the margin of its key, without an end of the last line.
        (
            "    - id: a\n    - id: b\n      limit: 1",
            "b",
            "limit: 1",
            "limit: 2",
        ),
        // A dash by itself.
        (
            "      -\n        id: a\n        limit: 1\n",
            "a",
            "limit: 1",
            "limit: 2",
        ),
        (
            "      - # why\n        id: a\n        limit: 1\n",
            "a",
            "limit: 1",
            "limit: 2",
        ),
        // In braces, within a list with dashes.
        (
            "      - { id: a,\n          limit: 1 }\n",
            "a",
            "limit: 1",
            "limit: 2",
        ),
        // Text that goes on.
        (
            "      - id: a\n        title: one\n          two\n        limit: 1\n",
            "a",
            "limit: 1",
            "limit: 2",
        ),
    ];
    for (rules, id, from, to) in rows {
        let text = format!("{head}{rules}");
        let changed = rule(&text, id).unwrap().replace(from, to);
        edited(&text, RuleEdit::Change(id, &changed), from, to);
        let windows = text.replace('\n', "\r\n");
        let changed = rule(&windows, id).unwrap().replace(from, to);
        assert!(!changed.contains('\r'));
        edited(&windows, RuleEdit::Change(id, &changed), from, to);
        let added = edit(&text, RuleEdit::Add("id: z")).unwrap();
        assert_eq!(rule(&added.text, "z").unwrap(), "id: z\n", "{text}");
    }
    let json = r#"{"modules": {"detector.test": {"rules": [{"id": "a", "limit": 1}]}}}"#;
    assert_eq!(rule(json, "a"), Err(EditError::Awkward(FLOW)));
}

#[test]
fn a_rule_does_not_reach_out_of_its_place() {
    let anchored = "modules:\n  notifier.test: { token: &t s3cret }\n  detector.test:\n    rules:\n      - id: a\n        \
                    title: &x hello\n      - id: b\n        title: *x\n      - id: c\n        limit: 1\n";
    let rows = [
        (FILE, "load", "id: load\n- id: other\n"),
        (FILE, "load", "id: load\n...\nmodules: {}\n"),
        (FILE, "load", "id: load\n---\nid: x\n"),
        (FILE, "load", "id: load\ntitle: \"open\n"),
        (FILE, "load", "id: load\ntitle: a\rmodules: {}"),
        (FILE, "load", "{ id: load }\nenricher.test: {}"),
        (FILE, "load", "id: load\ntitle: !env HOME"),
        (anchored, "c", "id: c\ntitle: *t\n"),
        (anchored, "c", "id: c\ntitle: &t s\n"),
        (anchored, "a", "id: a\ntitle: hello\n"),
        (anchored, "a", "id: a\ntitle: &x other\n"),
        (FILE, "load", "id: load\ntitle: ${HOME}"),
        (FILE, "load", "id: load\ntitle: 'x ${file:/etc/shadow}'"),
        (FILE, "load", "limit: 3"),
        (FILE, "load", ""),
    ];
    for (file, id, text) in rows {
        let outcome = edit(file, RuleEdit::Change(id, text));
        // A new anchor of the name `t` shadows nothing that comes later, so it may stand.
        if text.contains("&t s") {
            assert!(outcome.is_ok(), "{text}: {outcome:?}");
            continue;
        }
        assert!(outcome.is_err(), "{text}: {outcome:?}");
        let told = format!("{outcome:?}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    let long = format!("id: load\ntitle: {}", "x".repeat(RULE_LENGTH));
    let outcome = edit(FILE, RuleEdit::Change("load", &long));
    assert!(matches!(outcome, Err(EditError::Rule(_))));
}

#[test]
fn what_a_rule_is_filled_in_with_stays_where_it_is() {
    let file = "modules:\n  detector.test:\n    rules:\n      - id: a\n        title: '${ZONE} $${1}'\n        limit: 1\n";
    let change = RuleEdit::Change("a", "id: a\ntitle: '${ZONE} $${1}'\nlimit: 2");
    edited(file, change, "limit: 1", "limit: 2");
    let moved = edit(file, RuleEdit::Change("a", "id: a${ZONE}\ntitle: x"));
    let Err(EditError::Rule(errors)) = moved else {
        panic!("{moved:?}")
    };
    let expected = "rule:1:5: id: `${ZONE}` takes a value from outside of the rule";
    assert!(errors.to_string().starts_with(expected), "{errors}");
}

#[test]
fn rules_with_secrets_are_not_handed_out() {
    let text = "modules:\n  detector.test:\n    rules:\n      - id: a\n        key: s3cret\n      - id: b\n";
    for id in ["a", "b"] {
        assert_eq!(rule(text, id), Err(EditError::Awkward(SECRET)));
        let change = RuleEdit::Change(id, "id: c");
        assert_eq!(edit(text, change), Err(EditError::Awkward(SECRET)));
    }
    // A secret elsewhere in the file is no reason, and no line of it is shown.
    let edited = edit(FILE, RuleEdit::Change("disk", "id: disk")).unwrap();
    assert!(!format!("{edited:?}").contains("s3cret"), "{edited:?}");
}

#[test]
fn the_first_configuration_can_be_edited() {
    let text = include_str!("../../../../../config/default.yaml");
    let path = Path::new("default.yaml");
    let any = ModuleSchema {
        id: "detector.regex".into(),
        schema: json_schema!({ "type": "object" }),
        enabled_by_default: false,
    };
    let file = RuleFile::new(text, path, &any);
    let tree = file.tree(text).unwrap();
    let rules = file.rules(&tree).unwrap();
    assert!(!rules.is_empty());
    for node in rules {
        let id = id_of(node).unwrap();
        let alone = file.rule(&id).unwrap();
        assert!(alone.contains(&id), "{alone}");
        let same = file.edit(RuleEdit::Change(&id, &alone));
        assert_eq!(same, Err(EditError::Same), "{id}");
    }
}
