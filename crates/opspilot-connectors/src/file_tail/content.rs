//! What a stream is read from: a file, or the inside of a compressed one.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::buffer::spare_capacity;

use super::fingerprint::{HEAD, Print, TAIL, Tail};

/// How much a compressed file may grow to whatever its size, in bytes.
const ALWAYS_ALLOWED: u64 = 64 << 20;

/// The file that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId {
    /// The device.
    pub(super) device: u64,
    /// The inode on it.
    pub(super) inode: u64,
}

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    /// Which file it is.
    pub(super) id: FileId,
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was last written, in nanoseconds since the Unix epoch by the file system's clock.
    pub(super) modified: i64,
    /// How many names it has.
    pub(super) links: u64,
}

impl From<&fs::Metadata> for Facts {
    fn from(metadata: &fs::Metadata) -> Self {
        Self {
            id: FileId {
                device: metadata.dev(),
                inode: metadata.ino(),
            },
            size: metadata.len(),
            modified: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
            links: metadata.nlink(),
        }
    }
}

/// How a file is compressed, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952; several members one after the other are one content.
    Gzip,
    /// RFC 8878.
    Zstandard,
}

impl Compression {
    /// The compression of the file called `path`.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstandard),
            _ => None,
        }
    }
}

/// An open content that can be read at growing positions.
pub(super) enum Content {
    /// A file as it is.
    Plain(File),
    /// The inside of a compressed file.
    Archive(Box<Archive>),
}

impl Content {
    /// Opens what `path` leads to, and tells which file that is.
    pub(super) fn open(path: &Path, ratio: u64) -> io::Result<(Self, Facts)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("is not a regular file"));
        }
        let facts = Facts::from(&metadata);
        let content = match Compression::of(path) {
            None => Self::Plain(file),
            Some(compression) => Self::Archive(Box::new(Archive::new(
                file,
                compression,
                facts.size,
                ratio,
            )?)),
        };
        Ok((content, facts))
    }

    /// True if it is the inside of a compressed file.
    pub(super) const fn is_archive(&self) -> bool {
        matches!(self, Self::Archive(_))
    }

    /// Appends up to `limit` bytes from `position` on to `buffer`, and tells how many. Fewer than `limit` means that
    /// the content ends there now.
    pub(super) fn read_at(
        &mut self,
        buffer: &mut Vec<u8>,
        limit: usize,
        position: u64,
    ) -> io::Result<usize> {
        match self {
            Self::Archive(archive) => archive.read_at(buffer, limit, position),
            Self::Plain(file) => read_plain(file, buffer, limit, position),
        }
    }

    /// The first bytes, up to [`HEAD`].
    pub(super) fn head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::with_capacity(HEAD);
        self.read_at(&mut head, HEAD, 0)?;
        Ok(head)
    }

    /// True if the content starts with `head`, and has `tail` before `position`.
    ///
    /// An archive is read up to `position` for this; afterwards it can be read from there on.
    pub(super) fn continues(
        &mut self,
        head: &Print,
        position: u64,
        tail: &Print,
    ) -> io::Result<bool> {
        if !head.starts(&self.head()?) {
            return Ok(false);
        }
        if let Self::Archive(archive) = self {
            archive.skip_to(position.saturating_sub(tail.length.into()))?;
        }
        let mut bytes = Vec::with_capacity(TAIL);
        self.read_at(
            &mut bytes,
            tail.len(),
            position.saturating_sub(tail.length.into()),
        )?;
        Ok(Print::of(&bytes) == *tail)
    }

    /// True if the bytes before `position` are still `tail`.
    pub(super) fn still_has(&mut self, tail: &Tail, position: u64) -> io::Result<bool> {
        let Self::Plain(file) = self else {
            return Ok(true);
        };
        let mut bytes = [0; TAIL];
        let (bytes, _) = bytes.split_at_mut(tail.len());
        let start = position.saturating_sub(tail.len() as u64);
        let read = std::os::unix::fs::FileExt::read_at(file, bytes, start)?;
        Ok(read == tail.len() && bytes == tail.as_bytes())
    }

    /// What the file system says of the open file.
    pub(super) fn facts(&self) -> io::Result<Facts> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Archive(archive) => &archive.file,
        };
        file.metadata().map(|metadata| Facts::from(&metadata))
    }

    /// Where data starts at or after `position`: behind a hole of a sparse file.
    pub(super) fn next_data(&self, position: u64) -> u64 {
        match self {
            Self::Plain(file) => {
                rustix::fs::seek(file, rustix::fs::SeekFrom::Data(position)).unwrap_or(position)
            }
            Self::Archive(_) => position,
        }
    }
}

