//! Features that need a library of the system, which not every machine has.

use crate::process::works;
use crate::skips::skip;
use crate::workspace::{Package, Workspace};

/// A feature, the library it links to by its name for pkg-config, and the packages that bring both.
const NATIVE: [(&str, &str, &str); 1] = [("journald", "libsystemd", "libsystemd-dev pkg-config")];

/// The features that cannot be built here. Says which, and what to install.
pub(crate) fn missing(workspace: &Workspace) -> Vec<&'static str> {
    let is_missing = |library: &str| {
        let line = format!("pkg-config --exists {library}");
        !works(&workspace.root, &line)
    };
    let absent = NATIVE.iter().filter(|(_, library, _)| is_missing(library));
    absent
        .map(|(feature, _, packages)| {
            skip(&format!(
                "the feature `{feature}` is not built: install {packages}"
            ));
            *feature
        })
        .collect()
}

/// The arguments of cargo that switch on every feature of the workspace but those.
pub(crate) fn all_but(missing: &[&str], members: &[Package]) -> String {
    if missing.is_empty() {
        return "--all-features".to_owned();
    }
    let features = members.iter().flat_map(|member| {
        let names = member.features.keys();
        let built = names.filter(|name| !missing.contains(&name.as_str()));
        built.map(|name| format!("{}/{name}", member.name))
    });
    format!("--features {}", features.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_without_its_library_is_left_out() {
        let features = ["default", "journald", "otlp"].map(|name| (name.to_owned(), Vec::new()));
        let member = Package {
            name: "a".to_owned(),
            features: features.into(),
            ..Package::default()
        };
        let members = [member];
        assert_eq!(all_but(&[], &members), "--all-features");
        assert_eq!(
            all_but(&["journald"], &members),
            "--features a/default,a/otlp"
        );
    }
}
