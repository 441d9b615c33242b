//! The process environment, read once.

use std::collections::BTreeMap;
use std::fmt;

/// The variables the process was started with. Nothing else reads the environment.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the environment of the process. Variables whose name or value is not UTF-8 are left
    /// out, as if they were not set.
    #[must_use]
    pub fn capture() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(utf8).collect()
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The names of all variables, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// Names and values of the variables that begin with `OPSPILOT_`, in whatever case, and are
    /// not empty: an empty variable counts as not set.
    pub(crate) fn of_opspilot(&self) -> impl Iterator<Item = (&str, &str)> {
        let ours = |name: &str| {
            name.get(..PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        };
        self.variables
            .iter()
            .filter(move |(name, value)| ours(name) && !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What the names of OpsPilot's own variables begin with.
pub(crate) const PREFIX: &str = "OPSPILOT_";

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pair = |(name, value): (N, V)| (name.into(), value.into());
        Self {
            variables: pairs.into_iter().map(pair).collect(),
        }
    }
}

impl fmt::Debug for Environment {
    /// Shows names only: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
