//! `OPSPILOT_*` variables.

use super::{Fault, faults, known, list_variables, load_with, sample};

#[test]
fn variable_reaches_any_key() {
    let rows: &[(&str, &str)] = &[
        (
            "OPSPILOT_MODULES_DETECTOR_REGEX_MAX_INCIDENTS_PER_MINUTE",
            "7",
        ),
        (
            "OPSPILOT_MODULES__DETECTOR_REGEX__MAX_INCIDENTS_PER_MINUTE",
            "7",
        ),
        ("opspilot_modules_detectorregex_maxincidentsperminute", "7"),
    ];
    for text in [
        "system: {}",
        "modules: {detector.regex: {maxIncidentsPerMinute: 1}}",
    ] {
        for (name, value) in rows {
            let loaded = load_with(text, &[(name, value)]).unwrap();
            assert_eq!(sample(&loaded).max_incidents_per_minute, 7, "{name}");
        }
    }
}

#[test]
fn variables_of_the_contract_work() {
    let variables = [
        ("OPSPILOT_SYSTEM_NAME", "123"),
        ("OPSPILOT_SYSTEM_ENVIRONMENT", "production"),
        ("OPSPILOT_SYSTEM_PORT", "8080"),
        ("OPSPILOT_LOGGING_LEVEL", "debug"),
        ("OPSPILOT_STORAGE_OPTIONS_DBPATH", "/x.db"),
        ("OPSPILOT_AUTH_PUBLIC_PATHS", "[/a, /b]"),
        ("OPSPILOT_JWT_SECRET", "from-variable"),
        ("OPSPILOT_API_KEY", "admin-key"),
        ("OPSPILOT_CONFIG", "ignored"),
        ("OPSPILOT_LOG", "ignored"),
        ("OPSPILOT_STORAGE_ENGINE", ""),
    ];
    let config = load_with(
        "auth: {apiKeys: [{label: a, key: '', role: viewer}]}",
        &variables,
    )
    .unwrap()
    .config;
    assert_eq!(config.system.name, "123");
    assert_eq!(config.system.environment, crate::config::Stage::Production);
    assert_eq!(config.system.port.unwrap().get(), 8080);
    assert_eq!(config.logging.level, crate::config::LogLevel::Debug);
    assert_eq!(config.storage.options.db_path.to_str(), Some("/x.db"));
    assert_eq!(config.auth.public_paths, ["/a", "/b"]);
    assert_eq!(config.auth.jwt_secret.unwrap().expose(), "from-variable");
    let [first, added] = config.auth.api_keys.as_slice() else {
        panic!("two keys: {:?}", config.auth.api_keys);
    };
    assert_eq!(first.label, "a");
    assert_eq!(added.label, "env-api-key");
    assert_eq!(added.key.expose(), "admin-key");
    assert_eq!(added.role, crate::config::Role::Admin);
}

#[test]
fn jwt_secret_of_the_file_comes_first() {
    let text = "auth: {jwtSecret: '${FILE}'}";
    let variables = [
        ("FILE", "from-file"),
        ("OPSPILOT_JWT_SECRET", "from-variable"),
    ];
    let auth = load_with(text, &variables).unwrap().config.auth;
    assert_eq!(auth.jwt_secret.unwrap().expose(), "from-file");
}

#[test]
fn lists_and_nested_keys_are_set_too() {
    let variables = [
        (
            "OPSPILOT_MODULES_DETECTOR_REGEX_RULES",
            "[{id: x, pattern: 'a$'}]",
        ),
        (
            "OPSPILOT_MODULES_DETECTOR_REGEX_LIMITS_LINES_PER_SECOND",
            "9",
        ),
        ("OPSPILOT_MODULES_DETECTOR_REGEX_FROM_BEGINNING", "true"),
        ("OPSPILOT_MODULES_DETECTOR_REGEX_TITLE", "${NOT_EXPANDED}"),
        ("OPSPILOT_MODULES_DETECTOR_REGEX_MODE", "thorough"),
    ];
    let loaded = load_with("system: {}", &variables).unwrap();
    let sample = sample(&loaded);
    assert_eq!(sample.rules[0].pattern, "a$");
    assert_eq!(sample.limits.lines_per_second, Some(9));
    assert!(sample.from_beginning);
    assert_eq!(sample.title.as_deref(), Some("${NOT_EXPANDED}"));
    let off = [("OPSPILOT_MODULES_DETECTOR_REGEX_ENABLED", "false")];
    let loaded = load_with("system: {}", &off).unwrap();
    assert_eq!(loaded.config.enabled_modules().count(), 0);
}

