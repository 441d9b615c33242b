//! Ten thousand connections to the API at once, every other one of which dribbles a request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::settings;

const CROWD: usize = 10_000;

/// A descriptor for each connection, and some for what else is open.
const FILES: u64 = CROWD as u64 + 200;

/// What the server may need more than without them, in KiB.
const MEMORY: u64 = 32 << 10;

/// How long an answer may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that stays open between its requests.
struct Guest(BufReader<TcpStream>);

impl Guest {
    fn at(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status line of the answer to a probe.
    fn ask(&mut self) -> String {
        let request = b"GET /api/livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        self.0.get_mut().write_all(request).unwrap();
        let (mut status, mut length) = (String::new(), 0);
        self.0.read_line(&mut status).unwrap();
        loop {
            let mut header = String::new();
            self.0.read_line(&mut header).unwrap();
            let (name, value) = header.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            if header.trim().is_empty() {
                break;
            }
        }
        self.0.read_exact(&mut vec![0; length]).unwrap();
        status
    }
}

/// Raises the limit of open files of this process; false where the machine forbids it.
fn allow_files() -> bool {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: Some(FILES),
        ..limits
    };
    let is_enough = |most: Option<u64>| most.is_none_or(|most| most >= FILES);
    is_enough(limits.current)
        || (is_enough(limits.maximum) && setrlimit(Resource::Nofile, raised).is_ok())
}

/// The resident memory of the server, in KiB: see proc_pid_statm(5).
fn resident(server: &Server<'_>) -> u64 {
    let path = format!("/proc/{}/statm", server.pid().as_raw_nonzero());
    let text = std::fs::read_to_string(path).unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64 / 1024
}

/// Connects, and begins a request if it is to dribble. Whoever is refused may learn of it here.
fn join(address: &str, dribbles: bool) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    if dribbles {
        stream
            .write_all(b"GET /api/incidents HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
            .ok();
    }
    stream
}

#[test]
fn torture_ten_thousand_connections_take_little_and_delay_nobody() {
    if !allow_files() {
        eprintln!("SKIPPED: ten thousand connections: `ulimit -Hn` must be {FILES} or more");
        return;
    }
    let site = Site::new();
    site.configure(&settings(&site));
    let server = Server::start(&site);
    let address = server.client().address().to_owned();
    let mut guest = Guest::at(&address);
    assert!(guest.ask().contains("200"));
    let before = resident(&server);
    let mut crowd = Vec::with_capacity(CROWD);
    let mut most = before;
    for number in 0..CROWD {
        crowd.push(join(&address, number % 2 == 0));
        if number % 500 == 499 {
            assert!(guest.ask().contains("200"), "beside {number}");
            most = most.max(resident(&server));
        }
    }
    assert!(most - before < MEMORY, "{before} KiB became {most} KiB");
    drop(crowd);
    // Who comes afterwards finds a place as soon as the server saw the others leave.
    server.until("somebody new is served", || {
        let answer = server.client().get("/livez").ok()?;
        (answer.status == 200).then_some(())
    });
    let refused = server
        .client()
        .metric("opspilot_http_refused_total")
        .unwrap();
    assert!(refused > CROWD as u64 / 2, "{refused} were refused");
}
