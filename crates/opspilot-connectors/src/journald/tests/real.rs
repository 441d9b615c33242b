//! Against journald itself: a namespace of its own, `logger` and `journalctl`. Needs root and systemd's programs.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Output};

use super::*;

const DAEMON: &str = "/lib/systemd/systemd-journald";
const READER_PROGRAM: &str = "/usr/bin/journalctl";

/// A journald with a journal of its own. It ends and its files are removed when this is dropped.
struct Namespace {
    name: String,
    daemon: Child,
    /// It leaves when nobody is connected.
    hold: Option<UnixStream>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test needs the real programs"
)]
fn command(program: &str) -> Command {
    Command::new(program)
}

impl Namespace {
    /// `None`, with a line that says why, where it cannot be run.
    fn start(name: &str) -> Option<Self> {
        let is_root = rustix_is_root();
        for program in [DAEMON, READER_PROGRAM, "/usr/bin/logger"] {
            if !Path::new(program).exists() || !is_root {
                eprintln!("SKIPPED: needs root and `{program}`: apt-get install systemd bsdutils");
                return None;
            }
        }
        let name = format!("opspilot-{name}-{}", std::process::id());
        let daemon = command(DAEMON).arg(&name).spawn().unwrap();
        let mut namespace = Self {
            name,
            daemon,
            hold: None,
        };
        let socket = namespace.socket("stdout");
        for _ in 0..500 {
            if let Ok(stream) = UnixStream::connect(&socket) {
                namespace.hold = Some(stream);
                return Some(namespace);
            }
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("journald does not listen on {socket}");
    }

    fn socket(&self, name: &str) -> String {
        format!("/run/systemd/journal.{}/{name}", self.name)
    }

    fn yaml(&self, more: &str) -> String {
        format!("{{namespace: {}{more}}}", self.name)
    }

    /// Writes by `logger`.
    fn log(&self, text: &str) {
        let socket = self.socket("dev-log");
        let status = command("/usr/bin/logger")
            .args(["-t", "test", "-u", &socket, "--", text])
            .status();
        assert!(status.unwrap().success());
    }

    /// Writes an entry in the native protocol.
    fn write(&self, message: &[u8], more: &str) {
        let mut entry = b"MESSAGE\n".to_vec();
        entry.extend((message.len() as u64).to_le_bytes());
        entry.extend(message);
        entry.extend(b"\nSYSLOG_IDENTIFIER=test\n");
        entry.extend(more.as_bytes());
        let socket = UnixDatagram::unbound().unwrap();
        socket.send_to(&entry, self.socket("socket")).unwrap();
    }

    fn tell(&self, order: &str) -> Output {
        let namespace = format!("--namespace={}", self.name);
        let output = command(READER_PROGRAM)
            .args([&namespace, order])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{order}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }
}

fn rustix_is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        uid.is_some_and(|uid| uid.split_whitespace().nth(1) == Some("0"))
    })
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        for root in ["/var/log/journal", "/run/log/journal"] {
            fs::remove_dir_all(format!("{root}/{}.{}", machine.trim(), self.name)).ok();
        }
        fs::remove_dir_all(format!("/run/systemd/journal.{}", self.name)).ok();
    }
}

impl Running {
    /// The next records whose identifier is `test`: journald writes entries of its own.
    async fn ours(
        &mut self,
        count: usize,
    ) -> Vec<(String, serde_json::Map<String, serde_json::Value>)> {
        let mut found = Vec::new();
        while found.len() < count {
            let batch = self.batch().await;
            for (index, record) in batch.iter().enumerate() {
                let attributes = batch.attributes(index);
                if attributes
                    .get("syslogIdentifier")
                    .is_some_and(|name| name == "test")
                {
                    found.push((record.text().into_owned(), attributes));
                }
            }
        }
        found
    }

    async fn our_texts(&mut self, count: usize) -> Vec<String> {
        self.ours(count)
            .await
            .into_iter()
            .map(|(text, _)| text)
            .collect()
    }
}

#[tokio::test]
async fn entries_of_every_kind_arrive_whole() {
    let Some(namespace) = Namespace::start("kinds") else {
        return;
    };
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &namespace.yaml("")).await;
    namespace.log("by logger");
    let first = running.ours(1).await;
    let long = "long ".repeat(20_000);
    namespace.write(b"two\nlines", "PRIORITY=1\n");
    namespace.write(b"not \xff UTF-8", "PRIORITY=4\n");
    namespace.write(long.as_bytes(), "");
    namespace.write(b"last", "");
    let mut found = first;
    found.extend(running.ours(4).await);
    let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    let cut: String = long.chars().take(65_536).collect();
    assert_eq!(
        texts,
        [
            "by logger",
            "two\nlines",
            "not \u{fffd} UTF-8",
            &cut,
            "last"
        ]
    );
    let severities: Vec<_> = found
        .iter()
        .map(|(_, facts)| facts["opsSeverity"].as_str().unwrap())
        .collect();
    assert_eq!(severities, ["info", "critical", "warning", "info", "info"]);
    assert_eq!(found[3].1["truncated"], true);
    assert!(
        found[0].1.keys().map(String::as_str).eq([
            "collector",
            "cursor",
            "hostname",
            "opsSeverity",
            "originalTimestamp",
            "pid",
            "priority",
            "syslogIdentifier",
            "uid",
            "unit",
        ]),
        "{:?}",
        found[0].1
    );
    running.stop().await;
}