fn read_plain(file: &File, buffer: &mut Vec<u8>, limit: usize, position: u64) -> io::Result<usize> {
    let before = buffer.len();
    buffer.reserve(limit);
    // The spare room of a reused buffer may be larger than asked for; what is read too much is dropped.
    let read =
        rustix::io::retry_on_intr(|| rustix::io::pread(file, spare_capacity(buffer), position))?;
    let kept = read.min(limit);
    buffer.truncate(before + kept);
    Ok(kept)
}

/// The inside of a compressed file, read from start to end once.
pub(super) struct Archive {
    file: File,
    decoder: Box<dyn Read + Send + Sync>,
    /// Decompressed bytes that were not passed yet.
    window: Vec<u8>,
    window_start: u64,
    allowed: u64,
    ended: bool,
}

impl Archive {
    fn new(file: File, compression: Compression, size: u64, ratio: u64) -> io::Result<Self> {
        let input = BufReader::new(file.try_clone()?);
        let decoder: Box<dyn Read + Send + Sync> = match compression {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Compression::Zstandard => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
        };
        let allowed = ALWAYS_ALLOWED.max(size.saturating_mul(ratio));
        Ok(Self {
            file,
            decoder,
            window: Vec::new(),
            window_start: 0,
            allowed,
            ended: false,
        })
    }

    fn read_at(&mut self, buffer: &mut Vec<u8>, limit: usize, position: u64) -> io::Result<usize> {
        self.pass(position)?;
        self.fill(limit)?;
        let found = self
            .window
            .get(..limit.min(self.window.len()))
            .unwrap_or_default();
        buffer.extend_from_slice(found);
        Ok(found.len())
    }

    fn skip_to(&mut self, position: u64) -> io::Result<()> {
        while self.window_start < position && !(self.ended && self.window.is_empty()) {
            let step = (position - self.window_start).min(256 << 10);
            self.fill(usize::try_from(step).unwrap_or(usize::MAX))?;
            let passed = step.min(self.window.len() as u64);
            if passed == 0 {
                return Ok(());
            }
            self.pass(self.window_start + passed)?;
        }
        Ok(())
    }

    fn pass(&mut self, position: u64) -> io::Result<()> {
        let passed = position
            .checked_sub(self.window_start)
            .and_then(|passed| usize::try_from(passed).ok());
        match passed {
            Some(passed) if passed <= self.window.len() => {
                self.window.drain(..passed);
                self.window_start = position;
                Ok(())
            }
            _ => Err(io::Error::other(
                "a compressed file is read from start to end only",
            )),
        }
    }

    /// Has `wanted` bytes in the window, unless the content ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let missing = wanted.saturating_sub(self.window.len());
        if missing == 0 || self.ended {
            return Ok(());
        }
        let read = self
            .decoder
            .by_ref()
            .take(missing as u64)
            .read_to_end(&mut self.window)?;
        self.ended = read < missing;
        if self.window_start + self.window.len() as u64 > self.allowed {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "decompresses to more than `maxArchiveRatio` allows",
            ));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_archive() {
            "Archive"
        } else {
            "Plain"
        })
    }
}
