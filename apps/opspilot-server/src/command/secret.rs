//! Asks for a password: at the terminal, unseen and twice, or as the one line of standard input. Never as an argument,
//! which every user of the machine can read.

use std::io::{IsTerminal as _, Read as _};

use anyhow::Context as _;
use opspilot_core::config::Secret;
use opspilot_core::safety::credentials::{PASSWORD_BYTES, Password};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::exit::Failure;
use crate::output;

/// A new password of `name`, and its text.
pub(super) fn new_password(name: &str) -> Result<(Password, Secret), Failure> {
    let input = std::io::stdin();
    let text = match input.is_terminal() {
        true => typed_twice(name)?,
        false => line_of(input.lock())?,
    };
    let password = Password::parse(text.clone());
    let password = password.map_err(|error| Failure::Usage(error.to_string()))?;
    Ok((password, text))
}

/// The one line that `input` holds.
fn line_of(input: impl std::io::Read) -> Result<Secret, Failure> {
    let mut text = String::new();
    let limit = PASSWORD_BYTES as u64 + 3;
    input
        .take(limit)
        .read_to_string(&mut text)
        .context("cannot read the password from standard input")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        let help = "standard input holds no password: write it as one line, or run the command at a terminal";
        return Err(Failure::Usage(help.to_owned()));
    }
    Ok(Secret::new(line.to_owned()))
}

fn typed_twice(name: &str) -> Result<Secret, Failure> {
    let first = typed(&format!("Password for {name}: "))?;
    let second = typed("The same again: ")?;
    if first.expose() != second.expose() {
        return Err(Failure::Usage(
            "the two are not the same; nothing was changed".to_owned(),
        ));
    }
    Ok(first)
}

/// Reads keys up to the end of the line, and shows none of them.
fn typed(prompt: &str) -> Result<Secret, Failure> {
    output::prompt(prompt);
    let raw = Raw::begin()?;
    let mut text = String::new();
    loop {
        let Event::Key(key) = event::read().context("cannot read keys")? else {
            continue;
        };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => break,
            KeyCode::Char('c' | 'd') if is_control => {
                return Err(Failure::Usage("nothing was changed".to_owned()));
            }
            KeyCode::Char('u') if is_control => text.clear(),
            KeyCode::Char(typed) if !is_control => text.push(typed),
            KeyCode::Backspace => drop(text.pop()),
            _ => {}
        }
    }
    drop(raw);
    Ok(Secret::new(text))
}

/// The terminal shows nothing that is typed for as long as this lives.
struct Raw;

impl Raw {
    fn begin() -> Result<Self, Failure> {
        enable_raw_mode().context("cannot make the terminal hide what is typed")?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody left to tell.
        disable_raw_mode().ok();
        output::remark("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_holds_one_line() {
        let read = |text: &str| line_of(text.as_bytes()).map(|line| line.expose().to_owned());
        for text in [
            "correct horse battery",
            "correct horse battery\n",
            "correct horse battery\r\n",
        ] {
            assert_eq!(read(text).unwrap(), "correct horse battery");
        }
        for text in ["", "\n", "\r\n"] {
            assert!(matches!(read(text), Err(Failure::Usage(_))), "{text:?}");
        }
        // A second line is part of the text, which no password may be.
        assert_eq!(read("one\ntwo\n").unwrap(), "one\ntwo");
    }
}
