//! Which log files there are that can be read: for a first configuration.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use opspilot_core::module::Offer;
use serde_json::json;

/// Where logs are by custom (Filesystem Hierarchy Standard 3.0, section 5.10).
const FOLDER: &str = "/var/log";

/// Logs without the usual ending.
const KNOWN: [&str; 3] = ["syslog", "messages", "secure"];

/// How many folders down is looked, and how many entries at most.
const DEPTH: usize = 2;
const ENTRIES: usize = 2_000;

/// How many files are offered, the newest first.
const OFFERED: usize = 12;

/// Files that nobody wrote to for longer are not offered.
const OLD: Duration = Duration::from_hours(24 * 7);

struct Found {
    path: PathBuf,
    bytes: u64,
    age: Duration,
}

/// The log files of this machine.
pub(super) fn offers() -> Vec<Offer> {
    look(Path::new(FOLDER))
}

fn look(folder: &Path) -> Vec<Offer> {
    let (mut found, mut left) = (Vec::new(), ENTRIES);
    collect(folder, DEPTH, &mut left, &mut found);
    found.sort_by(|a, b| a.age.cmp(&b.age).then_with(|| a.path.cmp(&b.path)));
    found.truncate(OFFERED);
    found.iter().filter_map(Found::offer).collect()
}

fn collect(folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<Found>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth > 1 {
            collect(&entry.path(), depth - 1, left, found);
        } else if kind.is_file() && is_log(&entry.path()) {
            found.extend(Found::at(entry.path()));
        }
    }
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let ends = path.extension().is_some_and(|ending| ending == "log");
    ends || name.is_some_and(|name| KNOWN.contains(&name))
}

impl Found {
    /// The file at `path`, if this user may read it and somebody still writes to it.
    fn at(path: PathBuf) -> Option<Self> {
        let facts = File::open(&path).ok()?.metadata().ok()?;
        let age = facts.modified().ok()?;
        let age = age.elapsed().unwrap_or_default();
        (age < OLD && facts.len() > 0).then_some(Self {
            path,
            bytes: facts.len(),
            age,
        })
    }

    fn offer(&self) -> Option<Offer> {
        let path = self.path.to_str()?;
        // The path is a glob to whoever reads it.
        if path.contains(['*', '?', '[', ']', '{', '}', '\\', '$']) {
            return None;
        }
        let minutes = self.age.as_secs() / 60;
        let age = match minutes {
            0 => "just now".to_owned(),
            1..120 => format!("{minutes} minutes ago"),
            _ => format!("{} hours ago", minutes / 60),
        };
        Some(Offer {
            name: path.to_owned(),
            note: Some(format!("{} KiB, written {age}", self.bytes.div_ceil(1024))),
            options: json!({ "paths": [path] }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_that_are_written_to_are_offered_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let (system, web) = (write("syslog", "a\n"), write("nginx/error.log", "b\n"));
        for (name, text) in [
            ("empty.log", ""),
            ("old.log.1", "x"),
            ("a/b/deep.log", "x"),
            ("od[d].log", "x"),
            ("wtmp", "x"),
        ] {
            write(name, text);
        }
        let old = write("stale.log", "x");
        let file = File::options().write(true).open(old).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        file.set_modified(written - OLD).unwrap();
        let offers = look(folder.path());
        let mut names: Vec<_> = offers.iter().map(|offer| offer.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, [web.to_str().unwrap(), system.to_str().unwrap()]);
        assert_eq!(offers[0].options["paths"][0], offers[0].name);
    }
}
