//! A path with globs, step by step, as `connector.fileTail` reads it.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// The most steps, and the most `**` among them: what many of these could lead to takes for ever to find out.
const STEPS: usize = 32;
const DEEP: usize = 3;

/// One component of a path, from the first glob on.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Name(String),
    Glob(GlobMatcher),
    /// `**`: any number of folders.
    Deep,
}

/// The part of `path` before the first glob, and what comes then.
///
/// # Errors
/// When one is no glob, or there are too many.
pub(super) fn steps(path: &Path) -> Result<(PathBuf, Vec<Step>), String> {
    let (mut start, mut steps) = (PathBuf::new(), Vec::new());
    for component in path.components() {
        let name = component.as_os_str().to_string_lossy();
        let is_glob =
            matches!(component, Component::Normal(_)) && name.contains(['*', '?', '[', '{']);
        match (is_glob, steps.is_empty()) {
            (true, _) if name == "**" && matches!(steps.last(), Some(Step::Deep)) => {}
            (true, _) if name == "**" => steps.push(Step::Deep),
            (true, _) => steps.push(Step::Glob(glob(&name)?)),
            (false, true) => start.push(component),
            (false, false) => steps.push(Step::Name(name.into_owned())),
        }
    }
    let deep = steps.iter().filter(|step| matches!(step, Step::Deep));
    if steps.len() > STEPS || deep.count() > DEEP {
        return Err("it has too many steps".to_owned());
    }
    Ok((start, steps))
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    let glob = glob.map_err(|error| format!("`{text}` is no glob ({})", error.kind()))?;
    Ok(glob.compile_matcher())
}

impl Step {
    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Glob(glob) => glob.is_match(name),
            Self::Deep => true,
        }
    }
}

/// Whether `steps` may lead into the folder at the end of `names`.
pub(super) fn may_enter(steps: &[Step], names: &[String]) -> bool {
    let (Some((step, rest)), Some((name, below))) = (steps.split_first(), names.split_first())
    else {
        return names.is_empty() && !steps.is_empty();
    };
    let is_deeper = match step {
        Step::Deep => may_enter(steps, below) || may_enter(rest, names),
        _ => may_enter(rest, below),
    };
    step.fits(name) && is_deeper
}

/// Whether `steps` may lead to the file at the end of `names`.
pub(super) fn may_match(steps: &[Step], names: &[String]) -> bool {
    match (steps.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((Step::Deep, rest)), None) => may_match(rest, names),
        (Some((Step::Deep, rest)), Some((_, below))) => {
            may_match(steps, below) || may_match(rest, names)
        }
        (Some((step, rest)), Some((name, below))) => step.fits(name) && may_match(rest, below),
        _ => false,
    }
}
