//! Each kind of fault: where it is placed, what it says, and the way out.

use super::{faults, load, load_with};

/// A text with one fault, and how it is printed after `a.yaml:`.
const ROWS: &[(&str, &str)] = &[
    (
        "sytem: {}",
        "1:1: sytem: unknown key; did you mean `system`?",
    ),
    (
        "module: {}",
        "1:1: module: unknown key; did you mean `modules`?",
    ),
    (
        "colours: {}",
        "1:1: colours: unknown key; the keys here are: `audit`, `auth`, `logging`, `modules`, `pluginsDir`, `storage`, `system`",
    ),
    (
        "logging:\n  level: wran",
        "2:10: logging.level: `wran` is not an allowed value; did you mean `warn`? allowed are `debug`, `info`, `warn`, `error`",
    ),
    (
        "logging:\n  maxFiles: 0",
        "2:13: logging.maxFiles: `0` is out of range: write at least 1 and at most 100",
    ),
    (
        "logging:\n  maxFileSize: 1023",
        "2:16: logging.maxFileSize: `1023` is out of range: write at least 1024",
    ),
    (
        "logging: {output: file}",
        "1:19: logging.output: messages go to a file, but `logging.file` names none; add `file: ./logs/opspilot.log` under `logging`",
    ),
    ("system: {name: ''}", "1:16: system.name: must not be empty"),
    (
        "system: {name: 12}",
        "1:16: system.name: expected text, found a whole number `12`; write it in quotes: \"12\"",
    ),
    (
        "system: {port: 70000}",
        "1:16: system.port: `70000` is out of range: write at least 1 and at most 65535",
    ),
    (
        "storage: fast",
        "1:10: storage: expected a section with keys, found text `fast`",
    ),
    (
        "storage: {engine: database}",
        "1:19: storage.engine: `database` is not an allowed value; write one of `sqlite`, `file`, `memory`",
    ),
    (
        "auth: {apiKeys: [{label: a, key: '', role: boss}]}",
        "1:44: auth.apiKeys[0].role: `boss` is not an allowed value; write one of `viewer`, `operator`, `admin`",
    ),
    (
        "auth: {apiKeys: [{label: a, role: admin}]}",
        "1:18: auth.apiKeys[0].key: this key is missing; add it: The key itself",
    ),
    (
        "modules:\n  detector.regx: {}",
        "2:3: modules.\"detector.regx\": no module has this id; did you mean `detector.regex`?",
    ),
    (
        "modules: [a]",
        "1:10: modules: expected a section with module ids, found a list",
    ),
    (
        "modules:\n  detector.regex:\n    enabled: yes",
        "3:14: modules.\"detector.regex\".enabled: expected `true` or `false`, found text `yes`; write `true`",
    ),
    (
        "modules:\n  detector.regex:\n    maxIncidentPerMinute: 3",
        "3:5: modules.\"detector.regex\".maxIncidentPerMinute: unknown key; did you mean `maxIncidentsPerMinute`?",
    ),
    (
        "modules:\n  detector.regex:\n    rules:\n      - {id: a, patern: b, pattern: c}",
        "4:17: modules.\"detector.regex\".rules[0].patern: unknown key; did you mean `pattern`?",
    ),
    (
        "modules:\n  detector.regex: {rules: {}}",
        "2:27: modules.\"detector.regex\".rules: expected a list, found a section",
    ),
    (
        "modules:\n  detector.regex: {share: '0.5'}",
        "2:27: modules.\"detector.regex\".share: expected a number, found text `0.5`; write it without quotes",
    ),
    (
        "modules:\n  detector.regex: {mode: through}",
        "2:26: modules.\"detector.regex\".mode: `through` is not an allowed value; did you mean `thorough`? allowed are `fast`, `thorough`",
    ),
    (
        "modules:\n  detector.regex: {share: null}",
        "2:27: modules.\"detector.regex\".share: expected a number, found nothing; write a value, or remove the key to use its default",
    ),
    (
        "modules:\n  detector.regex: {channels: [{type: consol}]}",
        "2:38: modules.\"detector.regex\".channels[0].type: `consol` is not an allowed value; did you mean `console`?",
    ),
    (
        "modules:\n  detector.regex: {channels: [{url: x}]}",
        "2:31: modules.\"detector.regex\".channels[0].type: this key is missing; write one of `console`, `webhook`",
    ),
    (
        "modules:\n  detector.regex: {channels: [{type: webhook, url: x, retry: 1}]}",
        "2:55: modules.\"detector.regex\".channels[0].retry: unknown key; the keys here are: `retries`, `type`, `url`",
    ),
    (
        "modules:\n  connector.fileTail: {}",
        "2:23: modules.\"connector.fileTail\".path: this key is missing; add it: The file to read",
    ),
    (
        "system: {name: a}\nsystem: {name: b}",
        "2:1: system: this key stands twice; the first is at a.yaml:1:1; keep one of the two",
    ),
    (
        "system: {name: '${NAME}'}",
        "1:16: system.name: the environment variable `NAME` is not set; set it, or write `${NAME:-default}`",
    ),
];

