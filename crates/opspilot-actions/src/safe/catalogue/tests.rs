//! What a catalogue refuses, and what a hostile value can do: nothing (SECURITY.md, row A9).

use opspilot_core::safety::catalogue::Effect;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::argument::{Parameters, Value};
use super::template::Template;
use crate::safe::testing::{action, arguments, catalogue, entry, offer, world};

fn refused(options: &Json, expected: &[&str]) {
    let fault = catalogue(options).expect_err("the catalogue has faults");
    for part in expected {
        assert!(fault.contains(part), "`{part}` is not in: {fault}");
    }
}

fn command(argv: &Json, parameters: &Json) -> Json {
    json!({ "run": { "type": "command", "argv": argv }, "parameters": parameters })
}

fn text(pattern: &str) -> Json {
    json!({ "x": { "type": "string", "pattern": pattern, "maxLength": 4096 } })
}

/// The arguments of the planned program.
fn argv(options: &Json, given: &Json) -> Result<Vec<String>, Vec<String>> {
    let prepared = entry(options);
    let values = prepared
        .parameters
        .check(&arguments(given))
        .map_err(|error| error.faults)?;
    match prepared.deed.plan(&values)?.effect {
        Effect::Command { argv, .. } => Ok(argv),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_fault_of_every_entry_is_named_at_once() {
    let options = json!({
        "a": {
            "run": { "type": "command", "argv": ["relative", "{nobody}"], "folder": "tmp", "timeoutSeconds": 0,
                     "env": { "LD_PRELOAD": "x" }, "writablePaths": ["/ok", "/a/../b"] },
            "parameters": { "unused": { "type": "integer", "min": 1, "max": 2 } },
            "policy": { "approvers": 9 },
            "compensation": { "action": "nothing" },
        },
        "b": { "run": { "type": "systemd", "verb": "restart", "unit": "*.service" } },
        "c": { "run": { "type": "http", "method": "POST", "url": "http://169.254.169.254/" } },
        "d": {
            "run": { "type": "command", "argv": ["/bin/true", "{x}"] },
            "parameters": { "x": { "type": "string", "pattern": "(" } },
        },
    });
    refused(
        &options,
        &[
            "catalogue.a.run.argv[0]: must be the absolute path",
            "catalogue.a.run.argv[1]: there is no parameter `nobody`",
            "catalogue.a.run.folder: must be an absolute path",
            "catalogue.a.run.timeoutSeconds: must be from 1 to 3600",
            "catalogue.a.run.env.LD_PRELOAD: cannot be set",
            "catalogue.a.run.writablePaths[1]",
            "catalogue.a.policy.approvers: must be from 1 to 5",
            "catalogue.b.run.unit: `*.service` is not the whole name of a unit",
            "catalogue.c.run.url: the host is a link-local address",
            "catalogue.d.parameters.x.pattern: not a regular expression",
        ],
    );
}

#[test]
fn unknown_options_and_types_are_refused() {
    for options in [
        json!({ "a": { "run": { "type": "shell", "argv": ["/bin/true"] } } }),
        json!({ "a": { "run": { "type": "command", "argv": ["/bin/true"], "shell": true } } }),
        json!({ "a": { "run": { "type": "command", "argv": "/bin/true" } } }),
        json!({ "a": { "run": { "type": "command", "argv": ["/bin/true"] }, "auto": true } }),
        json!({ "a": { "run": { "type": "command", "argv": ["/bin/true"] }, "policy": { "role": "agent" } } }),
    ] {
        assert!(catalogue(&options).is_err(), "{options}");
    }
}

#[test]
fn a_parameter_that_changes_nothing_is_refused() {
    let options = json!({ "a": command(&json!(["/bin/true"]), &text("[a-z]+")) });
    refused(&options, &["catalogue.a.parameters.x: is not used"]);
}

#[test]
fn a_compensation_names_another_entry_and_gives_it_what_it_needs() {
    let with = |compensation: Json| {
        let mut back = command(&json!(["/bin/back", "{x}"]), &text("[a-z]+"));
        back["description"] = json!("Goes back");
        let mut options =
            json!({ "do": command(&json!(["/bin/do", "{x}"]), &text("[a-z]+")), "back": back });
        options["do"]["compensation"] = compensation;
        options
    };
    refused(
        &with(json!({ "action": "gone" })),
        &["there is no action `gone`"],
    );
    refused(&with(json!({ "action": "do" })), &["is the action itself"]);
    refused(
        &with(json!({ "action": "back" })),
        &["arguments.x: is missing: `back` needs it"],
    );
    refused(
        &with(json!({ "action": "back", "arguments": { "x": "a", "y": 1 } })),
        &["no such parameter"],
    );
    refused(
        &with(json!({ "action": "back", "arguments": { "x": "A" } })),
        &["must match [a-z]+"],
    );
    refused(
        &with(json!({ "action": "back", "arguments": { "x": "{z}" } })),
        &["there is no parameter `z`"],
    );
    let right = catalogue(&with(
        json!({ "action": "back", "arguments": { "x": "{x}" } }),
    ))
    .unwrap();
    let entry = right.iter().find(|entry| entry.name == "do").unwrap();
    let values = entry
        .parameters
        .check(&arguments(&json!({ "x": "here" })))
        .unwrap();
    let expected = Some(("back".to_owned(), arguments(&json!({ "x": "here" }))));
    assert_eq!(entry.compensation(&values), expected);
}

#[test]
fn another_entry_is_another_recipe_whatever_changed() {
    let original = json!({
        "run": { "type": "http", "method": "POST", "url": "https://cdn.example/purge", "headers": { "x-token": "a" } },
    });
    let recipe = entry(&original).recipe;
    assert_eq!(entry(&original).recipe, recipe);
    for (pointer, value) in [
        ("/run/url", json!("https://cdn.example/purge2")),
        ("/run/method", json!("PUT")),
        ("/run/headers/x-token", json!("b")),
        ("/run/timeoutSeconds", json!(11)),
        ("/policy", json!({ "approvers": 2 })),
        ("/postCondition", json!({ "type": "quiet", "minutes": 5 })),
        ("/description", json!("other")),
    ] {
        let mut other = original.clone();
        match other.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                other.pointer_mut(parent).unwrap()[key] = value;
            }
        }
        assert_ne!(entry(&other).recipe, recipe, "{pointer}");
    }
}

