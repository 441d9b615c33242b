//! Character classes with JavaScript's meaning.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// The characters from `start` to `end`.
pub(super) fn range(start: char, end: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(start, end)])
}

/// `\d`: the ASCII digits.
pub(super) fn digit() -> ClassUnicode {
    range('0', '9')
}

/// `\w`: ASCII letters, digits and the underscore.
pub(super) fn word() -> ClassUnicode {
    ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')])
}

/// `\s`: white space and line ends (ECMA-262, sections 12.2 and 12.3).
pub(super) fn space() -> ClassUnicode {
    ranges(&[
        ('\t', '\r'),
        (' ', ' '),
        ('\u{a0}', '\u{a0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{2000}', '\u{200a}'),
        ('\u{2028}', '\u{2029}'),
        ('\u{202f}', '\u{202f}'),
        ('\u{205f}', '\u{205f}'),
        ('\u{3000}', '\u{3000}'),
        ('\u{feff}', '\u{feff}'),
    ])
}

/// `.`: everything, without the line ends unless `line_ends`.
pub(super) fn dot(line_ends: bool) -> ClassUnicode {
    if line_ends {
        return range('\0', char::MAX);
    }
    let mut class = ranges(&[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')]);
    class.negate();
    class
}

/// Adds the other cases of every character. ASCII letters pair with ASCII letters only, so `k` is not the Kelvin sign
/// (ECMA-262, section 22.2.2.7.3, without the flag `u`).
pub(super) fn fold(class: &ClassUnicode) -> ClassUnicode {
    let ascii = range('\0', '\x7f');
    let mut beyond = class.clone();
    beyond.difference(&ascii);
    // Without the tables of the parser's `unicode-case` feature the class would stay as it is; they are built in.
    beyond.case_fold_simple();
    beyond.difference(&ascii);
    let mut folded = fold_ascii(class);
    folded.union(&beyond);
    folded
}

fn fold_ascii(class: &ClassUnicode) -> ClassUnicode {
    let mut folded = class.clone();
    folded.intersect(&range('\0', '\x7f'));
    let letters: Vec<_> = folded
        .ranges()
        .iter()
        .flat_map(|range| range.start()..=range.end())
        .filter(char::is_ascii_alphabetic)
        .map(|letter| char::from(letter as u8 ^ b' '))
        .map(|letter| ClassUnicodeRange::new(letter, letter))
        .collect();
    folded.union(&ClassUnicode::new(letters));
    folded
}

fn ranges(pairs: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(
        pairs
            .iter()
            .map(|&(start, end)| ClassUnicodeRange::new(start, end)),
    )
}
