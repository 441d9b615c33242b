//! Which files somebody may name over the API: to be read as a source, or written as a channel.
//!
//! A path is judged as the system would follow it, links and all, and a glob by whatever it could lead to: no part of the
//! system with secrets in it, nothing that is hidden, nothing of the server's own. Whoever may write the configuration file
//! is not bound by this.

mod steps;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use opspilot_core::error::escape;
use opspilot_core::module::Guarded;

use super::offered::Files;

use self::steps::{Step, may_enter, may_match, steps};

/// Folders that hold secrets, devices or the state of processes (Filesystem Hierarchy Standard 3.0; systemd.exec(5),
/// "Credentials"; Docker and Kubernetes mount secrets below `/run/secrets` and `/var/run/secrets`, the kubelet keeps those
/// of its pods, the usual driver mounts them below `/mnt/secrets-store`; Debian copies `/etc/shadow` to `/var/backups`).
const SYSTEM: [&str; 14] = [
    "/boot",
    "/dev",
    "/etc",
    "/mnt/secrets-store",
    "/proc",
    "/root",
    "/run/credentials",
    "/run/secrets",
    "/run/user",
    "/sys",
    "/var/backups",
    "/var/lib/kubelet",
    "/var/run/secrets",
    "/var/spool",
];

/// What a channel's file is called.
const ENDING: &str = "jsonl";

/// How many entries of folders are looked at for one glob.
const ENTRIES: usize = 20_000;

/// What nobody may name.
#[derive(Debug)]
pub(super) struct Places {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Places {
    /// The places of the system, and those of the server. It blocks.
    pub(super) fn of(guarded: Guarded) -> Self {
        let system = SYSTEM.iter().map(PathBuf::from);
        Self {
            folders: both(system.chain(guarded.folders)),
            files: both(guarded.files.into_iter()),
        }
    }

    /// Looks at all files that somebody wants to be read or written. It blocks.
    ///
    /// # Errors
    /// Why the first one is refused.
    pub(super) fn judge(&self, files: &Files) -> Result<(), String> {
        let refused = |verb: &'static str, path: &str| {
            let path = escape(path);
            move |why: String| {
                format!(
                    "`{path}` is not {verb} by way of the API, because {why}: write it into the configuration file by hand"
                )
            }
        };
        for path in &files.reads {
            self.may_read(path).map_err(refused("read", path))?;
        }
        for path in &files.writes {
            self.may_write(path).map_err(refused("written", path))?;
        }
        Ok(())
    }

    fn may_read(&self, pattern: &str) -> Result<(), String> {
        let path = plain(pattern)?;
        let (start, steps) = steps(&path)?;
        let start = followed(&start)?;
        if steps.is_empty() {
            return self.clear(&start, &[]);
        }
        self.clear(&start, &steps)?;
        let mut left = ENTRIES;
        self.descend(&start, &steps, &mut left)
    }

    fn may_write(&self, path: &str) -> Result<(), String> {
        let path = plain(path)?;
        if path.extension().is_none_or(|ending| ending != ENDING) {
            return Err(format!("its name does not end in `.{ENDING}`"));
        }
        let found = path.symlink_metadata();
        if found.is_ok_and(|found| !found.is_file()) {
            return Err("there is something that is no regular file".to_owned());
        }
        self.clear(&followed(&path)?, &[])
    }

    /// Looks whether `steps` from `at`, which links do not lead away from, reach nothing that is guarded.
    fn clear(&self, at: &Path, steps: &[Step]) -> Result<(), String> {
        if let Some(hidden) = hidden(at) {
            return Err(format!("it leads to `{hidden}`, which is hidden"));
        }
        for folder in &self.folders {
            let is_reached = match folder.strip_prefix(at) {
                Ok(below) => may_enter(steps, &names(below)),
                Err(_) => at.starts_with(folder),
            };
            if is_reached || at.starts_with(folder) {
                return Err(format!("it leads to `{}`", folder.display()));
            }
        }
        for file in &self.files {
            let below = file.strip_prefix(at).map(names);
            if below.is_ok_and(|below| may_match(steps, &below)) {
                return Err(format!("it leads to `{}`", file.display()));
            }
        }
        Ok(())
    }

    /// Follows `steps` through the folders that there are, for the links among them.
    fn descend(&self, at: &Path, steps: &[Step], left: &mut usize) -> Result<(), String> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        match step {
            Step::Name(name) => self.enter(&at.join(name), rest, left),
            Step::Glob(glob) => {
                for (name, path) in list(at, left)? {
                    if glob.is_match(&name) {
                        self.enter(&path, rest, left)?;
                    }
                }
                Ok(())
            }
            Step::Deep => {
                self.descend(at, rest, left)?;
                for (_, path) in list(at, left)? {
                    // No link is followed by `**`.
                    if path.is_dir() && !path.is_symlink() {
                        self.enter(&path, steps, left)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn enter(&self, path: &Path, steps: &[Step], left: &mut usize) -> Result<(), String> {
        if let Some(hidden) = path.file_name().and_then(|name| hidden(Path::new(name))) {
            return Err(format!("it leads to `{hidden}`, which is hidden"));
        }
        if !path.is_symlink() {
            return self.descend(path, steps, left);
        }
        let target = followed(path)?;
        self.clear(&target, steps)?;
        self.descend(&target, steps, left)
    }
}

/// A path without what would make it another one than it seems: `..`, and hidden names.
fn plain(path: &str) -> Result<PathBuf, String> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_dotted = |name: &str| name.starts_with('.');
    if let Some(name) = path.split('/').find(|name| is_dotted(name)) {
        return Err(format!("`{}` is hidden or leads upwards", escape(name)));
    }
    if path.contains('\0') {
        return Err("no path has a NUL".to_owned());
    }
    std::path::absolute(path).map_err(|error| error.to_string())
}

/// Where a path leads, through all links; what is not there yet stays as it is.
fn followed(path: &Path) -> Result<PathBuf, String> {
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(real) => {
                let rest = path
                    .strip_prefix(ancestor)
                    .unwrap_or_else(|_| Path::new(""));
                // Joining nothing would add a slash.
                return Ok(match rest.as_os_str().is_empty() {
                    true => real,
                    false => real.join(rest),
                });
            }
            Err(_) if ancestor.is_symlink() => {
                return Err(format!("`{}` is a link to nowhere", ancestor.display()));
            }
            Err(error) if may_be_absent(error.kind()) => {}
            Err(error) => return Err(format!("it cannot be followed: {error}")),
        }
    }
    Ok(path.to_owned())
}

const fn may_be_absent(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
    )
}

/// Each path as it is written, and as links lead.
fn both(paths: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let each = paths.flat_map(|path| {
        let absolute = std::path::absolute(&path).unwrap_or(path);
        let real = followed(&absolute).unwrap_or_else(|_| absolute.clone());
        [absolute, real]
    });
    let mut all: Vec<_> = each.collect();
    all.sort();
    all.dedup();
    all
}

/// The first hidden name of a path.
fn hidden(path: &Path) -> Option<String> {
    let mut names = names(path).into_iter();
    names.find(|name| name.starts_with('.'))
}

fn names(path: &Path) -> Vec<String> {
    let normal = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    normal.collect()
}

/// The entries of a folder; none where it cannot be read.
fn list(folder: &Path, left: &mut usize) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        *left = left.checked_sub(1).ok_or_else(|| {
            format!(
                "there are more than {ENTRIES} files to look through (a narrower folder would do)"
            )
        })?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push((name, entry.path()));
    }
    Ok(found)
}