#[test]
fn each_fault_has_its_place_and_its_way_out() {
    for (text, expected) in ROWS {
        assert_eq!(faults(text, &[]), [format!("a.yaml:{expected}")], "{text}");
    }
}

#[test]
fn all_faults_of_a_file_are_reported_in_its_order() {
    let text = "
sytem: {name: a}
logging: {level: loud, maxFiles: many}
modules:
  detector.regex:
    rules:
      - {id: '', pattern: '${NOPE}'}
      - {pattern: 7}
    maxIncidentsPerMinute: 1001
  nothing.known: {}
";
    let places: Vec<String> = faults(text, &[("OPSPILOT_SYSTEM_NAM", "x")])
        .iter()
        .map(|fault| fault.split(": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "a.yaml:2:1 sytem",
            "a.yaml:3:18 logging.level",
            "a.yaml:3:34 logging.maxFiles",
            "a.yaml:7:14 modules.\"detector.regex\".rules[0].id",
            "a.yaml:7:27 modules.\"detector.regex\".rules[0].pattern",
            "a.yaml:8:9 modules.\"detector.regex\".rules[1].id",
            "a.yaml:8:19 modules.\"detector.regex\".rules[1].pattern",
            "a.yaml:9:28 modules.\"detector.regex\".maxIncidentsPerMinute",
            "a.yaml:10:3 modules.\"nothing.known\"",
            "environment variable OPSPILOT_SYSTEM_NAM no key has this variable; did you mean `OPSPILOT_SYSTEM_NAME`?",
        ]
    );
}

#[test]
fn value_that_may_be_secret_is_not_in_the_fault() {
    let variables = [
        ("S", "s3cret"),
        ("OPSPILOT_LOGGING_LEVEL", "s3cret"),
        (
            "OPSPILOT_MODULES_DETECTOR_REGEX_CHANNELS",
            "[{type: s3cret}, s3cret]",
        ),
    ];
    let text = "
system: {environment: '${S}', port: '${S}'}
storage: {engine: 'x${S}'}
auth: {jwtSecret: [s3cret], apiKeys: '${S}'}
modules: {detector.regex: {token: {s3cret: 1}, mode: '${S}', share: '${S}'}}
";
    let errors = load_with(text, &variables).unwrap_err();
    let printed = format!(
        "{errors} {errors:?} {}",
        serde_json::to_string(&errors).unwrap()
    );
    assert!(errors.faults().len() >= 10, "{errors}");
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn number_in_place_of_a_secret_is_not_in_the_fault() {
    let errors = load("auth: {jwtSecret: 8675309}").unwrap_err().to_string();
    assert!(!errors.contains("8675309"), "{errors}");
}

#[test]
fn faults_have_a_form_for_programs() {
    let errors = load_with("logging:\n  levle: x", &[("OPSPILOT_X", "1")]).unwrap_err();
    assert_eq!(
        serde_json::to_value(&errors).unwrap(),
        serde_json::json!({
            "faults": [
                {
                    "file": "a.yaml", "line": 2, "column": 3, "key": "logging.levle",
                    "message": "unknown key", "help": "did you mean `level`?"
                },
                {
                    "variable": "OPSPILOT_X", "key": "", "message": "no key has this variable",
                    "help": "unset it, or see the reference of variables"
                }
            ],
            "warnings": []
        })
    );
}
