//! Why a module cannot be built or cannot go on.

use std::fmt;

use crate::config::{ConfigErrors, KeyPath, ModuleOptions};
use crate::storage::StorageError;

/// Options that a module cannot work with; each is named by its path within the module's section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    faults: Vec<(KeyPath, String)>,
}

impl BuildError {
    /// Names one option and what is wrong with it, for example
    /// `BuildError::option(KeyPath::of(["rules"]).with_index(2).with_key("pattern"), "…")`.
    #[must_use]
    pub fn option(path: KeyPath, message: impl Into<String>) -> Self {
        Self {
            faults: vec![(path, message.into())],
        }
    }

    /// All of `errors` as one; `None` when there are none.
    #[must_use]
    pub fn join(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let faults: Vec<_> = errors.into_iter().flat_map(|error| error.faults).collect();
        (!faults.is_empty()).then_some(Self { faults })
    }

    /// The faults with the places of the options in their file.
    #[must_use]
    pub fn located(&self, options: &ModuleOptions) -> ConfigErrors {
        let located =
            |(path, message): &(KeyPath, String)| ConfigErrors::from(options.fault(path, message));
        let all = ConfigErrors::join(self.faults.iter().map(located));
        all.unwrap_or_else(|| options.fault(&KeyPath::default(), "cannot be used").into())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (path, message)) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{path}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}

/// Why a module ended.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl RunError {
    /// An error that names the thing, for example ``cannot bind `127.0.0.1:3000` ``, and its cause.
    #[must_use]
    pub fn new(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// An error without a further cause.
    #[must_use]
    pub fn message(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }
}

impl From<StorageError> for RunError {
    fn from(error: StorageError) -> Self {
        Self::new("the storage does not work", error)
    }
}

impl From<crate::bus::PublishError> for RunError {
    fn from(error: crate::bus::PublishError) -> Self {
        Self::new("cannot publish", error)
    }
}
