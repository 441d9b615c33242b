//! The configured paths and globs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// The files to read, as configured.
#[derive(Debug)]
pub(super) struct Paths {
    patterns: Vec<Pattern>,
    exclude: GlobSet,
}

/// One configured path or glob.
#[derive(Debug)]
struct Pattern {
    text: String,
    steps: Vec<Step>,
    whole: GlobMatcher,
}

/// One component of a pattern.
#[derive(Debug)]
enum Step {
    Fixed(PathBuf),
    Glob(GlobMatcher),
    /// `**`: any number of folders.
    Deep,
}

/// What the patterns lead to now.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    /// Paths of files, each with the index of the first pattern it matches.
    pub(super) files: Vec<(PathBuf, usize)>,
    /// The folders in which a change may change this expansion.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Folders that could not be listed, and why.
    pub(super) problems: Vec<(PathBuf, String)>,
}

impl Paths {
    /// Parses the configured texts.
    ///
    /// # Errors
    /// The text that is no glob, and why.
    pub(super) fn parse(patterns: &[&str], exclude: &[String]) -> Result<Self, (String, String)> {
        let patterns = patterns
            .iter()
            .map(|text| Pattern::parse(text))
            .collect::<Result<_, _>>()?;
        let mut builder = GlobSetBuilder::new();
        for text in exclude {
            builder.add(glob(text)?);
        }
        let exclude = builder
            .build()
            .map_err(|error| (exclude.join(", "), error.to_string()))?;
        Ok(Self { patterns, exclude })
    }

    /// The patterns as configured.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| pattern.text.as_str())
    }

    /// The patterns that are plain paths, with their indexes.
    pub(super) fn fixed(&self) -> impl Iterator<Item = (&Path, usize)> {
        let patterns = self.patterns.iter().enumerate();
        patterns.filter_map(|(index, pattern)| match pattern.steps.as_slice() {
            [Step::Fixed(path)] => Some((path.as_path(), index)),
            _ => None,
        })
    }

    /// Walks the file system along the patterns.
    pub(super) fn expand(&self) -> Expansion {
        let mut expansion = Expansion::default();
        let mut seen = BTreeSet::new();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut files = Vec::new();
            walk(PathBuf::new(), &pattern.steps, &mut files, &mut expansion);
            files.sort_unstable();
            for file in files {
                if !self.exclude.is_match(&file) && seen.insert(file.clone()) {
                    expansion.files.push((file, index));
                }
            }
        }
        expansion
    }

    /// True if the coming or going of `path` may change what [`Paths::expand`] finds.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.whole.is_match(path) || pattern.may_lead_through(path))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, (String, String)> {
        let whole = glob(text)?.compile_matcher();
        let mut steps = Vec::new();
        for component in Path::new(text).components() {
            let name = component.as_os_str().to_string_lossy();
            let is_glob =
                matches!(component, Component::Normal(_)) && name.contains(['*', '?', '[', '{']);
            match (is_glob, steps.last_mut()) {
                (true, _) if name == "**" => steps.push(Step::Deep),
                (true, _) => steps.push(Step::Glob(glob(&name)?.compile_matcher())),
                (false, Some(Step::Fixed(path))) => path.push(component),
                (false, _) => steps.push(Step::Fixed(PathBuf::from(component.as_os_str()))),
            }
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
            whole,
        })
    }

    /// True if `path` is a folder on the way to files that match.
    fn may_lead_through(&self, path: &Path) -> bool {
        match self.steps.first() {
            Some(Step::Fixed(fixed)) if self.steps.len() == 1 => fixed.starts_with(path),
            Some(Step::Fixed(fixed)) => {
                fixed.starts_with(path) || (path.starts_with(fixed) && self.is_nested(path))
            }
            _ => self.is_nested(path),
        }
    }

    /// True if files may match that lie deeper than `path`.
    fn is_nested(&self, path: &Path) -> bool {
        let deep = self.steps.iter().any(|step| matches!(step, Step::Deep));
        deep || path.components().count() < Path::new(&self.text).components().count()
    }
}

/// A glob whose `*` stays inside of one folder.
fn glob(text: &str) -> Result<globset::Glob, (String, String)> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map_err(|error| (text.to_owned(), error.kind().to_string()))
}

