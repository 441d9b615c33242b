//! One line of JSON for each notice, appended to a file.
//!
//! What waits is written in large pieces. The file is opened anew when its path leads elsewhere, as after a
//! rotation. What is written is left to the operating system to put on the disk: the journal is the truth, and this is a
//! copy for others to read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use opspilot_core::bus::DeliveryError;
use opspilot_core::module::Tasks;

use crate::driver::{Notice, Notifier};

/// About how much is written with one call, in bytes.
const PIECE: usize = 64 << 10;

/// Readable for the group, which is how log readers get at logs.
const MODE: u32 = 0o640;

/// Appends notices to a file.
pub(super) struct FileNotifier {
    appender: Arc<Mutex<Appender>>,
    path: PathBuf,
    tasks: Tasks,
}

/// The file, as far as it is open.
struct Appender {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    device: u64,
    inode: u64,
    /// The file ends within a line, which must be ended before the next one.
    is_torn: bool,
}

impl FileNotifier {
    pub(super) fn new(path: PathBuf, tasks: Tasks) -> Self {
        let appender = Appender {
            path: path.clone(),
            open: None,
        };
        Self {
            appender: Arc::new(Mutex::new(appender)),
            path,
            tasks,
        }
    }

    fn failed(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DeliveryError {
        DeliveryError::transient(format!("cannot append to `{}`", self.path.display()))
            .because(cause)
    }
}

#[async_trait]
impl Notifier for FileNotifier {
    async fn deliver(&self, notice: &Notice) -> Result<(), DeliveryError> {
        self.deliver_page(std::slice::from_ref(notice))
            .await
            .map(|_| ())
    }

    async fn deliver_page(&self, notices: &[Notice]) -> Result<usize, DeliveryError> {
        let notices = notices.to_vec();
        let appender = Arc::clone(&self.appender);
        let written = self.tasks.blocking(move || {
            let mut appender = appender.lock().unwrap_or_else(PoisonError::into_inner);
            appender.append(&notices)
        });
        match written.await {
            Ok(Ok(count)) => Ok(count),
            Ok(Err(failure)) => Err(self.failed(failure)),
            Err(failure) => Err(self.failed(failure)),
        }
    }
}

impl Appender {
    /// Appends a line for each notice, and says how many were written whole.
    fn append(&mut self, notices: &[Notice]) -> io::Result<usize> {
        let mut lines = Vec::with_capacity(PIECE);
        let mut whole = 0;
        while let Some(rest) = notices.get(whole..).filter(|rest| !rest.is_empty()) {
            let asked = piece(rest);
            match self.append_piece(asked, &mut lines) {
                Ok(written) if written == asked.len() => whole += written,
                Ok(written) => return Ok(whole + written),
                // What is left is tried again, and fails then if it fails still.
                Err(_) if whole > 0 => return Ok(whole),
                Err(failure) => return Err(failure),
            }
        }
        Ok(whole)
    }

    /// Appends with one call what fits into `lines`.
    fn append_piece(&mut self, notices: &[Notice], lines: &mut Vec<u8>) -> io::Result<usize> {
        lines.clear();
        let mut ends = Vec::with_capacity(notices.len());
        let open = self.ready()?;
        if open.is_torn {
            lines.push(b'\n');
        }
        for notice in notices {
            lines.extend_from_slice(notice.json().as_bytes());
            lines.push(b'\n');
            ends.push(lines.len());
        }
        let (written, failure) = write(&open.file, lines);
        let whole = ends.partition_point(|end| *end <= written);
        let Some(failure) = failure else {
            open.is_torn = false;
            return Ok(whole);
        };
        let start = whole
            .checked_sub(1)
            .and_then(|last| ends.get(last))
            .copied()
            .unwrap_or(0);
        if written > start {
            open.is_torn = open.cut(written - start).is_err();
        }
        if whole == 0 {
            self.open = None;
            return Err(failure);
        }
        Ok(whole)
    }

    /// The file at the path, opened again if another one is there now.
    fn ready(&mut self) -> io::Result<&mut Open> {
        let is_there = self
            .open
            .as_ref()
            .is_some_and(|open| open.is_at(&self.path));
        let open = match self.open.take() {
            Some(open) if is_there => open,
            _ => Open::at(&self.path)?,
        };
        Ok(self.open.insert(open))
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)?;
        }
        // Opening a pipe would wait for its reader.
        if std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
            return Err(io::Error::other("it is a pipe, not a file"));
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(MODE)
            .open(path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            is_torn: metadata.is_file() && ends_within_a_line(&file, metadata.len())?,
            device: metadata.dev(),
            inode: metadata.ino(),
            file,
        })
    }

    fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode)
    }

    /// Takes the last `bytes` off the file.
    fn cut(&self, bytes: usize) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.file.set_len(length.saturating_sub(bytes as u64))
    }
}

/// The first notices, as many as are written with one call; at least one.
fn piece(notices: &[Notice]) -> &[Notice] {
    let mut room = PIECE;
    let fitting = notices.iter().take_while(|notice| {
        let left = room.checked_sub(notice.json().len() + 1);
        room = left.unwrap_or(0);
        left.is_some()
    });
    let count = fitting.count().max(1);
    notices.get(..count).unwrap_or(notices)
}

fn ends_within_a_line(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

/// Writes as much as it can, and says how much that was.
fn write(mut file: &File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(failure) if failure.kind() == io::ErrorKind::Interrupted => {}
            Err(failure) => return (written, Some(failure)),
        }
    }
    (written, None)
}
