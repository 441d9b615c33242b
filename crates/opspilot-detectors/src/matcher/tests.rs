//! The set against the definition: every pattern on every record alone.

use opspilot_core::signal::LogBatch;
use proptest::prelude::*;

use super::{Flags, Hit, Pattern, PatternSet};
use crate::testing::{batch, lines};

fn compile(pattern: &str, flags: &str) -> Pattern {
    Pattern::compile(pattern, Flags::parse(flags).unwrap())
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

fn naive(patterns: &[Pattern], batch: &LogBatch) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (record, index) in batch.iter().zip(0..) {
        let text = String::from_utf8_lossy(record.bytes);
        let matching = (0..)
            .zip(patterns)
            .filter(|(_, pattern)| pattern.is_match(&text));
        hits.extend(matching.map(|(pattern, _)| Hit {
            record: index,
            pattern,
        }));
    }
    hits
}

fn scan(patterns: Vec<Pattern>, batch: &LogBatch) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut set = PatternSet::new(patterns).unwrap();
    set.scan(batch, &mut hits);
    // A set keeps nothing from one batch to the next.
    let first = std::mem::take(&mut hits);
    set.scan(batch, &mut hits);
    assert_eq!(first, hits);
    hits
}

/// Words short and long, with every case that literals treat specially.
const WORDS: &[&str] = &[
    "error",
    "Connection",
    "OOM",
    "at",
    "k",
    "segfault at ",
    "ſ",
    "\u{212a}elvin",
    "é",
    "É",
    "zeit",
    "\u{fffd}",
    "x",
    "aaaaaaaa",
    "aaaaaaab",
    "GET /api/v1",
    "日本",
    "12",
    "panic: ",
    "\t",
    "\"",
    "timeout",
    "ab\ncd",
];

/// What stands between words.
const PARTS: &[&[u8]] = &[
    b"\xff",
    b"\xe2\x84",
    b"\xc5",
    b"\r",
    b"\n",
    b" at ",
    b"a",
    b"0",
    b"{",
    b"[",
    b" ",
    b"k",
    b"\xef\xbf\xbd",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS).prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    let escaped = word().prop_map(|word| regex_syntax::escape(&word));
    let atom = prop_oneof![
        6 => escaped,
        1 => prop::sample::select(&[
            ".", r"\d", r"\w", r"\s", r"\S", r"\W", "[a-z]", "[^k]", "[^a-e]", "[éß]", "[kſ]", "[é\u{fffd}]", r"\b", r"\B", "^", "$", "a",
            r"[^\x00-\x7f]", "(?:)", "[0-3]", "[]", "[^]", "[[]", "{",
        ][..]).prop_map(str::to_owned),
    ];
    atom.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
            2 => (inner, prop::sample::select(&["?", "*", "+", "{2}", "{1,3}", "*?", "{9,}"][..]))
                .prop_map(|(inner, count)| format!("(?:{inner}){count}")),
        ]
    })
}

fn flags() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["i", "", "im", "s", "ims", "gi"][..])
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        6 => word().prop_map(String::into_bytes),
        2 => word().prop_map(|word| word.to_uppercase().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::sample::select(PARTS).prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(part, 0..7).prop_map(|parts| parts.concat())
}

