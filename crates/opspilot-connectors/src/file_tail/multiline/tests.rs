use proptest::prelude::*;

use super::super::splitter::{Splitter, Until};
use super::Joiner;

const JAVA: &str = r#"Exception in thread "main" java.lang.IllegalStateException: order 4711 is closed
	at com.example.shop.Order.close(Order.java:42)
	at com.example.shop.Shop.main(Shop.java:17)
Caused by: java.sql.SQLException: connection reset
	at com.example.db.Pool.take(Pool.java:88)
	... 3 more
	Suppressed: java.io.IOException: late
		at com.example.db.Pool.give(Pool.java:99)"#;

const PYTHON: &str = r#"Traceback (most recent call last):
  File "/srv/app/jobs.py", line 12, in run
    total = price / count
            ~~~~~~^~~~~~~
ZeroDivisionError: division by zero

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/main.py", line 3, in <module>
    run()
app.errors.JobError: job 9 failed"#;

const GO: &str = "panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47d3c1]

goroutine 1 [running]:
main.(*Server).handle(0x0, {0xc000012345, 0x4})
\t/srv/app/server.go:21 +0x1d
main.main()
\t/srv/app/main.go:9 +0x25
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3285 +0x4b4
exit status 2";

const RUST: &str = "thread 'main' (4242) panicked at src/main.rs:4:5:
index out of bounds: the len is 3 but the index is 9
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/0000/library/std/src/panicking.rs:697:5
   1: core::panicking::panic_fmt
             at /rustc/0000/library/core/src/panicking.rs:75:14
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.";

const RUST_ASSERT: &str = "thread 'worker' panicked at src/lib.rs:8:9:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";

const NODE: &str = "/srv/app/index.js:7
  throw new Error('no such order');
  ^

Error: no such order
    at find (/srv/app/index.js:7:9)
    at Object.<anonymous> (/srv/app/index.js:11:1) {
  code: 'ENOENT',
  errno: -2
}

Node.js v22.1.0";

const NODE_PLAIN: &str = "TypeError: Cannot read properties of undefined (reading 'id')
    at handler (/srv/app/routes.js:31:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)";

const LINES: [&str; 5] = [
    "2026-02-20 12:00:00 INFO order 4711 accepted",
    "10.0.0.1 - - [20/Feb/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 17",
    "{\"level\":\"error\",\"msg\":\"upstream timed out\"}",
    "ERROR Error: this only looks like the start of a trace",
    "Feb 20 12:00:00 host kernel: panic timeout is 0",
];

const TRACES: [&str; 7] = [JAVA, PYTHON, GO, RUST, RUST_ASSERT, NODE, NODE_PLAIN];

fn records(content: &str, ends: &[usize]) -> Vec<String> {
    let splitter = Splitter::new(1000, Some(Joiner::traces(500)));
    let (mut records, mut start) = (Vec::new(), 0);
    let mut ends: Vec<usize> = ends.iter().map(|end| end % (content.len() + 1)).collect();
    ends.sort_unstable();
    for (until, end) in ends
        .into_iter()
        .map(|end| (Until::Newline, end))
        .chain([(Until::End, content.len())])
    {
        let Some(piece) = content.as_bytes().get(start..end) else {
            continue;
        };
        let split = splitter.split(piece, false, until, |range| {
            records.push(String::from_utf8(piece[range].to_vec()).unwrap());
        });
        start += split.consumed;
    }
    records
}

#[test]
fn a_trace_of_each_language_is_one_record() {
    for trace in TRACES {
        let content = format!("{}\n{trace}\n{}\n", LINES[0], LINES[1]);
        assert_eq!(records(&content, &[]), [LINES[0], trace, LINES[1]]);
    }
}

#[test]
fn a_trace_with_carriage_returns_is_one_record() {
    let content = format!("{JAVA}\n{}\n", LINES[0]).replace('\n', "\r\n");
    assert_eq!(
        records(&content, &[]),
        [JAVA.replace('\n', "\r\n"), LINES[0].to_owned()]
    );
}

#[test]
fn a_record_has_no_more_lines_than_allowed() {
    let splitter = Splitter::new(1000, Some(Joiner::traces(3)));
    let mut lengths = Vec::new();
    splitter.split(JAVA.as_bytes(), false, Until::End, |range| {
        let record = JAVA.get(range).unwrap();
        lengths.push(record.lines().count());
    });
    assert_eq!(lengths.first(), Some(&3));
    assert!(lengths.iter().all(|lines| *lines <= 3), "{lengths:?}");
}

proptest! {
    #[test]
    fn traces_among_other_lines_are_joined_wherever_pieces_end(
        picks in prop::collection::vec((any::<bool>(), 0..7usize), 1..12),
        ends in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        // Two traces never follow each other directly: a line stands between them.
        let expected: Vec<&str> = picks.iter().flat_map(|(is_trace, pick)| {
            let line = LINES[pick % LINES.len()];
            if *is_trace { vec![TRACES[*pick], line] } else { vec![line] }
        }).collect();
        let content: String = expected.iter().flat_map(|record| [*record, "\n"]).collect();
        prop_assert_eq!(records(&content, &ends), expected);
    }
}
