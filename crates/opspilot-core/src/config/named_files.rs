//! The files that options name: keys, certificates, tokens, databases. They are this server's own.

use std::path::PathBuf;

use super::Config;
use super::tree::{Node, Value};

/// What SQLite puts beside a database (sqlite.org/tempfiles.html).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

impl Config {
    /// The files that options name for this server's own use, as they are written: keys, certificates, tokens, ways to
    /// clusters, databases. What is read as a source or written as a channel is not among them.
    #[must_use]
    pub fn named_files(&self) -> Vec<PathBuf> {
        let database = &self.storage.options.db_path;
        let beside = BESIDE.iter().map(|ending| {
            let mut name = database.clone().into_os_string();
            name.push(ending);
            name.into()
        });
        let mut files: Vec<PathBuf> = beside.chain([database.clone()]).collect();
        collect(&self.root, &mut files);
        for module in self.modules() {
            collect(&module.options, &mut files);
        }
        files
    }
}

fn collect(node: &Node, files: &mut Vec<PathBuf>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect(item, files)),
        Value::Map(entries) => {
            for entry in entries {
                match &entry.node.value {
                    Value::Text(text) if names_file(&entry.key) && !text.is_empty() => {
                        files.push(text.into());
                    }
                    _ => collect(&entry.node, files),
                }
            }
        }
        _ => {}
    }
}

/// True for `keyFile`, `tokenPath` and their like. `path` alone is what a source reads or a channel writes.
fn names_file(key: &str) -> bool {
    key.ends_with("File") || key.ends_with("Path") || key == "kubeconfig" || key == "file"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schemars::json_schema;

    use super::super::{Environment, KnownModules, ModuleSchema, load_text};

    #[test]
    fn keys_and_databases_are_named_and_logs_are_not() {
        let known = KnownModules::from_iter([ModuleSchema {
            id: "ui.test".into(),
            schema: json_schema!({ "type": "object" }),
            enabled_by_default: false,
        }]);
        let yaml = "storage: { options: { dbPath: /d/x.db } }\nauth: { jwks: { file: /d/jwks } }\nmodules:\n  ui.test:\n    \
                    listeners: [{ tls: { keyFile: '${KEY}', certFile: /d/cert } }]\n    tokenPath: /d/token\n    \
                    kubeconfig: ''\n    path: /var/log/a\n    paths: [/var/log/b]\n";
        let environment = Environment::from_iter([("KEY", "/d/key")]);
        let loaded = load_text(yaml, Path::new("a.yaml"), &environment, &known).unwrap();
        let mut files = loaded.config.named_files();
        files.sort();
        let expected = [
            "/d/cert",
            "/d/jwks",
            "/d/key",
            "/d/token",
            "/d/x.db",
            "/d/x.db",
            "/d/x.db-journal",
            "/d/x.db-shm",
            "/d/x.db-wal",
        ];
        assert_eq!(files, expected.map(std::path::PathBuf::from));
    }
}
