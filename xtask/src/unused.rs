//! `cargo xtask unused`: dependencies that no source of their crate names.
//!
//! A dependency that only switches on a feature of another is listed in its manifest under
//! `package.metadata.unused.keep`.

use anyhow::Result;

use crate::steps::refuse;
use crate::workspace::{Package, Workspace, files};

/// Looks for every dependency in the sources of its crate.
///
/// # Errors
/// If one is not named; all of them are printed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut faults = Vec::new();
    for package in &workspace.members {
        let mut sources = Sources::default();
        for file in files(&workspace.root, &package.folder)? {
            if file.ends_with(".rs") {
                let text = std::fs::read_to_string(workspace.root.join(&file))?;
                sources.add(file.strip_prefix(&package.folder).unwrap_or(&file), &text);
            }
        }
        faults.extend(unused(package, &sources));
    }
    refuse(
        &faults,
        "dependencies that no source names: remove them from the manifest",
    )
}

/// The text of a crate, by what may use which dependencies.
#[derive(Debug, Default)]
struct Sources {
    product: String,
    all: String,
}

impl Sources {
    fn add(&mut self, path: &str, text: &str) {
        if path.starts_with("/src/") || path == "/build.rs" {
            self.product.push_str(text);
        }
        self.all.push_str(text);
    }
}

fn unused(package: &Package, sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for dependency in &package.dependencies {
        let is_product_too = |name: &str| {
            let mut others = package.dependencies.iter();
            others.any(|other| !other.is_dev && other.name == name)
        };
        // A development line for a crate the product has already adds features to it.
        let adds_features = dependency.is_dev && is_product_too(&dependency.name);
        let text = if dependency.is_dev {
            &sources.all
        } else {
            &sources.product
        };
        let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
        if !adds_features && !package.keep.contains(name) && !names(text, &name.replace('-', "_")) {
            faults.push(format!("{}: {name}", package.name));
        }
    }
    faults
}

/// Whether a line of code holds `word` as a whole word.
fn names(text: &str, word: &str) -> bool {
    text.lines().any(|line| {
        let code = line.trim_start();
        !code.starts_with("//")
            && line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|part| part == word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn check(dependencies: &[(&str, bool)], files: &[(&str, &str)], expected: &[&str]) {
        let read = |(name, is_dev): &(&str, bool)| Dependency {
            name: (*name).to_owned(),
            rename: None,
            is_dev: *is_dev,
        };
        let package = Package {
            name: "a".to_owned(),
            dependencies: dependencies.iter().map(read).collect(),
            keep: vec!["kept".to_owned()],
            ..Package::default()
        };
        let mut sources = Sources::default();
        files
            .iter()
            .for_each(|(path, text)| sources.add(path, text));
        assert_eq!(unused(&package, &sources), expected);
    }

    #[test]
    fn a_dependency_must_be_named_where_it_is_used() {
        check(
            &[("async-trait", false)],
            &[("/src/lib.rs", "use async_trait::async_trait;")],
            &[],
        );
        check(
            &[("serde", false)],
            &[("/src/lib.rs", "// serde\nuse serde_json::Value;")],
            &["a: serde"],
        );
        check(
            &[("serde", false)],
            &[("/tests/it.rs", "use serde::Serialize;")],
            &["a: serde"],
        );
        check(
            &[("proptest", true)],
            &[("/tests/it.rs", "proptest! {}")],
            &[],
        );
        check(
            &[("proptest", true)],
            &[("/src/lib.rs", "")],
            &["a: proptest"],
        );
        check(
            &[("tokio", false), ("tokio", true)],
            &[("/src/lib.rs", "tokio::select!")],
            &[],
        );
        check(
            &[("tokio", false), ("tokio", true)],
            &[("/src/lib.rs", "")],
            &["a: tokio"],
        );
        check(&[("kept", false)], &[("/src/lib.rs", "")], &[]);
    }
}
