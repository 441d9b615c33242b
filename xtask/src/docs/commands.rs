//! The command line, as `--help` prints it.

use std::path::Path;

use anyhow::Result;

use super::markdown::{block, page};
use crate::process::{self, program};

/// What one command prints for `--help`.
#[derive(Debug)]
pub(super) struct Help {
    /// The words of the command, the program's name first.
    title: String,
    text: String,
}

/// Asks the program, then each of its commands.
///
/// # Errors
/// If one does not answer.
pub(super) fn collect(root: &Path, binary: &Path) -> Result<Vec<Help>> {
    let ask = |words: &[&str]| {
        let mut command = program(root, binary);
        // A terminal's width must not show in a page.
        command.args(words).arg("--help").env("COLUMNS", "100");
        process::output(&mut command)
    };
    let main = ask(&[])?;
    let mut found = Vec::new();
    for name in commands(&main) {
        let text = ask(&[name])?;
        let parts = commands(&text).into_iter().map(|part| {
            Ok(Help {
                title: format!("opspilot-server {name} {part}"),
                text: ask(&[name, part])?,
            })
        });
        let parts = parts.collect::<Result<Vec<Help>>>()?;
        found.push(Help {
            title: format!("opspilot-server {name}"),
            text,
        });
        found.extend(parts);
    }
    found.insert(
        0,
        Help {
            title: "opspilot-server".to_owned(),
            text: main,
        },
    );
    Ok(found)
}

/// The names in the section `Commands:` of a help text.
fn commands(help: &str) -> Vec<&str> {
    let section = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    let lines = section.take_while(|line| line.starts_with(' ') || line.trim().is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

/// The page with every help text.
pub(super) fn page_of(help: &[Help]) -> String {
    let body: String = help
        .iter()
        .map(|help| format!("\n## {}\n\n{}", help.title, block(&help.text)))
        .collect();
    page("Command line", "What `--help` prints.", &body)
}

/// The page with the section `Exit codes:` of the main help text.
pub(super) fn exit_codes(help: &[Help]) -> String {
    let main = help.first().map_or("", |help| help.text.as_str());
    let section = main
        .lines()
        .skip_while(|line| !line.starts_with("Exit codes"));
    let lines: Vec<&str> = section.take_while(|line| !line.trim().is_empty()).collect();
    let about = "What the program leaves with, for scripts and service managers.";
    page("Exit codes", about, &block(&lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Usage: opspilot-server [COMMAND]\n\nCommands:\n  run    Starts\n  check  Looks\n         \
                        closely\n  help   Print this\n\nOptions:\n  -h  Help\n\nExit codes:\n  0  well\n  2  usage\n";

    #[test]
    fn commands_are_read_from_the_help_text() {
        assert_eq!(commands(HELP), ["run", "check"]);
        assert_eq!(commands("Usage: x"), Vec::<&str>::new());
    }

    #[test]
    fn exit_codes_have_their_own_page() {
        let help = [Help {
            title: "opspilot-server".to_owned(),
            text: HELP.to_owned(),
        }];
        assert!(exit_codes(&help).ends_with("```text\nExit codes:\n  0  well\n  2  usage\n```\n"));
        assert!(page_of(&help).contains("\n## opspilot-server\n\n```text\nUsage:"));
    }
}
