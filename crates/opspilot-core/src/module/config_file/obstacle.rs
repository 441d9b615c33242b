//! What stands in the way of replacing a file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::disk::folder;

/// Why the file cannot be replaced.
pub(super) fn obstacle(path: &Path) -> Option<String> {
    let folder = folder(path);
    let found = match path.symlink_metadata() {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Some(format!("it cannot be looked at: {error}")),
    };
    if let Some(metadata) = &found {
        if metadata.is_symlink() {
            let target = fs::read_link(path).unwrap_or_default();
            return Some(format!(
                "it is a symbolic link to `{}`, as a ConfigMap makes one: put the text where it comes from",
                target.display()
            ));
        }
        if !metadata.is_file() {
            return Some("it is not a regular file".to_owned());
        }
        if is_mount_point(path) {
            return Some(
                "it is mounted by itself, as containers do: put the text where it comes from"
                    .to_owned(),
            );
        }
    }
    let file = found.is_some().then(|| may_write(path)).flatten();
    file.or_else(|| {
        let reason = may_write(folder)?;
        Some(format!("its folder `{}`: {reason}", folder.display()))
    })
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