#[test]
fn variable_that_sets_nothing_is_a_fault() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (
            &[("OPSPILOT_SYTEM_NAME", "x")],
            "OPSPILOT_SYTEM_NAME: no key has this variable; did you mean `OPSPILOT_SYSTEM_NAME`?",
        ),
        (
            &[("OPSPILOT_JWT_SECRT", "x")],
            "OPSPILOT_JWT_SECRT: no key has this variable; did you mean `OPSPILOT_JWT_SECRET`?",
        ),
        (
            &[(
                "OPSPILOT_MODULES_DETECTOR_REGEX_MAX_INCIDENT_PER_MINUTE",
                "1",
            )],
            "OPSPILOT_MODULES_DETECTOR_REGEX_MAX_INCIDENT_PER_MINUTE: no key has this variable; did you mean `OPSPILOT_MODULES_DETECTOR_REGEX_MAX_INCIDENTS_PER_MINUTE`?",
        ),
        (
            &[
                ("OPSPILOT_SYSTEM_NAME", "x"),
                ("OPSPILOT_SYSTEM__NAME", "y"),
            ],
            "OPSPILOT_SYSTEM__NAME: sets the same key as `OPSPILOT_SYSTEM_NAME`; unset one of the two",
        ),
        (
            &[("OPSPILOT_LOGGING_MAX_FILES", "many")],
            "OPSPILOT_LOGGING_MAX_FILES: logging.maxFiles: expected a whole number, found text",
        ),
        (
            &[("OPSPILOT_LOGGING_MAX_FILES", "0")],
            "OPSPILOT_LOGGING_MAX_FILES: logging.maxFiles: the value (not shown) is out of range: write at least 1 and at most 100",
        ),
        (
            &[("OPSPILOT_AUTH_PUBLIC_PATHS", "[/a")],
            "OPSPILOT_AUTH_PUBLIC_PATHS: the value is not YAML; write a list as `[a, b]` and a section as `{key: value}`",
        ),
    ];
    for (variables, expected) in rows {
        let expected = format!("environment variable {expected}");
        assert_eq!(faults("system: {}", variables), [expected]);
    }
}

#[test]
fn variables_of_absent_modules_give_one_warning() {
    let variables = [
        ("OPSPILOT_EMAIL_CLIENT_ID", "a"),
        ("OPSPILOT_EMAIL_REFRESH_TOKEN", "b"),
        ("OPSPILOT_MODULES_NOTIFIER_SLACK_WEBHOOK_URL", "c"),
    ];
    let loaded = load_with("system: {}", &variables).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(Fault::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for (name, _) in variables {
        assert!(warnings[0].contains(name), "{name}");
    }
}

#[test]
fn variables_that_a_platform_sets_for_a_service_called_opspilot_are_not_ours() {
    let variables = [
        ("OPSPILOT_SERVICE_HOST", "10.0.0.1"),
        ("OPSPILOT_SERVICE_PORT", "3000"),
        ("OPSPILOT_SERVICE_PORT_HTTP", "3000"),
        ("OPSPILOT_PORT", "tcp://10.0.0.1:3000"),
        ("OPSPILOT_PORT_3000_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(load_with("system: {}", &variables).unwrap().warnings, []);
}

#[test]
fn declared_variables_are_distinct_and_described() {
    let variables = list_variables(&known());
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let mut names: Vec<String> = variables.iter().map(|v| plain(&v.name)).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    for variable in &variables {
        assert!(!variable.description.is_empty(), "{}", variable.name);
    }
    let name = |key: &str| {
        variables
            .iter()
            .find(|v| v.key == key)
            .map(|v| v.name.as_str())
    };
    assert_eq!(
        name("storage.options.dbPath"),
        Some("OPSPILOT_STORAGE_OPTIONS_DB_PATH")
    );
    assert_eq!(name("modules"), None);
}
