use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use schemars::{json_schema, schema_for};
use serde_json::{Value as Json, json};

use super::super::ModuleSchema;
use super::super::sections::Root;
use super::*;

fn known() -> KnownModules {
    let schema = json_schema!({
        "type": "object",
        "properties": {
            "url": { "type": "string" },
            "note": { "type": "string" },
            "token": { "anyOf": [{ "type": "string", "writeOnly": true }, { "type": "null" }] },
            "headers": { "type": "object", "additionalProperties": { "writeOnly": true } },
            "hidden": { "$ref": "#/$defs/Hidden" },
            "deep": { "$ref": "#/$defs/Deep" },
        },
        "$defs": {
            "Hidden": { "type": "string", "writeOnly": true },
            "Deep": { "properties": { "inner": { "$ref": "#/$defs/Deep" }, "pin": { "$ref": "#/$defs/Hidden" } } },
        },
    });
    KnownModules::from_iter([ModuleSchema {
        id: "ui.test".into(),
        schema,
        enabled_by_default: false,
    }])
}

/// The lines of the section of a module.
fn shown(section: &str) -> Vec<String> {
    let text = format!("modules:\n  ui.test:\n{section}");
    let lines = masked(&text, &known());
    assert_eq!(lines.len(), text.lines().count(), "{lines:#?}");
    lines.into_iter().skip(2).collect()
}

#[test]
fn no_secret_is_shown_however_it_is_written() {
    let sections = [
        "    token: s3cret   # a comment\n    url: http://a\n",
        "    \"token\": 's3cret'\n    url: http://a\n",
        // A block ends where YAML says so, not at an empty line or a comment that stands further left.
        "    token: |\n      s3cret\n\n      s3cret\n\n\n      s3cret\n    url: http://a\n",
        "    token: |\n      s3cret\n  # s3cret\n    url: http://a\n",
        "    token: |\n      s3cret\n    # s3cret\n# s3cret\n    # s3cret\n    url: http://a\n",
        "    token: >-\n\n      s3cret\n      s3cret\n    url: http://a\n",
        "    token: |2\n       s3cret\n      s3cret\n    url: http://a\n",
        "    token: &x s3cret\n    note: *x\n    url: http://a\n",
        "    note: &x s3cret\n    token: *x\n    url: http://a\n",
        "    token: !!str s3cret\n    url: http://a\n",
        "    token:\n      s3cret\n      s3cret\n    url: http://a\n",
        "    token: \"s3cret\n\n      s3cret\"\n    url: http://a\n",
        "    headers:\n      x: s3cret\n\n      y:\n        - s3cret\n    url: http://a\n",
        "    headers: { x: s3cret,\n      s3cret: y }\n    url: http://a\n",
        "    deep: { inner: { inner: { pin: s3cret } } }\n    url: http://a\n",
        "    hidden: s3cret\n    url: http://a\n",
        // Whatever else says the same is not shown either.
        "    token: s3cret\n    note: has s3cret inside\n    url: http://a\n",
        "    token: s3cret\n    url: http://a\n    # it was s3cret\n",
        "    # token: s3cret\n    url: http://a\n",
        "    # token: |\n    #   s3cret\n    #\n    #   s3cret\n    url: http://a\n",
        "    note: x # { token: \"${A}\", token: s3cret }\n    url: http://a\n",
        "    token: ${TOKEN}s3cret\n    url: http://a\n",
        "    token: ${TOKEN:-s3cret}\n    url: http://a\n",
        "    token: ${TOKEN}\n      s3cret\n    url: http://a\n",
    ];
    for section in sections {
        let lines = shown(section);
        assert!(!lines.join("\n").contains("s3cret"), "{section}{lines:#?}");
        let url = "    url: http://a".to_owned();
        assert!(lines.contains(&url), "{section}{lines:#?}");
    }
}

