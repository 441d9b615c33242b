//! The first rule of a detector: its list, and perhaps its section, has to be made.

use super::lines::Lines;
use super::{EditError, Made, NO_ID, NO_LIST, RuleFile, id_of};
use crate::config::tree::{Entry, Node, Value};

/// Where the first rule comes.
struct Place {
    /// Which lines it replaces; none where both are equal.
    lines: (usize, usize),
    /// How far from the margin.
    column: usize,
    /// True if the section has to be made as well.
    needs_section: bool,
}

impl<'a> RuleFile<'a> {
    /// Adds the first rule. What else the file must say then is put into `wanted`.
    pub(super) fn add_first(&self, wanted: &mut Node, text: &str) -> Result<Made<'a>, EditError> {
        let (text, new) = self.read_rule(text, None)?;
        let id = id_of(&new).ok_or(EditError::Awkward(NO_ID))?;
        let lines = Lines::of(self.text);
        let place = self.place(wanted, &lines);
        let place = place.ok_or(EditError::Awkward(NO_LIST))?;
        let mut text = format!("rules:\n{}", indented(&item(&text)));
        if place.needs_section {
            let switch = self.switch_on(wanted);
            text = format!("{}:\n{}", self.module.id, indented(&(switch + &text)));
        }
        Ok((lines.put(place.lines, place.column, &text), vec![new], id))
    }

    /// The line that switches the module on where it is off without one.
    fn switch_on(&self, wanted: &mut Node) -> String {
        if self.module.enabled_by_default {
            return String::new();
        }
        let path = ["modules", &self.module.id, "enabled"].map(str::to_owned);
        let origin = wanted.origin.clone();
        wanted.set(&path, Node::new(Value::Bool(true), origin));
        "enabled: true\n".to_owned()
    }

    /// `None` where nothing can be put between the lines: in braces, and where there are no modules.
    fn place(&self, tree: &Node, lines: &Lines<'_>) -> Option<Place> {
        let modules = entry(tree, "modules")?;
        let Some(section) = entry(&modules.node, &self.module.id) else {
            let (_, column) = lines.key(&modules.node.entries().first()?.origin)?;
            return Some(Place {
                needs_section: true,
                ..behind(modules, lines, column)?
            });
        };
        if let Some(rules) = entry(&section.node, "rules") {
            let (line, column) = lines.key(&rules.origin)?;
            let is_plain = lines.says(line, "rules:") && matches!(rules.node.value, Value::Null);
            return (is_plain || lines.says(line, "rules: []")).then_some(Place {
                lines: (line, line + 1),
                column,
                needs_section: false,
            });
        }
        match section.node.entries().first() {
            Some(first) => behind(section, lines, lines.key(&first.origin)?.1),
            None => {
                let (_, column) = lines.key(&section.origin)?;
                behind(section, lines, column + 2)
            }
        }
    }
}

/// Behind everything that belongs to `entry`.
fn behind(entry: &Entry, lines: &Lines<'_>, column: usize) -> Option<Place> {
    let (line, outer) = lines.key(&entry.origin)?;
    let end = lines.end(line, outer);
    let is_inside = column > outer;
    is_inside.then_some(Place {
        lines: (end, end),
        column,
        needs_section: false,
    })
}

fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    node.entries().iter().find(|entry| entry.key == key)
}

/// A rule as an item of a list.
fn item(rule: &str) -> String {
    let rest = indented(rule);
    format!("-{}", rest.get(1..).unwrap_or_default())
}

fn indented(text: &str) -> String {
    let line = |line: &str| match line.is_empty() {
        true => "\n".to_owned(),
        false => format!("  {line}\n"),
    };
    text.lines().map(line).collect()
}
