//! A log and the ways to rotate it.
//!
//! Rules that keep the proof fair, because no reader could do better:
//! - Between copy and truncation nothing is written: what is written there is lost by the tool that copies.
//! - A log is deleted only after every marked line in it is stored: what nobody read in a deleted file is gone.
//! - Generations are kept until the end, as a rotation that keeps enough of them does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// How many logs a glob matches.
const FILES: usize = 5;

/// A way to rotate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotation {
    /// `app.log` becomes `app.log.1`, which becomes `app.log.2`, and so on.
    Rename,
    /// `app.log` is copied to a dated name and emptied.
    CopyTruncate,
    /// As `Rename`, and some time later `app.log.1` is replaced by `app.log.1.gz`.
    Compress,
    /// `app.log` is deleted and made again, which often gives it the same inode.
    Recreate,
    /// The link `app.log` is pointed to a new file.
    Link,
    /// Several logs in folders that a glob matches, each rotated as in `Rename`.
    Glob,
}

/// One log that is written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    generations: u32,
    /// `app.log.1` is not compressed yet.
    is_plain: bool,
}

impl Rotation {
    /// The paths to configure, below `folder`.
    pub(super) fn patterns(self, folder: &Path) -> Vec<PathBuf> {
        match self {
            Self::Glob => vec![folder.join("logs/*/*.log")],
            _ => vec![folder.join("logs/app.log")],
        }
    }

    /// Makes the logs.
    pub(super) fn logs(self, folder: &Path) -> io::Result<Vec<Log>> {
        match self {
            Self::Glob => (0..FILES)
                .map(|n| Log::open(self, folder.join(format!("logs/{}/app{n}.log", n % 2))))
                .collect(),
            _ => Ok(vec![Log::open(self, folder.join("logs/app.log"))?]),
        }
    }

    /// True if everything must be stored before a log is rotated.
    pub(super) fn needs_reader(self) -> bool {
        self == Self::Recreate
    }
}

impl Log {
    fn open(rotation: Rotation, path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut log = Self {
            file: File::open("/dev/null")?,
            path,
            rotation,
            generations: 0,
            is_plain: false,
        };
        log.file = if rotation == Rotation::Link {
            log.link()?
        } else {
            append(&log.path)?
        };
        Ok(log)
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Rotates once.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.generations += 1;
        match self.rotation {
            Rotation::Rename | Rotation::Glob => self.rename("")?,
            Rotation::Compress => {
                self.compress()?;
                self.rename(".gz")?;
                self.is_plain = true;
            }
            Rotation::CopyTruncate => {
                let copy = self.beside(&format!("-{:08}", 20_260_101 + self.generations));
                fs::copy(&self.path, copy)?;
                self.file.set_len(0)?;
            }
            Rotation::Recreate => {
                // Its inode is free as soon as nobody has the file open.
                self.file = File::open("/dev/null")?;
                fs::remove_file(&self.path)?;
                self.file = append(&self.path)?;
            }
            Rotation::Link => self.file = self.link()?,
        }
        Ok(())
    }

    /// Replaces `app.log.1` by its archive, in the order in which `gzip` does.
    pub(super) fn compress(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_plain) {
            let plain = self.beside(".1");
            let mut archive =
                GzEncoder::new(File::create(self.beside(".1.gz"))?, Compression::fast());
            archive.write_all(&fs::read(&plain)?)?;
            archive.finish()?;
            fs::remove_file(plain)?;
        }
        Ok(())
    }

    /// Makes `app.log` `app.log.1` after making room for it, and begins a new one.
    fn rename(&mut self, suffix: &str) -> io::Result<()> {
        for number in (1..self.generations).rev() {
            let from = self.beside(&format!(".{number}{suffix}"));
            fs::rename(from, self.beside(&format!(".{}{suffix}", number + 1)))?;
        }
        fs::rename(&self.path, self.beside(".1"))?;
        self.file = append(&self.path)?;
        Ok(())
    }

    /// Makes a new file and points the link to it.
    fn link(&self) -> io::Result<File> {
        let name = format!("app-{:04}.log", self.generations);
        let target = self.path.with_file_name(&name);
        let file = append(&target)?;
        let fresh = self.path.with_file_name("fresh");
        symlink(name, &fresh)?;
        fs::rename(fresh, &self.path)?;
        Ok(file)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}
