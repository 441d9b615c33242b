//! Keys and tokens from the command line, and a server that asks for them.

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::{Ended, Server, command};
use crate::common::settings::{settings, with};

const SECRET: &str = "kq9S0mP2vX7cT4bN8zR1wY6uE3iO5aLd";

/// A site whose server asks for credentials.
fn site(auth: Value) -> Site {
    let site = Site::new();
    site.configure(&with(settings(&site), "/auth", auth));
    site
}

/// Runs a command in `site`, with the key `key` to show to a server.
fn run(site: &Site, arguments: &[&str], key: &str) -> Ended {
    let arguments = [arguments, &["--config", "config.yaml", "--json"]].concat();
    let mut command = command(&arguments);
    command.current_dir(site.folder());
    if !key.is_empty() {
        command.env("OPSPILOT_API_KEY", key);
    }
    Ended::of(&mut command)
}

fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.code(), 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("the command prints JSON")
}

fn url(site: &Site) -> String {
    let greeting = site.read("stdout.log");
    let url = greeting
        .lines()
        .find_map(|line| line.trim().strip_prefix("API"));
    url.expect("the server says where it is").trim().to_owned()
}

#[test]
fn a_server_without_any_key_does_not_start() {
    let site = site(json!({ "enabled": true }));
    let ended = Server::launch(&site).wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("key create"), "{}", ended.stderr);
}

#[test]
fn a_weak_secret_and_an_open_address_are_refused_with_the_way_out() {
    let rows = [
        (
            json!({ "enabled": true, "jwtSecret": "changeme" }),
            "127.0.0.1",
            "openssl rand -base64 32",
        ),
        (json!({ "enabled": false }), "0.0.0.0", "auth.enabled"),
    ];
    for (auth, host, way_out) in rows {
        let site = Site::new();
        let settings = with(settings(&site), "/auth", auth);
        site.configure(&with(settings, "/modules/ui.api/host", json!(host)));
        let ended = Ended::run(site.folder(), &["check", "--config", "config.yaml"]);
        assert_eq!(ended.code(), 2, "{ended:?}");
        assert!(ended.stderr.contains(way_out), "{}", ended.stderr);
        assert!(!ended.stderr.contains("changeme"), "{}", ended.stderr);
    }
}

#[test]
fn the_first_key_is_made_on_the_storage_and_others_over_the_running_server() {
    let site = site(json!({ "enabled": true }));
    let create = [
        "key", "create", "--label", "ann", "--role", "admin", "--kind", "human",
    ];
    let made = json_of(&run(&site, &create, ""));
    let admin = made["apiKey"].as_str().expect("a key").to_owned();
    let server = Server::start(&site);
    assert_eq!(server.get("/incidents").status, 401);
    assert_eq!(server.get("/health").status, 200);
    let url = url(&site);
    let create = [
        "key",
        "create",
        "--label",
        "ci",
        "--role",
        "viewer",
        "--expires",
        "1h",
        "--server",
        &url,
    ];
    let other = json_of(&run(&site, &create, &admin));
    let (viewer, id) = (
        other["apiKey"].as_str().expect("a key"),
        other["key"]["id"].as_str().expect("an id"),
    );
    let listed = json_of(&run(&site, &["key", "list", "--server", &url], &admin));
    assert_eq!(listed["count"], 2);
    assert!(!listed.to_string().contains(viewer));
    let forbidden = run(&site, &["key", "list", "--server", &url], viewer);
    assert_eq!(forbidden.code(), 1, "{forbidden:?}");
    assert!(forbidden.stderr.contains("(403)"), "{}", forbidden.stderr);
    let nobody = run(&site, &["key", "list", "--server", &url], "");
    assert!(
        nobody.stderr.contains("OPSPILOT_API_KEY"),
        "{}",
        nobody.stderr
    );
    json_of(&run(
        &site,
        &["key", "revoke", id, "--server", &url],
        &admin,
    ));
    let revoked = run(&site, &["key", "list", "--server", &url], viewer);
    assert!(revoked.stderr.contains("(401)"), "{}", revoked.stderr);
    let unnamed = run(&site, &["key", "list"], &admin);
    assert_eq!(
        unnamed.code(),
        2,
        "the port is known to the server alone: {unnamed:?}"
    );
    assert!(unnamed.stderr.contains("--server"), "{}", unnamed.stderr);
    server.stop();
    let listed = json_of(&run(&site, &["key", "list"], ""));
    assert_eq!(
        (&listed["count"], &listed["keys"][0]["label"]),
        (&json!(2), &json!("ci"))
    );
    for file in ["stdout.log", "stderr.log"] {
        let text = site.read(file);
        assert!(!text.contains(&admin) && !text.contains(viewer), "{text}");
    }
    let audit = Ended::run(
        site.folder(),
        &["audit", "verify", "--config", "config.yaml"],
    );
    assert_eq!(audit.code(), 0, "{audit:?}");
}

