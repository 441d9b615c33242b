//! A disk that is full for a while.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::settings;

/// How much memory the server may take in addition while it cannot store, in bytes.
const ROOM: u64 = 64 << 20;

/// How many marks are written in all; they fit on the disk as soon as it has space again.
const MARKS: usize = 200;

/// A small file system in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; nothing without the right to.
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).expect("a folder can be made");
        mount(
            "tmpfs",
            &path,
            "tmpfs",
            MountFlags::empty(),
            Some(c"size=4m"),
        )
        .ok()?;
        Some(Self(path))
    }

    /// Takes all space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .expect("a file can be made");
        for size in [4096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).ok();
    }
}

#[test]
fn a_full_disk_is_told_by_health_takes_no_memory_and_loses_nothing() {
    let site = Site::new();
    let Some(disk) = SmallDisk::mount(site.path("data")) else {
        println!("SKIPPED: mounting a small file system needs root");
        return;
    };
    site.configure(&settings(&site));
    site.write("app.log", super::LINE);
    let server = Server::start(&site);
    server.until_incidents(1);
    let filler = disk.fill();
    let memory = resident(&server);
    let long = "x".repeat(1_000);
    let more: String = (1..MARKS)
        .map(|n| format!("2026-02-20T12:00:00Z ERROR MARK-{n} {long}\n"))
        .collect();
    site.append("app.log", more);
    let health = server.until("health tells of it", || {
        Some(server.get("/health")).filter(|health| health.status == 503)
    });
    assert!(health.text.contains("full"), "{}", health.text);
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/readyz").status, 503);
    // Far more than it may keep in memory waits in the log.
    let idle: String = (0..100_000)
        .map(|n| format!("2026-02-20T12:00:00Z INFO nothing {n} {long}\n"))
        .collect();
    site.append("app.log", idle);
    assert!(
        resident(&server) < memory + ROOM,
        "{} bytes before, {} now",
        memory,
        resident(&server)
    );

    fs::remove_file(filler).expect("it can be removed");
    drop(fs::metadata(&disk.0));
    server.until("it goes on", || {
        Some(()).filter(|()| server.get("/health").status == 200)
    });
    assert_eq!(server.until_incidents(MARKS).len(), MARKS);
    server.stop();
}

fn resident(server: &Server<'_>) -> u64 {
    server
        .client()
        .metric("opspilot_process_rss_bytes")
        .expect("metrics")
}
