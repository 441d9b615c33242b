//! The whole way: text and environment in, configuration or faults out.

mod faults;
mod hostile;
mod original;
mod reload;
mod variables;

use std::path::Path;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;

use super::{
    Config, ConfigErrors, Environment, Fault, KeyPath, KnownModules, Loaded, ModuleOptions,
    ModuleSchema, Secret, load_text, variables as list_variables,
};

/// The options of a module that exists only in these tests, with one key of each kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Sample {
    /// Rules, in order.
    rules: Vec<Rule>,
    /// Cap. 1 to 1000, default 30.
    #[schemars(range(min = 1, max = 1000))]
    max_incidents_per_minute: u32,
    /// How often, as a share.
    share: f64,
    /// Whether to begin at the start.
    from_beginning: bool,
    /// A name.
    title: Option<String>,
    /// A choice.
    mode: Mode,
    /// Where to.
    channels: Vec<Channel>,
    /// The key.
    token: Option<Secret>,
    /// Sub-section.
    limits: Limits,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            max_incidents_per_minute: 30,
            share: 0.5,
            from_beginning: false,
            title: None,
            mode: Mode::Fast,
            channels: Vec::new(),
            token: None,
            limits: Limits::default(),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// Name of the rule.
    #[schemars(length(min = 1))]
    id: String,
    /// Pattern the line must match.
    pattern: String,
}

#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Mode {
    /// Quick.
    #[default]
    Fast,
    /// Careful.
    Thorough,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
enum Channel {
    Console,
    Webhook {
        url: String,
        #[serde(default)]
        retries: u8,
    },
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Limits {
    /// Lines a second; absent means none.
    lines_per_second: Option<u32>,
}

/// Options with a key that has no default.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Needy {
    /// The file to read.
    #[expect(dead_code, reason = "only its schema is used")]
    path: String,
}

fn known() -> KnownModules {
    let module = |id: &str, schema, enabled_by_default| ModuleSchema {
        id: id.to_owned(),
        schema,
        enabled_by_default,
    };
    KnownModules::from_iter([
        module("detector.regex", schema_for!(Sample), true),
        module("connector.fileTail", schema_for!(Needy), false),
    ])
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let environment = Environment::from_iter(variables.iter().copied());
    load_text(text, Path::new("a.yaml"), &environment, &known())
}

fn load(text: &str) -> Result<Loaded, ConfigErrors> {
    load_with(text, &[])
}

/// The faults of a text, as printed.
fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let errors = load_with(text, variables).expect_err("the text has faults");
    errors.faults().iter().map(Fault::to_string).collect()
}

fn sample(loaded: &Loaded) -> Sample {
    let module = loaded.config.module("detector.regex").unwrap();
    module.parse().unwrap()
}

#[test]
fn defaults_apply_to_what_is_not_written() {
    let loaded = load("system:\n  name: Night shift\n").unwrap();
    let config = &loaded.config;
    assert_eq!(config.system.name, "Night shift");
    assert_eq!(config.storage.engine, super::StorageEngine::Sqlite);
    assert_eq!(
        config.storage.options.db_path,
        Path::new("./data/opspilot.db")
    );
    assert_eq!(config.logging.max_file_size, 10 * 1024 * 1024);
    assert_eq!(config.auth.public_paths, ["/api/health"]);
    assert!(!config.auth.enabled);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn section_without_enabled_is_on_and_no_section_follows_the_module() {
    let rows = [
        ("system: {}", vec!["detector.regex"]),
        ("modules:", vec!["detector.regex"]),
        ("modules: {detector.regex: {enabled: false}}", vec![]),
        ("modules: {detector.regex: }", vec!["detector.regex"]),
        (
            "modules: {connector.fileTail: {path: /a}}",
            vec!["connector.fileTail", "detector.regex"],
        ),
    ];
    for (text, expected) in rows {
        let loaded = load(text).unwrap();
        let ids: Vec<&str> = loaded
            .config
            .enabled_modules()
            .map(ModuleOptions::id)
            .collect();
        assert_eq!(ids, expected, "{text}");
    }
}

#[test]
fn options_of_every_kind_reach_the_module() {
    let text = "
modules:
  detector.regex:
    rules: [{id: a, pattern: 'x$'}]
    maxIncidentsPerMinute: 5
    share: 1
    mode: thorough
    title: null
    token: ${TOKEN}
    channels:
      - type: console
      - {type: webhook, url: 'http://x', retries: 2}
    limits: {linesPerSecond: 7}
";
    let loaded = load_with(text, &[("TOKEN", "s3cret")]).unwrap();
    let sample = sample(&loaded);
    assert_eq!(sample.rules[0].pattern, "x$");
    assert_eq!(sample.rules[0].id, "a");
    assert_eq!(sample.max_incidents_per_minute, 5);
    assert!((sample.share - 1.0).abs() < f64::EPSILON);
    assert_eq!(sample.mode, Mode::Thorough);
    assert_eq!(sample.title, None);
    assert_eq!(sample.token.unwrap().expose(), "s3cret");
    assert!(matches!(sample.channels[0], Channel::Console));
    assert!(
        matches!(&sample.channels[1], Channel::Webhook { url, retries: 2 } if url == "http://x")
    );
    assert_eq!(sample.limits.lines_per_second, Some(7));
}

#[test]
fn whole_interpolation_stands_for_a_number_or_truth_value_and_a_part_does_not() {
    let text =
        |value: &str| format!("modules: {{detector.regex: {{maxIncidentsPerMinute: '{value}'}}}}");
    let number = [("N", "12")];
    for value in ["${N}", "${MISSING:-12}"] {
        let loaded = load_with(&text(value), &number).unwrap();
        assert_eq!(sample(&loaded).max_incidents_per_minute, 12, "{value}");
    }
    assert_eq!(
        faults(&text("1${N}"), &number),
        [
            "a.yaml:1:51: modules.\"detector.regex\".maxIncidentsPerMinute: expected a whole number, found text"
        ]
    );
    let truth = "modules: {detector.regex: {fromBeginning: '${T}'}}";
    assert!(sample(&load_with(truth, &[("T", "true")]).unwrap()).from_beginning);
}

#[test]
fn modules_of_other_versions_are_named_in_one_warning() {
    let text = "system: {}\nmodules:\n  ui.dashboard: {port: 1}\n  notifier.slack: {}\n";
    let loaded = load(text).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(Fault::to_string).collect();
    assert_eq!(
        warnings,
        [
            "a.yaml:2:1: modules: this version does not have these modules yet, their sections are ignored: `ui.dashboard`, `notifier.slack`"
        ]
    );
}

#[test]
fn faults_of_a_switched_off_section_are_warnings() {
    let loaded = load("modules: {connector.fileTail: {enabled: false, pth: /a}}").unwrap();
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
}

#[test]
fn variable_that_an_unused_section_names_need_not_be_set() {
    let rows = [
        "modules: {connector.fileTail: {enabled: false, path: '${UNSET}'}}",
        "modules: {connector.fileTail: {enabled: '${OFF:-false}', path: '${UNSET}'}}",
        "modules: {notifier.slack: {webhookUrl: '${UNSET}'}}",
    ];
    for text in rows {
        let loaded = load(text).unwrap();
        let warnings: Vec<String> = loaded.warnings.iter().map(Fault::to_string).collect();
        assert!(
            warnings.iter().any(|w| w.contains("`UNSET` is not set")),
            "{warnings:?}"
        );
    }
    let used = "modules: {connector.fileTail: {path: '${UNSET}'}}";
    assert_eq!(faults(used, &[]).len(), 1);
}

#[test]
fn json_schema_covers_root_and_modules() {
    let document = super::json_schema(&known());
    let at = |pointer: &str| {
        document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}"))
    };
    assert_eq!(at("/properties/logging/$ref"), "#/$defs/Logging");
    let module = at("/properties/modules/properties/detector.regex");
    assert_eq!(module["properties"]["enabled"]["type"], "boolean");
    assert_eq!(
        module["properties"]["maxIncidentsPerMinute"]["maximum"],
        1000
    );
    assert_eq!(module["additionalProperties"], false);
    assert_eq!(module["$id"], "opspilot:detector.regex");
    assert_eq!(at("/properties/modules/properties/notifier.slack"), true);
}

