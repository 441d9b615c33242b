//! Finds where a rotated file went.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use super::content::{Compression, Content, Facts, FileId};
use super::position::Position;

/// A file beside a log that may be, or hold, an earlier part of it.
#[derive(Debug, Clone)]
pub(super) struct Sibling {
    /// Its path.
    pub(super) path: PathBuf,
    /// What the file system says of it.
    pub(super) facts: Facts,
}

/// The names in the folders that were listed, each folder once.
#[derive(Debug, Default)]
pub(super) struct Listings(HashMap<PathBuf, Vec<String>>);

impl Listings {
    /// The files beside `log` that belong to the same family, or whose names start with its name; newest first.
    pub(super) fn siblings(&mut self, log: &Path) -> Vec<Sibling> {
        let (Some(folder), Some(name)) =
            (log.parent(), log.file_name().and_then(|name| name.to_str()))
        else {
            return Vec::new();
        };
        let family = family(name);
        let stem = family
            .rsplit_once('.')
            .map_or(family.as_str(), |(stem, _)| stem);
        let names = self
            .0
            .entry(folder.to_owned())
            .or_insert_with(|| list(folder));
        let start = names.partition_point(|other| other.as_str() < stem);
        let mut found: Vec<Sibling> = names
            .iter()
            .skip(start)
            .take_while(|other| other.starts_with(stem))
            .filter(|other| *other != name && are_related(name, &family, other))
            .filter_map(|other| {
                let path = folder.join(other);
                let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
                Some(Sibling {
                    path,
                    facts: Facts::from(&metadata),
                })
            })
            .collect();
        found.sort_by(|left, right| {
            (right.facts.modified, &right.path).cmp(&(left.facts.modified, &left.path))
        });
        found
    }
}

fn list(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// True if rotation may have given `path` to what was at `place`.
pub(super) fn is_beside(place: &Path, path: &Path) -> bool {
    let names = (
        place.file_name().and_then(|name| name.to_str()),
        path.file_name().and_then(|name| name.to_str()),
    );
    let (Some(log), Some(other)) = names else {
        return false;
    };
    place.parent() == path.parent() && log != other && are_related(log, &family(log), other)
}

fn are_related(log: &str, family_of_log: &str, other: &str) -> bool {
    other.starts_with(log) || family(other) == family_of_log
}

/// The name of the log that a generation was made of: `app.log` for `app.log.1.gz` and `app-20260220.log`.
fn family(name: &str) -> String {
    let plain = without_compression(name).unwrap_or(name);
    let cut = |text: &str| {
        let marks = text
            .match_indices(['.', '-', '_'])
            .filter(|(at, _)| *at > 0);
        let mut rests = marks.map(|(at, _)| text.split_at(at));
        rests
            .find(|(_, rest)| is_generation_mark(rest))
            .map(|(base, _)| base.to_owned())
    };
    let before_extension = || {
        let (stem, extension) = plain.rsplit_once('.')?;
        cut(stem).map(|base| format!("{base}.{extension}"))
    };
    cut(plain)
        .or_else(before_extension)
        .unwrap_or_else(|| plain.to_owned())
}

fn without_compression(name: &str) -> Option<&str> {
    [".gz", ".zst", ".bz2", ".xz"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
}

/// True if `other` is how rotation tools name earlier generations of `name`: `app.log.1`, `app.log-20260220.gz`,
/// `app.log.old`, and with the extension kept at the end, `app-20260220.log`, `app.1.log.zst`.
///
/// Source: `dateext`, `extension` and `olddir` of logrotate(8); the defaults of log4j and logback.
pub(super) fn is_rotated_name(name: &str, other: &str) -> bool {
    let plain = without_compression(other);
    let was_compressed = plain.is_some();
    let other = plain.unwrap_or(other);
    if let Some(rest) = other.strip_prefix(name) {
        return is_generation_mark(rest) || (rest.is_empty() && was_compressed);
    }
    let Some((stem, extension)) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
        return false;
    };
    let middle = other
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(extension));
    middle
        .and_then(|middle| middle.strip_suffix('.'))
        .is_some_and(is_generation_mark)
}

