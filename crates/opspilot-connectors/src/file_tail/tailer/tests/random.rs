use proptest::prelude::*;

use super::harness::{Harness, line, lines};

/// Something that happens to a log or to its reader.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Append(usize),
    /// The first bytes of a line, as a reader may find them.
    Begin(usize),
    Rename,
    CopyTruncate,
    Gzip,
    Recreate,
    Crash,
    Read,
    Store,
    Hold,
    Release,
    Pass,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (1..40usize).prop_map(Operation::Append),
        3 => (1..30usize).prop_map(Operation::Begin),
        2 => Just(Operation::Rename),
        2 => Just(Operation::CopyTruncate),
        2 => Just(Operation::Gzip),
        1 => Just(Operation::Recreate),
        2 => Just(Operation::Crash),
        4 => Just(Operation::Read),
        2 => Just(Operation::Store),
        1 => Just(Operation::Hold),
        1 => Just(Operation::Release),
        2 => Just(Operation::Pass),
    ]
}

/// A log with numbered lines and generations `app.log.1` and up, the newest first.
struct Log {
    tail: Harness,
    next: usize,
    /// How many bytes of the next line are written.
    begun: usize,
    generations: Vec<String>,
}

impl Log {
    fn perform(&mut self, operation: Operation) {
        let ends_line = matches!(
            operation,
            Operation::Rename
                | Operation::CopyTruncate
                | Operation::Gzip
                | Operation::Recreate
                | Operation::Pass
        );
        if ends_line {
            self.end_line();
        }
        match operation {
            Operation::Append(count) => self.append(count),
            Operation::Begin(bytes) if self.begun == 0 => {
                self.tail
                    .append("app.log", &line(self.next).as_bytes()[..bytes]);
                self.begun = bytes;
            }
            Operation::Begin(_) => {}
            Operation::Rename | Operation::CopyTruncate if !self.exists() => {}
            Operation::Rename => {
                self.make_room();
                self.tail.rename("app.log", "app.log.1");
            }
            Operation::CopyTruncate => {
                self.make_room();
                self.tail.copy_truncate("app.log", "app.log.1");
            }
            Operation::Gzip => {
                if let Some(name) = self
                    .generations
                    .iter_mut()
                    .find(|name| !name.ends_with(".gz"))
                {
                    self.tail.gzip(name);
                    name.push_str(".gz");
                }
            }
            // What was not read before a file is removed is lost to everybody: it is read first.
            Operation::Recreate => {
                self.tail.read();
                if self.exists() {
                    self.tail.remove("app.log");
                }
            }
            Operation::Crash => self.tail.crash(),
            Operation::Read => self.tail.read(),
            Operation::Store => self.tail.store(),
            Operation::Hold => self.tail.hold = true,
            Operation::Release => self.tail.release(),
            Operation::Pass => {
                // A reader is woken by what is written: it does not let time pass over half a line that was ended.
                if self.tail.is_running() {
                    self.tail.read();
                }
                self.tail.pass(700);
            }
        }
    }

    fn append(&mut self, count: usize) {
        let text = lines(self.next..self.next + count);
        self.tail.append("app.log", &text.as_bytes()[self.begun..]);
        self.begun = 0;
        self.next += count;
    }

    /// Ends the line that was begun: no writer rotates in the middle of one.
    fn end_line(&mut self) {
        if self.begun > 0 {
            self.append(1);
        }
    }

    fn exists(&self) -> bool {
        self.tail.path("app.log").exists()
    }

    fn make_room(&mut self) {
        let count = self.generations.len();
        for (index, name) in self.generations.iter_mut().enumerate().rev() {
            let ending = if name.ends_with(".gz") { ".gz" } else { "" };
            let older = format!("app.log.{}{ending}", index + 2);
            self.tail.rename(name, &older);
            *name = older;
        }
        assert_eq!(self.generations.len(), count);
        self.generations.insert(0, "app.log.1".to_owned());
    }
}

proptest! {

    #[test]
    fn every_line_is_seen_exactly_once_whatever_happens(
        operations in prop::collection::vec(operation(), 1..40), glob in any::<bool>()
    ) {
        let tail = Harness::new(&[if glob { "app.log*" } else { "app.log" }]);
        let mut log = Log { tail, next: 0, begun: 0, generations: Vec::new() };
        log.tail.read();
        for operation in operations {
            log.perform(operation);
        }
        log.end_line();
        log.tail.release();
        log.tail.settle();
        log.tail.assert_lines(log.next);
    }
}
