//! Draws the interactive list. Every text from outside is escaped before it reaches the terminal.

use opspilot_core::clock::Timestamp;
use opspilot_core::error::escape;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, List, ListItem, ListState, Paragraph, Wrap};

use super::screen::{Message, Mode, Screen, Verdict};
use super::wire::{Line as Detail, LineKind, Request};

const KEYS: &str = "↑↓ move   enter details   a approve   d deny   r refresh   ? help   q quit";

const HELP: &str = "\
  ↑ ↓  j k     move                 enter  →    read a proposal in full
  g G          first, last          esc  ←      back
  a            approve              d           deny
  r            read the list again  q           quit

Approving and denying ask for a reason first; enter sends, esc takes it back.
Nobody decides what they proposed themselves. An approval is valid for the
minutes that the proposal's policy says, for exactly what is shown, and once.";

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen, now: Timestamp) {
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(title(screen), head);
    if screen.mode == Mode::Details {
        details(frame, body, screen, now);
    } else {
        // The list is as long as it must be, and leaves half to what is under the cursor.
        let rows = u16::try_from(screen.requests.len()).unwrap_or(u16::MAX);
        let height = rows.saturating_add(2).clamp(4, (body.height / 2).max(4));
        let [list, preview] =
            Layout::vertical([Constraint::Length(height), Constraint::Min(3)]).areas(body);
        requests(frame, list, screen, now);
        details(frame, preview, screen, now);
    }
    frame.render_widget(footer(screen), foot);
    match &screen.mode {
        Mode::Deciding(verdict, reason) => ask(frame, body, (screen.current(), *verdict, reason)),
        Mode::Help => overlay(frame, body, " keys ", vec![Line::from(HELP)]),
        Mode::List | Mode::Details => {}
    }
}

fn title(screen: &Screen) -> Line<'static> {
    let count = screen.requests.len();
    let text = match (screen.read_at, count) {
        (None, _) => " OpsPilot approvals: reading …".to_owned(),
        (Some(_), 0) => " OpsPilot approvals: nothing waits for a decision".to_owned(),
        (Some(_), 1) => " OpsPilot approvals: 1 proposal waits".to_owned(),
        (Some(_), count) => format!(" OpsPilot approvals: {count} proposals wait"),
    };
    Line::from(text).bold()
}

fn footer(screen: &Screen) -> Line<'static> {
    match &screen.message {
        Some(Message::Done(text)) => Line::from(format!(" {}", escape(text))).green(),
        Some(Message::Failed(text)) => Line::from(format!(" {}", escape(text))).red().bold(),
        None => Line::from(format!(" {KEYS}")).dim(),
    }
}

fn requests(frame: &mut Frame<'_>, area: Rect, screen: &Screen, now: Timestamp) {
    let items = screen.requests.iter().map(|request| {
        ListItem::new(Line::from(vec![
            Span::raw(format!("{:>7}  ", left(request, now))).style(urgency(request, now)),
            Span::raw(escape(&request.action_type)).bold(),
            Span::raw(format!("  {}  ", escape(&request.target()))),
            Span::raw(escape(&request.description)).dim(),
        ]))
    });
    let list = List::new(items)
        .block(Block::bordered().title(" time left   what "))
        .highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .highlight_symbol("▶ ");
    let selected = (!screen.requests.is_empty()).then_some(screen.selected);
    let mut state = ListState::default().with_selected(selected);
    frame.render_stateful_widget(list, area, &mut state);
}

fn details(frame: &mut Frame<'_>, area: Rect, screen: &Screen, now: Timestamp) {
    let block = Block::bordered();
    let Some(request) = screen.current() else {
        frame.render_widget(block, area);
        return;
    };
    let mut lines = vec![Line::from(vec![
        Span::raw(format!("{:>12}  ", "time left")).dim(),
        Span::raw(left(request, now)).style(urgency(request, now)),
    ])];
    lines.extend(request.details().iter().flat_map(detail));
    let scroll = if screen.mode == Mode::Details {
        screen.scroll.min(
            u16::try_from(lines.len())
                .unwrap_or(u16::MAX)
                .saturating_sub(1),
        )
    } else {
        0
    };
    let text = Paragraph::new(lines)
        .block(block.title(format!(" {} ", escape(&request.action_type))))
        .wrap(Wrap { trim: false })
        .scroll((scroll, 0));
    frame.render_widget(text, area);
}

/// A detail as lines: the label once, then the text, whose own line breaks show as such.
fn detail(detail: &Detail) -> Vec<Line<'static>> {
    let style = match detail.kind {
        LineKind::Plain => Style::new(),
        LineKind::Title => Style::new().add_modifier(Modifier::BOLD),
        LineKind::Deed => Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD),
        LineKind::Warning => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
    };
    vec![Line::from(vec![
        Span::raw(format!("{:>12}  ", detail.label)).dim(),
        Span::raw(escape(&detail.text)).style(style),
    ])]
}

