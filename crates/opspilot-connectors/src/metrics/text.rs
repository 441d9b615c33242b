//! Words and numbers of the kernel's text files.

/// The lines of `text`.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// The words of `line`.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// A whole number.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A decimal number that is not negative.
pub(super) fn decimal(word: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// The number behind the word `key`, in a text of lines `key number`.
pub(super) fn value(text: &[u8], key: &[u8]) -> Option<u64> {
    lines(text).find_map(|line| {
        let mut words = words(line);
        (words.next()? == key).then(|| number(words.next()?))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain() {
        let check = |word: &str, expected| assert_eq!(decimal(word.as_bytes()), expected);
        check("0.25", Some(0.25));
        check("inf", None);
        check("-1", None);
        check("x", None);
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(value(b"a 1\nb 2\n", b"b"), Some(2));
    }
}
