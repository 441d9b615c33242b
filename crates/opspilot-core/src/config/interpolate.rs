//! `${VAR}`, `${VAR:-default}` and `${file:/path}` in text values.
//!
//! - Only `${` begins an interpolation, so `$`, `$0` and `foo$` stay as they are. `$${` is a
//!   literal `${`.
//! - `:-default` applies when the variable is not set or empty; the default runs to the next `}`.
//! - `${file:PATH}` is the content of a file without one final line break. A relative path counts
//!   from the folder of the configuration file.
//! - What comes out is never interpolated again, and keys never are.
//! - A value that is one interpolation and nothing else may stand for a number or a truth value.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::fault::{Fault, KeyPath, Report};
use super::nearest::nearest;
use super::tree::{Node, Value};

/// A file that stands for a value may hold this many bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Replaces the interpolations of every text below `root`.
pub(crate) fn interpolate(
    root: &mut Node,
    environment: &Environment,
    folder: &Path,
    report: &mut Report,
) {
    let lookup = Lookup {
        environment,
        folder,
    };
    root.visit_texts(&mut KeyPath::default(), &mut |path, node| {
        let Value::Text(text) = &node.value else {
            return;
        };
        if !text.contains("${") {
            return;
        }
        match lookup.fill(text) {
            Ok(filled) => filled.put_into(node, path, report),
            Err(Problem { message, help }) => {
                let fault = Fault::new(node.origin.clone(), path.clone(), message);
                report.fault(fault.help(help));
                node.value = Value::Invalid;
            }
        }
    });
}

/// The files that `${file:PATH}` names anywhere in a text, comments included.
pub(crate) fn files<'t>(text: &'t str, folder: &Path) -> Vec<PathBuf> {
    let mut parts = text.split("${file:");
    // What stands before the first one.
    parts.next();
    let path = |part: &'t str| part.split_once('}').map(|(path, _)| folder.join(path));
    parts.filter_map(path).collect()
}

/// Why a text cannot be interpolated, and the way out.
#[derive(Debug)]
struct Problem {
    message: String,
    help: String,
}

impl Problem {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Variable {
        name: &'a str,
        default: Option<&'a str>,
    },
    File(&'a str),
}

/// A text after interpolation.
struct Filled {
    text: String,
    is_whole: bool,
    is_hidden: bool,
    doubts: Vec<Problem>,
}

impl Filled {
    fn put_into(self, node: &mut Node, path: &KeyPath, report: &mut Report) {
        node.value = Value::Text(self.text);
        node.loose = self.is_whole;
        node.hidden = self.is_hidden;
        for Problem { message, help } in self.doubts {
            report.warn(Fault::new(node.origin.clone(), path.clone(), message).help(help));
        }
    }
}

struct Lookup<'a> {
    environment: &'a Environment,
    folder: &'a Path,
}

impl Lookup<'_> {
    fn fill(&self, text: &str) -> Result<Filled, Problem> {
        let pieces = pieces(text)?;
        let mut filled = Filled {
            text: String::with_capacity(text.len()),
            is_whole: matches!(pieces.as_slice(), [Piece::Variable { .. } | Piece::File(_)]),
            is_hidden: false,
            doubts: Vec::new(),
        };
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => filled.text.push_str(literal),
                Piece::Variable { name, default } => self.variable(name, default, &mut filled)?,
                Piece::File(path) => self.file(path, &mut filled)?,
            }
        }
        Ok(filled)
    }

    fn variable(
        &self,
        name: &str,
        default: Option<&str>,
        filled: &mut Filled,
    ) -> Result<(), Problem> {
        match (self.environment.get(name), default) {
            (None | Some(""), Some(default)) => filled.text.push_str(default),
            (Some(value), _) => {
                filled.text.push_str(value);
                filled.is_hidden = true;
            }
            (None, None) => {
                let message = format!("the environment variable `{name}` is not set");
                let way_out = format!("set it, or write `${{{name}:-default}}`");
                let help = match nearest(name, self.environment.names()) {
                    Some(near) => format!("did you mean `{near}`? otherwise {way_out}"),
                    None => way_out,
                };
                return Err(Problem::new(message, help));
            }
        }
        Ok(())
    }

    fn file(&self, path: &str, filled: &mut Filled) -> Result<(), Problem> {
        let path = self.folder.join(path);
        let content = read(&path)?;
        if content.is_world_readable {
            filled.doubts.push(Problem::new(
                format!("every user of this machine can read `{}`", path.display()),
                format!("if it holds a secret, run `chmod o= {}`", path.display()),
            ));
        }
        filled.text.push_str(without_final_newline(&content.text));
        filled.is_hidden = true;
        Ok(())
    }
}

struct Content {
    text: String,
    is_world_readable: bool,
}

fn read(path: &PathBuf) -> Result<Content, Problem> {
    let name = path.display();
    let cannot = |error: std::io::Error| {
        Problem::new(
            format!("cannot read the file `{name}`: {error}"),
            "create it, or correct the path",
        )
    };
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Problem::new(
            format!("`{name}` is not a regular file"),
            "name a file that holds the value",
        ));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Problem::new(
            format!("the file `{name}` is larger than 1 MiB"),
            "name a file that holds just the value",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Problem::new(
            format!("the file `{name}` is not UTF-8 text"),
            "name a file that holds the value as text",
        )
    })?;
    Ok(Content {
        text,
        is_world_readable: is_world_readable(&metadata),
    })
}

#[cfg(unix)]
fn is_world_readable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_world_readable(_: &std::fs::Metadata) -> bool {
    false
}

fn without_final_newline(text: &str) -> &str {
    match text.strip_suffix('\n') {
        Some(rest) => rest.strip_suffix('\r').unwrap_or(rest),
        None => text,
    }
}

/// Takes a text apart.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Problem> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            push_literal(&mut pieces, before);
            push_literal(&mut pieces, "${");
            rest = after;
            continue;
        }
        push_literal(&mut pieces, before);
        let Some((body, after)) = after.split_once('}') else {
            return Err(Problem::new(
                "`${` without a closing `}`",
                "close it, or write `$${` for a literal `${`",
            ));
        };
        pieces.push(interpolation(body)?);
        rest = after;
    }
    push_literal(&mut pieces, rest);
    Ok(pieces)
}

fn push_literal<'a>(pieces: &mut Vec<Piece<'a>>, literal: &'a str) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
}

/// What stands between `${` and `}`.
fn interpolation(body: &str) -> Result<Piece<'_>, Problem> {
    if body.contains("${") {
        return Err(Problem::new(
            "one interpolation inside another",
            "use one variable, or write `$${` for a literal `${`",
        ));
    }
    if let Some(path) = body.strip_prefix("file:") {
        if path.trim().is_empty() {
            return Err(Problem::new(
                "`${file:}` names no file",
                "write `${file:/path}`",
            ));
        }
        return Ok(Piece::File(path));
    }
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    if !is_variable_name(name) {
        return Err(Problem::new(
            format!("`${{{}}}` is not an interpolation", body.escape_debug()),
            "write `${VAR}`, `${VAR:-default}` or `${file:/path}`, or `$${` for a literal `${`",
        ));
    }
    Ok(Piece::Variable { name, default })
}

fn is_variable_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