fn records() -> impl Strategy<Value = Vec<(Vec<u8>, &'static str)>> {
    let end = prop::sample::select(&["\n", "\n", "\n", "\r\n", "", "aaaa\n"][..]);
    prop::collection::vec((record(), end), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_set_finds_what_its_patterns_find_alone(
        sources in prop::collection::vec((pattern(), flags()), 1..9),
        records in records(),
    ) {
        let compiled = sources.iter().map(|(source, flags)| compile(source, flags));
        let patterns: Vec<_> = compiled.collect();
        let batch = batch("s", 0, &records);
        let expected = naive(&patterns, &batch);
        prop_assert_eq!(scan(patterns, &batch), expected);
    }

    #[test]
    fn patterns_never_panic(source in "\\PC{0,24}", flags in "[imsg]{0,2}") {
        if let Ok(flags) = Flags::parse(&flags)
            && let Ok(pattern) = Pattern::compile(&source, flags)
        {
            prop_assert_eq!(pattern.is_match(&source), !pattern.captures(&source).is_empty());
        }
    }
}

#[test]
fn many_patterns_find_their_own_lines() {
    let words: Vec<String> = (0..500)
        .map(|index| format!("failure code {index:03} in unit"))
        .collect();
    let patterns: Vec<_> = words.iter().map(|word| compile(word, "i")).collect();
    let text: Vec<String> = words
        .iter()
        .map(|word| format!("prefix {} suffix", word.to_uppercase()))
        .collect();
    let batch = lines(&text);
    let expected: Vec<_> = (0..500)
        .map(|index| Hit {
            record: u32::from(index),
            pattern: index,
        })
        .collect();
    assert_eq!(scan(patterns, &batch), expected);
}

#[test]
fn letters_fold_as_in_javascript() {
    let rows = [
        ("k", "i", "\u{212a}", false),
        ("s", "i", "ſ", false),
        ("ſ", "i", "s", false),
        ("[\u{212a}]", "i", "k", false),
        ("[^k]", "i", "\u{212a}", true),
        ("É", "i", "é", true),
        ("é", "", "É", false),
        (r"\w", "i", "ſ", false),
        (r"\bß", "i", "ß", false),
        ("ß", "i", "ẞ", true),
    ];
    for (pattern, flags, text, expected) in rows {
        assert_eq!(
            compile(pattern, flags).is_match(text),
            expected,
            "/{pattern}/{flags} on {text}"
        );
    }
}

#[test]
fn syntax_means_what_it_means_in_javascript() {
    let rows = [
        (r"^\s$", "", "\u{feff}", true),
        ("^.$", "", "\u{2028}", false),
        ("^.$", "s", "\n", true),
        ("^b", "", "a\nb", false),
        ("^b$", "m", "a\nb\nc", true),
        ("b$", "", "b\n", false),
        (r#"{"level":"error"}"#, "", r#"{"level":"error"}"#, true),
        (r"[[\]]x", "", "[x", true),
        (r"a\/b", "", "a/b", true),
        (r"(?<code>\d+)", "", "7", true),
        ("^.{3}$", "", "日本\u{fffd}", true),
        (r"\d", "", "٣", false),
    ];
    for (pattern, flags, text, expected) in rows {
        assert_eq!(
            compile(pattern, flags).is_match(text),
            expected,
            "/{pattern}/{flags} on {text}"
        );
    }
}

#[test]
fn what_cannot_be_matched_is_explained() {
    let rows = [
        ("(?=a)b", "linear time"),
        ("(?<!a)b", "linear time"),
        (r"(a)\1", "backreferences"),
        ("(a", "unclosed group"),
        ("[a", "unclosed character class"),
        (r"\w{1000}{1000}", "1 MiB"),
        ("(?x)a", "`i`, `m` and `s`"),
    ];
    for (pattern, part) in rows {
        let error = Pattern::compile(pattern, Flags::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{pattern}: {error}");
    }
    let long = "é".repeat(1_001);
    assert!(
        Pattern::compile(&long, Flags::default())
            .unwrap_err()
            .to_string()
            .contains("1000 characters")
    );
}

#[test]
fn catastrophic_patterns_are_harmless() {
    let text = format!("{}!", "a".repeat(100_000));
    assert!(!compile("^(a+)+$", "").is_match(&text));
}

#[test]
fn groups_are_captured() {
    let pattern = compile(r"(\w+)=(\d+)(x)?", "");
    assert_eq!(
        pattern.captures("cpu=7!"),
        [Some("cpu=7"), Some("cpu"), Some("7"), None]
    );
    assert_eq!(pattern.first_group("cpu=7!"), Some("cpu"));
    assert_eq!(compile("cpu", "").captures("a cpu"), [Some("cpu")]);
    assert!(pattern.captures("cpu").is_empty());
}