#[test]
fn tokens_are_issued_listed_and_revoked() {
    let site = site(json!({ "enabled": true, "jwtSecret": SECRET }));
    let issue = [
        "token",
        "issue",
        "--subject",
        "ann",
        "--role",
        "admin",
        "--expires",
        "2h",
    ];
    let issued = json_of(&run(&site, &issue, ""));
    let jti = issued["token"]["jti"].as_str().expect("an id").to_owned();
    assert_eq!(
        issued["jwt"].as_str().map(|text| text.split('.').count()),
        Some(3)
    );
    let listed = json_of(&run(&site, &["token", "list"], ""));
    assert_eq!(listed["tokens"][0]["jti"], jti.as_str());
    let revoked = json_of(&run(&site, &["token", "revoke", &jti], ""));
    assert!(revoked["revokedAt"].is_string(), "{revoked}");
    let rule = json_of(&run(&site, &["token", "revoke", "--subject", "ann"], ""));
    assert_eq!(rule["subject"], "ann");
    let unknown = run(&site, &["token", "revoke", "none"], "");
    assert_eq!(unknown.code(), 2, "{unknown:?}");
    let too_long = [
        "token",
        "issue",
        "--subject",
        "ann",
        "--role",
        "admin",
        "--expires",
        "2d",
    ];
    assert_eq!(run(&site, &too_long, "").code(), 2);
}

#[test]
fn a_token_needs_a_secret() {
    let site = site(json!({ "enabled": true }));
    let ended = run(
        &site,
        &["token", "issue", "--subject", "a", "--role", "viewer"],
        "",
    );
    assert_eq!(ended.code(), 2, "{ended:?}");
    assert!(
        ended.stderr.contains("openssl rand -base64 32"),
        "{}",
        ended.stderr
    );
}

/// Runs a command in `site` that reads `input`, with the key `key` to show to a server.
fn tell(site: &Site, arguments: &[&str], input: &str, key: &str) -> Ended {
    site.write("input.txt", input);
    let input = std::fs::File::open(site.path("input.txt")).expect("the input is there");
    let arguments = [arguments, &["--config", "config.yaml", "--json"]].concat();
    let mut command = command(&arguments);
    command.current_dir(site.folder()).stdin(input);
    if !key.is_empty() {
        command.env("OPSPILOT_API_KEY", key);
    }
    Ended::of(&mut command)
}

#[test]
fn the_first_user_is_added_on_the_storage_and_others_over_the_running_server() {
    let site = site(json!({ "enabled": true }));
    let add = ["user", "add", "Ann", "--role", "admin"];
    let made = json_of(&tell(&site, &add, "correct horse battery\n", ""));
    assert_eq!(
        (&made["name"], &made["role"]),
        (&json!("ann"), &json!("admin"))
    );
    let create = [
        "key", "create", "--label", "root", "--role", "admin", "--kind", "human",
    ];
    let key = json_of(&run(&site, &create, ""));
    let key = key["apiKey"].as_str().expect("a key");
    let server = Server::start(&site);
    let sign_in = |name: &str, password: &str| {
        let body = json!({ "username": name, "password": password });
        server.post("/session", &body.to_string()).status
    };
    assert_eq!(sign_in("ann", "correct horse battery"), 201);
    assert_eq!(sign_in("ann", "staple battery horse"), 401);
    let url = url(&site);
    let add = ["user", "add", "bob", "--role", "viewer", "--server", &url];
    json_of(&tell(&site, &add, "staple battery horse", key));
    assert_eq!(sign_in("bob", "staple battery horse"), 201);
    let change = ["user", "password", "bob", "--server", &url];
    json_of(&tell(&site, &change, "another battery horse\r\n", key));
    assert_eq!(sign_in("bob", "staple battery horse"), 401);
    assert_eq!(sign_in("bob", "another battery horse"), 201);
    let role = ["user", "role", "bob", "operator", "--server", &url];
    assert_eq!(json_of(&run(&site, &role, key))["role"], "operator");
    let listed = json_of(&run(&site, &["user", "list", "--server", &url], key));
    assert_eq!(listed["count"], 2);
    json_of(&run(
        &site,
        &["user", "remove", "bob", "--server", &url],
        key,
    ));
    server.stop();
    let listed = json_of(&run(&site, &["user", "list"], ""));
    assert_eq!(
        (&listed["count"], &listed["users"][0]["name"]),
        (&json!(1), &json!("ann"))
    );
    for file in ["stdout.log", "stderr.log"] {
        assert!(!site.read(file).contains("horse"), "{}", site.read(file));
    }
    let audit = Ended::run(
        site.folder(),
        &["audit", "verify", "--config", "config.yaml"],
    );
    assert_eq!(audit.code(), 0, "{audit:?}");
}

#[test]
fn a_password_comes_from_standard_input_and_cannot_be_guessed() {
    let site = site(json!({ "enabled": true }));
    let add = ["user", "add", "ann", "--role", "admin"];
    for (input, told) in [
        ("", "no password"),
        ("\n", "no password"),
        ("short\n", "12 characters"),
        ("two lines\nof a password\n", "control characters"),
    ] {
        let ended = tell(&site, &add, input, "");
        assert_eq!(ended.code(), 2, "{ended:?}");
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    let unknown = tell(
        &site,
        &["user", "password", "bob"],
        "correct horse battery",
        "",
    );
    assert_eq!(unknown.code(), 2, "{unknown:?}");
    let argument = run(
        &site,
        &["user", "add", "ann", "--role", "admin", "--password", "x"],
        "",
    );
    assert_eq!(argument.code(), 2, "{argument:?}");
    let taken = json_of(&tell(&site, &add, "correct horse battery", ""));
    assert_eq!(taken["name"], "ann");
    let again = tell(&site, &add, "correct horse battery", "");
    assert!(
        again.code() == 2 && again.stderr.contains("already"),
        "{again:?}"
    );
}
