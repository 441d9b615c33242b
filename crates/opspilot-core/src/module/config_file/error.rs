//! Why a file was not replaced.

use super::disk::DiskError;
use crate::bus::PublishError;
use crate::config::{ConfigErrors, Fault, KeyPath, Origin};
use crate::module::ReloadError;

/// Why the file was not replaced. It is as it was before, unless the reason says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The new text has faults.
    #[error("{0}")]
    Invalid(ConfigErrors),
    /// The file was changed, cannot be replaced, or the disk does not work.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The server did not take the new text, and the old one is back.
    #[error("the server refused the new configuration, and the old one is back: {0}")]
    Refused(ReloadError),
    /// Neither did the server take the new text, nor could the old one be put back.
    #[error(
        "the server refused the new configuration: {reload}; the old one could not be put back: {disk}"
    )]
    Stuck {
        /// Why it was refused.
        reload: ReloadError,
        /// Why the old text is not back.
        disk: DiskError,
    },
    /// It could not be noted in the audit log, and so was not done.
    #[error("the change could not be noted in the audit log")]
    Audit(#[from] PublishError),
    /// The work was cut short.
    #[error("the work was cut short: read the file before the next attempt")]
    CutShort,
}

/// The work on a thread of its own panicked.
pub(super) struct WorkLost;

impl From<WorkLost> for ConfigErrors {
    fn from(_: WorkLost) -> Self {
        let message = "the work on the configuration was cut short";
        Fault::new(Origin::Inline, KeyPath::default(), message).into()
    }
}

impl From<WorkLost> for DiskError {
    fn from(_: WorkLost) -> Self {
        Self::CutShort
    }
}
