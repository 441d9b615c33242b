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

/// The number that a file consists of.
pub(super) fn only(text: &[u8]) -> Option<u64> {
    number(words(text).next()?)
}

/// `text` with `\040` and its like, as the kernel writes spaces in paths, turned back.
pub(super) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let octal = (*first == b'\\')
            .then(|| behind.split_at_checked(3))
            .flatten();
        let byte = octal.and_then(|(digits, behind)| Some((octal_byte(digits)?, behind)));
        let (byte, behind) = byte.unwrap_or((*first, behind));
        plain.push(byte);
        rest = behind;
    }
    plain
}

fn octal_byte(digits: &[u8]) -> Option<u8> {
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
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
        assert_eq!((only(b"12\n"), only(b"max\n")), (Some(12), None));
    }

    #[test]
    fn escapes_of_paths_are_turned_back() {
        let check = |text: &str, expected: &str| {
            assert_eq!(unescaped(text.as_bytes()), expected.as_bytes(), "{text}");
        };
        check(r"/my\040disk\011\134\012", "/my disk\t\\\n");
        check(r"/a\04", r"/a\04");
        check(r"/a\+12\777\089", r"/a\+12\777\089");
    }
}
