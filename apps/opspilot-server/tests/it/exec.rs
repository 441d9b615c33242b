//! The hidden command that the server starts itself with to run the program of an action.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::common::server::command;

/// Asks a fresh helper to run `argv`, and returns what it answers.
fn run(argv: &[&str]) -> Value {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut helper = command(&["__exec"])
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let request = json!({ "Supervise": {
        "argv": argv, "folder": "/", "environment": { "A": "b" }, "timeout_ms": 20_000,
        "account": is_root.then(|| json!({ "uid": 65_534, "gid": 65_534 })), "allow_root": false,
        "confinement": { "is_required": true, "readable": [], "writable": [], "has_network": false },
        "limits": { "cpu_seconds": 10, "memory_bytes": 512 << 20, "file_bytes": 0, "open_files": 64, "processes": 16 },
    } });
    writeln!(ours, "{request}").unwrap();
    let mut answer = String::new();
    ours.read_to_string(&mut answer).unwrap();
    assert!(helper.wait().unwrap().success());
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_program_runs_through_the_real_binary_and_sees_nothing_of_the_server() {
    let ended = run(&["/usr/bin/env"]);
    assert_eq!(ended["how"], json!({ "Exit": 0 }), "{ended}");
    assert_eq!(ended["stdout"], json!({ "text": "A=b\n", "dropped": 0 }));
    assert_eq!(ended["stderr"], json!({ "text": "", "dropped": 0 }));
}

#[test]
fn the_sandbox_holds_in_the_real_binary() {
    let ended = run(&["/bin/cat", "/etc/shadow", "/proc/1/environ"]);
    assert_eq!(ended["how"], json!({ "Exit": 1 }), "{ended}");
    assert_eq!(ended["stdout"]["text"], "");
    let ended = run(&["/nowhere/program"]);
    let reason = ended["how"]["Refused"].as_str().unwrap_or_default();
    assert!(reason.contains("`/nowhere/program`"), "{ended}");
}

#[test]
fn without_a_server_that_speaks_it_does_nothing() {
    let output = command(&["__exec"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0));
    let help = command(&["--help"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("__exec"));
}
