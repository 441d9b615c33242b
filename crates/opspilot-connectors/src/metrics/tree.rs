//! Reads the kernel's files below a root.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use super::mounts::Space;

/// The most that is read of one file.
const LONGEST: u64 = 1 << 20;

/// The kernel's files, and which of them were not there or made no sense in this cycle.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    buffer: Vec<u8>,
    troubles: Troubles,
}

/// What a cycle could not read, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Files that this kernel or container does not have.
    pub absent: BTreeSet<String>,
    /// Files that are there and were refused or not understood, with the reason.
    pub failed: BTreeMap<String, String>,
    /// What else stands in the way, each with the way out.
    pub faults: BTreeSet<String>,
}

impl Troubles {
    /// What went wrong, in words.
    pub(super) fn told(&self) -> Option<String> {
        let unread = self.failed.iter();
        let unread = unread.map(|(path, reason)| format!("cannot read `{path}`: {reason}"));
        let all: Vec<String> = self.faults.iter().cloned().chain(unread).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Tree {
    /// The files below `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            buffer: Vec::new(),
            troubles: Troubles::default(),
        }
    }

    /// What could not be read since the last call.
    pub(super) fn take_troubles(&mut self) -> Troubles {
        std::mem::take(&mut self.troubles)
    }

    /// Reads and parses the file at `path`; keeps in mind what goes wrong.
    pub(super) fn read<T>(&mut self, path: &str, parse: fn(&[u8]) -> Option<T>) -> Option<T> {
        match self.fill(path) {
            Ok(()) => {
                let parsed = parse(&self.buffer);
                if parsed.is_none() {
                    let reason = "is not in the form that was expected".to_owned();
                    self.troubles.failed.insert(format!("/{path}"), reason);
                }
                parsed
            }
            Err(error) => {
                self.refused(path, &error);
                None
            }
        }
    }

    /// Reads and parses a file that may be gone at any time.
    pub(super) fn glance<T>(&mut self, path: &str, parse: fn(&[u8]) -> Option<T>) -> Option<T> {
        self.fill(path).ok()?;
        parse(&self.buffer)
    }

    /// True if there is a file or folder at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Keeps in mind what stands in the way.
    pub(super) fn fault(&mut self, message: String) {
        self.troubles.faults.insert(message);
    }

    /// The names in the folder at `path`.
    pub(super) fn names(&mut self, path: &str) -> Vec<Vec<u8>> {
        match std::fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries
                .filter_map(|entry| Some(entry.ok()?.file_name().into_vec()))
                .collect(),
            Err(error) => {
                self.refused(path, &error);
                Vec::new()
            }
        }
    }

    /// The room in the file system that is mounted at `place`.
    pub(super) fn space(&self, place: &[u8]) -> Option<Space> {
        let inner = place.strip_prefix(b"/").unwrap_or(place);
        let stat = rustix::fs::statvfs(self.root.join(OsStr::from_bytes(inner))).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Some(Space {
            total: bytes(stat.f_blocks),
            free: bytes(stat.f_bfree),
            available: bytes(stat.f_bavail),
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
        })
    }

    fn fill(&mut self, path: &str) -> io::Result<()> {
        self.buffer.clear();
        let file = File::open(self.root.join(path))?;
        file.take(LONGEST).read_to_end(&mut self.buffer)?;
        Ok(())
    }

    fn refused(&mut self, path: &str, error: &io::Error) {
        let path = format!("/{path}");
        // A kernel that was started without pressure information has the files and does not support them.
        let is_absent = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::Unsupported
        );
        if is_absent {
            self.troubles.absent.insert(path);
        } else {
            self.troubles.failed.insert(path, error.to_string());
        }
    }
}
