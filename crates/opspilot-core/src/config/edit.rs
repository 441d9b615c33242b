//! Edits of one rule in the text of a configuration file: its own lines change, everything else stays as it was written.
//!
//! A text in, a text out; nothing outside is looked at. What comes out is held against what went in: both are read, and
//! apart from the one rule they must say the same. So a text that would reach out of its rule (by indentation, an anchor,
//! a quote that does not end) is refused rather than understood.
//!
//! Only the lines of rules are ever handed out, and none where the options of the rules have a secret.

mod fill;
mod first;
mod lines;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::diff::DiffLine;
use super::fault::{ConfigErrors, Fault, KeyPath, Report};
use super::modules::{ModuleOptions, ModuleSchema};
use super::tree::{Node, Value};
use super::{parse, schema};

use self::lines::Lines;

/// The most bytes of a rule.
pub const RULE_LENGTH: usize = 64 << 10;

/// A configuration file whose rules are edited.
#[derive(Clone, Copy)]
pub struct RuleFile<'a> {
    text: &'a str,
    path: &'a Path,
    module: &'a ModuleSchema,
}

/// What should become of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleEdit<'a> {
    /// The rule of this id gets another text.
    Change(&'a str, &'a str),
    /// A rule is added behind the last one; for the first, its list and its section are made.
    Add(&'a str),
    /// The rule of this id goes.
    Remove(&'a str),
}

/// A new text of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Edited {
    /// The text of the whole file, for programs.
    pub text: String,
    /// What differs, line by line. It shows lines of rules alone.
    pub diff: Vec<DiffLine>,
    /// The id of the rule as it was, for a new one as it is.
    pub rule_id: String,
}

/// Why a rule cannot be read or edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The new text of the rule has faults, with their places in it.
    #[error("{0}")]
    Rule(ConfigErrors),
    /// The file has faults.
    #[error("{0}")]
    File(ConfigErrors),
    /// The file has no such rule.
    #[error("the file has no rule `{0}`")]
    NoSuchRule(String),
    /// The file has such a rule already.
    #[error("the file has a rule `{0}` already: give the new one another id")]
    Exists(String),
    /// The way in which the file is written does not allow it.
    #[error("{0}")]
    Awkward(&'static str),
    /// Nothing would differ.
    #[error("nothing would change")]
    Same,
}

/// The new lines, the rules that they must say, and the id of the one that changed.
type Made<'a> = (Lines<'a>, Vec<Node>, String);

const FLOW: &str = "the rules of this detector are written in braces or brackets (JSON): write them as a list with \
                    `- id: …` on a line of its own, or change the file by hand";
const SECRET: &str = "the rules of this detector hold a secret: change the file by hand";
const ENTANGLED: &str = "this would change more than the one rule (an anchor, an alias or the indentation): change the file by hand";
const NO_LIST: &str = "the file has no rules for this detector, and it is not written so that some could be added: write the \
                       first one by hand, below `rules:`";
const LAST: &str = "it is the only rule of its detector: switch it off with `enabled: false`";
const TWICE: &str = "several rules of this detector have the id: change the file by hand";
const NO_ID: &str = "the rule has no id: write `id: …`";

impl<'a> RuleFile<'a> {
    /// The rules of `module` in the file `text`, which faults call `path`.
    #[must_use]
    pub const fn new(text: &'a str, path: &'a Path, module: &'a ModuleSchema) -> Self {
        Self { text, path, module }
    }

    /// The text of the rule `id`, as it would stand by itself: from the left margin, without the dash of its list.
    ///
    /// # Errors
    /// When there is no such rule, or it cannot be told apart from the rest.
    pub fn rule(&self, id: &str) -> Result<String, EditError> {
        let tree = self.tree(self.text)?;
        let rules = self.rules(&tree)?;
        let node = rules.get(find(rules, id)?).ok_or(EditError::Same)?;
        Ok(self.locate(node)?.1)
    }

    /// The file after `edit`.
    ///
    /// # Errors
    /// When the new rule has faults, there is no such rule, or more than the one rule would change.
    pub fn edit(&self, edit: RuleEdit<'_>) -> Result<Edited, EditError> {
        let tree = self.tree(self.text)?;
        let mut wanted = tree.clone();
        let (lines, expected, rule_id) = match edit {
            RuleEdit::Change(id, text) => self.change(self.rules(&tree)?, id, text)?,
            RuleEdit::Add(text) => match self.rules(&tree) {
                Ok([]) | Err(EditError::Awkward(NO_LIST)) => self.add_first(&mut wanted, text)?,
                rules => self.add(rules?, text)?,
            },
            RuleEdit::Remove(id) => self.remove(self.rules(&tree)?, id)?,
        };
        let text = lines.text();
        set_rules(&mut wanted, &self.module.id, expected);
        match self.tree(&text) {
            Ok(found) if found.same(&wanted) => {}
            _ => return Err(EditError::Awkward(ENTANGLED)),
        }
        if text == self.text {
            return Err(EditError::Same);
        }
        let diff = lines.diff();
        Ok(Edited {
            text,
            diff,
            rule_id,
        })
    }

