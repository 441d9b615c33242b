//! The first rule of a detector.

use super::*;

#[test]
fn the_first_rule_gets_a_list_and_a_section_of_its_own() {
    let rule = "id: a\ntitle: |\n  A\n\n  B\n";
    let list = "    rules:\n      - id: a\n        title: |\n          A\n\n          B\n";
    let section = "  detector.test:\n";
    let rows = [
        // An empty list, with and without what stands for it, and with comments around.
        (
            "modules:\n  detector.test:\n    rules: []\n    on: 1\n",
            "    rules: []\n",
            list.to_owned(),
        ),
        (
            "modules:\n  detector.test:\n    rules:\n  other: 1\n",
            "    rules:\n",
            list.to_owned(),
        ),
        // A section with other options, and one with none.
        (
            "modules:\n  detector.test:\n    on: 1 # yes\n    # more\n\n  other: 1\n",
            "    on: 1 # yes\n",
            format!("    on: 1 # yes\n{list}"),
        ),
        (
            "modules:\n  detector.test:\n  other: 1\n",
            section,
            format!("{section}{list}"),
        ),
        // No section.
        (
            "modules:\n  other:\n    on: 1\n# end\nlogging: { level: info }\n",
            "    on: 1\n",
            format!("    on: 1\n{section}    enabled: true\n{list}"),
        ),
        (
            "modules:\n  other: 1",
            "  other: 1",
            format!(
                "  other: 1\n{section}    enabled: true\n{}",
                list.trim_end()
            ),
        ),
    ];
    for (text, from, to) in rows {
        let made = edited(text, RuleEdit::Add(rule), from, &to);
        assert_eq!(made.rule_id, "a");
        let windows = text.replace('\n', "\r\n");
        let [from, to] = [from, &to].map(|text| text.replace('\n', "\r\n"));
        edited(&windows, RuleEdit::Add(rule), &from, &to);
    }
}

#[test]
fn a_first_rule_is_refused_where_there_is_no_good_place() {
    for text in [
        "logging: { level: info }\n",
        "modules: {}\n",
        "modules: { other: 1 }\n",
        "modules:\n  detector.test: { rules: [] }\n",
        "modules:\n  detector.test: { on: 1 }\n",
        "modules:\n  detector.test:\n    rules: # none\n      []\n",
    ] {
        let refused = edit(text, RuleEdit::Add("id: a"));
        assert_eq!(refused, Err(EditError::Awkward(NO_LIST)), "{text}");
    }
    let braces = edit(
        "{\n  modules: {\n    other: 1\n  }\n}\n",
        RuleEdit::Add("id: a"),
    );
    assert_eq!(braces, Err(EditError::Awkward(ENTANGLED)));
    let faulty = edit("modules:\n  other: 1\n", RuleEdit::Add("id: a\nlimit: x"));
    assert!(matches!(faulty, Err(EditError::Rule(_))), "{faulty:?}");
}
