//! What is wrong with a configuration, said so that a person can repair it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In a configuration file. Line and column count from 1; line 0 means the file as a whole.
    File {
        /// The path as it was given.
        path: Arc<str>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// In an environment variable.
    Variable {
        /// The variable's name.
        name: Arc<str>,
    },
    /// Handed over by a program rather than read from a file.
    Inline,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => f.write_str(path),
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Variable { name } => write!(f, "environment variable {name}"),
            Self::Inline => f.write_str("options"),
        }
    }
}

/// One step into a configuration: a key of a section, or a place in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// The key of a section.
    Key(Arc<str>),
    /// The place in a list, from 0.
    Index(usize),
}

/// The way from the root to a value, written `modules."detector.regex".rules[0].pattern`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// Makes a path of keys.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(
            keys.into_iter()
                .map(|key| Segment::Key(key.into()))
                .collect(),
        )
    }

    /// Says whether this is the root.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// This path, one key further in.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        let mut longer = self.clone();
        longer.push(Segment::Key(key.into()));
        longer
    }

    /// This path, one place of a list further in.
    #[must_use]
    pub fn with_index(&self, index: usize) -> Self {
        let mut longer = self.clone();
        longer.push(Segment::Index(index));
        longer
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    write!(f, "{dot}{}", Quoted(key))?;
                }
            }
        }
        Ok(())
    }
}

/// A key as it appears in a path: quoted where it is more than letters, digits, `_` and `-`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", self.0.escape_debug())
    }
}

/// One thing that is wrong (or, as a warning, doubtful): where, which key, what, and the way out.
///
/// A fault never contains a secret: values of secret keys, and values that came from a variable
/// or from another file, are not shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where the faulty text is.
    pub origin: Origin,
    /// Which key it concerns; empty for the file as a whole.
    pub key_path: KeyPath,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

impl Fault {
    /// Makes a fault without a way out.
    pub fn new(origin: Origin, key_path: KeyPath, message: impl Into<String>) -> Self {
        Self {
            origin,
            key_path,
            message: message.into(),
            help: None,
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key_path.is_empty() {
            write!(f, "{}: ", self.key_path)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// The form of a fault in `check --json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
    key: String,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = FaultJson {
            file: None,
            line: None,
            column: None,
            variable: None,
            key: self.key_path.to_string(),
            message: &self.message,
            help: self.help.as_deref(),
        };
        match &self.origin {
            Origin::File { path, line, column } => {
                json.file = Some(path);
                json.line = (*line > 0).then_some(*line);
                json.column = (*line > 0).then_some(*column);
            }
            Origin::Variable { name } => json.variable = Some(name),
            Origin::Inline => {}
        }
        json.serialize(serializer)
    }
}

/// Every fault of a configuration, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConfigErrors {
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl ConfigErrors {
    /// The faults. An error that a function here returns has at least one.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What is doubtful beside the faults.
    #[must_use]
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// Joins the faults of several sources into one error; nothing if there are none.
    #[must_use]
    pub fn join(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut report = Report::default();
        for error in errors {
            report.faults.extend(error.faults);
            report.warnings.extend(error.warnings);
        }
        report.finish().err()
    }
}

impl From<Fault> for ConfigErrors {
    fn from(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            warnings: Vec::new(),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.faults.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// What the steps of loading have found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) faults: Vec<Fault>,
    pub(crate) warnings: Vec<Fault>,
}

impl Report {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn warn(&mut self, warning: Fault) {
        self.warnings.push(warning);
    }

    /// Turns the faults found so far into warnings where their key does not matter.
    pub(crate) fn soften(&mut self, does_not_matter: impl Fn(&KeyPath) -> bool) {
        let faults = std::mem::take(&mut self.faults);
        let (soft, hard) = faults
            .into_iter()
            .partition(|fault| does_not_matter(&fault.key_path));
        self.faults = hard;
        self.warnings.extend::<Vec<Fault>>(soft);
    }

    /// Ends the collection: the warnings if all is well, else everything, sorted by place.
    pub(crate) fn finish(mut self) -> Result<Vec<Fault>, ConfigErrors> {
        self.warnings.sort();
        self.warnings.dedup();
        if self.faults.is_empty() {
            return Ok(self.warnings);
        }
        self.faults.sort();
        self.faults.dedup();
        Err(ConfigErrors {
            faults: self.faults,
            warnings: self.warnings,
        })
    }
}