#[test]
fn code_for_an_interpreter_takes_no_values() {
    for argv in [
        json!(["/bin/sh", "-c", "echo {x}"]),
        json!(["/bin/bash", "-ec", "{x}"]),
        json!(["/usr/bin/python3", "-c", "print('{x}')"]),
        json!(["/usr/bin/python3.11", "-Ic", "{x}"]),
        json!(["/usr/bin/perl", "-e{x}"]),
        json!(["/usr/bin/env", "{x}"]),
        json!(["/usr/bin/sed", "s/a/{x}/"]),
        json!(["/usr/bin/awk", "{x}"]),
        json!(["/bin/sh", "{x}"]),
        json!(["/usr/bin/sudo", "-u", "{x}", "id"]),
        json!(["/usr/bin/env", "A=b", "{x}"]),
        json!(["/usr/bin/timeout", "5", "/bin/sh", "-c", "{x}"]),
        json!(["/usr/bin/nice", "bash", "-xc", "id {x}"]),
        json!(["/bin/busybox", "sh", "-c", "{x}"]),
        json!(["/usr/bin/sudo", "-u", "web", "{x}"]),
    ] {
        refused(
            &json!({ "a": command(&argv, &text(".*")) }),
            &["a value here would be code"],
        );
    }
    for argv in [
        json!(["/bin/sh", "-c", "echo \"$1\"", "sh", "{x}"]),
        json!(["/bin/sh", "/opt/script.sh", "{x}"]),
        json!(["/usr/bin/python3", "-I", "/opt/tool.py", "--name={x}"]),
        json!(["/usr/bin/sudo", "-u", "web", "/opt/tool", "{x}"]),
        json!(["/usr/bin/kubectl", "drain", "node", "{x}"]),
    ] {
        catalogue(&json!({ "a": command(&argv, &text(".*")) })).unwrap();
    }
}

#[test]
fn hostile_values_are_refused_or_stay_one_argument() {
    let options = command(
        &json!(["/bin/echo", "--", "{x}", "--name={x}", "a{x}b"]),
        &text("(?s).*"),
    );
    for hostile in [
        "; id",
        "$(id)",
        "`id`",
        "| id",
        "&& id",
        "> /etc/passwd",
        "* ? [a-z]",
        "~root",
        "$HOME",
        "${IFS}id",
        "'",
        "\"",
        "\\",
        "{x}",
        "{y}",
        "{{x}}",
        "%s%n",
        "../../etc/passwd",
        "--flag",
        "-o ProxyCommand=id",
        "-",
        "--",
        "",
        " leading and trailing ",
        "\u{430}dmin",
        "\u{ff1b} id",
    ] {
        let expected = vec![
            "/bin/echo".to_owned(),
            "--".to_owned(),
            hostile.to_owned(),
            format!("--name={hostile}"),
            format!("a{hostile}b"),
        ];
        assert_eq!(
            argv(&options, &json!({ "x": hostile })),
            Ok(expected),
            "{hostile:?}"
        );
    }
    for (hostile, reason) in [
        ("a\nb", "control characters"),
        ("a\rb", "control characters"),
        ("a\0b", "control characters"),
        ("\u{1b}[31m", "control characters"),
        ("\u{9b}31m", "control characters"),
        ("\u{7f}", "control characters"),
        ("\u{202e}txt", "invisible"),
        ("\u{200b}", "invisible"),
        ("\u{2066}", "invisible"),
        ("\u{feff}", "invisible"),
        ("\u{e0041}", "invisible"),
        ("\u{2028}", "invisible"),
        ("\u{ad}", "invisible"),
        ("\u{61c}", "invisible"),
    ] {
        let faults = argv(&options, &json!({ "x": hostile }))
            .unwrap_err()
            .join("; ");
        assert!(faults.contains(reason), "{hostile:?}: {faults}");
    }
}