    fn change(&self, rules: &[Node], id: &str, text: &str) -> Result<Made<'a>, EditError> {
        let at = find(rules, id)?;
        let old = rules.get(at).ok_or(EditError::Same)?;
        let (text, new) = self.read_rule(text, Some(old))?;
        let new_id = id_of(&new).ok_or(EditError::Awkward(NO_ID))?;
        if new_id != id && find(rules, &new_id).is_ok() {
            return Err(EditError::Exists(new_id));
        }
        let (span, _) = self.locate(old)?;
        let mut expected = rules.to_vec();
        expected.splice(at..=at, [new]);
        let lines = Lines::of(self.text).replaced(&span, &text);
        Ok((lines, expected, id.to_owned()))
    }

    fn add(&self, rules: &[Node], text: &str) -> Result<Made<'a>, EditError> {
        let (text, new) = self.read_rule(text, None)?;
        let id = id_of(&new).ok_or(EditError::Awkward(NO_ID))?;
        if find(rules, &id).is_ok() {
            return Err(EditError::Exists(id));
        }
        let last = rules.last().ok_or(EditError::Awkward(NO_LIST))?;
        let (span, _) = self.locate(last)?;
        let expected = rules.iter().cloned().chain([new]).collect();
        Ok((Lines::of(self.text).added(&span, &text), expected, id))
    }

    fn remove(&self, rules: &[Node], id: &str) -> Result<Made<'a>, EditError> {
        let at = find(rules, id)?;
        if rules.len() < 2 {
            return Err(EditError::Awkward(LAST));
        }
        let (span, _) = self.locate(rules.get(at).ok_or(EditError::Same)?)?;
        let mut expected = rules.to_vec();
        expected.remove(at);
        let lines = Lines::of(self.text).removed(&span);
        Ok((lines, expected, id.to_owned()))
    }

    /// Reads the new text of a rule as it stands by itself.
    fn read_rule(&self, text: &str, old: Option<&Node>) -> Result<(String, Node), EditError> {
        let text = lines::tidy(text);
        if text.len() > RULE_LENGTH {
            let message = format!("the rule is longer than {RULE_LENGTH} bytes");
            let fault = Fault::new(super::Origin::Inline, KeyPath::default(), message);
            return Err(EditError::Rule(fault.into()));
        }
        ModuleOptions::with_rule(self.module, &text).map_err(EditError::Rule)?;
        let mut node = read_alone(&text).map_err(EditError::Rule)?;
        if let Value::List(_) = node.value {
            let message = "a rule stands by itself here, not in a list";
            let fault = Fault::new(node.origin.clone(), KeyPath::default(), message);
            return Err(EditError::Rule(fault.help("leave out the dash").into()));
        }
        if let Some(fault) = fill::added(&mut node, old) {
            return Err(EditError::Rule(fault.into()));
        }
        Ok((text, node))
    }

    /// Where a rule stands, and its text by itself, which is proved to say the same.
    fn locate(&self, node: &Node) -> Result<(lines::Span, String), EditError> {
        let lines = Lines::of(self.text);
        let spans = lines.spans(&node.origin).ok_or(EditError::Awkward(FLOW))?;
        for span in spans {
            let text = lines.alone(&span);
            if read_alone(&text).is_ok_and(|alone| alone.same(node)) {
                return Ok((span, text));
            }
        }
        Err(EditError::Awkward(ENTANGLED))
    }

    fn tree(&self, text: &str) -> Result<Node, EditError> {
        parse(text, self.path).map_err(|fault| EditError::File(fault.into()))
    }

    /// The rules of the module, none of which holds a secret.
    fn rules<'t>(&self, tree: &'t Node) -> Result<&'t [Node], EditError> {
        let section = tree.at(["modules", &self.module.id]);
        let rules = section.and_then(|section| section.get("rules"));
        let Some(Value::List(rules)) = rules.map(|rules| &rules.value) else {
            return Err(EditError::Awkward(NO_LIST));
        };
        if section.is_some_and(|section| self.has_secret(section)) {
            return Err(EditError::Awkward(SECRET));
        }
        Ok(rules)
    }

    fn has_secret(&self, section: &Node) -> bool {
        let mut section = section.clone();
        section.remove("enabled");
        let path = KeyPath::of(["modules", &self.module.id]);
        let schema = self.module.schema.as_value();
        // It marks what is secret; what it finds wrong, the check of the whole file tells.
        schema::check(&mut section, schema, path, &mut Report::default());
        section.get("rules").is_some_and(Node::holds_hidden)
    }
}

impl std::fmt::Debug for RuleFile<'_> {
    /// Leaves the text out: some of it may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleFile")
            .field("path", &self.path)
            .field("module", &self.module.id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Edited {
    /// Leaves the text out: some of it may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edited")
            .field("diff", &self.diff)
            .finish_non_exhaustive()
    }
}

/// A rule that stands by itself.
fn read_alone(text: &str) -> Result<Node, ConfigErrors> {
    let source = super::yaml::Source::File("rule".into());
    Ok(super::yaml::parse(text, &source)?)
}

/// The place of the one rule `id`.
fn find(rules: &[Node], id: &str) -> Result<usize, EditError> {
    let mut found = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| id_of(rule).as_deref() == Some(id));
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err(EditError::Awkward(TWICE)),
        (None, _) => Err(EditError::NoSuchRule(id.to_owned())),
    }
}

fn id_of(rule: &Node) -> Option<String> {
    match &rule.get("id")?.value {
        Value::Text(id) => Some(id.clone()),
        Value::Integer(id) => Some(id.to_string()),
        _ => None,
    }
}

fn set_rules(tree: &mut Node, module: &str, rules: Vec<Node>) {
    let path = ["modules", module, "rules"].map(str::to_owned);
    let origin = tree.origin.clone();
    tree.set(&path, Node::new(Value::List(rules), origin));
}
