use serde_json::json;

use super::*;

fn options(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn set(text: &str, module: &str, value: &Value) -> String {
    let mut draft = Draft::of(text);
    draft.set(module, &options(value)).unwrap();
    draft.text()
}

const TEXT: &str = "\
# of the house
system:
  name: x     # ours

modules:
  connector.fileTail:   # logs
    enabled: false
    paths:
      - /var/log/a.log  # the first
      - /var/log/b.log
    # how often
    pollIntervalMs: 100

  notifier.channels:
    channels:
    - id: console
      type: console
      events: [incident.created]
    # - id: old

# the end
storage:
  engine: sqlite
";

#[test]
fn options_are_replaced_in_their_place_and_everything_else_stays() {
    let value = json!({ "enabled": true, "paths": ["/srv/app.log"] });
    let expected = TEXT.replace("enabled: false", "enabled: true").replace(
        "    paths:\n      - /var/log/a.log  # the first\n      - /var/log/b.log\n",
        "    paths: [/srv/app.log]\n",
    );
    assert_eq!(set(TEXT, "connector.fileTail", &value), expected);
}

#[test]
fn new_options_stand_below_the_module_and_new_modules_at_the_end_of_the_section() {
    let found = set(
        TEXT,
        "connector.fileTail",
        &json!({ "fromBeginning": true }),
    );
    let expected = TEXT.replace("# logs\n", "# logs\n    fromBeginning: true\n");
    assert_eq!(found, expected);
    let found = set(TEXT, "connector.syslog", &json!({ "enabled": true }));
    let expected = TEXT.replace(
        "events: [incident.created]\n",
        "events: [incident.created]\n  connector.syslog:\n    enabled: true\n",
    );
    assert_eq!(found, expected);
    assert_eq!(
        set("system:\n  name: x\n\n# end\n", "a.b", &json!({ "c": 1 })),
        "system:\n  name: x\nmodules:\n  a.b:\n    c: 1\n"
    );
    assert_eq!(
        set("modules:\r\n", "a.b", &json!({ "c": 1 })),
        "modules:\r\n  a.b:\r\n    c: 1\r\n"
    );
    assert_eq!(
        set("", "a.b", &json!({ "c": 1 })),
        "modules:\n  a.b:\n    c: 1\n"
    );
}

#[test]
fn an_entry_is_added_behind_the_others_in_their_manner() {
    let mut draft = Draft::of(TEXT);
    let entry = json!({ "id": "file", "type": "file" });
    draft.add("notifier.channels", "channels", &entry).unwrap();
    let expected = TEXT.replace(
        "      events: [incident.created]\n",
        "      events: [incident.created]\n    - { id: file, type: file }\n",
    );
    assert_eq!(draft.text(), expected);
    for before in [
        "modules:\n  n:\n    list: []\n",
        "modules:\n  n:\n    list:\n",
        "modules:\n  n:\n",
        "",
    ] {
        let mut draft = Draft::of(before);
        draft.add("n", "list", &json!(1)).unwrap();
        assert_eq!(
            draft.text(),
            "modules:\n  n:\n    list:\n      - 1\n",
            "{before}"
        );
    }
}

#[test]
fn what_is_not_one_key_a_line_is_left_to_people() {
    for (text, line) in [
        ("modules: { a.b: { c: 1 } }\n", 1),
        ("modules:\n  a.b: { c: 1 }\n", 2),
    ] {
        let mut draft = Draft::of(text);
        let refused = draft.set("a.b", &options(&json!({ "c": 2 })));
        assert_eq!(refused, Err(NotBlock { line }), "{text}");
    }
    let mut draft = Draft::of("modules:\n  a.b:\n    c: [{ d: 1 }]\n");
    assert_eq!(draft.add("a.b", "c", &json!({})), Err(NotBlock { line: 3 }));
}
