//! Decides which lines form one record.

use memchr::memmem;
use regex::bytes::Regex;

/// Joins lines into records.
#[derive(Debug)]
pub(super) struct Joiner {
    rule: Rule,
    max_lines: usize,
}

#[derive(Debug)]
enum Rule {
    /// Stack traces of Java, Python, Go, Rust and Node.
    Traces,
    /// A line that matches starts a record; the others belong to the one before.
    Start(Regex),
    /// A line that matches belongs to the record before.
    Continue(Regex),
}

/// What a line that belongs to no open record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// A record by itself.
    Whole,
    /// The start of a record that later lines may join.
    Open(Trace),
}

/// What is expected next inside of an open record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trace {
    /// Whatever the configured pattern says.
    Pattern,
    /// Frames below a Java or Node exception; `braces` counts the error's properties that Node prints in braces.
    Frames {
        /// Inside of `{ … }`.
        braces: bool,
    },
    /// Node's report of an uncaught exception: the source line, the caret, a blank line and the exception.
    NodeSource(u8),
    /// The blank line behind Node's frames; `Node.js v…` may follow.
    NodeEnd,
    /// The frames of a Python traceback.
    PythonFrames,
    /// Behind the exception of a Python traceback; a chained one may follow.
    PythonEnd,
    /// A sentence that announces a chained traceback was read.
    PythonChain,
    /// The message of a Rust panic is in the next line.
    RustMessage,
    /// The rest of a Rust panic.
    RustBody,
    /// A Go panic or goroutine dump.
    Go,
}

impl Joiner {
    /// Joins the stack traces of five languages.
    pub(super) const fn traces(max_lines: usize) -> Self {
        Self {
            rule: Rule::Traces,
            max_lines,
        }
    }

    /// Starts a record at every line that matches `pattern`.
    pub(super) const fn start(pattern: Regex, max_lines: usize) -> Self {
        Self {
            rule: Rule::Start(pattern),
            max_lines,
        }
    }

    /// Adds every line that matches `pattern` to the record before.
    pub(super) const fn continuing(pattern: Regex, max_lines: usize) -> Self {
        Self {
            rule: Rule::Continue(pattern),
            max_lines,
        }
    }

    /// How many lines a record has at most.
    pub(super) const fn max_lines(&self) -> usize {
        self.max_lines
    }

    /// What `line` starts when it joins nothing before it.
    pub(super) fn begins(&self, line: &[u8]) -> Advance {
        match self.rule {
            Rule::Traces => head(line).map_or(Advance::Whole, Advance::Open),
            Rule::Start(_) | Rule::Continue(_) => Advance::Open(Trace::Pattern),
        }
    }

    /// True if `line` belongs to the open record whose state is `trace`. A blank line is given as an empty one.
    pub(super) fn joins(&self, trace: &mut Trace, line: &[u8]) -> bool {
        match &self.rule {
            Rule::Start(pattern) => !pattern.is_match(line),
            Rule::Continue(pattern) => pattern.is_match(line),
            Rule::Traces => match next(*trace, line) {
                Some(follows) => {
                    *trace = follows;
                    true
                }
                None => false,
            },
        }
    }
}

/// The kind of trace that `line` may start. A line that only looks like it is not harmed: nothing will join it.
fn head(line: &[u8]) -> Option<Trace> {
    if is_python_head(line) {
        return Some(Trace::PythonFrames);
    }
    if contains(line, b" panicked at ") && contains(line, b"thread '") {
        let message_follows = line.ends_with(b":");
        return Some(if message_follows {
            Trace::RustMessage
        } else {
            Trace::RustBody
        });
    }
    if starts_with_any(line, &[b"panic: ", b"fatal error: "]) || is_goroutine(line) {
        return Some(Trace::Go);
    }
    if is_node_location(line) {
        return Some(Trace::NodeSource(0));
    }
    names_exception(line).then_some(Trace::Frames { braces: false })
}