fn ask(
    frame: &mut Frame<'_>,
    area: Rect,
    (request, verdict, reason): (Option<&Request>, Verdict, &str),
) {
    let Some(request) = request else { return };
    let (title, question) = match verdict {
        Verdict::Approve => (" approve ", "This will be done:"),
        Verdict::Deny => (" deny ", "This will not be done:"),
    };
    let mut lines = vec![Line::from(question)];
    lines.extend(
        request
            .details()
            .iter()
            .filter(|line| matches!(line.kind, LineKind::Deed | LineKind::Warning))
            .flat_map(detail),
    );
    lines.push(Line::from(format!("on {}", escape(&request.target()))));
    lines.push(Line::default());
    lines.push(Line::from(format!("reason (optional): {}▏", escape(reason))).bold());
    lines.push(Line::from("enter sends, esc takes it back").dim());
    overlay(frame, area, title, lines);
}

fn overlay(frame: &mut Frame<'_>, area: Rect, title: &'static str, lines: Vec<Line<'_>>) {
    let wanted = lines
        .iter()
        .map(|line| line.to_string().lines().count().max(1))
        .sum::<usize>();
    let height = u16::try_from(wanted + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let [middle] = Layout::vertical([Constraint::Length(height)])
        .flex(ratatui::layout::Flex::Center)
        .areas(area);
    let [middle] = Layout::horizontal([Constraint::Percentage(90)])
        .flex(ratatui::layout::Flex::Center)
        .areas(middle);
    frame.render_widget(Clear, middle);
    let text: Vec<Line<'_>> = lines
        .into_iter()
        .flat_map(|line| {
            let style = line.style;
            if line.spans.len() == 1 {
                let text = line.to_string();
                text.lines()
                    .map(|part| Line::from(part.to_owned()).style(style))
                    .collect::<Vec<_>>()
            } else {
                vec![line]
            }
        })
        .collect();
    let block = Block::bordered()
        .title(title)
        .style(Style::new().fg(Color::White).bg(Color::Black));
    frame.render_widget(
        Paragraph::new(text).block(block).wrap(Wrap { trim: false }),
        middle,
    );
}

/// The time until a proposal expires, in the two largest units.
pub(super) fn left(request: &Request, now: Timestamp) -> String {
    let seconds = request.expires_at.since(now).as_secs();
    match seconds {
        0 => "expired".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

fn urgency(request: &Request, now: Timestamp) -> Style {
    match request.expires_at.since(now).as_secs() {
        0..300 => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        300..3_600 => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyCode;

    use super::*;
    use crate::command::approvals::sample;

    fn drawn(screen: &Screen) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
        terminal
            .draw(|frame| draw(frame, screen, sample::NOW))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let width = usize::from(buffer.area.width);
        let cells: Vec<_> = buffer.content().iter().map(|cell| cell.symbol()).collect();
        cells
            .chunks(width)
            .map(|row| row.concat().trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn screen() -> Screen {
        let mut screen = Screen::default();
        screen.show(vec![sample::request("one")], sample::NOW);
        screen
    }

    #[test]
    fn the_list_shows_the_deed_and_the_time_left() {
        let text = drawn(&screen());
        for part in [
            "1 proposal waits",
            "14m30s",
            "restart-web",
            "unit web.service",
            "/usr/bin/systemctl",
            "restart",
            "would restart web",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn deciding_shows_exactly_what_will_be_done() {
        let mut screen = screen();
        screen.press(KeyCode::Char('a'));
        screen.press(KeyCode::Char('x'));
        let text = drawn(&screen);
        for part in [
            "This will be done:",
            "/usr/bin/systemctl",
            "reason (optional): x",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn hostile_text_reaches_the_terminal_escaped() {
        let mut request = sample::request("one");
        request.description = "a\u{1b}[2Jb\u{202e}c".into();
        let mut screen = Screen::default();
        screen.show(vec![request], sample::NOW);
        let text = drawn(&screen);
        assert!(text.contains("a\\u{1b}[2Jb\\u{202e}c"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn nothing_to_decide_is_said() {
        let mut screen = Screen::default();
        assert!(drawn(&screen).contains("reading"));
        screen.show(Vec::new(), sample::NOW);
        assert!(drawn(&screen).contains("nothing waits for a decision"));
    }

    #[test]
    fn time_left_has_two_units() {
        let request = sample::request("one");
        for (seconds, expected) in [
            (0, "expired"),
            (59, "59s"),
            (61, "1m01s"),
            (3_700, "1h01m"),
            (90_000, "1d01h"),
        ] {
            let now = request.expires_at.minus(Duration::from_secs(seconds));
            assert_eq!(left(&request, now), expected);
        }
    }
}
