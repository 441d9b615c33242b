//! The log file: replay, append, rewrite.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use opspilot_core::storage::{StorageError, Tables};

use super::format::{self, Entry, Found, HEADER, VERSION};
use crate::lock::{private_file, unavailable, with_suffix};
use opspilot_core::config::Durability;

/// A log smaller than this is never rewritten for its size.
const SMALL: u64 = 4 << 20;
/// How many documents one record of a rewritten log has.
const ROWS: usize = 1000;

/// The open log.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    durability: Durability,
    /// How many bytes hold whole records.
    pub(super) length: u64,
    /// The length beyond which a rewrite may be worth it.
    limit: u64,
    /// The file may lack what was written to it: only a rewrite makes it good again.
    is_damaged: bool,
    /// Makes the next flush fail, as a broken disk would.
    #[cfg(test)]
    pub(super) fails_next: bool,
}

impl Log {
    /// Opens the log, or creates it, and replays it.
    pub(super) fn open(
        path: &Path,
        durability: Durability,
    ) -> Result<(Self, Tables), StorageError> {
        let failed = |source| unavailable(format!("opening `{}`", path.display()), source);
        let mut file = private_file()
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let mut tables = Tables::default();
        let length = replay(path, &bytes, &mut tables)?;
        let mut log = Self {
            path: path.to_owned(),
            file,
            durability,
            length,
            limit: SMALL,
            is_damaged: false,
            #[cfg(test)]
            fails_next: false,
        };
        if length == 0 {
            log.rewrite(&tables)?;
        } else if length < bytes.len() as u64 {
            let cut = bytes.len() as u64 - length;
            tracing::warn!(path = %path.display(), bytes = cut, "dropped the end of the log: its last write was cut short");
            log.cut().map_err(failed)?;
        }
        log.rewrite_if_large(&tables);
        Ok((log, tables))
    }

    /// Adds a record, as durable as configured. After a failure the log is as before.
    pub(super) fn append(&mut self, record: &[u8], tables: &Tables) -> Result<(), StorageError> {
        if self.is_damaged {
            self.rewrite(tables)?;
        }
        let failed =
            |source, path: &Path| unavailable(format!("writing `{}`", path.display()), source);
        if let Err(source) = self.write(record) {
            self.is_damaged = self.cut().is_err();
            return Err(failed(source, &self.path));
        }
        if let Err(source) = self.flush() {
            // After a failed flush the kernel may take the pages for clean: the file cannot be trusted again.
            self.is_damaged = true;
            drop(self.cut());
            return Err(failed(source, &self.path));
        }
        self.length += record.len() as u64;
        Ok(())
    }

    /// Rewrites the log if more than half of it is of no use any more.
    pub(super) fn rewrite_if_large(&mut self, tables: &Tables) {
        if self.length <= self.limit {
            return;
        }
        let live: u64 = tables
            .documents()
            .map(|(name, key, _, json)| (name.len() + key.len() + json.len()) as u64)
            .sum();
        self.limit = SMALL.max(self.length.min(2 * live) * 2);
        if self.length > 2 * live
            && let Err(error) = self.rewrite(tables)
        {
            tracing::warn!(error = %error, "the log was not compacted");
        }
    }

    /// Writes what `tables` holds to a new file, which then takes the log's place.
    pub(super) fn rewrite(&mut self, tables: &Tables) -> Result<(), StorageError> {
        let new_path = with_suffix(&self.path, ".new");
        let written = write_new(&new_path, tables).and_then(|(file, length)| {
            fs::rename(&new_path, &self.path)?;
            let directory = self
                .path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
            Ok((file, length))
        });
        let (file, length) = written.map_err(|source| {
            unavailable(format!("rewriting `{}`", self.path.display()), source)
        })?;
        (self.file, self.length, self.is_damaged) = (file, length, false);
        self.limit = SMALL.max(length * 2);
        Ok(())
    }

    /// Makes everything written so far survive a loss of power.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        let synced = self.file.sync_all();
        synced.map_err(|source| unavailable(format!("writing `{}`", self.path.display()), source))
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(record)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(test)]
        if std::mem::take(&mut self.fails_next) {
            return Err(io::Error::other("the disk broke"));
        }
        match self.durability {
            Durability::Durable => self.file.sync_data(),
            Durability::Fast => Ok(()),
        }
    }

    /// Removes what follows the last whole record.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_data()
    }
}

fn write_new(path: &Path, tables: &Tables) -> io::Result<(File, u64)> {
    let mut file = private_file().create(true).truncate(true).open(path)?;
    file.write_all(&format::header(VERSION))?;
    let mut length = HEADER as u64;
    let mut documents = tables.documents().peekable();
    while documents.peek().is_some() {
        let entries = documents
            .by_ref()
            .take(ROWS)
            .map(|(collection, key, version, json)| Entry::Put {
                collection: collection.into(),
                key: key.into(),
                json: json.into(),
                version: Some(version),
            });
        let record =
            format::record(entries).ok_or_else(|| io::Error::other("a record is too long"))?;
        file.write_all(&record)?;
        length += record.len() as u64;
    }
    file.sync_all()?;
    Ok((file, length))
}

/// Repeats all records; the answer is the length of those that are whole, 0 if there is not even a header.
fn replay(path: &Path, bytes: &[u8], tables: &mut Tables) -> Result<u64, StorageError> {
    let what = || format!("log `{}`", path.display());
    let corrupt = |detail: String| {
        let detail = format!("{detail}; restore a backup, or move the file away to start empty");
        StorageError::Corrupt {
            what: what(),
            detail,
        }
    };
    if bytes.len() < HEADER && format::header(VERSION).starts_with(bytes) {
        return Ok(0);
    }
    match format::version(bytes) {
        None => return Err(corrupt("it does not start as a log does".into())),
        Some(version) if version > VERSION => {
            return Err(StorageError::TooNew {
                what: what(),
                found: version.into(),
                known: VERSION.into(),
            });
        }
        Some(_) => {}
    }
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    loop {
        let offset = (bytes.len() - rest.len()) as u64;
        let payload = match format::next(rest) {
            Found::End | Found::Torn => return Ok(offset),
            Found::Damaged => {
                return Err(corrupt(format!("the record at byte {offset} is damaged")));
            }
            Found::Record {
                payload,
                rest: behind,
            } => {
                rest = behind;
                payload
            }
        };
        let entries: Vec<Entry<'_>> = serde_json::from_slice(payload).map_err(|error| {
            corrupt(format!(
                "the record at byte {offset} cannot be read: {error}"
            ))
        })?;
        entries.into_iter().for_each(|entry| entry.replay(tables));
    }
}