#[test]
fn a_value_is_as_long_as_its_parameter_allows_and_four_kibibytes_at_most() {
    let options = command(&json!(["/bin/echo", "{x}"]), &text("a*"));
    assert!(argv(&options, &json!({ "x": "a".repeat(4_096) })).is_ok());
    let faults = argv(&options, &json!({ "x": "a".repeat(4_097) })).unwrap_err();
    assert_eq!(faults, ["x: must have at most 4096 bytes"]);
    let faults = argv(&options, &json!({ "x": "a".repeat(1 << 20) })).unwrap_err();
    assert!(faults.join("").len() < 100);
    let mut longer = options;
    longer["parameters"]["x"]["maxLength"] = json!(4_097);
    refused(
        &json!({ "a": longer }),
        &["maxLength: must be from 1 to 4096"],
    );
}

#[test]
fn lines_are_allowed_where_the_schema_says_so() {
    let mut options = command(&json!(["/bin/echo", "{x}"]), &text("(?s).*"));
    options["parameters"]["x"]["multiLine"] = json!(true);
    let lines = "a\n\tb";
    assert_eq!(argv(&options, &json!({ "x": lines })).unwrap()[1], lines);
    for hostile in ["a\rb", "a\0b", "a\u{1b}b", "\u{202e}"] {
        assert!(
            argv(&options, &json!({ "x": hostile })).is_err(),
            "{hostile:?}"
        );
    }
}

#[test]
fn an_option_in_a_value_is_refused_unless_it_cannot_be_one() {
    let check = |template: Json, value: &str, is_allowed: bool| {
        let options = command(&template, &text(".*"));
        assert_eq!(
            argv(&options, &json!({ "x": value })).is_ok(),
            is_allowed,
            "{template} {value}"
        );
    };
    check(json!(["/bin/rm", "{x}"]), "-rf", false);
    check(json!(["/bin/rm", "{x}"]), "--no-preserve-root", false);
    check(
        json!(["/usr/bin/ssh", "{x}", "host"]),
        "-oProxyCommand=id",
        false,
    );
    check(json!(["/bin/rm", "{x}y"]), "-rf", false);
    check(json!(["/bin/rm", "{x}", "--"]), "-rf", false);
    check(json!(["/bin/rm", "--", "{x}"]), "-rf", true);
    check(json!(["/bin/x", "--name={x}"]), "-rf", true);
    check(json!(["/bin/rm", "{x}"]), "rf-", true);
    // A number can begin with a dash as well.
    let options = command(
        &json!(["/bin/x", "{x}"]),
        &json!({ "x": { "type": "integer", "min": -9, "max": 9 } }),
    );
    assert_eq!(
        argv(&options, &json!({ "x": -1 })),
        Err(vec!["x: must not begin with `-` here".to_owned()])
    );
    // A value of `--` does not end the options for those behind it.
    let mut options = command(&json!(["/bin/x", "--a={x}", "{y}"]), &text(".*"));
    options["parameters"]["y"] = options["parameters"]["x"].clone();
    assert!(argv(&options, &json!({ "x": "--", "y": "-rf" })).is_err());
}

