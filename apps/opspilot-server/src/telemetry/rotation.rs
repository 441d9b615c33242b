//! A log file that is replaced when it is full, and opened anew when somebody else moved, removed or emptied it.
//!
//! Own code: the rotation of `tracing-appender` goes by time and bounds no size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that is renamed to `<file>.1` before it would exceed its size; older ones move up to `<file>.<n>`.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
    max_files: u32,
}

impl RotatingFile {
    /// Opens `path` for appending.
    pub(super) fn open(path: &Path, max_size: u64, max_files: u32) -> io::Result<Self> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            max_size,
            max_files,
        })
    }

    /// Follows what another program (logrotate) did to the file at the path.
    fn follow(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                self.size = ours.len();
                Ok(())
            }
            _ => self.reopen(),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path, self.max_size, self.max_files)?;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.max_files).rev() {
            let (from, to) = (self.numbered(number), self.numbered(number + 1));
            match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        self.reopen()
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for RotatingFile {
    /// Writes one whole message: the logger hands over a message at a time.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let length = message.len() as u64;
        self.follow()?;
        if self.size > 0 && self.size + length > self.max_size {
            self.rotate()?;
        }
        self.file.write_all(message)?;
        self.size += length;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_exceeds_the_size_and_no_message_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let mut file = RotatingFile::open(&path, 1024, 3).unwrap();
        for number in 0..200 {
            file.write_all(format!("message {number:03} of a test\n").as_bytes())
                .unwrap();
        }
        let names = ["server.log", "server.log.1", "server.log.2", "server.log.3"];
        let texts: Vec<String> = names
            .iter()
            .rev()
            .map(|name| fs::read_to_string(folder.path().join(name)).unwrap())
            .collect();
        assert!(
            texts
                .iter()
                .all(|text| text.len() <= 1024 && text.ends_with('\n'))
        );
        assert!(!folder.path().join("server.log.4").exists());
        let last: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        assert_eq!(last.last(), Some(&"message 199 of a test"));
        assert!(last.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_file_that_was_moved_or_emptied_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("b.log"));
        let mut file = RotatingFile::open(&path, 64, 1).unwrap();
        file.write_all(b"before\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        file.write_all(b"after\n").unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "before\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        file.write_all(&[b'x'; 50]).unwrap();
        fs::write(&path, "").unwrap();
        file.write_all(&[b'y'; 50]).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().len(),
            50,
            "it was not full any more"
        );
        assert!(!folder.path().join("a.log.1").exists());
    }
}