/// The state behind `line` if it belongs to a trace in state `trace`.
fn next(trace: Trace, line: &[u8]) -> Option<Trace> {
    let indented = line
        .first()
        .is_some_and(|&byte| byte == b' ' || byte == b'\t');
    let text = line.trim_ascii();
    match trace {
        Trace::Pattern => None,
        Trace::Frames { braces: true } => (indented || text == b"}").then_some(Trace::Frames {
            braces: text != b"}",
        }),
        Trace::Frames { braces: false } => next_frame(text, indented),
        Trace::NodeSource(step) => next_of_node_report(step, line),
        Trace::NodeEnd => line.starts_with(b"Node.js v").then_some(Trace::NodeEnd),
        Trace::PythonFrames if indented => Some(Trace::PythonFrames),
        Trace::PythonFrames => is_python_exception(text).then_some(Trace::PythonEnd),
        Trace::PythonEnd if text.is_empty() => Some(Trace::PythonEnd),
        Trace::PythonEnd => is_python_chain(text).then_some(Trace::PythonChain),
        Trace::PythonChain if text.is_empty() => Some(Trace::PythonChain),
        Trace::PythonChain => is_python_head(text).then_some(Trace::PythonFrames),
        Trace::RustMessage => (!text.is_empty()).then_some(Trace::RustBody),
        Trace::RustBody => {
            let known = starts_with_any(line, &[b"note: ", b"stack backtrace:"]);
            (indented || known).then_some(Trace::RustBody)
        }
        Trace::Go => (indented || is_go(text)).then_some(Trace::Go),
    }
}

fn next_frame(text: &[u8], indented: bool) -> Option<Trace> {
    if text.is_empty() {
        return Some(Trace::NodeEnd);
    }
    let cause = starts_with_any(text, &[b"Caused by: ", b"Suppressed: "]);
    let frame = starts_with_any(text, &[b"at ", b"... ", b"- locked ", b"[cause]: "]);
    (cause || (indented && frame)).then(|| Trace::Frames {
        braces: text.ends_with(b" {"),
    })
}

fn next_of_node_report(step: u8, line: &[u8]) -> Option<Trace> {
    let carets = line
        .iter()
        .all(|&byte| byte == b' ' || byte == b'\t' || byte == b'^');
    match step {
        0 if !line.is_empty() => Some(Trace::NodeSource(1)),
        1 if carets && !line.is_empty() => Some(Trace::NodeSource(2)),
        2 if line.is_empty() => Some(Trace::NodeSource(3)),
        3 if names_exception(line) => Some(Trace::Frames { braces: false }),
        _ => None,
    }
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    memmem::find(line, part).is_some()
}

fn starts_with_any(line: &[u8], starts: &[&[u8]]) -> bool {
    starts.iter().any(|start| line.starts_with(start))
}

/// `…Exception: …`, `…Error` at the end of the line, `Exception in thread …`.
fn names_exception(line: &[u8]) -> bool {
    [&b"Exception"[..], b"Error", b"Throwable"]
        .iter()
        .any(|name| {
            memmem::find_iter(line, name).any(|at| {
                let behind = line.get(at + name.len()..).unwrap_or_default();
                behind.trim_ascii().is_empty()
                    || starts_with_any(behind, &[b": ", b" [", b" in thread "])
            })
        })
}

/// `/srv/app/index.js:12` and `node:internal/modules:988`: how Node starts its report of an uncaught exception.
fn is_node_location(line: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr(b':', line) else {
        return false;
    };
    let (file, number) = line.split_at(colon);
    let number = number.get(1..).unwrap_or_default();
    let script = file.starts_with(b"node:")
        || [&b".js"[..], b".mjs", b".cjs", b".ts"]
            .iter()
            .any(|ending| file.ends_with(ending));
    script && !number.is_empty() && number.iter().all(u8::is_ascii_digit) && !contains(file, b" ")
}

fn is_python_head(line: &[u8]) -> bool {
    line.trim_ascii_end()
        .ends_with(b"Traceback (most recent call last):")
}

/// `package.Name: message`, `KeyboardInterrupt`.
fn is_python_exception(text: &[u8]) -> bool {
    let end = memchr::memchr(b':', text).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    let is_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || *byte >= 0x80;
    !name.is_empty() && name.iter().all(is_word)
}

/// The two sentences of CPython's `traceback.py`.
fn is_python_chain(text: &[u8]) -> bool {
    let starts: [&[u8]; 2] = [
        b"During handling of the above exception, another exception occurred:",
        b"The above exception was the direct cause of the following exception:",
    ];
    starts_with_any(text, &starts)
}

/// `goroutine 1 [running]:`.
fn is_goroutine(text: &[u8]) -> bool {
    text.starts_with(b"goroutine ") && text.ends_with(b"]:")
}

fn is_go(text: &[u8]) -> bool {
    let starts: [&[u8]; 6] = [
        b"panic: ",
        b"[signal ",
        b"created by ",
        b"exit status ",
        b"runtime stack:",
        b"...additional frames",
    ];
    let call = text.ends_with(b")") && contains(text, b"(") && !contains(text, b" (");
    text.is_empty() || is_goroutine(text) || starts_with_any(text, &starts) || call
}

#[cfg(test)]
mod tests;
