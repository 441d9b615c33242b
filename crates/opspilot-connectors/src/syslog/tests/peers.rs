//! Real senders: rsyslogd and logger.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

/// A process that ends with the test.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A command, unless its program is not installed.
pub(super) fn command(program: &str, package: &str) -> Option<Command> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let found = folders
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists());
    let Some(path) = found else {
        eprintln!("SKIPPED: {program} is not installed: install {package}");
        return None;
    };
    #[expect(clippy::disallowed_methods, reason = "the test needs the real tool")]
    Some(Command::new(path))
}

/// Has `logger` send `text`; false if it is not installed.
fn logger(address: SocketAddr, options: &[&str], text: &str) -> bool {
    let Some(mut logger) = command("logger", "bsdutils") else {
        return false;
    };
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let status = logger
        .args([
            "-n",
            &host,
            "-P",
            &port,
            "-t",
            "tester",
            "--id=77",
            "-p",
            "daemon.err",
        ])
        .args(options)
        .arg(text)
        .status();
    assert!(status.unwrap().success());
    true
}

#[tokio::test]
async fn logger_is_understood_in_all_its_forms() {
    let bench = Bench::new().await;
    let yaml = "listeners: [{protocol: udp, port: 0}, {protocol: tcp, port: 0}]";
    let mut running = Running::start(&bench, yaml).await;
    let (udp, tcp) = (running.addresses[0], running.addresses[1]);
    for (address, options, rfc) in [
        (udp, &["-d", "--rfc3164"][..], "3164"),
        (udp, &["-d", "--rfc5424"], "5424"),
        (tcp, &["-T", "--rfc3164"], "3164"),
        (tcp, &["-T", "--rfc5424"], "5424"),
        (tcp, &["-T", "--rfc5424", "--octet-count"], "5424"),
        (tcp, &["-T", "--rfc5424=notime,notq,nohost"], "5424"),
    ] {
        if !logger(address, options, "disk [sda] failed: I/O error") {
            return;
        }
        let seen = running.records(1).await.remove(0);
        assert_eq!(seen.text, "disk [sda] failed: I/O error", "{options:?}");
        let facts = ["rfc", "facility", "severity", "appName", "pid"]
            .map(|key| seen.attributes[key].clone());
        assert_eq!(facts, [rfc, "daemon", "err", "tester", "77"], "{options:?}");
    }
    running.stop().await;
}

/// Starts rsyslogd with `actions`, which reads lines from the socket `in`.
fn rsyslogd(folder: &Path, globals: &str, action: &str) -> Option<Owned> {
    let mut program = command("rsyslogd", "rsyslog")?;
    let place = folder.display();
    let config = format!(
        "global(workDirectory=\"{place}\" {globals})\n\
         module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{place}/in\" CreatePath=\"on\" RateLimit.Interval=\"0\")\n\
         {action}\n"
    );
    let (file, pid) = (folder.join("rsyslog.conf"), folder.join("pid"));
    std::fs::write(&file, config).unwrap();
    program
        .args(["-n", "-f"])
        .arg(&file)
        .arg("-i")
        .arg(&pid)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Some(Owned(program.spawn().unwrap()))
}

/// Sends `count` messages through rsyslogd and checks that all arrive in order.
pub(super) async fn relay(running: &mut Running, globals: &str, action: &str) -> Option<Vec<Seen>> {
    const COUNT: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let _rsyslogd = rsyslogd(folder.path(), globals, action)?;
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let place = folder.path().join("in");
    waits_until(|| socket.connect(&place).is_ok()).await;
    for number in 0..COUNT {
        let message = format!("<27>Oct 11 22:14:15 worker[77]: message {number}: it's \"done\"");
        // The socket's queue is short.
        waits_until(|| socket.send(message.as_bytes()).is_ok()).await;
    }
    let records = running.records(COUNT).await;
    for (number, seen) in records.iter().enumerate() {
        assert_eq!(seen.text, format!("message {number}: it's \"done\""));
        let facts =
            ["facility", "severity", "appName", "pid"].map(|key| seen.attributes[key].clone());
        assert_eq!(facts, ["daemon", "err", "worker", "77"]);
    }
    Some(records)
}

#[tokio::test]
async fn rsyslogd_is_understood_over_udp_and_tcp_in_both_framings_and_formats() {
    let bench = Bench::new().await;
    let yaml = "listeners: [{protocol: udp, port: 0}, {protocol: tcp, port: 0}]";
    let mut running = Running::start(&bench, yaml).await;
    let (udp, tcp) = (running.addresses[0].port(), running.addresses[1].port());
    for (port, options) in [
        (
            udp,
            r#"Protocol="udp" Template="RSYSLOG_TraditionalForwardFormat""#,
        ),
        (
            udp,
            r#"Protocol="udp" Template="RSYSLOG_SyslogProtocol23Format""#,
        ),
        (tcp, r#"Protocol="tcp" Template="RSYSLOG_ForwardFormat""#),
        (
            tcp,
            r#"Protocol="tcp" TCP_Framing="octet-counted" Template="RSYSLOG_SyslogProtocol23Format""#,
        ),
    ] {
        let action = format!(r#"action(type="omfwd" Target="127.0.0.1" Port="{port}" {options})"#);
        if relay(&mut running, "", &action).await.is_none() {
            return;
        }
    }
    running.stop().await;
}
