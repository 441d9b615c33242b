use proptest::prelude::*;
use regex::bytes::Regex;

use super::*;

/// What one position and record, in any way of splitting, must be.
type Record = (usize, Vec<u8>);

/// Splits whole content the slow and obvious way.
fn naive(content: &[u8], max: usize) -> (Vec<Record>, u64) {
    let (mut records, mut cut, mut position) = (Vec::new(), 0, 0);
    for line in content.split(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let kept = &text[..text.len().min(max)];
        cut += u64::from(text.len() > max);
        if !kept.trim_ascii().is_empty() {
            records.push((position, kept.to_vec()));
        }
        position += line.len() + 1;
    }
    (records, cut)
}

/// Splits content that arrives in pieces which end at `ends`.
fn in_pieces(splitter: &Splitter, content: &[u8], ends: &[usize]) -> (Vec<Record>, u64) {
    let (mut records, mut cut, mut start, mut skipping) = (Vec::new(), 0, 0, false);
    let mut ends: Vec<usize> = ends.iter().map(|end| end % (content.len() + 1)).collect();
    ends.sort_unstable();
    for (until, end) in ends
        .into_iter()
        .map(|end| (Until::Newline, end))
        .chain([(Until::End, content.len())])
    {
        let Some(piece) = content.get(start..end) else {
            continue;
        };
        let split = splitter.split(piece, skipping, until, |range| {
            records.push((start + range.start, piece[range].to_vec()));
        });
        start += split.consumed;
        cut += split.cut;
        skipping = split.skipping;
    }
    (records, cut)
}

fn log_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(b'\n'), 2 => Just(b'\r'), 2 => Just(b' '), 6 => Just(b'x'), 1 => Just(0), 1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..200)
}

proptest! {
    #[test]
    fn records_positions_and_cuts_do_not_depend_on_where_pieces_end(
        content in log_bytes(), max in 1..12usize, ends in prop::collection::vec(any::<usize>(), 0..20)
    ) {
        let splitter = Splitter::new(max, None);
        prop_assert_eq!(in_pieces(&splitter, &content, &ends), naive(&content, max));
    }

    #[test]
    fn groups_do_not_depend_on_where_pieces_end(
        content in log_bytes(), max in 1..12usize, ends in prop::collection::vec(any::<usize>(), 0..20),
        starts in any::<bool>()
    ) {
        let pattern = Regex::new("(?-u)^x").unwrap();
        let joiner = if starts { Joiner::start(pattern, 4) } else { Joiner::continuing(pattern, 4) };
        let splitter = Splitter::new(max, Some(joiner));
        let whole = in_pieces(&splitter, &content, &[]);
        prop_assert_eq!(in_pieces(&splitter, &content, &ends), whole);
    }

    #[test]
    fn a_pattern_that_joins_nothing_gives_lines(content in log_bytes(), max in 1..12usize) {
        let joiner = Joiner::continuing(Regex::new("^never$").unwrap(), 4);
        let splitter = Splitter::new(max, Some(joiner));
        prop_assert_eq!(in_pieces(&splitter, &content, &[]), naive(&content, max));
    }
}

fn check(text: &str, max: usize, until: Until, expected: (&[&str], usize, bool)) {
    let mut records = Vec::new();
    let split = Splitter::new(max, None).split(text.as_bytes(), false, until, |range| {
        records.push(text.get(range).unwrap());
    });
    assert_eq!(
        (&records[..], split.consumed, split.skipping),
        expected,
        "{text:?}"
    );
}

#[test]
fn line_ends_and_limits_are_told_apart() {
    check(
        "one\ntwo\r\n\nthree",
        80,
        Until::Newline,
        (&["one", "two"], 10, false),
    );
    check("one\ntwo", 80, Until::End, (&["one", "two"], 7, false));
    check("12\r34\n", 80, Until::Newline, (&["12\r34"], 6, false));
    check("12345\r\n", 5, Until::Newline, (&["12345"], 7, false));
    check("123456", 5, Until::Newline, (&[], 0, false));
    check("1234567", 5, Until::Newline, (&["12345"], 7, true));
    check("  \t\n", 5, Until::Newline, (&[], 4, false));
}

#[test]
fn a_line_of_a_gigabyte_is_passed_without_being_kept() {
    let splitter = Splitter::new(100, None);
    let piece = vec![b'x'; 256 << 10];
    let first = splitter.split(&piece, false, Until::Newline, |_| {});
    assert_eq!(
        first,
        Split {
            consumed: piece.len(),
            skipping: true,
            cut: 1
        }
    );
    for _ in 0..4096 {
        let next = splitter.split(&piece, true, Until::Newline, |_| {
            panic!("inside of a cut line")
        });
        assert_eq!(
            next,
            Split {
                consumed: piece.len(),
                skipping: true,
                cut: 0
            }
        );
    }
}
