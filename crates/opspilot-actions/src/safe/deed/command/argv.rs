//! A program and its arguments, with places for values.

use opspilot_core::module::BuildError;

use super::is_plain_path;
use crate::safe::catalogue::{Template, Values};
use crate::safe::deed::Site;

/// Programs that take code, or a program to run, as an argument: a value in that argument would be code.
const INTERPRETERS: &[&str] = &[
    "awk", "env", "gawk", "lua", "mawk", "node", "perl", "php", "python", "ruby", "sed", "su",
    "sudo", "tclsh", "xargs",
];

/// Interpreters that are started by other programs as well, such as `nice` or `timeout`.
const SHELLS: &[&str] = &["ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"];

/// Those of both that start another program.
const STARTERS: &[&str] = &["busybox", "env", "su", "sudo", "xargs"];

/// The letters of options of all these programs that take the next argument as their value.
const OPTIONS_WITH_VALUES: [char; 18] = [
    'c', 'C', 'e', 'E', 'f', 'g', 'k', 'm', 'n', 'o', 'p', 'P', 'r', 'S', 'u', 'v', 'W', 'X',
];

/// The template of an argument vector. Rendering never splits, joins or expands anything: one template is one argument.
#[derive(Debug, Clone)]
pub(super) struct Argv(Vec<Template>);

impl Argv {
    /// Checks the option `key` of `site`.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn parse(key: &str, argv: &[String], site: &Site<'_>) -> Result<Self, BuildError> {
        let path = site.path.with_key(key);
        let Some(program) = argv.first() else {
            return Err(site.fault(key, "must name a program"));
        };
        let mut faults = Vec::new();
        let templates: Vec<_> = argv.iter().map(|text| Template::parse(text)).collect();
        for (at, (template, text)) in templates.iter().zip(argv).enumerate() {
            faults.extend(site.check(template, &path.with_index(at)));
            if text.contains('\0') {
                faults.push(BuildError::option(
                    path.with_index(at),
                    "must not hold a zero byte",
                ));
            }
        }
        let is_fixed = templates.first().is_some_and(Template::is_fixed);
        if !is_fixed || !is_plain_path(program) {
            let message = "must be the absolute path of a program, without `..` and without values";
            faults.push(BuildError::option(path.with_index(0), message));
        }
        if let Some(at) = code_with_values(argv, &templates) {
            let message = "a value here would be code: give the program a file, and the value as an argument of its own \
                           behind it";
            faults.push(BuildError::option(path.with_index(at), message));
        }
        BuildError::join(faults).map_or(Ok(Self(templates)), Err)
    }

    /// The parts.
    pub(super) fn templates(&self) -> &[Template] {
        &self.0
    }

    /// The arguments with their values.
    ///
    /// # Errors
    /// When a value begins with `-` where the program would take it for an option.
    pub(super) fn render(&self, values: &Values) -> Result<Vec<String>, Vec<String>> {
        let (mut argv, mut faults, mut are_options_over) = (Vec::new(), Vec::new(), false);
        for template in &self.0 {
            let argument = template.render(values);
            let starts_with_value = template.prefix().is_empty() && !template.is_fixed();
            if starts_with_value && argument.starts_with('-') && !are_options_over {
                let names: Vec<_> = template.names().into_iter().collect();
                faults.push(format!(
                    "{}: must not begin with `-` here",
                    names.join(", ")
                ));
            }
            are_options_over |= argument == "--" && template.is_fixed();
            argv.push(argument);
        }
        if faults.is_empty() {
            Ok(argv)
        } else {
            Err(faults)
        }
    }
}

/// The argument that an interpreter would take for code, or for the program to run, if it holds values.
fn code_with_values(argv: &[String], templates: &[Template]) -> Option<usize> {
    let is_interpreter = |at: usize, text: &str| {
        SHELLS.contains(&name_of(text)) || (at == 0 && INTERPRETERS.contains(&name_of(text)))
    };
    let mut start = argv
        .iter()
        .enumerate()
        .position(|(at, text)| is_interpreter(at, text))?;
    loop {
        let operand = first_operand(argv, templates, start)?;
        if !templates.get(operand)?.is_fixed() {
            return Some(operand);
        }
        // A program that starts another one: what counts is the other one's code.
        let (program, other) = (name_of(argv.get(start)?), name_of(argv.get(operand)?));
        let is_interpreter = SHELLS.contains(&other) || INTERPRETERS.contains(&other);
        if !(STARTERS.contains(&program) && is_interpreter) {
            return None;
        }
        start = operand;
    }
}

/// The first argument behind `start` that is neither an option, nor the value of one, nor a setting of a variable; or one
/// before it that holds values.
fn first_operand(argv: &[String], templates: &[Template], start: usize) -> Option<usize> {
    let mut takes_value = false;
    for (at, (text, template)) in argv.iter().zip(templates).enumerate().skip(start + 1) {
        let is_option = text.starts_with('-');
        let is_setting = text.contains('=');
        if !template.is_fixed() || !(is_option || is_setting || takes_value) {
            return Some(at);
        }
        takes_value = is_option && text.ends_with(OPTIONS_WITH_VALUES);
    }
    None
}

/// The name of a program without its folder and version.
fn name_of(program: &str) -> &str {
    let name = program.rsplit('/').next().unwrap_or_default();
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}
