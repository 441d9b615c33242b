//! A file that is replaced in one step, and only if it is what somebody saw.
//!
//! The new text is written beside the file and made durable. Then the two change places (`RENAME_EXCHANGE`, renameat2(2)),
//! so that what really stood there is looked at afterwards: an edit at the last moment is put back, not lost. Where a file
//! system cannot do that, the file is compared just before it is renamed over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, RenameFlags, accessat, renameat_with};
use rustix::io::Errno;

use crate::config::{Fault, read_file};
use crate::safety::action::Digest;

/// What a file that did not exist may be read by: it may come to hold secrets.
const FRESH_MODE: u32 = 0o600;

/// Why a file was not replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// It is not what whoever replaces it saw.
    #[error("`{path}` was changed meanwhile: read it again")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be replaced here.
    #[error("`{path}` cannot be replaced: {reason}")]
    Obstacle {
        /// The file.
        path: PathBuf,
        /// Why, and what to do instead.
        reason: String,
    },
    /// The disk does not work, or has no room.
    #[error("cannot {verb} `{path}`")]
    Failed {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The work was cut short.
    #[error("the work on the file was cut short")]
    CutShort,
}

/// The place of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    path: &'a Path,
}

/// A file that was replaced, with what stood there before.
#[derive(Debug)]
pub(super) struct Swapped {
    path: PathBuf,
    /// Where the old file is; `None` if there was none.
    aside: Option<PathBuf>,
    new: Digest,
}

impl<'a> Place<'a> {
    pub(super) const fn new(path: &'a Path) -> Self {
        Self { path }
    }

