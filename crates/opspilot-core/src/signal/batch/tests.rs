use super::*;

fn batch(text: &str) -> LogBatch {
    let source = LogSource {
        module: "connector.fileTail".into(),
        name: "/var/log/app.log".into(),
        stream: "s1".into(),
        attributes: Attributes::new(),
    };
    let mut builder = LogBatchBuilder::new(
        Arc::new(source),
        text.as_bytes().to_vec(),
        (100, 1),
        Timestamp::UNIX_EPOCH,
    );
    let mut start = 0;
    for (end, _) in text.match_indices('\n') {
        builder.record(start..end, start);
        start = end + 1;
    }
    builder.build(100 + text.len() as u64, Ack::ignored())
}

#[test]
fn records_know_their_position_and_number() {
    let batch = batch("one\ntwo\n");
    let second = batch.get(1).unwrap();
    assert_eq!(
        (second.bytes, second.position, second.number),
        (&b"two"[..], 104, 2)
    );
}

#[test]
fn a_batch_is_split_at_a_position() {
    let batch = batch("one\ntwo\nthree\n");
    let (before, from) = batch.split_at(104);
    let texts = |batch: &LogBatch| {
        batch
            .iter()
            .map(|record| (record.text().into_owned(), record.number))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&before), [("one".to_owned(), 1)]);
    assert_eq!(
        texts(&from),
        [("two".to_owned(), 2), ("three".to_owned(), 3)]
    );
    assert_eq!((before.end(), from.end()), (104, 114));
    assert!(batch.split_at(0).0.is_empty() && batch.split_at(999).1.is_empty());
}

#[test]
fn the_parts_of_a_batch_know_what_the_whole_knows() {
    let whole = batch("one\ntwo\n");
    let mut builder = LogBatchBuilder::new(
        Arc::clone(whole.source()),
        whole.buffer().to_vec(),
        (100, 1),
        Timestamp::UNIX_EPOCH,
    );
    builder.record(0..3, 0);
    builder.record(4..7, 4);
    for value in [1.0, f64::NAN, 2.0, 3.0, 4.0, 5.0] {
        builder.sample(Sample {
            name: "load".into(),
            value,
            unit: "1".into(),
            attributes: Attributes::new(),
        });
    }
    let facts = |unit: &str| Attributes::from_iter([("unit".to_owned(), unit.into())]);
    let known = vec![facts("first"), facts("second")];
    let (before, from) = builder
        .facts(Arc::new(known))
        .build(108, Ack::ignored())
        .split_at(104);
    assert_eq!(before.attributes(0)["unit"], "first");
    assert_eq!(from.attributes(0)["unit"], "second");
    let values = |batch: &LogBatch| {
        let samples = batch.samples();
        samples
            .map(|(position, sample)| (position, sample.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values(&before),
        [(100, 1.0), (101, 2.0), (102, 3.0), (103, 4.0)]
    );
    assert_eq!(values(&from), [(104, 5.0)]);
    let (nested, rest) = from.split_at(999);
    assert_eq!(
        (nested.attributes(0)["unit"].as_str(), rest.is_empty()),
        (Some("second"), true)
    );
}

#[test]
fn a_byte_finds_its_record() {
    let batch = batch("one\ntwo\n");
    assert_eq!(
        [0, 2, 3, 4, 7].map(|at| batch.index_at(at)),
        [0, 0, 0, 1, 1]
    );
    assert_eq!(batch.index_at(8), 2);
}
