//! Spans of time as people write them: `30m`, `8h`, `90d`.

use std::time::Duration;

/// A span that is not written as a number with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span of time: write a number with `s`, `m`, `h` or `d`, for example `8h`")]
pub struct SpanError(String);

/// Reads a positive whole number with `s`, `m`, `h` or `d`; a number without a unit is seconds.
///
/// # Errors
/// For everything else, and for spans that do not fit.
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    let refuse = || SpanError(text.to_owned());
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => (text.get(..at), unit),
        _ => (Some(text), 's'),
    };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(refuse()),
    };
    let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = number
        .and_then(|number| number.parse().ok())
        .filter(|number| *number > 0)
        .ok_or_else(refuse)?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_a_unit() {
        let rows = [
            ("8h", 28_800),
            ("30m", 1_800),
            ("90d", 7_776_000),
            ("45s", 45),
            ("60", 60),
        ];
        for (text, seconds) in rows {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "h",
            "0h",
            "-1h",
            "1.5h",
            "8 h",
            "8w",
            "8H",
            "1h30m",
            "99999999999999999999d",
            "+1h",
        ] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
