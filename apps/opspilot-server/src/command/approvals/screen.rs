//! What the interactive list shows and does, without a terminal: keys in, wishes out.

use opspilot_core::clock::Timestamp;
use ratatui::crossterm::event::KeyCode;

use super::wire::Request;

/// The longest reason, in characters.
const REASON: usize = 500;

/// The state of the interactive list.
#[derive(Debug, Default)]
pub(super) struct Screen {
    pub(super) requests: Vec<Request>,
    pub(super) selected: usize,
    pub(super) scroll: u16,
    pub(super) mode: Mode,
    /// The last thing that was done or went wrong.
    pub(super) message: Option<Message>,
    /// When the list was last read; `None` before the first time.
    pub(super) read_at: Option<Timestamp>,
}

/// What the keys mean now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Moving through the list.
    #[default]
    List,
    /// Reading one proposal in full.
    Details,
    /// About to decide; the reason so far.
    Deciding(Verdict, String),
    /// The keys are explained.
    Help,
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approve,
    Deny,
}

/// A message on the last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Done(String),
    Failed(String),
}

/// What the terminal should do after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Quit,
    Refresh,
    Decide {
        id: String,
        verdict: Verdict,
        reason: Option<String>,
    },
}

impl Screen {
    /// The proposal under the cursor.
    pub(super) fn current(&self) -> Option<&Request> {
        self.requests.get(self.selected)
    }

    /// Takes over a fresh list; the cursor stays on its proposal while that is there.
    pub(super) fn show(&mut self, requests: Vec<Request>, now: Timestamp) {
        let current = self.current().map(|request| request.id.clone());
        let found = requests
            .iter()
            .position(|request| Some(&request.id) == current.as_ref());
        let is_gone = current.is_some() && found.is_none();
        self.selected = found.unwrap_or(self.selected.min(requests.len().saturating_sub(1)));
        self.requests = requests;
        self.read_at = Some(now);
        if is_gone && !matches!(self.mode, Mode::List | Mode::Help) {
            self.mode = Mode::List;
            self.message = Some(Message::Done("somebody else decided it".into()));
        }
    }

    /// Reacts to a key.
    pub(super) fn press(&mut self, key: KeyCode) -> Wish {
        match self.mode.clone() {
            Mode::List => self.press_in_list(key),
            Mode::Details => self.press_in_details(key),
            Mode::Deciding(verdict, reason) => self.press_while_deciding(key, verdict, reason),
            Mode::Help => {
                self.mode = Mode::List;
                Wish::Nothing
            }
        }
    }

    fn press_in_list(&mut self, key: KeyCode) -> Wish {
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char('r') => return Wish::Refresh,
            KeyCode::Down | KeyCode::Char('j') => self.select(self.selected.saturating_add(1)),
            KeyCode::Up | KeyCode::Char('k') => self.select(self.selected.saturating_sub(1)),
            KeyCode::Home | KeyCode::Char('g') => self.select(0),
            KeyCode::End | KeyCode::Char('G') => self.select(usize::MAX),
            KeyCode::Enter | KeyCode::Right if self.current().is_some() => {
                self.mode = Mode::Details;
                self.scroll = 0;
            }
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Char('a') => self.ask(Verdict::Approve),
            KeyCode::Char('d') => self.ask(Verdict::Deny),
            _ => {}
        }
        Wish::Nothing
    }

    fn press_in_details(&mut self, key: KeyCode) -> Wish {
        match key {
            KeyCode::Esc | KeyCode::Left | KeyCode::Char('q') => self.mode = Mode::List,
            KeyCode::Down | KeyCode::Char('j') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll = self.scroll.saturating_add(10),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Char('a') => self.ask(Verdict::Approve),
            KeyCode::Char('d') => self.ask(Verdict::Deny),
            _ => {}
        }
        Wish::Nothing
    }

    fn press_while_deciding(&mut self, key: KeyCode, verdict: Verdict, mut reason: String) -> Wish {
        match key {
            KeyCode::Esc => {
                self.mode = Mode::List;
                return Wish::Nothing;
            }
            KeyCode::Enter => {
                self.mode = Mode::List;
                let Some(request) = self.current() else {
                    return Wish::Nothing;
                };
                let reason = reason.trim();
                return Wish::Decide {
                    id: request.id.clone(),
                    verdict,
                    reason: (!reason.is_empty()).then(|| reason.to_owned()),
                };
            }
            KeyCode::Backspace => {
                reason.pop();
            }
            KeyCode::Char(letter) if reason.chars().count() < REASON => reason.push(letter),
            _ => {}
        }
        self.mode = Mode::Deciding(verdict, reason);
        Wish::Nothing
    }

    fn ask(&mut self, verdict: Verdict) {
        if self.current().is_some() {
            self.message = None;
            self.mode = Mode::Deciding(verdict, String::new());
        }
    }

    fn select(&mut self, index: usize) {
        self.selected = index.min(self.requests.len().saturating_sub(1));
    }
}

impl Verdict {
    /// The last part of its path.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::approvals::sample;

    fn screen(ids: &[&str]) -> Screen {
        let mut screen = Screen::default();
        let requests = ids.iter().map(|id| sample::request(id)).collect();
        screen.show(requests, Timestamp::UNIX_EPOCH);
        screen
    }

    fn press(screen: &mut Screen, keys: &str) -> Wish {
        let mut wish = Wish::Nothing;
        for key in keys.chars() {
            wish = screen.press(match key {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                '\u{8}' => KeyCode::Backspace,
                letter => KeyCode::Char(letter),
            });
        }
        wish
    }

    #[test]
    fn one_key_never_decides() {
        let mut screen = screen(&["one"]);
        assert_eq!(press(&mut screen, "a"), Wish::Nothing);
        assert_eq!(press(&mut screen, "\u{1b}"), Wish::Nothing);
        assert_eq!(screen.mode, Mode::List);
    }

    #[test]
    fn a_decision_takes_the_reason_that_was_typed() {
        let mut screen = screen(&["one", "two"]);
        let wish = press(&mut screen, "jdno!\u{8}\n");
        let expected = Wish::Decide {
            id: "two".into(),
            verdict: Verdict::Deny,
            reason: Some("no".into()),
        };
        assert_eq!(wish, expected);
    }

    #[test]
    fn the_cursor_stays_on_its_proposal_when_the_list_changes() {
        let mut screen = screen(&["one", "two"]);
        press(&mut screen, "j");
        let fresh = ["zero", "one", "two"].map(sample::request).to_vec();
        screen.show(fresh, Timestamp::UNIX_EPOCH);
        assert_eq!(screen.current().unwrap().id, "two");
    }

    #[test]
    fn a_proposal_that_somebody_else_decided_cannot_be_decided_by_accident() {
        let mut screen = screen(&["one", "two"]);
        press(&mut screen, "a");
        screen.show(vec![sample::request("two")], Timestamp::UNIX_EPOCH);
        assert_eq!(screen.mode, Mode::List);
        assert_eq!(press(&mut screen, "\n"), Wish::Nothing);
    }

    #[test]
    fn an_empty_list_has_nothing_to_decide() {
        let mut screen = screen(&[]);
        assert_eq!(press(&mut screen, "ad\nj"), Wish::Nothing);
        assert_eq!(press(&mut screen, "q"), Wish::Quit);
    }
}
