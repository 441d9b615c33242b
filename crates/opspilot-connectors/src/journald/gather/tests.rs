//! Batches of entries made up.

use proptest::prelude::*;
use serde_json::json;

use opspilot_core::signal::{Ack, LogBatch};

use super::*;
use crate::journald::config::Config;

const JOURNAL: &str = "95c7ac927d384be185a3146f67ee5164";
const OTHER: &str = "00000000000000000000000000000001";

fn cursor(journal: &str, number: u64) -> String {
    format!("s={journal};i={number:x};b=0;m=0;t=0;x=0")
}

fn line(journal: &str, number: u64, fields: &str) -> String {
    format!(
        "{{\"__CURSOR\":\"{}\",\"__REALTIME_TIMESTAMP\":\"{}\"{fields}}}\n",
        cursor(journal, number),
        number * 1000
    )
}

fn said(number: u64, text: &str) -> String {
    line(JOURNAL, number, &format!(",\"MESSAGE\":{}", json!(text)))
}

fn gatherer(yaml: &str) -> Gatherer {
    let config: Config = serde_saphyr::from_str(yaml).unwrap();
    Gatherer::new(Settings {
        module: "connector.journald".into(),
        name: "journald".into(),
        filter: config.check().unwrap(),
        longest: config.max_message_length,
        most: config.max_entries_per_poll,
    })
}

fn batches(gatherer: &mut Gatherer, text: &str) -> Vec<LogBatch> {
    let drafts = gatherer.gather(text.as_bytes().to_vec(), Timestamp::UNIX_EPOCH);
    drafts
        .into_iter()
        .map(|draft| draft.builder.build(draft.end, Ack::ignored()))
        .collect()
}

fn records(batches: &[LogBatch]) -> Vec<(String, u64, String, u64)> {
    let of = |batch: &LogBatch| {
        let stream = batch.source().stream.to_string();
        let record = move |record: opspilot_core::signal::LogRecord<'_>| {
            (
                stream.clone(),
                record.position,
                record.text().into_owned(),
                record.number,
            )
        };
        batch.iter().map(record).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn an_entry_keeps_its_journal_and_number() {
    let mut gatherer = gatherer("{}");
    let text = said(7, "one")
        + &said(9, "two\nlines")
        + "garbage\n"
        + &line(OTHER, 1, ",\"MESSAGE\":\"three\"")
        + &said(10, "four");
    let batches = batches(&mut gatherer, &text);
    let expected = [
        (JOURNAL, 7, "one"),
        (JOURNAL, 9, "two\nlines"),
        (OTHER, 1, "three"),
        (JOURNAL, 10, "four"),
    ];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(count, (stream, at, text))| (stream.to_owned(), at, text.to_owned(), count))
        .collect();
    assert_eq!(records(&batches), expected);
    assert_eq!(
        batches.iter().map(LogBatch::end).collect::<Vec<_>>(),
        [10, 2, 11]
    );
    assert_eq!(
        gatherer.tally(),
        Tally {
            entries: 4,
            records: 4,
            garbage: 1,
            missing: 1,
            cut: 0
        }
    );
    let attributes = batches[0].attributes(1);
    assert_eq!(attributes["cursor"], cursor(JOURNAL, 9));
    assert_eq!(
        (&attributes["collector"], &attributes["priority"]),
        (&json!("connector.journald"), &json!(6))
    );
}

#[test]
fn what_is_not_wanted_moves_the_position_alone() {
    let mut gatherer = gatherer("{priorities: [6, 3], units: ['web*']}");
    let text = line(JOURNAL, 1, ",\"MESSAGE\":\"no unit\"")
        + &line(
            JOURNAL,
            2,
            ",\"MESSAGE\":\"yes\",\"_SYSTEMD_UNIT\":\"web1.service\"",
        )
        + &line(
            JOURNAL,
            3,
            ",\"MESSAGE\":\"debug\",\"PRIORITY\":\"7\",\"_SYSTEMD_UNIT\":\"web1.service\"",
        )
        + &line(
            JOURNAL,
            4,
            ",\"MESSAGE\":\"yes too\",\"PRIORITY\":\"3\",\"_SYSTEMD_UNIT\":\"web2.service\"",
        )
        + &line(JOURNAL, 5, ",\"_SYSTEMD_UNIT\":\"web2.service\"");
    let batches = batches(&mut gatherer, &text);
    let texts: Vec<_> = records(&batches)
        .into_iter()
        .map(|record| record.2)
        .collect();
    assert_eq!(texts, ["yes", "yes too"]);
    assert_eq!(batches.last().unwrap().end(), 6);
}