#[tokio::test]
async fn rotation_and_restarts_lose_and_repeat_nothing() {
    let Some(namespace) = Namespace::start("rotate") else {
        return;
    };
    let mut bench = Bench::new().await;
    let mut expected = Vec::new();
    let mut seen = Vec::new();
    for round in 0..4 {
        let mut running = Running::start(&bench, &namespace.yaml("")).await;
        for number in 0..40 {
            let text = format!("round {round} line {number}");
            namespace.write(text.as_bytes(), "");
            expected.push(text);
            if number == 20 {
                namespace.tell("--rotate");
            }
        }
        // All but some, which are read by the next run.
        let count = if round == 3 {
            expected.len() - seen.len()
        } else {
            25
        };
        seen.extend(running.our_texts(count).await);
        running.stop().await;
        bench = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    }
    // A batch that was held back when a run ended may come again, from the first entry of it on.
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(once, expected);
}

#[tokio::test]
async fn vacuumed_entries_are_noticed_and_the_rest_is_read() {
    let Some(namespace) = Namespace::start("vacuum") else {
        return;
    };
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &namespace.yaml("")).await;
    namespace.write(b"first", "");
    assert_eq!(running.our_texts(1).await, ["first"]);
    running.stop().await;
    for text in [&b"lost 1"[..], b"lost 2", b"lost 3"] {
        namespace.write(text, "");
    }
    namespace.tell("--rotate");
    namespace.tell("--vacuum-files=1");
    namespace.write(b"kept", "");
    let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&again, &namespace.yaml("")).await;
    assert_eq!(running.our_texts(1).await, ["kept"]);
    assert_eq!(running.figure("gaps", 1).await, 1);
    let lost = running.figure("entriesMissing", 1).await;
    assert!((3..=6).contains(&lost), "{lost}");
    running.stop().await;
}

#[tokio::test]
async fn without_since_boot_only_what_comes_is_read_and_a_restart_goes_on() {
    let Some(namespace) = Namespace::start("tail") else {
        return;
    };
    namespace.write(b"old", "");
    let yaml = namespace.yaml(", sinceBoot: false, matches: [SYSLOG_IDENTIFIER=test]");
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &yaml).await;
    // Its end is found when the last entry of it was met.
    for _ in 0..500 {
        if running.cx.health.current().details.contains_key("cursor") {
            break;
        }
        tokio::time::timeout(Duration::from_millis(10), running.logs.recv())
            .await
            .ok();
    }
    namespace.write(b"new", "");
    assert_eq!(running.our_texts(1).await, ["new"]);
    running.stop().await;
    namespace.write(b"meanwhile", "");
    let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&again, &yaml).await;
    assert_eq!(running.our_texts(1).await, ["meanwhile"]);
    running.stop().await;
}

#[tokio::test]
async fn the_reader_ends_when_nobody_reads() {
    let Some(namespace) = Namespace::start("orphan") else {
        return;
    };
    let mut reader = command(READER_PROGRAM);
    reader.args([
        "--follow",
        "--output=json",
        &format!("--namespace={}", namespace.name),
    ]);
    let mut reader = reader.stdout(std::process::Stdio::piped()).spawn().unwrap();
    namespace.log("x");
    let mut byte = [0];
    reader
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut byte)
        .unwrap();
    // As when this process is killed.
    drop(reader.stdout.take());
    for _ in 0..500 {
        if reader.try_wait().unwrap().is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reader.kill().unwrap();
    panic!("it stays");
}

#[tokio::test]
async fn a_damaged_file_costs_its_own_entries_alone() {
    let Some(namespace) = Namespace::start("damage") else {
        return;
    };
    for number in 0..200 {
        namespace.write(format!("old {number}").as_bytes(), "");
    }
    namespace.tell("--rotate");
    let machine = fs::read_to_string("/etc/machine-id").unwrap();
    let folder = format!("/var/log/journal/{}.{}", machine.trim(), namespace.name);
    let archived = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let archived = archived.filter(|path| path.to_string_lossy().contains("system@"));
    for path in archived {
        let length = fs::metadata(&path).unwrap().len();
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(length.min(40_000) / 2)).unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
    }
    namespace.write(b"sound", "");
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &namespace.yaml("")).await;
    loop {
        let texts = running.our_texts(1).await;
        assert!(
            texts
                .iter()
                .all(|text| text == "sound" || text.starts_with("old ")),
            "{texts:?}"
        );
        if texts.contains(&"sound".to_owned()) {
            break;
        }
    }
    running.stop().await;
}