fn walk(at: PathBuf, steps: &[Step], files: &mut Vec<PathBuf>, expansion: &mut Expansion) {
    let Some((step, rest)) = steps.split_first() else {
        return end(at, files, expansion);
    };
    match step {
        Step::Fixed(path) => {
            let next = at.join(path);
            expansion
                .folders
                .insert(nearest_folder(&next, rest.is_empty()));
            if rest.is_empty() || next.exists() {
                walk(next, rest, files, expansion);
            }
        }
        Step::Glob(matcher) => {
            for entry in list(&at, expansion) {
                if entry.file_name().is_some_and(|name| matcher.is_match(name)) {
                    walk(entry, rest, files, expansion);
                }
            }
        }
        Step::Deep => {
            walk(at.clone(), rest, files, expansion);
            for entry in list(&at, expansion) {
                // A link to a folder above would never end.
                if entry.is_dir() && !entry.is_symlink() {
                    walk(entry, steps, files, expansion);
                }
            }
        }
    }
}

fn end(path: PathBuf, files: &mut Vec<PathBuf>, expansion: &mut Expansion) {
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => files.push(path),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(error) => expansion.problems.push((path, error.to_string())),
    }
}

/// The folder to watch for `path`: the one it lies in if it is a file, else itself; or what exists on the way there.
fn nearest_folder(path: &Path, is_file: bool) -> PathBuf {
    let start = if is_file { path.parent() } else { Some(path) };
    let existing = start
        .into_iter()
        .flat_map(Path::ancestors)
        .find(|folder| folder.is_dir());
    existing.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn list(folder: &Path, expansion: &mut Expansion) -> Vec<PathBuf> {
    let shown = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if !shown.is_dir() {
        return Vec::new();
    }
    expansion.folders.insert(shown.to_owned());
    match fs::read_dir(shown) {
        Ok(entries) => entries
            .filter_map(Result::ok)
            .map(|entry| folder.join(entry.file_name()))
            .collect(),
        Err(error) => {
            expansion
                .problems
                .push((shown.to_owned(), error.to_string()));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    fn expand(folder: &Path, pattern: &str, exclude: &[&str]) -> Vec<String> {
        let pattern = folder.join(pattern).display().to_string();
        let exclude: Vec<String> = exclude.iter().map(|text| (*text).to_owned()).collect();
        let paths = Paths::parse(&[&pattern], &exclude).unwrap();
        let relative = |(path, _): (PathBuf, usize)| {
            assert!(paths.concerns(&path));
            path.strip_prefix(folder).unwrap().display().to_string()
        };
        let files = paths.expand().files;
        files.into_iter().map(relative).collect()
    }

    #[test]
    fn globs_find_files_in_the_folders_they_name() {
        let folder = folder_with(&["a.log", "b.log", "b.txt", "one/a.log", "two/deep/a.log"]);
        for (pattern, exclude, expected) in [
            ("a.log", &[][..], &["a.log"][..]),
            ("*.log", &[], &["a.log", "b.log"]),
            ("*.log", &["**/b.*"], &["a.log"]),
            ("*/a.log", &[], &["one/a.log"]),
            ("**/a.log", &[], &["a.log", "one/a.log", "two/deep/a.log"]),
            ("{a,b}.log", &[], &["a.log", "b.log"]),
            ("none/*.log", &[], &[]),
            ("one", &[], &[]),
        ] {
            assert_eq!(
                expand(folder.path(), pattern, exclude),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn the_nearest_folder_of_a_missing_one_is_watched() {
        let folder = folder_with(&[]);
        let missing = folder.path().join("not/yet/app.log");
        let paths = Paths::parse(&[missing.to_str().unwrap()], &[]).unwrap();
        assert!(paths.expand().folders.contains(folder.path()));
        assert!(paths.concerns(&folder.path().join("not")));
        assert!(!paths.concerns(&folder.path().join("other")));
    }

    #[test]
    fn a_glob_that_cannot_be_read_is_named() {
        let (text, _) = Paths::parse(&["/var/log/[a"], &[]).unwrap_err();
        assert_eq!(text, "/var/log/[a");
    }
}
