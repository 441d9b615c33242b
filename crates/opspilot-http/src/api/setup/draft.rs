//! The text of a configuration with options of modules set. Only the lines of these options change: whatever else stands
//! in the file, comments too, stays as it is.
//!
//! Files are changed where they are written in block style, one key a line. What is written as `{…}` is left to a person.

use serde_json::{Map, Value};

use super::flow::flow;

/// Why a text cannot be changed by a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} does not have one key a line: change it by hand")]
pub(super) struct NotBlock {
    line: usize,
}

/// Lines `from` to before `to`, whose keys stand at `indent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    /// The line of the key that the block belongs to.
    head: usize,
    to: usize,
    indent: usize,
}

/// A text in lines, and how lines end.
#[derive(Debug)]
pub(super) struct Draft(Vec<String>, &'static str);

impl Draft {
    pub(super) fn of(text: &str) -> Self {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self(text.lines().map(str::to_owned).collect(), end)
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.0.join(self.1);
        text.push_str(self.1);
        text
    }

    /// Sets options of `module`; others that it has stay.
    pub(super) fn set(
        &mut self,
        module: &str,
        options: &Map<String, Value>,
    ) -> Result<(), NotBlock> {
        let mut block = self.module(module)?;
        // New ones go to the top of the section, one above the other: `enabled` at last.
        let mut sorted: Vec<_> = options.iter().rev().collect();
        sorted.sort_by_key(|(key, _)| *key == "enabled");
        for (key, value) in sorted {
            let lines = vec![format!("{}{key}: {}", pad(block.indent), flow(value))];
            match self.find(block, key) {
                Some(at) => {
                    let end = self.end_of_value(at, block);
                    self.0.splice(at..end, lines);
                }
                None => drop(self.0.splice(block.head + 1..block.head + 1, lines)),
            }
            block = self.block(block.head)?;
        }
        Ok(())
    }

    /// Adds an entry to the list `key` of `module`.
    pub(super) fn add(&mut self, module: &str, key: &str, entry: &Value) -> Result<(), NotBlock> {
        let block = self.module(module)?;
        let Some(at) = self.find(block, key) else {
            let lines = [
                format!("{}{key}:", pad(block.indent)),
                format!("{}- {}", pad(block.indent + 2), flow(entry)),
            ];
            let end = self.last_of(block);
            self.0.splice(end..end, lines);
            return Ok(());
        };
        let end = self.end_of_value(at, block);
        let value = self.value(at);
        if value == "[]" || (value.is_empty() && end == at + 1) {
            let lines = [
                format!("{}{key}:", pad(block.indent)),
                format!("{}- {}", pad(block.indent + 2), flow(entry)),
            ];
            self.0.splice(at..end, lines);
            return Ok(());
        }
        let items = self.0.get(at + 1..end).unwrap_or_default();
        let first = items.iter().find(|line| !is_idle(line));
        match first.filter(|line| value.is_empty() && line.trim_start().starts_with('-')) {
            Some(first) => {
                let line = format!("{}- {}", pad(indent(first)), flow(entry));
                self.0.insert(end, line);
                Ok(())
            }
            None => Err(NotBlock { line: at + 1 }),
        }
    }

    /// The section of a module, which is made if there is none.
    fn module(&mut self, id: &str) -> Result<Block, NotBlock> {
        let root = Block {
            head: 0,
            to: self.0.len(),
            indent: 0,
        };
        let head = match self.0.iter().position(|line| is_key(line, "modules", 0)) {
            Some(head) => head,
            None => {
                self.0.truncate(self.last_of(root));
                self.0.push("modules:".to_owned());
                self.0.len() - 1
            }
        };
        let modules = self.block(head)?;
        if let Some(at) = self.find(modules, id) {
            return self.block(at);
        }
        let end = self.last_of(modules).max(head + 1);
        let line = format!("{}{id}:", pad(modules.indent));
        self.0.insert(end, line);
        self.block(end)
    }

    /// The block below the key at `head`.
    fn block(&self, head: usize) -> Result<Block, NotBlock> {
        if !self.value(head).is_empty() {
            return Err(NotBlock { line: head + 1 });
        }
        let own = self.0.get(head).map_or(0, |line| indent(line));
        let below = self.0.iter().enumerate().skip(head + 1);
        let mut content = below.filter(|(_, line)| !is_idle(line));
        let first = content.next().map(|(_, line)| indent(line));
        let rest = self.0.iter().enumerate().skip(head + 1);
        let mut rest = rest.filter(|(_, line)| !is_idle(line));
        let to = rest.find(|(_, line)| indent(line) <= own);
        Ok(Block {
            head,
            to: to.map_or(self.0.len(), |(at, _)| at),
            indent: first.filter(|found| *found > own).unwrap_or(own + 2),
        })
    }

    /// The line of a key of a block.
    fn find(&self, block: Block, key: &str) -> Option<usize> {
        let lines = self.0.iter().enumerate();
        let mut lines = lines.take(block.to).skip(block.head + 1);
        let found = lines.find(|(_, line)| is_key(line, key, block.indent));
        found.map(|(at, _)| at)
    }

    /// The line behind the value of the key at `at`.
    fn end_of_value(&self, at: usize, block: Block) -> usize {
        let mut end = at + 1;
        let lines = self.0.iter().enumerate().take(block.to).skip(at + 1);
        for (index, line) in lines {
            if is_idle(line) {
                continue;
            }
            let is_item = indent(line) == block.indent && line.trim_start().starts_with("- ");
            if indent(line) <= block.indent && !is_item {
                break;
            }
            end = index + 1;
        }
        end
    }

    /// The line behind the last one of a block that says something.
    fn last_of(&self, block: Block) -> usize {
        let lines = self.0.get(..block.to).unwrap_or_default();
        let last = lines.iter().rposition(|line| !is_idle(line));
        last.map_or(0, |last| last + 1)
    }

    /// What stands behind the key at `at`, without a comment.
    fn value(&self, at: usize) -> &str {
        let line = self.0.get(at).map_or("", String::as_str);
        let value = line.split_once(':').map_or("", |(_, value)| value.trim());
        // Module ids hold no colon; a quoted key does not either.
        match value.starts_with('#') {
            true => "",
            false => value.split(" #").next().unwrap_or_default().trim_end(),
        }
    }
}

/// True if a line says nothing.
fn is_idle(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn pad(indent: usize) -> String {
    " ".repeat(indent)
}

fn is_key(line: &str, key: &str, at: usize) -> bool {
    if indent(line) != at {
        return false;
    }
    let line = line.trim_start();
    let quoted = [format!("\"{key}\""), format!("'{key}'"), key.to_owned()];
    quoted.iter().any(|key| {
        let rest = line.strip_prefix(key.as_str());
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    })
}

#[cfg(test)]
mod tests;
