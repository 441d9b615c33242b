use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A folder whose name is not hidden, with the server's data, key and logs in it.
struct Site {
    folder: TempDir,
    places: Places,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("opspilot-").tempdir();
        let folder = folder.unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [
            ("data/opspilot.db", "x"),
            ("keys/tls.key", "x"),
            ("keys/tls.pem", "x"),
            ("logs/app.log", "x"),
            ("logs/web/app.log", "x"),
            ("told.jsonl", "x"),
            ("told.txt", "x"),
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        }
        let places = Places::of(Guarded {
            folders: vec![at("data"), at("later")],
            files: vec![at("keys/tls.key")],
        });
        Self { folder, places }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn link(&self, target: &str, name: &str) {
        symlink(target, self.folder.path().join(name)).unwrap();
    }

    #[track_caller]
    fn reads(&self, path: &str, is_allowed: bool) {
        let files = Files {
            reads: vec![path.to_owned()],
            ..Files::default()
        };
        let judged = self.places.judge(&files);
        assert_eq!(judged.is_ok(), is_allowed, "{path}: {judged:?}");
        if let Err(refusal) = judged {
            assert!(refusal.contains("by hand"), "{refusal}");
        }
    }

    #[track_caller]
    fn writes(&self, path: &str, is_allowed: bool) {
        let files = Files {
            writes: vec![path.to_owned()],
            ..Files::default()
        };
        let judged = self.places.judge(&files);
        assert_eq!(judged.is_ok(), is_allowed, "{path}: {judged:?}");
    }
}

#[test]
fn logs_are_read_and_what_is_secret_is_not() {
    let site = Site::new();
    for path in [
        "logs/app.log",
        "logs/*.log",
        "logs/**/*.log",
        "none/yet.log",
        "told.txt",
    ] {
        site.reads(&site.at(path), true);
    }
    site.reads("/var/log/syslog", true);
    site.reads("./relative.log", true);
    site.reads(&format!("/srv{}/x.log", "/**".repeat(500)), true);
    for path in [
        "/etc/shadow",
        "/etc",
        "//etc/shadow",
        "/etc/./shadow",
        "/var/../etc/shadow",
        "/proc/self/environ",
        "/proc/self/root/etc/shadow",
        "/sys/kernel/x",
        "/dev/mem",
        concat!("/root", "/x"),
        "/run/secrets/x",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "/run/credentials/opspilot/x",
        "/srv/ann/.ssh/id_rsa",
        "../x.log",
        ".env",
        "/*/shadow",
        "/e?c/passwd",
        "/{etc,var}/passwd",
        "/[d-f]tc/passwd",
        "/**/x.log",
        "/**",
        "/*/*",
        "/var/run/*/x",
        "/srv/**/a/**/b/**/c/**/x.log",
        "/srv/a[",
    ] {
        site.reads(path, false);
    }
}

#[test]
fn nothing_of_the_servers_own_is_read_or_written() {
    let site = Site::new();
    for path in [
        "data/opspilot.db",
        "data/x.log",
        "data",
        "da*/x.log",
        "**/x.log",
        "*/*",
        "keys/tls.key",
        "keys/*.key",
        "keys/*",
        "later/x.log",
        "l*r/x.log",
    ] {
        site.reads(&site.at(path), false);
    }
    site.reads(&site.at("keys/*.pem"), true);
    for path in ["data/x.jsonl", "later/x.jsonl", "later/a/x.jsonl"] {
        site.writes(&site.at(path), false);
    }
}

#[test]
fn links_are_followed_before_they_are_judged() {
    let site = Site::new();
    site.link("/etc", "logs/settings");
    site.link("/etc/passwd", "logs/link.log");
    site.link("../data", "inner");
    site.link("logs/web", "web");
    site.link("/nowhere/at/all", "logs/lost");
    for path in [
        "logs/settings/passwd",
        "logs/link.log",
        "inner/x.log",
        "logs/*/passwd",
        "logs/*.log",
        "logs/l*/x.log",
        "logs/lost",
        "in*/opspilot.db",
    ] {
        site.reads(&site.at(path), false);
    }
    for path in ["web/*.log", "web/app.log", "logs/a*.log"] {
        site.reads(&site.at(path), true);
    }
    site.writes(&site.at("logs/settings/x.jsonl"), false);
    site.writes(&site.at("inner/x.jsonl"), false);
    site.writes(&site.at("web/x.jsonl"), true);
}

#[test]
fn only_new_files_and_lines_of_json_are_appended_to() {
    let site = Site::new();
    fs::create_dir(site.folder.path().join("folder.jsonl")).unwrap();
    site.link("told.jsonl", "link.jsonl");
    site.link("none.jsonl", "lost.jsonl");
    for path in ["told.jsonl", "new.jsonl", "new/folder/x.jsonl"] {
        site.writes(&site.at(path), true);
    }
    for path in [
        "told.txt",
        "new",
        "new.sh",
        "folder.jsonl",
        "link.jsonl",
        "lost.jsonl",
        "logs/../x.jsonl",
        ".x.jsonl",
        ".d/x.jsonl",
    ] {
        site.writes(&site.at(path), false);
    }
    for path in [
        "/etc/cron.d/x.jsonl",
        concat!("/root", "/x.jsonl"),
        "/dev/x.jsonl",
        "",
    ] {
        site.writes(path, false);
    }
}
