//! Edges between crates, and the homes of heavy dependencies.

use crate::workspace::Package;

const CORE: &str = "opspilot-core";

/// What listeners share, and the crates that listen.
const NET: &str = "opspilot-net";
const LISTENERS: &[&str] = &["opspilot-http", "opspilot-connectors"];

/// Each heavy dependency with the crates it may live in. A name that ends in `-` stands for all
/// that start so. Longer than a reviewer remembers, shorter than a lock file: adding a line is a
/// reviewed decision.
///
/// `regex` and its family live in the connectors too, because a multi-line rule is a pattern.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["opspilot-storage"]),
    ("sqlx-", &["opspilot-storage"]),
    ("async-nats", &["opspilot-nats"]),
    ("axum", &["opspilot-http"]),
    ("axum-", &["opspilot-http"]),
    ("hyper", &["opspilot-net"]),
    ("hyper-", &["opspilot-net"]),
    ("tower", &["opspilot-net"]),
    ("tower-http", &["opspilot-http"]),
    ("tokio-tungstenite", &["opspilot-http"]),
    ("argon2", &["opspilot-core"]),
    ("jsonwebtoken", &["opspilot-http"]),
    ("utoipa", &["opspilot-http"]),
    ("utoipa-", &["opspilot-http"]),
    ("rust-embed", &["opspilot-http"]),
    ("kube", &["opspilot-connectors", "opspilot-actions"]),
    ("kube-", &["opspilot-connectors", "opspilot-actions"]),
    ("k8s-openapi", &["opspilot-connectors", "opspilot-actions"]),
    ("aws-", &["opspilot-connectors"]),
    ("systemd", &["opspilot-connectors"]),
    ("syslog_loose", &["opspilot-connectors"]),
    ("notify", &["opspilot-connectors"]),
    ("flate2", &["opspilot-connectors", "opspilot-http"]),
    ("zstd", &["opspilot-connectors"]),
    (
        "regex",
        &[
            "opspilot-detectors",
            "opspilot-connectors",
            "opspilot-actions",
        ],
    ),
    ("regex-", &["opspilot-detectors", "opspilot-connectors"]),
    (
        "aho-corasick",
        &["opspilot-detectors", "opspilot-connectors"],
    ),
    ("ndarray", &["opspilot-detectors"]),
    ("mail-send", &["opspilot-notifiers"]),
    (
        "reqwest",
        &[
            "opspilot-connectors",
            "opspilot-enrichers",
            "opspilot-actions",
            "opspilot-notifiers",
            // The public keys of an identity provider.
            "opspilot-http",
            // Commands that ask a running server.
            "opspilot-server",
        ],
    ),
    ("rmcp", &["opspilot-openclaw"]),
    ("landlock", &["opspilot-actions", "opspilot-plugins"]),
    ("seccompiler", &["opspilot-actions", "opspilot-plugins"]),
    ("opentelemetry", &["opspilot-server"]),
    // The messages that `connector.otlp` reads and `telemetry.otlp` writes.
    (
        "opentelemetry-",
        &["opspilot-server", "opspilot-connectors"],
    ),
    ("prost", &["opspilot-server", "opspilot-connectors"]),
    ("tracing-opentelemetry", &["opspilot-server"]),
    ("tracing-subscriber", &["opspilot-server"]),
    ("clap", &["opspilot-server"]),
    ("clap_complete", &["opspilot-server"]),
    ("indicatif", &["opspilot-server"]),
    ("ratatui", &["opspilot-server"]),
];

/// What the manifests get wrong, one line each.
pub(super) fn faults(members: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in members {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if members.iter().any(|member| member.name == name) {
                if !may_import(package, name) {
                    faults.push(format!("{} may not import {name}", package.name));
                }
            } else if !dependency.is_dev && !may_house(&package.name, name) {
                faults.push(format!("{} is no home for {name}", package.name));
            }
        }
    }
    faults
}

/// Tests count like code here: what two siblings need moves down to the core, and what is tested
/// across crates moves up to the server.
fn may_import(package: &Package, other: &str) -> bool {
    if package.folder.starts_with("apps/") {
        return other.starts_with("opspilot-");
    }
    let listens = other == NET && LISTENERS.contains(&package.name.as_str());
    package.folder.starts_with("crates/") && package.name != CORE && (other == CORE || listens)
}

