//! Looks at every configured path once: for `check --online`.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use futures_util::future::join_all;
use opspilot_core::module::{Found, Trial, TrialContext};

use super::config::Config;
use super::paths::Paths;

/// How many faults of one glob are told.
const TOLD: usize = 3;

/// Looks at every path and glob of `config`.
pub(super) async fn try_paths(config: &Config, cx: &TrialContext) -> Vec<Trial> {
    let each = config.patterns().into_iter().map(|pattern| {
        let (text, exclude) = (pattern.to_owned(), config.exclude.clone());
        cx.attempt_blocking(pattern, move || look(&text, &exclude))
    });
    join_all(each).await
}

fn look(pattern: &str, exclude: &[String]) -> Found {
    let paths = Paths::parse(&[pattern], exclude)
        .map_err(|(text, reason)| format!("`{text}` is no glob: {reason}"))?;
    let found = paths.expand();
    let folders = found.problems.iter().map(|(path, reason)| {
        format!(
            "cannot look at `{}`: {reason}{}",
            path.display(),
            way_out(reason)
        )
    });
    let files = found
        .files
        .iter()
        .filter_map(|(path, _)| read_at(path).err());
    let faults: Vec<String> = folders.chain(files).collect();
    if let Some(more) = faults.len().checked_sub(TOLD).filter(|more| *more > 0) {
        let shown = faults.get(..TOLD).unwrap_or_default().join("; ");
        return Err(format!("{shown}; and {more} more"));
    }
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let fixed = paths.fixed().next().map(|(path, _)| path);
    match (found.files.len(), fixed) {
        (0, Some(path)) => absent(path),
        (0, None) => Ok(Some(
            "no file matches now; those that appear are followed".to_owned(),
        )),
        (_, Some(_)) => Ok(None),
        (1, None) => Ok(Some("1 file".to_owned())),
        (count, None) => Ok(Some(format!("{count} files"))),
    }
}

/// Why there is no file at a path that is no glob.
fn absent(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(facts) if facts.is_dir() => Err(format!(
            "is a folder: write `{}` to follow what is in it",
            path.join("*.log").display()
        )),
        Ok(facts) if facts.is_file() => Ok(Some(
            "is not followed, because `exclude` matches it".to_owned(),
        )),
        Ok(_) => Err("is no file but a pipe, socket or device: name a file".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(
            "there is no such file: correct the path, or start what writes it; it is followed as soon as it appears"
                .to_owned(),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err("a file is where a folder should be: correct the path".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the first byte.
fn read_at(path: &Path) -> Result<(), String> {
    let read = File::open(path).and_then(|mut file| file.read(&mut [0]));
    read.map(drop).map_err(|error| {
        let reason = error.to_string();
        format!(
            "cannot read `{}`: {reason}{}",
            path.display(),
            way_out(&reason)
        )
    })
}

fn way_out(reason: &str) -> &'static str {
    if reason.to_lowercase().contains("permission denied") {
        " - give the user that OpsPilot runs as the right to read it, by its group or with `setfacl -m u:USER:rX`"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_at_a_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("a.log"), b"x").unwrap();
        fs::write(at("b.log"), b"").unwrap();
        let exclude = [at("b*")];
        let rows = [
            ("a.log", Ok(None)),
            ("*.log", Ok(Some("1 file"))),
            ("*.txt", Ok(Some("no file matches now"))),
            ("b.log", Ok(Some("`exclude` matches it"))),
            ("", Err("is a folder: write `")),
            ("c.log", Err("there is no such file")),
            ("a.log/c", Err("a file is where a folder should be")),
        ];
        for (name, expected) in rows {
            match (look(&at(name), &exclude), expected) {
                (Ok(None), Ok(None)) => {}
                (Ok(Some(text)), Ok(Some(words))) | (Err(text), Err(words)) => {
                    assert!(text.contains(words), "{name}: {text}");
                }
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn many_faults_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            // A link to itself cannot be looked at, whoever looks.
            let path = folder.path().join(name);
            std::os::unix::fs::symlink(&path, &path).unwrap();
        }
        let fault = look(&folder.path().join("*").display().to_string(), &[]).unwrap_err();
        assert!(fault.ends_with("; and 2 more"), "{fault}");
    }
}
