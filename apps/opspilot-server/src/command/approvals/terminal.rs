//! The interactive list on a terminal.

use std::time::Duration;

use anyhow::Context as _;
use opspilot_core::clock::{Clock as _, SystemClock};
use opspilot_core::error::chain;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::time::Instant;

use super::draw::draw;
use super::screen::{Message, Screen, Verdict, Wish};
use super::verbs;
use crate::client::Client;
use crate::exit::Failure;

/// How often the list is read again.
const REFRESH: Duration = Duration::from_secs(2);

/// How often the time left is drawn again.
const TICK: Duration = Duration::from_millis(250);

/// Shows the list until the user leaves it. The terminal is put right again whatever happens.
pub(super) async fn run(client: &Client) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init().context("cannot use the terminal")?;
    let outcome = work(&mut terminal, client).await;
    ratatui::restore();
    outcome
}

async fn work(terminal: &mut ratatui::DefaultTerminal, client: &Client) -> Result<(), Failure> {
    let mut screen = Screen::default();
    let mut next = Instant::now();
    loop {
        if Instant::now() >= next {
            refresh(&mut screen, client).await;
            next = Instant::now() + REFRESH;
        }
        terminal
            .draw(|frame| draw(frame, &screen, SystemClock.now()))
            .context("cannot draw")?;
        // Blocking is all right here: nothing else runs in this program.
        if !event::poll(TICK).context("cannot read keys")? {
            continue;
        }
        let Event::Key(key) = event::read().context("cannot read keys")? else {
            continue;
        };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let is_interrupt =
            key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if is_interrupt {
            return Ok(());
        }
        match screen.press(key.code) {
            Wish::Nothing => {}
            Wish::Quit => return Ok(()),
            Wish::Refresh => next = Instant::now(),
            Wish::Decide {
                id,
                verdict,
                reason,
            } => {
                let decision = (verdict, reason.as_deref());
                screen.message = Some(match verbs::decide(client, &id, decision).await {
                    Ok(_) => Message::Done(done(verdict, &id)),
                    Err(error) => Message::Failed(chain(error.as_ref())),
                });
                next = Instant::now();
            }
        }
    }
}

/// Reads the list; a failure is shown, and the old list stays.
async fn refresh(screen: &mut Screen, client: &Client) {
    match verbs::all(client, "pending").await {
        Ok(requests) => {
            if matches!(&screen.message, Some(Message::Failed(text)) if text.starts_with("not fresh"))
            {
                screen.message = None;
            }
            screen.show(requests, SystemClock.now());
        }
        Err(error) => {
            let text = format!("not fresh: {}", chain(error.as_ref()));
            screen.message = Some(Message::Failed(text));
        }
    }
}

fn done(verdict: Verdict, id: &str) -> String {
    match verdict {
        Verdict::Approve => format!("approved {id}"),
        Verdict::Deny => format!("denied {id}"),
    }
}