#[test]
fn values_are_what_their_schema_says_whole_and_nothing_else() {
    let check = |schema: Json, value: Json, is_allowed: bool| {
        let parameters = serde_json::from_value(json!({ "x": schema })).unwrap();
        let parameters =
            Parameters::parse(&parameters, &opspilot_core::config::KeyPath::default()).unwrap();
        let answer = parameters.check(&arguments(&json!({ "x": value })));
        assert_eq!(answer.is_ok(), is_allowed, "{schema} {value} {answer:?}");
    };
    let name = json!({ "type": "string", "pattern": "[a-z]+|web1" });
    for (value, is_allowed) in [
        (json!("web"), true),
        (json!("web1"), true),
        (json!("web2"), false),
        (json!("web1x"), false),
        (json!("xweb1"), false),
        (json!("WEB"), false),
        (json!(""), false),
        (json!(1), false),
        (json!(null), false),
        (json!(["web"]), false),
        (json!({ "a": "web" }), false),
        (json!(true), false),
    ] {
        check(name.clone(), value, is_allowed);
    }
    // A pattern cannot be left by its own alternatives or flags.
    check(
        json!({ "type": "string", "pattern": "a|b" }),
        json!("axxxb"),
        false,
    );
    check(
        json!({ "type": "string", "pattern": "(?m)^a$", "multiLine": true }),
        json!("a\nb"),
        false,
    );
    let number = json!({ "type": "integer", "min": 1, "max": 3 });
    for (value, is_allowed) in [
        (json!(1), true),
        (json!(3), true),
        (json!(0), false),
        (json!(4), false),
        (json!(1.5), false),
        (json!("1"), false),
        (json!(u64::MAX), false),
    ] {
        check(number.clone(), value, is_allowed);
    }
    let choice = json!({ "type": "enum", "values": ["a", "b c"] });
    for (value, is_allowed) in [
        (json!("a"), true),
        (json!("b c"), true),
        (json!("b"), false),
        (json!("A"), false),
    ] {
        check(choice.clone(), value, is_allowed);
    }
}

#[test]
fn missing_and_unknown_arguments_are_named_without_their_values() {
    let prepared = entry(&command(&json!(["/bin/x", "{x}"]), &text("[a-z]+")));
    let given = json!({ "y": "s3cret", "a\u{1b}[2J": 1 });
    let faults = prepared
        .parameters
        .check(&arguments(&given))
        .unwrap_err()
        .faults;
    assert_eq!(
        faults,
        [
            "a\\u{1b}[2J: there is no such parameter",
            "y: there is no such parameter",
            "x: is missing"
        ]
    );
}

#[test]
fn braces_that_hold_no_name_are_braces() {
    let check = |text: &str, names: &[&str]| {
        let template = Template::parse(text);
        assert_eq!(
            template.names().into_iter().collect::<Vec<_>>(),
            names,
            "{text}"
        );
    };
    check("{a}{b_1}{c.d}", &["a", "b_1", "c.d"]);
    check(r#"{"a": "{x}"}"#, &["x"]);
    check("{ a} {a-b} {} {1} {a. } {.a} {a..b} }{", &[]);
    check("{{a}}", &["a"]);
    check("{a{b}", &["b"]);
}

proptest! {
    #[test]
    fn a_value_is_found_whole_between_its_neighbours(before in "[^{}]{0,8}", value in "\\PC{0,32}", after in "[^{}]{0,8}") {
        let template = Template::parse(&format!("{before}{{x}}{after}{{x}}"));
        let values = [("x".to_owned(), Value::Text(value.clone()))].into();
        prop_assert_eq!(template.render(&values), format!("{}{}{}{}", before, value, after, value));
    }
}

#[tokio::test]
async fn a_program_receives_hostile_values_as_they_are() {
    let (world, ..) = world().await;
    let mut options = command(
        &json!(["/usr/bin/printf", "[%s]", "--", "{x}", "--x={x}"]),
        &text(".*"),
    );
    if crate::process::tests::harness::is_root() {
        options["run"]["user"] = json!("nobody");
    }
    let offered = offer(&options, &world);
    let hostile = "; id $(id) `id` | * {x} ../.. \u{430}";
    let outcome = offered
        .perform(&action(&offered, &json!({ "x": hostile })))
        .await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert!(
        outcome
            .output
            .ends_with(&format!("[--][{hostile}][--x={hostile}]")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_action_that_is_not_what_was_approved_is_not_done() {
    let (world, ..) = world().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("done");
    let options = json!({ "run": { "type": "command", "argv": ["/usr/bin/touch", file.display().to_string()],
                                   "allowRoot": true, "sandbox": { "required": false },
                                   "writablePaths": [folder.path().display().to_string()] } });
    let offered = offer(&options, &world);
    let right = action(&offered, &json!({}));
    let mut wrong = right.clone();
    wrong.recipe = opspilot_core::safety::action::Digest::of(b"another");
    let mut foreign = right.clone();
    foreign.executor = "systemd".to_owned();
    let mut extended = right.clone();
    extended.arguments.insert("x".to_owned(), json!("y"));
    for action in [wrong, foreign, extended] {
        let outcome = offered.perform(&action).await;
        assert!(
            !outcome.succeeded && outcome.summary.starts_with("not done"),
            "{outcome:?}"
        );
        assert!(!file.exists());
    }
    assert!(offered.perform(&right).await.succeeded);
    assert!(file.exists());
}