#[test]
fn module_finds_the_place_of_its_own_fault() {
    let text = "modules:\n  detector.regex:\n    rules:\n      - id: a\n        pattern: '('\n";
    let loaded = load(text).unwrap();
    let module = loaded.config.module("detector.regex").unwrap();
    let key = KeyPath::of(["rules"]).with_index(0).with_key("pattern");
    let fault = module.fault(&key, "unclosed group");
    assert_eq!(
        fault.to_string(),
        "a.yaml:5:18: modules.\"detector.regex\".rules[0].pattern: unclosed group"
    );
}

#[test]
fn reason_of_a_module_does_not_repeat_a_hidden_value() {
    let text = "modules: {detector.regex: {rules: [{id: a, pattern: '${P}'}]}}";
    let loaded = load_with(text, &[("P", "s3cret")]).unwrap();
    let module = loaded.config.module("detector.regex").unwrap();
    let key = KeyPath::of(["rules"]).with_index(0);
    let fault = module.fault(&key.with_key("pattern"), "cannot compile `s3cret`");
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
    let fault = module.fault(&key.with_key("flags"), "missing");
    assert_eq!(
        fault.to_string(),
        "a.yaml:1:36: modules.\"detector.regex\".rules[0].flags: missing"
    );
}

#[test]
fn nothing_printed_about_a_configuration_holds_a_secret() {
    let text = "
auth: {jwtSecret: '${S}', apiKeys: [{label: a, key: 'literal-s3cret', role: admin}]}
modules: {detector.regex: {token: '${S}'}}
";
    let loaded = load_with(text, &[("S", "from-env-s3cret")]).unwrap();
    let printed = format!("{loaded:?} {:?}", loaded.config.module("detector.regex"));
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(printed.contains("[redacted]"));
    let environment = Environment::from_iter([("S", "s3cret")]);
    assert_eq!(format!("{environment:?}"), "{\"S\"}");
}

#[test]
fn literal_secret_is_worth_a_warning() {
    let rows = [
        ("modules: {detector.regex: {token: abc}}", 1),
        ("modules: {detector.regex: {token: ''}}", 0),
        ("modules: {detector.regex: {token: '${T}'}}", 0),
    ];
    for (text, expected) in rows {
        let loaded = load_with(text, &[("T", "abc")]).unwrap();
        assert_eq!(loaded.warnings.len(), expected, "{text}");
    }
}

#[test]
fn options_can_be_handed_over_as_json() {
    let json = serde_json::json!({ "rules": [{ "id": "a", "pattern": "b" }], "share": 0.25 });
    let sample: Sample = ModuleOptions::from_json("detector.regex", json)
        .parse()
        .unwrap();
    assert_eq!(sample.rules.len(), 1);
    let wrong = serde_json::json!({ "shar": 1 });
    let error = ModuleOptions::from_json("detector.regex", wrong).parse::<Sample>();
    assert_eq!(
        error.unwrap_err().to_string(),
        "options: modules.\"detector.regex\".shar: unknown key; did you mean `share`?"
    );
}