/// `.1`, `-20260220`, `.2026-02-20T10`, `_3`, `.old`.
fn is_generation_mark(text: &str) -> bool {
    let separators = ['.', '-', '_'];
    let Some(mark) = text.strip_prefix(separators) else {
        return false;
    };
    let numbered = mark.starts_with(|first: char| first.is_ascii_digit())
        && mark
            .chars()
            .all(|next| next.is_ascii_digit() || ".-_:+TZ".contains(next));
    numbered || ["old", "prev"].contains(&mark)
}

/// Looks for the rest of a stream.
#[derive(Debug)]
pub(super) struct Search<'a> {
    /// The stream.
    pub(super) position: &'a Position,
    /// The limit of decompression, see [`Content::open`].
    pub(super) ratio: u64,
}

/// Where the rest of a stream is.
#[derive(Debug)]
pub(super) struct Found {
    /// The file.
    pub(super) path: PathBuf,
    /// The open file. An archive is read up to the stream's position.
    pub(super) content: Content,
    /// What the file system says of it.
    pub(super) facts: Facts,
    /// It is the file itself under another name; otherwise a copy of it, perhaps a compressed one.
    pub(super) is_same_file: bool,
}

impl Search<'_> {
    /// The file at `path` if it is the stream's own.
    pub(super) fn at(&self, path: &Path) -> Option<Found> {
        let found = self.open(path)?;
        found.is_same_file.then_some(found)
    }

    /// The stream's file, or a copy of it, beside the places where it was. `taken` are files that other streams read.
    ///
    /// The file itself wins over a copy, and a copy over an archive.
    pub(super) fn beside(
        &self,
        taken: &BTreeSet<FileId>,
        listings: &mut Listings,
    ) -> Option<Found> {
        if self.position.head.len() == 0 {
            // An empty file is the start of every other; nothing of it was sent, so nothing of it is lost.
            return None;
        }
        let place = Path::new(&self.position.place);
        if self.position.name != self.position.place
            && let Some(found) = self.at(place)
        {
            return Some(found);
        }
        let mut candidates = listings.siblings(place);
        if self.position.name != self.position.place {
            candidates.extend(listings.siblings(Path::new(&self.position.name)));
        }
        let own = self.position.file();
        candidates
            .retain(|candidate| candidate.facts.id == own || !taken.contains(&candidate.facts.id));
        candidates.sort_by_key(|candidate| {
            (
                candidate.facts.id != own,
                Compression::of(&candidate.path).is_some(),
            )
        });
        candidates
            .iter()
            .find_map(|candidate| self.open(&candidate.path))
    }

    fn open(&self, path: &Path) -> Option<Found> {
        let (mut content, facts) = Content::open(path, self.ratio).ok()?;
        let position = self.position;
        let is_same_file = facts.id == position.file();
        let continues = content
            .continues(&position.head, position.offset, &position.tail)
            .unwrap_or(false);
        continues.then(|| Found {
            path: path.to_owned(),
            content,
            facts,
            is_same_file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{family, is_rotated_name};

    #[test]
    fn generations_of_a_log_are_one_family() {
        for (name, expected) in [
            ("app.log", "app.log"),
            ("app.log.12.gz", "app.log"),
            ("app.log-2026-02-20T10:00", "app.log"),
            ("app-20260220.log", "app.log"),
            ("app.1.log.zst", "app.log"),
            ("syslog.1", "syslog"),
            ("web-01.example.log", "web-01.example.log"),
            (".1", ".1"),
        ] {
            assert_eq!(family(name), expected, "{name}");
        }
    }

    #[test]
    fn rotated_names_are_those_that_tools_give() {
        for (name, other, expected) in [
            ("app.log", "app.log.1", true),
            ("app.log", "app.log.12.gz", true),
            ("app.log", "app.log-20260220", true),
            ("app.log", "app.log-2026-02-20T10:00.zst", true),
            ("app.log", "app.log.gz", true),
            ("app.log", "app.log.old", true),
            ("app.log", "app-20260220.log", true),
            ("app.log", "app.1.log.gz", true),
            ("syslog", "syslog.1", true),
            ("app.log", "app.log", false),
            ("app.log", "app.log.bak", false),
            ("app.log", "app.log2", false),
            ("app.log", "app-error.log", false),
            ("app.log", "apple.log", false),
            (".log", "x.log", false),
        ] {
            assert_eq!(is_rotated_name(name, other), expected, "{name} {other}");
        }
    }
}
