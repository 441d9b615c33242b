//! Values from variables and other files: a rule that is edited from afar gets no new ones. It could show a secret of the
//! server in the title of an incident.

use std::collections::BTreeSet;

use super::super::fault::{Fault, KeyPath};
use super::super::tree::Node;

/// The fault of the first value that `node` is filled in with and `old` is not, in the same place.
pub(super) fn added(node: &mut Node, old: Option<&Node>) -> Option<Fault> {
    let mut known = BTreeSet::new();
    if let Some(old) = old {
        let mut collect = |path: &KeyPath, node: &mut Node| {
            known.extend(fills(node).into_iter().map(|fill| (path.to_string(), fill)));
        };
        old.clone()
            .visit_texts(&mut KeyPath::default(), &mut collect);
    }
    let mut found = None;
    let mut look = |path: &KeyPath, node: &mut Node| {
        let mut fills = fills(node).into_iter();
        let new = fills.find(|fill| !known.contains(&(path.to_string(), fill.clone())));
        if let (None, Some(fill)) = (&found, new) {
            let message = format!("`{fill}` takes a value from outside of the rule");
            let help = "write that into the file by hand, or `$${` for a literal `${`";
            found = Some(Fault::new(node.origin.clone(), path.clone(), message).help(help));
        }
    };
    node.visit_texts(&mut KeyPath::default(), &mut look);
    found
}

/// Every `${…}` of a text; `$${` is a literal one.
fn fills(node: &Node) -> Vec<String> {
    let super::super::tree::Value::Text(text) = &node.value else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        if !before.ends_with('$') {
            let inside = after.split('}').next().unwrap_or_default();
            found.push(format!("${{{inside}}}"));
        }
        rest = after;
    }
    found
}
