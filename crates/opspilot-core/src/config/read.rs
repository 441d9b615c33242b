//! The bytes of a configuration file, bounded and checked before anything reads them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::fault::{Fault, KeyPath, Origin};

/// A larger file is no configuration.
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// Reads a configuration file as text.
pub(crate) fn read(path: &Path) -> Result<String, Fault> {
    let file = File::open(path).map_err(|error| cannot_open(path, &error))?;
    let metadata = file.metadata().map_err(|error| cannot_open(path, &error))?;
    if metadata.is_dir() {
        return Err(whole_file(path, "is a folder").help("name the file in it"));
    }
    if is_world_writable(&metadata) {
        return Err(
            whole_file(path, "every user of this machine can change this file")
                .help(format!("run `chmod o-w {}`", path.display())),
        );
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| whole_file(path, format!("cannot read the file: {error}")))?;
    text(path, bytes)
}

/// Takes bytes as text.
pub(crate) fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Fault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(whole_file(path, "the file is larger than 10 MiB")
            .help("name a configuration file, or move what is large out of it"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        let origin = place(path, before);
        Fault::new(origin, KeyPath::default(), "this byte is not UTF-8 text")
            .help("save the file as UTF-8")
    })
}

/// The place just after some good text.
fn place(path: &Path, before: &[u8]) -> Origin {
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    let in_line = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default());
    let from_one = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    Origin::File {
        path: path.display().to_string().into(),
        line: from_one(lines),
        column: from_one(in_line.chars().count()),
    }
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Fault {
    match error.kind() {
        ErrorKind::NotFound => whole_file(path, "there is no such configuration file")
            .help("run `opspilot-server init` to write one, or name another with `--config FILE`"),
        ErrorKind::PermissionDenied => {
            whole_file(path, "this user may not read the configuration file")
                .help("start as the user that owns it, or let this user read it")
        }
        _ => whole_file(path, format!("cannot open the configuration file: {error}")),
    }
}

/// The origin that means a file as a whole.
pub(crate) fn file_origin(path: &Path) -> Origin {
    Origin::File {
        path: path.display().to_string().into(),
        line: 0,
        column: 0,
    }
}

fn whole_file(path: &Path, message: impl Into<String>) -> Fault {
    Fault::new(file_origin(path), KeyPath::default(), message)
}

#[cfg(unix)]
fn is_world_writable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file() && metadata.mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_world_writable(_: &std::fs::Metadata) -> bool {
    false
}
