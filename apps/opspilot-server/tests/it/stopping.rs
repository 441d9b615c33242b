//! The end of a server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::settings;
use crate::common::wait::pause;

#[test]
fn a_stop_under_load_is_clean_and_a_restart_goes_on_without_loss_or_repetition() {
    let site = Site::new();
    site.configure(&settings(&site));
    let ends = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| write_marks(&site, &ends));
        for count in [50, 200, 400] {
            let server = Server::start(&site);
            server.until_incidents(count);
            server.stop();
        }
        ends.store(true, Ordering::SeqCst);
        writer.join().expect("the writer does not panic")
    });
    let server = Server::start(&site);
    server.until("every mark is an incident", || {
        Some(()).filter(|()| server.incidents().len() >= written)
    });
    let incidents = server.incidents();
    let mut marks: Vec<&str> = incidents
        .iter()
        .filter_map(|incident| incident["description"].as_str())
        .collect();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!((marks.len(), incidents.len()), (written, written));
    server.stop();
}

/// Writes marks until it shall end, and returns how many.
fn write_marks(site: &Site, ends: &AtomicBool) -> usize {
    let mut written = 0;
    while !ends.load(Ordering::SeqCst) {
        let mut text = String::new();
        for _ in 0..5 {
            writeln!(text, "2026-02-20T12:00:00Z ERROR MARK-{written}")
                .expect("strings can be written");
            written += 1;
        }
        site.append("app.log", text);
        pause(Duration::from_millis(10));
    }
    written
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let site = Site::new();
    site.configure(&settings(&site));
    let server = Server::start(&site);
    let url = site.read("stdout.log");
    let address = url.lines().find_map(|line| {
        line.trim()
            .strip_prefix("API")?
            .trim()
            .strip_prefix("http://")
    });
    let address = address
        .and_then(|rest| rest.split('/').next())
        .expect("the greeting has an address");
    // A request without its body keeps the server from ending its connections.
    let mut open = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "POST /api/incidents/x/comment HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n"
    );
    open.write_all(head.as_bytes()).expect("it reads");
    // The connection is counted once the server has it.
    server.until("the request is open", || {
        Some(()).filter(|()| connections(&server) >= 2)
    });
    server.signal(Signal::TERM);
    server.until("it stops", || {
        Some(()).filter(|()| {
            site.read("stderr.log")
                .contains("a second signal ends at once")
        })
    });
    server.signal(Signal::TERM);
    assert_eq!(server.wait().status.code(), Some(3));

    Server::start(&site).stop();
}

fn connections(server: &Server<'_>) -> u64 {
    server
        .client()
        .metric("opspilot_http_connections")
        .unwrap_or_default()
}

#[test]
fn an_interrupt_from_the_keyboard_stops_as_well() {
    let site = Site::new();
    site.configure(&settings(&site));
    let server = Server::start(&site);
    server.signal(Signal::INT);
    assert_eq!(server.wait().status.code(), Some(0));
}