/// Tests do not count here: a client in a test does not reach the product.
fn may_house(package: &str, dependency: &str) -> bool {
    let names = |pattern: &str| match pattern.strip_suffix('-') {
        Some(_) => dependency.starts_with(pattern),
        None => dependency == pattern,
    };
    let mut homes = HOMES.iter().filter(|(pattern, _)| names(pattern));
    homes.all(|(_, homes)| homes.contains(&package))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(folder: &str, dependencies: &[&str]) -> Package {
        let read = |name: &&str| Dependency {
            name: name.trim_end_matches(" (dev)").to_owned(),
            rename: None,
            is_dev: name.ends_with(" (dev)"),
        };
        Package {
            name: folder.rsplit('/').next().unwrap_or_default().to_owned(),
            folder: folder.to_owned(),
            dependencies: dependencies.iter().map(read).collect(),
            ..Package::default()
        }
    }

    fn check(folder: &str, dependencies: &[&str], expected: &[&str]) {
        let others = [
            "crates/opspilot-core",
            "crates/opspilot-http",
            "crates/opspilot-net",
            "apps/opspilot-server",
            "xtask",
        ];
        let mut members = vec![package(folder, dependencies)];
        members.extend(
            others
                .iter()
                .filter(|other| **other != folder)
                .map(|other| package(other, &[])),
        );
        assert_eq!(faults(&members), expected, "{folder} with {dependencies:?}");
    }

    #[test]
    fn only_the_edges_of_the_design_pass() {
        check(
            "crates/opspilot-storage",
            &["opspilot-core", "opspilot-core (dev)"],
            &[],
        );
        check(
            "apps/opspilot-server",
            &["opspilot-core", "opspilot-http"],
            &[],
        );
        let storage = "crates/opspilot-storage";
        let refused = ["opspilot-storage may not import opspilot-http"];
        check(storage, &["opspilot-http"], &refused);
        check(storage, &["opspilot-http (dev)"], &refused);
        check(
            storage,
            &["opspilot-server"],
            &["opspilot-storage may not import opspilot-server"],
        );
        check(
            "crates/opspilot-http",
            &["opspilot-net", "opspilot-net (dev)"],
            &[],
        );
        check(
            "crates/opspilot-connectors",
            &["opspilot-net", "opspilot-http"],
            &["opspilot-connectors may not import opspilot-http"],
        );
        check(
            storage,
            &["opspilot-net"],
            &["opspilot-storage may not import opspilot-net"],
        );
        check(
            "crates/opspilot-net",
            &["opspilot-core", "opspilot-http"],
            &["opspilot-net may not import opspilot-http"],
        );
        let core = "crates/opspilot-core";
        check(
            core,
            &["opspilot-http (dev)"],
            &["opspilot-core may not import opspilot-http"],
        );
        check(
            "xtask",
            &["opspilot-core"],
            &["xtask may not import opspilot-core"],
        );
        check(
            "apps/opspilot-server",
            &["xtask"],
            &["opspilot-server may not import xtask"],
        );
    }

    #[test]
    fn heavy_dependencies_stay_at_home() {
        check("crates/opspilot-storage", &["sqlx", "serde"], &[]);
        check(
            "crates/opspilot-connectors",
            &["regex", "aws-config", "reqwest"],
            &[],
        );
        check("crates/opspilot-connectors", &["sqlx (dev)"], &[]);
        check(
            "crates/opspilot-core",
            &["sqlx"],
            &["opspilot-core is no home for sqlx"],
        );
        let http = "crates/opspilot-http";
        check(http, &["tower-http", "axum"], &[]);
        check(
            http,
            &["hyper-util"],
            &["opspilot-http is no home for hyper-util"],
        );
        check(
            "crates/opspilot-net",
            &["hyper", "hyper-util", "tower"],
            &[],
        );
        check(http, &["sqlx"], &["opspilot-http is no home for sqlx"]);
        check(
            http,
            &["aws-sdk-s3"],
            &["opspilot-http is no home for aws-sdk-s3"],
        );
    }
}
