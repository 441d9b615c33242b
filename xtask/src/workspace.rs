//! What cargo knows about the workspace, read from `cargo metadata`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{self, cargo};

/// The cargo profile of every step that CI runs, so that nothing is compiled twice.
pub(crate) const PROFILE: &str = "ci";

/// The workspace and its members.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// The members, by name.
    pub(crate) members: Vec<Package>,
}

/// A crate of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its folder, relative to the root, with `/` between the names.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Each feature with what it switches on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Names of its benchmarks.
    pub(crate) benches: Vec<String>,
    /// `package.metadata.unused.keep`: dependencies that only switch on features.
    pub(crate) keep: Vec<String>,
}

/// A line of a manifest's dependency tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The name sources use, where the manifest renames the crate.
    pub(crate) rename: Option<String>,
    pub(crate) is_dev: bool,
}

impl Workspace {
    /// Reads the workspace that holds the current folder.
    ///
    /// # Errors
    /// If cargo fails, which a manifest that does not parse makes it do.
    pub(crate) fn load() -> Result<Self> {
        let here = std::env::current_dir().context("no current folder")?;
        let mut command = cargo(&here, "metadata --format-version 1 --no-deps");
        let data: Value = serde_json::from_str(&process::output(&mut command)?)?;
        let root = PathBuf::from(text(&data, "workspace_root"));
        let mut members: Vec<Package> = list(&data, "packages")
            .iter()
            .map(|package| Package::read(package, &root))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let target = PathBuf::from(text(&data, "target_directory"));
        Ok(Self {
            root,
            target,
            members,
        })
    }
}

impl Package {
    fn read(data: &Value, root: &Path) -> Self {
        let manifest = PathBuf::from(text(data, "manifest_path"));
        let folder = manifest.parent().unwrap_or(root);
        let folder = folder.strip_prefix(root).unwrap_or(folder);
        let benches = list(data, "targets")
            .iter()
            .filter(|target| list(target, "kind").iter().any(|kind| kind == "bench"));
        let features = data.get("features").and_then(Value::as_object);
        Self {
            name: text(data, "name"),
            version: text(data, "version"),
            folder: folder.to_string_lossy().replace('\\', "/"),
            dependencies: list(data, "dependencies")
                .iter()
                .map(Dependency::read)
                .collect(),
            features: features
                .into_iter()
                .flatten()
                .map(|(name, on)| (name.clone(), strings(on)))
                .collect(),
            benches: benches.map(|bench| text(bench, "name")).collect(),
            keep: data
                .pointer("/metadata/unused/keep")
                .map(strings)
                .unwrap_or_default(),
        }
    }
}

impl Dependency {
    fn read(data: &Value) -> Self {
        Self {
            name: text(data, "name"),
            rename: data
                .get("rename")
                .and_then(Value::as_str)
                .map(str::to_owned),
            is_dev: text(data, "kind") == "dev",
        }
    }
}

/// The text under `key`, or nothing.
pub(crate) fn text(data: &Value, key: &str) -> String {
    data.get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The list under `key`, or an empty one.
pub(crate) fn list<'a>(data: &'a Value, key: &str) -> &'a [Value] {
    data.get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub(crate) fn strings(data: &Value) -> Vec<String> {
    let items = data.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The files git tracks or would track, below `under` and relative to the root.
///
/// # Errors
/// If the folder is no git checkout.
pub(crate) fn files(root: &Path, under: &str) -> Result<Vec<String>> {
    let mut command = process::program(root, "git");
    command.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        under,
    ]);
    let listed = process::output(&mut command)?;
    let mut files: Vec<String> = listed
        .split('\0')
        .filter(|file| !file.is_empty() && root.join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}
