//! Any bytes as what `journalctl --output=export` writes, and as the lines that come of it.

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::Ack;
use opspilot_core::testing::fuzz::Target;

use super::config::Config;
use super::entry::{Entry, Place};
use super::export::Export;
use super::gather::{Gatherer, Settings};

/// Entries: each batch ends behind its records, and facts can be told of all.
pub(crate) const ENTRIES: Target = Target {
    name: "journald_entries",
    seeds: &[
        br#"{"__CURSOR":"s=95c7ac927d384be185a3146f67ee5164;i=1f;b=0;m=0;t=0;x=0","__REALTIME_TIMESTAMP":"1771588800000000","MESSAGE":"disk failed","PRIORITY":"3","_PID":"77","_HOSTNAME":"web-1","_SYSTEMD_UNIT":"a.service"}
{"__CURSOR":"s=95c7ac927d384be185a3146f67ee5164;i=20;b=0;m=0;t=0;x=0","MESSAGE":[27,91,255],"PRIORITY":["3","4"],"_UID":null}
{"__CURSOR":"s=00000000000000000000000000000001;i=ffffffffffffffff;b=0","MESSAGE":[[104,105],"two"],"SYSLOG_IDENTIFIER":"a"}
"#,
    ],
    run: entries,
};

/// What the program writes: what is read of it does not depend on how it is cut, and no value is kept beyond its bound.
pub(crate) const EXPORT: Target = Target {
    name: "journald_export",
    seeds: &[
        b"__CURSOR=s=95c7ac927d384be185a3146f67ee5164;i=1f\n__REALTIME_TIMESTAMP=1771588800000000\nMESSAGE=disk failed\nPRIORITY=3\n\n",
        b"__CURSOR=s=95c7ac927d384be185a3146f67ee5164;i=20\nMESSAGE\n\x04\0\0\0\0\0\0\0a\nb\xff\n_UID=0\n\n",
        b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffendless",
    ],
    run: export,
};

fn export(bytes: &[u8]) {
    let read = |piece: usize| {
        let (mut export, mut lines) = (Export::new(16), Vec::new());
        for part in bytes.chunks(piece.max(1)) {
            export.read(part, &mut lines);
        }
        lines
    };
    let whole = read(bytes.len());
    assert_eq!(read(3), whole);
    entries(&whole);
}

fn entries(bytes: &[u8]) {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let bytes = bytes.get(..whole).unwrap_or_default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(entry) = Entry::parse(line) {
            let message = entry.message();
            assert!(message.is_none_or(|message| !message.is_empty()));
            let _ = Place::parse(entry.cursor());
        }
    }
    let config = Config::default();
    let Ok(filter) = config.check() else {
        return;
    };
    let mut gatherer = Gatherer::new(Settings {
        module: "connector.journald".into(),
        name: "journald".into(),
        filter,
        longest: 16,
        most: 2,
    });
    let mut last = 0;
    for draft in gatherer.gather(bytes.to_vec(), Timestamp::UNIX_EPOCH) {
        let batch = draft.builder.build(draft.end, Ack::ignored());
        for (index, record) in batch.iter().enumerate() {
            assert!(record.position < batch.end());
            drop(record.text());
            drop(batch.attributes(index));
        }
        last = batch.end();
    }
    let tally = gatherer.tally();
    assert!(tally.records <= tally.entries);
    drop((last, gatherer.take_gap()));
}
