//! Databases that are busy, broken, too new or out of space.

mod full_disk;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::common::files::Site;
use crate::common::server::{Ended, Server};
use crate::common::settings::{settings, with};

const LINE: &str = "2026-02-20T12:00:00Z ERROR MARK-0\n";

/// Where SQLite keeps `user_version`, and what it is said to be. Source: <https://www.sqlite.org/fileformat.html>, 1.3.
const USER_VERSION: std::ops::Range<usize> = 60..64;

/// A database with one incident, of a server that has stopped.
fn with_one_incident() -> Site {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", LINE);
    let server = Server::start(&site);
    server.until_incidents(1);
    server.stop();
    site
}

/// The server refuses to start with one error, which it returns.
fn refusal(site: &Site) -> String {
    let ended = Ended::run(site.folder(), &["--config", "config.yaml"]);
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let errors: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("error"))
        .collect();
    assert_eq!(errors.len(), 1, "{}", ended.stderr);
    errors[0].to_owned()
}

#[test]
fn a_second_server_on_the_same_database_is_refused_and_the_first_goes_on() {
    let site = with_one_incident();
    let server = Server::start(&site);
    let error = refusal(&site);
    assert!(error.contains("in use by process"), "{error}");
    assert!(
        error.contains(&server.pid().as_raw_nonzero().to_string()),
        "{error}"
    );
    site.append("app.log", LINE.replace('0', "1"));
    server.until_incidents(2);
    server.stop();
}

#[test]
fn a_corrupt_database_is_one_clear_error_and_stays_as_it_is() {
    let site = with_one_incident();
    let path = site.path("data/opspilot.db");
    let mut bytes = fs::read(&path).expect("a database");
    bytes[..100].fill(b'!');
    fs::write(&path, &bytes).expect("it can be written");
    let error = refusal(&site);
    assert!(
        error.contains("opspilot.db") && error.contains("restore a backup"),
        "{error}"
    );
    assert_eq!(fs::read(&path).expect("a database"), bytes);
}

#[test]
fn a_newer_database_is_refused_and_stays_as_it_is() {
    let site = with_one_incident();
    let path = site.path("data/opspilot.db");
    let mut bytes = fs::read(&path).expect("a database");
    bytes[USER_VERSION].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&path, &bytes).expect("it can be written");
    let error = refusal(&site);
    assert!(
        error.contains("opspilot.db") && error.contains("9999") && error.contains("newer"),
        "{error}"
    );
    assert_eq!(fs::read(&path).expect("a database"), bytes);
}

#[test]
fn a_folder_that_cannot_be_made_is_one_clear_error() {
    let site = Site::new();
    site.write("data", "a file where a folder should be");
    site.configure(&settings(&site));
    let error = refusal(&site);
    assert!(error.contains("/data"), "{error}");
}

#[test]
fn a_port_in_use_is_one_clear_error_that_names_the_option() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port();
    site.configure(&with(settings(&site), "/modules/ui.api/port", json!(port)));
    let error = refusal(&site);
    assert!(error.contains("modules.ui.api.port"), "{error}");
}

#[test]
fn the_file_engine_keeps_incidents_as_well() {
    let site = Site::new();
    site.configure(&with(settings(&site), "/storage/engine", json!("file")));
    site.write("app.log", LINE);
    let server = Server::start(&site);
    let before = server.until_incidents(1);
    server.kill();
    let server = Server::start(&site);
    assert_eq!(server.incidents(), before);
    server.stop();
}

#[test]
fn a_locked_database_is_told_by_health_and_loses_nothing() {
    let site = with_one_incident();
    let server = Server::start(&site);
    let Some(lock) = Lock::take(&site) else {
        println!(
            "SKIPPED: the program `sqlite3` is not installed, so nobody can lock the database"
        );
        return;
    };
    let more: String = (1..50)
        .map(|n| format!("2026-02-20T12:00:00Z ERROR MARK-{n}\n"))
        .collect();
    site.append("app.log", more);
    let health = server.until("health tells of it", || {
        Some(server.get("/health")).filter(|health| health.status == 503)
    });
    assert!(health.text.contains("locked"), "{}", health.text);
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/readyz").status, 503);
    lock.release();
    assert_eq!(server.until_incidents(50).len(), 50);
    server.until("health is back", || {
        Some(()).filter(|()| server.get("/health").json()["status"] == "healthy")
    });
    server.stop();
}

/// Another program that holds the lock for writing.
struct Lock(Child);

impl Lock {
    /// Takes the lock; nothing where there is no such program.
    #[expect(
        clippy::disallowed_methods,
        reason = "only another process can hold the lock against the server"
    )]
    fn take(site: &Site) -> Option<Self> {
        let mut command = Command::new("sqlite3");
        command
            .arg(site.path("data/opspilot.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let script = b".timeout 10000\nBEGIN IMMEDIATE;\nSELECT 'taken';\n";
        child
            .stdin
            .as_mut()
            .expect("it is piped")
            .write_all(script)
            .expect("it reads");
        let mut answer = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped"))
            .read_line(&mut answer)
            .expect("it answers");
        assert_eq!(answer.trim(), "taken");
        Some(Self(child))
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends with its input");
    }
}