    /// What the file says; `None` where there is none.
    pub(super) fn read(&self) -> Result<Option<String>, Fault> {
        match self.path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            _ => read_file(self.path).map(Some),
        }
    }

    /// Why the file cannot be replaced.
    pub(super) fn obstacle(&self) -> Option<String> {
        let folder = folder(self.path);
        let found = match self.path.symlink_metadata() {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Some(format!("it cannot be looked at: {error}")),
        };
        if let Some(metadata) = &found {
            if metadata.is_symlink() {
                let target = fs::read_link(self.path).unwrap_or_default();
                return Some(format!(
                    "it is a symbolic link to `{}`, as a ConfigMap makes one: put the text where it comes from",
                    target.display()
                ));
            }
            if !metadata.is_file() {
                return Some("it is not a regular file".to_owned());
            }
            if is_mount_point(self.path) {
                return Some(
                    "it is mounted by itself, as containers do: put the text where it comes from"
                        .to_owned(),
                );
            }
        }
        let file = found.is_some().then(|| may_write(self.path)).flatten();
        file.or_else(|| {
            let reason = may_write(folder)?;
            Some(format!("its folder `{}`: {reason}", folder.display()))
        })
    }

    /// Puts `text` in the file's place if the file is what `expected` says.
    pub(super) fn swap(&self, expected: Option<Digest>, text: &str) -> Result<Swapped, DiskError> {
        if self.digest()? != expected {
            return Err(self.changed());
        }
        if let Some(reason) = self.obstacle() {
            return Err(self.refused(reason));
        }
        let fresh = beside(self.path, ".new");
        let swapped = self.write(&fresh, text).and_then(|()| match expected {
            Some(expected) => self.exchange(&fresh, expected).map(Some),
            None => self.create(&fresh).map(|()| None),
        });
        let swapped = swapped.map(|aside| Swapped {
            path: self.path.to_owned(),
            aside,
            new: Digest::of(text.as_bytes()),
        });
        let swapped = swapped.inspect_err(|_| drop(fs::remove_file(&fresh)))?;
        match self.sync_folder() {
            Ok(()) => Ok(swapped),
            Err(error) => {
                swapped.undo()?;
                Err(error)
            }
        }
    }

    /// Writes `text` to a new file that belongs to whom the old one does, and makes it durable.
    fn write(&self, fresh: &Path, text: &str) -> Result<(), DiskError> {
        // What an earlier attempt left when the machine went down.
        fs::remove_file(fresh).ok();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FRESH_MODE)
            .open(fresh)
            .map_err(|source| failed("write", fresh, source))?;
        if let Ok(old) = self.path.symlink_metadata() {
            self.inherit(&file, &old)?;
        }
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|source| failed("write", fresh, source))
    }

    fn inherit(&self, file: &File, old: &fs::Metadata) -> Result<(), DiskError> {
        let own = file
            .metadata()
            .map_err(|source| failed("look at", self.path, source))?;
        if (own.uid(), own.gid()) != (old.uid(), old.gid())
            && fchown(file, Some(old.uid()), Some(old.gid())).is_err()
        {
            return Err(self.refused(format!(
                "it belongs to user {} and group {}, and this server may not give a new file to them: let the server own it",
                old.uid(),
                old.gid()
            )));
        }
        let mode = fs::Permissions::from_mode(old.mode() & 0o7777);
        file.set_permissions(mode)
            .map_err(|source| failed("set the mode of", self.path, source))
    }

    /// Lets the new file and the old one change places; says where the old one is now.
    pub(super) fn exchange(&self, fresh: &Path, expected: Digest) -> Result<PathBuf, DiskError> {
        match renameat_with(CWD, fresh, CWD, self.path, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                return self.rename_over(fresh, expected);
            }
            Err(Errno::NOENT) => return Err(self.changed()),
            Err(error) => return Err(failed("replace", self.path, error.into())),
        }
        let found = Place::new(fresh).digest();
        if matches!(found, Ok(Some(found)) if found == expected) {
            return Ok(fresh.to_owned());
        }
        renameat_with(CWD, fresh, CWD, self.path, RenameFlags::EXCHANGE)
            .map_err(|error| failed("put back", self.path, error.into()))?;
        Err(found.err().unwrap_or_else(|| self.changed()))
    }

    pub(super) fn rename_over(&self, fresh: &Path, expected: Digest) -> Result<PathBuf, DiskError> {
        let aside = beside(self.path, ".old");
        fs::remove_file(&aside).ok();
        fs::hard_link(self.path, &aside)
            .map_err(|source| failed("keep the old text of", self.path, source))?;
        if self.digest()? != Some(expected) {
            fs::remove_file(&aside).ok();
            return Err(self.changed());
        }
        fs::rename(fresh, self.path).map_err(|source| failed("replace", self.path, source))?;
        Ok(aside)
    }

    /// Gives the new file the name, unless there is a file of that name.
    fn create(&self, fresh: &Path) -> Result<(), DiskError> {
        match fs::hard_link(fresh, self.path) {
            Ok(()) => {
                fs::remove_file(fresh).ok();
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(self.changed()),
            Err(source) => Err(failed("create", self.path, source)),
        }
    }

    fn digest(&self) -> Result<Option<Digest>, DiskError> {
        match fs::read(self.path) {
            Ok(bytes) => Ok(Some(Digest::of(&bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", self.path, source)),
        }
    }

    fn sync_folder(&self) -> Result<(), DiskError> {
        let folder = folder(self.path);
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| failed("write", folder, source))
    }

    fn changed(&self) -> DiskError {
        DiskError::Changed {
            path: self.path.to_owned(),
        }
    }

    fn refused(&self, reason: String) -> DiskError {
        DiskError::Obstacle {
            path: self.path.to_owned(),
            reason,
        }
    }
}

impl Swapped {
    /// Keeps the old file beside the new one, as `FILE.previous`.
    pub(super) fn keep(self) -> Result<(), DiskError> {
        let Some(aside) = &self.aside else {
            return Ok(());
        };
        let mut kept = self.path.clone().into_os_string();
        kept.push(".previous");
        fs::rename(aside, &kept).map_err(|source| failed("keep", Path::new(&kept), source))?;
        Place::new(&self.path).sync_folder()
    }

    /// Puts the old file back, unless somebody changed the new one meanwhile: then theirs stays.
    pub(super) fn undo(self) -> Result<(), DiskError> {
        let place = Place::new(&self.path);
        if place.digest()? != Some(self.new) {
            return Err(place.changed());
        }
        let undone = match &self.aside {
            Some(aside) => fs::rename(aside, &self.path),
            None => fs::remove_file(&self.path),
        };
        undone.map_err(|source| failed("put back", &self.path, source))?;
        place.sync_folder()
    }
}

fn failed(verb: &'static str, path: &Path, source: io::Error) -> DiskError {
    DiskError::Failed {
        verb,
        path: path.to_owned(),
        source,
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

/// A hidden file beside `path`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    folder(path).join(name)
}

/// Why this user may not write to `path`.
fn may_write(path: &Path) -> Option<String> {
    match accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => None,
        Err(Errno::ROFS) => Some(
            "the file system is read-only, as that of a ConfigMap: put the text where it comes from"
                .to_owned(),
        ),
        Err(Errno::ACCESS | Errno::PERM) => Some(
            "the user that the server runs as may not write there: let it, or put the text there by hand"
                .to_owned(),
        ),
        Err(Errno::NOENT) => Some("does not exist: make it".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// True if something is mounted at `path` itself. Source: proc(5), `/proc/pid/mountinfo`, fifth field.
fn is_mount_point(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (
        path.canonicalize(),
        fs::read_to_string("/proc/self/mountinfo"),
    ) else {
        return false;
    };
    let mut points = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| point.replace("\\040", " "));
    points.any(|point| Path::new(&point) == path)
}
