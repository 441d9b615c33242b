//! The time that a log line tells, for the virtual clock.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use opspilot_core::clock::Timestamp;

/// How far into a line a time is looked for, in bytes.
const REACH: usize = 96;

/// The first time in `line`: ISO 8601 (RFC 3339, or with a blank and without an offset, taken as UTC), the format of web
/// server logs (`10/Oct/2000:13:55:36 -0700`), or that of RFC 3164 (`Oct  2 22:14:15`, in `year`, taken as UTC).
pub(super) fn of_line(line: &[u8], year: i16) -> Option<Timestamp> {
    let head = line.get(..REACH.min(line.len()))?;
    let head = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(head.split_at(error.valid_up_to()).0).ok()?,
    };
    starts(head).find_map(|start| {
        let rest = head.get(start..)?;
        iso(rest)
            .or_else(|| web(rest))
            .or_else(|| syslog(rest, year))
    })
}

/// Where a time may start: at a letter or digit that follows neither.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let is_word = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_alphanumeric);
    (0..bytes.len()).filter(move |index| is_word(*index) && (*index == 0 || !is_word(*index - 1)))
}

fn iso(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let has = |index: usize, expected: &[u8]| {
        bytes.get(index).is_some_and(|byte| expected.contains(byte))
    };
    if !(has(4, b"-") && has(7, b"-") && has(10, b"T ") && has(13, b":") && has(16, b":")) {
        return None;
    }
    let end = 19
        + text
            .get(19..)?
            .bytes()
            .take_while(|byte| b".,+-:Z".contains(byte) || byte.is_ascii_digit())
            .count();
    let full = text.get(..end)?.replace(',', ".");
    let full = full.trim_end_matches(['.', ':', '-']);
    if let Ok(moment) = full.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(moment.as_millisecond()));
    }
    utc(full
        .parse()
        .or_else(|_| text.get(..19).unwrap_or_default().parse())
        .ok()?)
}

fn web(text: &str) -> Option<Timestamp> {
    let text = text.get(..26)?;
    let time = BrokenDownTime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?;
    Some(Timestamp::from_millis(
        time.to_timestamp().ok()?.as_millisecond(),
    ))
}

fn syslog(text: &str, year: i16) -> Option<Timestamp> {
    if !text.starts_with(|first: char| first.is_ascii_uppercase()) {
        return None;
    }
    let text = format!("{year} {}", text.get(..15)?);
    utc(DateTime::strptime("%Y %b %e %H:%M:%S", text).ok()?)
}

fn utc(time: DateTime) -> Option<Timestamp> {
    let moment = Offset::UTC.to_timestamp(time).ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_formats_are_understood() {
        let rows = [
            (
                "2026-02-20T11:58:02.118Z INFO up",
                "2026-02-20T11:58:02.118Z",
            ),
            ("2026-02-20T11:58:02+01:00 up", "2026-02-20T10:58:02.000Z"),
            (
                "[2026-02-20 11:58:02,118] WARN up",
                "2026-02-20T11:58:02.118Z",
            ),
            ("INFO 2026-02-20 11:58:02 up", "2026-02-20T11:58:02.000Z"),
            (
                "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /\"",
                "2000-10-10T20:55:36.000Z",
            ),
            (
                "Oct  2 22:14:15 host su: failed",
                "2024-10-02T22:14:15.000Z",
            ),
            (
                "<34>Oct 11 22:14:15 host su: failed",
                "2024-10-11T22:14:15.000Z",
            ),
        ];
        for (line, expected) in rows {
            let found = of_line(line.as_bytes(), 2024).map(|time| time.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_line_without_a_time_has_none() {
        for line in [
            "",
            "\tat shop.Order.save(Order.java:88)",
            "2026-13-45T99:00:00Z",
            "Oct 99 25:00:00 x",
            "ä12:00",
        ] {
            assert_eq!(of_line(line.as_bytes(), 2024), None, "{line}");
        }
    }
}