#[test]
fn what_only_refers_to_a_secret_stays() {
    let section = "    token: ${TOKEN}  # of ours\n    hidden: \"${file:/run/token}\"\n    note: ${X:-y}\n    \
                   # token: ${TOKEN}\n    mytoken: shown\n    deep: { pin: '${A}', url: b }\n    headers: {}\n";
    assert_eq!(shown(section), section.lines().collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_read_is_not_shown() {
    let redacted = ["[redacted]", "", "  [redacted]"];
    for text in ["a: [\n\n  s3cret\n", "a: s3cret\rtoken: x\n\n  y: s3cret\n"] {
        assert_eq!(masked(text, &known()), redacted, "{text:?}");
    }
}

#[test]
fn a_module_that_is_not_known_is_not_shown() {
    let text = "modules:\n  notifier.other:\n    enabled: true\n    botToken: s3cret\n  ui.test:\n    url: a\n";
    let expected = [
        "modules:",
        "  notifier.other:",
        "    [redacted]",
        "    [redacted]",
        "  ui.test:",
        "    url: a",
    ];
    assert_eq!(masked(text, &known()), expected);
}

/// A value for every part of `schema`, `s3cret-…` for each secret; the paths of those.
fn filled(root: &Json, schema: &Json, path: &str, secrets: &mut BTreeSet<String>) -> Json {
    if let Some(target) = super::super::schema::resolve(root, schema) {
        return filled(root, target, path, secrets);
    }
    if schema.get("writeOnly") == Some(&json!(true)) {
        secrets.insert(path.to_owned());
        return json!(format!("s3cret-{path}"));
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let choices = super::super::schema::list(schema, keyword);
        let choice = choices
            .iter()
            .find(|one| one.get("type") != Some(&json!("null")));
        if let Some(choice) = choice {
            return filled(root, choice, path, secrets);
        }
    }
    if let Some(Json::Object(properties)) = schema.get("properties") {
        let pair = |(key, schema): (&String, &Json)| {
            let value = filled(root, schema, &format!("{path}.{key}"), secrets);
            (key.clone(), value)
        };
        return Json::Object(properties.iter().map(pair).collect());
    }
    match (schema.get("items"), schema.get("additionalProperties")) {
        (Some(items), _) => json!([filled(root, items, path, secrets)]),
        (_, Some(values @ Json::Object(_))) => json!({ "a": filled(root, values, path, secrets) }),
        _ => json!("x"),
    }
}

#[test]
fn every_secret_of_the_root_is_known_by_its_schema() {
    let schema = schema_for!(Root);
    let mut secrets = BTreeSet::new();
    let value = filled(schema.as_value(), schema.as_value(), "", &mut secrets);
    let expected = [
        ".auth.apiKeys.key",
        ".auth.jwtPreviousSecret",
        ".auth.jwtSecret",
        ".auth.oidc.clientSecret",
    ];
    assert_eq!(secrets.iter().collect::<Vec<_>>(), expected);
    // JSON is YAML.
    let text = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(text.matches("s3cret-").count(), secrets.len());
    let lines = masked(&text, &KnownModules::default()).join("\n");
    assert!(!lines.contains("s3cret-"), "{lines}");
    assert!(lines.contains("\"jwtIssuer\": \"x\""), "{lines}");
}

/// How a secret may be written.
#[derive(Debug, Clone)]
enum Manner {
    Plain,
    Single,
    Double,
    Block(&'static str),
    Below,
    Flow,
    Map,
    List,
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        Just(Manner::Plain),
        Just(Manner::Single),
        Just(Manner::Double),
        proptest::sample::select(vec!["|", "|-", "|+", ">", ">-", ">+"]).prop_map(Manner::Block),
        Just(Manner::Below),
        Just(Manner::Flow),
        Just(Manner::Map),
        Just(Manner::List),
    ]
}

/// What may stand between two keys.
fn between() -> impl Strategy<Value = String> {
    let idle = [
        "",
        "\n",
        "\n\n",
        "# a: b\n",
        "  # c\n",
        "      # d\n",
        "\n    # e\n\n",
    ];
    proptest::sample::select(idle.to_vec()).prop_map(str::to_owned)
}

/// Lines of secrets, which are told from everything else by their letters. Short ones are not looked for in other places.
fn secret() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("QZ[a-zé0-9]{0,12}", 1..5)
}

fn written(secret: &[String], manner: &Manner, gap: &str) -> String {
    let joined = |separator: &str| secret.join(separator);
    match manner {
        Manner::Plain => format!(" {}\n", joined("\n      ")),
        Manner::Single => format!(" '{}'\n", joined("\n\n      ")),
        Manner::Double => format!(" \"{}\"\n", joined("\\n\n      ")),
        Manner::Block(sign) => {
            let gap = gap.replace(|c| c != '\n', "");
            format!(" {sign}\n      {}\n", joined(&format!("\n{gap}      ")))
        }
        Manner::Below => format!("\n      {}\n", joined("\n        ")),
        Manner::Flow => format!(" {{ a: [{}] }}\n", joined(",\n      ")),
        Manner::Map => {
            let entry = |(at, secret): (usize, &String)| format!("      k{at}: {secret}\n{gap}");
            let entries: String = secret.iter().enumerate().map(entry).collect();
            format!("\n{entries}")
        }
        Manner::List => {
            let entries: String = secret
                .iter()
                .map(|one| format!("    - {one}\n{gap}"))
                .collect();
            format!("\n{entries}")
        }
    }
}

proptest! {
    #[test]
    fn no_generated_secret_is_in_what_is_shown(
        parts in proptest::collection::vec((secret(), manner(), between(), any::<bool>()), 1..6),
    ) {
        let names = ["token", "headers", "hidden"];
        let mut text = "modules:\n  ui.test:\n    url: http://first\n".to_owned();
        for (at, (secret, manner, gap, is_followed)) in parts.iter().enumerate() {
            let name = names[at % names.len()];
            write!(text, "    {name}:{}{gap}", written(secret, manner, gap)).unwrap();
            if *is_followed {
                writeln!(text, "    note{at}: shown{at}").unwrap();
            }
        }
        let lines = masked(&text, &known());
        let is_readable = yaml::parse(&text, &yaml::Source::File("".into())).is_ok();
        prop_assert!(is_readable, "{text}");
        prop_assert_eq!(lines.len(), text.lines().count());
        let all = lines.join("\n");
        prop_assert!(!all.contains("QZ"), "{}\n---\n{}", text, all);
        let found = lines.contains(&"    url: http://first".to_owned());
        prop_assert!(found, "{}", all);
        for (at, (.., is_followed)) in parts.iter().enumerate() {
            let line = format!("    note{at}: shown{at}");
            prop_assert!(!is_followed || lines.contains(&line), "{}", all);
        }
    }
}
