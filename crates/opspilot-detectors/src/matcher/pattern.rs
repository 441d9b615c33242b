//! One compiled pattern.

use regex_automata::meta::{self, Regex};
use regex_automata::util::captures::Captures;
use regex_syntax::ast::ErrorKind;
use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::hir::Hir;

use super::flags::Flags;
use super::javascript;
use super::translate::translate;

/// The longest pattern, in characters.
pub const MAX_PATTERN_CHARS: usize = 1_000;

/// How much memory one compiled pattern may take, in bytes.
const COMPILED_LIMIT: usize = 1 << 20;

/// How deep groups and classes may nest.
const NEST_LIMIT: u32 = 100;

/// A compiled pattern.
///
/// Matching takes time linear in the length of the text, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Box<str>,
    regex: Regex,
    hir: Hir,
}

/// A pattern that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    message: String,
}

impl PatternError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl Pattern {
    /// Compiles a JavaScript regular expression.
    ///
    /// # Errors
    /// When `source` is no regular expression, is longer than [`MAX_PATTERN_CHARS`], compiles to more than 1 MiB, or
    /// uses look-around or backreferences, which have no linear-time matching.
    pub fn compile(source: &str, flags: Flags) -> Result<Self, PatternError> {
        if source.chars().count() > MAX_PATTERN_CHARS {
            let message = format!(
                "is longer than {MAX_PATTERN_CHARS} characters: split it into several rules"
            );
            return Err(PatternError::new(message));
        }
        let rewritten = javascript::rewrite(source);
        let ast = ParserBuilder::new()
            .nest_limit(NEST_LIMIT)
            .build()
            .parse(&rewritten)
            .map_err(|error| PatternError::new(explain(error.kind())))?;
        let hir = translate(&ast, &rewritten, flags)?;
        let regex = build(&hir)?;
        Ok(Self {
            source: source.into(),
            regex,
            hir,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many groups the pattern captures, without the match as a whole.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// Whether the pattern matches somewhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The first match and its groups; `None` stands for a group that took no part. Empty if there is no match.
    #[must_use]
    pub fn captures<'t>(&self, text: &'t str) -> Vec<Option<&'t str>> {
        if self.groups() == 0 {
            let found = self.regex.find(text);
            return found
                .map(|found| text.get(found.range()))
                .into_iter()
                .collect();
        }
        let mut captures = self.regex.create_captures();
        self.regex.captures(text, &mut captures);
        groups(&captures, text)
    }

    /// The first match of group 1, or of the pattern if it has no groups.
    #[must_use]
    pub fn first_group<'t>(&self, text: &'t str) -> Option<&'t str> {
        let index = usize::from(self.groups() > 0);
        self.captures(text).get(index).copied().flatten()
    }

    pub(super) fn hir(&self) -> &Hir {
        &self.hir
    }
}

fn groups<'t>(captures: &Captures, text: &'t str) -> Vec<Option<&'t str>> {
    if !captures.is_match() {
        return Vec::new();
    }
    (0..captures.group_len())
        .map(|index| {
            captures
                .get_group(index)
                .and_then(|span| text.get(span.range()))
        })
        .collect()
}

fn build(hir: &Hir) -> Result<Regex, PatternError> {
    let config = meta::Config::new()
        .nfa_size_limit(Some(COMPILED_LIMIT))
        .pool_capacity(4);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|error| {
            PatternError::new(match error.size_limit() {
                Some(_) => {
                    "takes more than 1 MiB when compiled: make its repetitions smaller".to_owned()
                }
                None => error.to_string(),
            })
        })
}

fn explain(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnsupportedLookAround => {
            "look-around such as `(?=…)` or `(?<!…)` is not supported, because it cannot be matched in linear time: \
             write a pattern for what has to be there, and tell the cases apart with a rule of their own"
                .to_owned()
        }
        ErrorKind::UnsupportedBackreference => {
            r"backreferences such as `\1` are not supported, because they cannot be matched in linear time: write the alternatives out"
                .to_owned()
        }
        other => other.to_string(),
    }
}
