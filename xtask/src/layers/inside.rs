//! Layers inside the core: `runtime → module → safety → bus → journal → storage`, downwards only.

/// From the top down: a layer imports what stands behind it, never what stands before it.
const LAYERS: &[&str] = &["runtime", "module", "safety", "bus", "journal", "storage"];

/// Parts with a closed list of what they import. `clock` is only types of time here.
const CLOSED: &[(&str, &[&str])] = &[("resilience", &["clock"]), ("clock", &[]), ("error", &[])];

/// What the file at `path` (below `src`, without `.rs`) imports against the layers.
pub(super) fn faults(path: &str, source: &str) -> Vec<String> {
    let here = path.split('/').next().unwrap_or(path);
    // Tests look at a layer through the ones above it.
    if path.split('/').any(|part| part == "tests") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (line, name) in imports(source) {
        if name != here && !may_import(here, &name) {
            faults.push(format!("line {line}: {here} may not import crate::{name}"));
        }
    }
    faults
}

fn may_import(here: &str, other: &str) -> bool {
    if let Some((_, allowed)) = CLOSED.iter().find(|(name, _)| *name == here) {
        return allowed.contains(&other);
    }
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    match (rank(here), rank(other)) {
        (Some(here), Some(other)) => here < other,
        (None, Some(_)) => here != "event",
        _ => true,
    }
}

/// Every `crate::name` outside comments, with its line; also each name of `crate::{a, b::c}`.
fn imports(source: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> = source.lines().map(without_comment).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, mark) in code.match_indices("crate::") {
        let (before, after) = code.split_at(at);
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = before.matches('\n').count() + 1;
        let rest = after.strip_prefix(mark).unwrap_or(after);
        let names = match rest.strip_prefix('{') {
            Some(group) => heads(group),
            None => vec![word(rest)],
        };
        found.extend(
            names
                .into_iter()
                .filter(|name| !name.is_empty())
                .map(|name| (line, name)),
        );
    }
    found
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// The first names of the paths in a group, up to the brace that closes it.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut heads = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(String::new()),
            _ if depth == 0 => heads
                .last_mut()
                .into_iter()
                .for_each(|head| head.push(character)),
            _ => {}
        }
    }
    heads.iter().map(|head| word(head.trim())).collect()
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, source: &str, expected: &[&str]) {
        assert_eq!(faults(path, source), expected, "{path}: {source}");
    }

    #[test]
    fn imports_point_downwards_only() {
        check("module/context", "use crate::bus::Bus;", &[]);
        check(
            "bus",
            "use crate::journal::Journal;\nuse crate::bus::lanes;",
            &[],
        );
        check(
            "bus/tx",
            "\nuse crate::module::Health;",
            &["line 2: bus may not import crate::module"],
        );
        check(
            "storage",
            "use crate::journal;",
            &["line 1: storage may not import crate::journal"],
        );
        check("incident/service", "use crate::storage::Storage;", &[]);
        check("event", "use crate::clock::Timestamp;", &[]);
        check(
            "event/action",
            "use crate::storage;",
            &["line 1: event may not import crate::storage"],
        );
        check(
            "resilience",
            "use crate::metrics;",
            &["line 1: resilience may not import crate::metrics"],
        );
    }

    #[test]
    fn groups_and_plain_paths_count_and_comments_do_not() {
        let group = "use crate::{\n    error::Error,\n    bus::{Bus, module},\n};";
        check(
            "journal",
            group,
            &["line 1: journal may not import crate::bus"],
        );
        check(
            "storage",
            "fn f() -> crate::bus::Bus {}",
            &["line 1: storage may not import crate::bus"],
        );
        check(
            "storage",
            "/// See [`crate::bus`].\n// use crate::bus;",
            &[],
        );
        check("storage", "use other_crate::bus;", &[]);
    }
}