#[test]
fn the_known_entry_is_not_sent_again_and_its_absence_is_a_gap() {
    for (first, expected, gap) in [
        (5, vec!["next"], None),
        (8, vec!["entry", "next"], Some(Some(2))),
    ] {
        let mut gatherer = gatherer("{}");
        gatherer.start(First::Known(cursor(JOURNAL, 5)));
        let batches = batches(
            &mut gatherer,
            &(said(first, "entry") + &said(first + 1, "next")),
        );
        let texts: Vec<_> = records(&batches)
            .into_iter()
            .map(|record| record.2)
            .collect();
        assert_eq!(texts, expected);
        assert_eq!(gatherer.take_gap().map(|gap| gap.missing), gap);
    }
    let mut gatherer = gatherer("{}");
    gatherer.start(First::Known(cursor(JOURNAL, 5)));
    batches(
        &mut gatherer,
        &line(OTHER, 6, ",\"MESSAGE\":\"of another journal\""),
    );
    assert_eq!(gatherer.take_gap().unwrap().missing, None);
}

#[test]
fn only_what_comes_after_the_start_is_sent_where_that_is_wanted() {
    for (start, expected) in [(7, vec!["new"]), (6, vec!["last", "new"])] {
        let mut gatherer = gatherer("{}");
        gatherer.start(First::Before(Timestamp::from_millis(start)));
        let batches = batches(&mut gatherer, &(said(6, "last") + &said(7, "new")));
        let texts: Vec<_> = records(&batches)
            .into_iter()
            .map(|record| record.2)
            .collect();
        assert_eq!(texts, expected);
    }
}

#[test]
fn a_long_message_is_cut_between_characters() {
    for (text, length) in [
        ("é".repeat(600), 1024),
        ("éx".repeat(600), 1023),
        ("a".repeat(1024), 1024),
        ("😀".repeat(400), 1024),
    ] {
        let mut gatherer = gatherer("{maxMessageLength: 1024}");
        let batch = &batches(&mut gatherer, &said(1, &text))[0];
        let record = batch.get(0).unwrap();
        assert_eq!(
            (
                record.bytes.len(),
                std::str::from_utf8(record.bytes).is_ok()
            ),
            (length, true)
        );
        let is_cut = text.len() > 1024;
        assert_eq!(
            (
                gatherer.tally().cut,
                batch.attributes(0).contains_key("truncated")
            ),
            (u64::from(is_cut), is_cut)
        );
    }
}

#[test]
fn batches_are_bounded() {
    let mut gatherer = gatherer("{maxEntriesPerPoll: 3}");
    let text: String = (1..=7).map(|number| said(number, "x")).collect();
    let sizes: Vec<_> = batches(&mut gatherer, &text)
        .iter()
        .map(LogBatch::len)
        .collect();
    assert_eq!(sizes, [3, 3, 1]);
    let long = "y".repeat(65_000);
    let text: String = (8..=18).map(|number| said(number, &long)).collect();
    let mut gatherer = self::gatherer("{}");
    let sizes: Vec<_> = batches(&mut gatherer, &text)
        .iter()
        .map(LogBatch::len)
        .collect();
    assert_eq!(sizes, [5, 5, 1]);
}

proptest! {
    #[test]
    fn positions_within_a_batch_ascend(entries in prop::collection::vec((0..3_u64, 1..50_u64), 1..60)) {
        let journal = |which: u64| format!("{which:032x}");
        let text: String = entries.iter().map(|(which, number)| line(&journal(*which), *number, ",\"MESSAGE\":\"x\"")).collect();
        let mut gatherer = gatherer("{maxEntriesPerPoll: 5}");
        let batches = batches(&mut gatherer, &text);
        let found: Vec<_> = records(&batches).into_iter().map(|record| (record.0, record.1)).collect();
        let expected: Vec<_> = entries.iter().map(|(which, number)| (journal(*which), *number)).collect();
        prop_assert_eq!(found, expected);
        for batch in &batches {
            let positions: Vec<_> = batch.iter().map(|record| record.position).collect();
            prop_assert!(positions.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(batch.end(), positions.last().unwrap() + 1);
        }
    }
}
