//! Numbers at the front of a text.

/// The number that `text` starts with; a unit or anything else behind it is ignored, as by JavaScript's `parseFloat`
/// (ECMA-262, section 19.2.4). Unlike there, `Infinity` and numbers beyond a double's range are no numbers.
pub(super) fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let number = text.get(..length(text.as_bytes())?)?;
    number.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The length of the longest decimal literal at the front of `text`.
fn length(text: &[u8]) -> Option<usize> {
    let mut end = sign(text, 0);
    let whole = digits(text, end);
    end += whole;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits(text, end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let start = sign(text, end + 1);
        let exponent = digits(text, start);
        if exponent > 0 {
            end = start + exponent;
        }
    }
    Some(end)
}

/// The place behind a sign at `at`, if there is one.
fn sign(text: &[u8], at: usize) -> usize {
    at + usize::from(matches!(text.get(at), Some(b'+' | b'-')))
}

fn digits(text: &[u8], at: usize) -> usize {
    text.iter()
        .skip(at)
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::leading_number;

    #[test]
    fn numbers_are_read_from_the_front() {
        let rows = [
            ("91.5%", Some(91.5)),
            ("  -7ms", Some(-7.0)),
            ("+.5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e5", Some(100_000.0)),
            ("1e", Some(1.0)),
            ("1e+", Some(1.0)),
            ("2.5E-1x", Some(0.25)),
            ("1,234", Some(1.0)),
            ("1.2.3", Some(1.2)),
            ("0x10", Some(0.0)),
            ("", None),
            (".", None),
            ("-", None),
            ("e5", None),
            ("Infinity", None),
            ("-Infinity", None),
            ("NaN", None),
            ("1e999", None),
        ];
        for (text, expected) in rows {
            assert_eq!(leading_number(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_finite_number_is_read_back(value in proptest::num::f64::NORMAL, unit in "[a-df-z%]{0,3}") {
            prop_assert_eq!(leading_number(&format!("{value}{unit}")), Some(value));
            prop_assert_eq!(leading_number(&format!("{value:e}{unit}")), Some(value));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,12}") {
            let _ = leading_number(&text);
        }
    }
}
