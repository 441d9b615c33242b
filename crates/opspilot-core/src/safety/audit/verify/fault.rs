//! What is wrong with a log, and where first.

use crate::safety::audit::note::NoteError;

/// The first place at which a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} (line {line}): {cause}")]
pub struct Fault {
    /// The number of the entry that is wrong or missing. For what is wrong before the first entry, its number.
    pub entry: u64,
    /// The line of the export, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The file is something else.
    #[error("this is not an audit export of a version that this program reads: {0}")]
    Header(String),
    /// The export was signed with another key than the trusted one.
    #[error("the export is of another key, {0}")]
    ForeignKey(String),
    /// The line is not an entry or a checkpoint.
    #[error("the line is damaged: {0}")]
    Damaged(String),
    /// The bytes are not those that the hash is of.
    #[error("it was changed: its hash does not fit it")]
    Changed,
    /// The entry fits its hash, but what follows it continues another.
    #[error(
        "it was changed and its hash computed anew, perhaps with entries before it back to entry {since}: what follows \
         continues another entry"
    )]
    Rehashed {
        /// The first entry that no checkpoint before it covers.
        since: u64,
    },
    /// Something else stands in the place of the entry.
    #[error("it was removed or moved: entry {found} stands in its place")]
    Removed {
        /// What stands there.
        found: u64,
    },
    /// The signature over the entry is there, the entry is not.
    #[error("it was removed: the signature over entries up to {signed} stands in its place")]
    Absent {
        /// The newest entry that the signature covers.
        signed: u64,
    },
    /// An entry that does not belong there stands in the place of the entry.
    #[error("an entry numbered {found} was inserted in its place, or moved there")]
    Inserted {
        /// What stands there.
        found: u64,
    },
    /// A checkpoint was changed or made with another key.
    #[error("the checkpoint over it does not count: {0}")]
    Checkpoint(NoteError),
    /// A checkpoint stands in another place.
    #[error(
        "the checkpoint behind it is of entry {of}: an entry was added here, or the checkpoint was moved"
    )]
    MovedCheckpoint {
        /// The newest entry that it covers.
        of: u64,
    },
    /// The file ends too early.
    #[error("the export was cut off here: it does not end with the signature over all of it")]
    Truncated,
    /// There is something behind the end.
    #[error("something was added behind the signature that ends the export")]
    Trailing,
    /// Entries before the first were removed, and no entry tells of it.
    #[error("the entries before it were removed, and no entry `audit.pruned` tells of that")]
    Unexplained,
    /// The checkpoint from elsewhere is not one of this log.
    #[error("the checkpoint kept elsewhere proves nothing: {0}")]
    Outside(NoteError),
    /// The checkpoint from elsewhere is of another history.
    #[error(
        "it is not the entry that the checkpoint kept elsewhere proves: the log was rewritten at or before it"
    )]
    Forked,
    /// The log is shorter than it once was.
    #[error(
        "it is missing, but a checkpoint kept elsewhere proves entries up to {proved}: the log was rolled back"
    )]
    RolledBack {
        /// The newest entry that was there once.
        proved: u64,
    },
    /// The checkpoint from elsewhere is older than the log reaches back.
    #[error(
        "the log begins here, and the checkpoint kept elsewhere is of entry {of}, which was pruned: use a newer one"
    )]
    TooOld {
        /// The newest entry that it covers.
        of: u64,
    },
    /// The input cannot be read.
    #[error("the input cannot be read: {0}")]
    Input(String),
}

impl Cause {
    /// A short name for programs; it does not change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::ForeignKey(_) => "foreignKey",
            Self::Damaged(_) => "damaged",
            Self::Changed => "changed",
            Self::Rehashed { .. } => "rehashed",
            Self::Removed { .. } | Self::Absent { .. } => "removed",
            Self::Inserted { .. } => "inserted",
            Self::Checkpoint(_) => "checkpoint",
            Self::MovedCheckpoint { .. } => "movedCheckpoint",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::Unexplained => "unexplained",
            Self::Outside(_) => "outside",
            Self::Forked => "forked",
            Self::RolledBack { .. } => "rolledBack",
            Self::TooOld { .. } => "tooOld",
            Self::Input(_) => "input",
        }
    }
}
