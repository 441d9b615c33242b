//! Log files as batches with a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::Offset;
use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Ack, LogBatch, LogBatchBuilder, LogSource};
use serde_json::Map;

use super::time;
use crate::exit::Failure;

/// The longest line that is looked at, in bytes; the rest of a longer one is passed over.
const MAX_LINE: u64 = 65_536;

/// How many lines with the same time make one batch at most.
const MAX_BATCH: usize = 1_000;

/// One log file.
pub(super) struct Source {
    source: Arc<LogSource>,
    reader: BufReader<Box<dyn Read>>,
    size: u64,
    year: i16,
    position: u64,
    number: u64,
    /// A line that was read and belongs to the next batch.
    pending: Option<Line>,
    name: String,
}

struct Line {
    bytes: Vec<u8>,
    position: u64,
    time: Option<Timestamp>,
}

impl Source {
    /// Opens `path`; `-` is standard input.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let cannot =
            |error: std::io::Error| Failure::Usage(format!("cannot read `{name}`: {error}"));
        let (reader, size, year): (Box<dyn Read>, u64, i16) = if name == "-" {
            (Box::new(std::io::stdin()), 0, 2000)
        } else {
            let file = File::open(path).map_err(cannot)?;
            let metadata = file.metadata().map_err(cannot)?;
            if metadata.is_dir() {
                return Err(Failure::Usage(format!(
                    "`{name}` is a folder; name the files in it"
                )));
            }
            let year = metadata.modified().ok().and_then(year_of).unwrap_or(2000);
            (Box::new(file), metadata.len(), year)
        };
        let source = LogSource {
            module: "connector.fileTail".into(),
            name: name.as_str().into(),
            stream: name.as_str().into(),
            attributes: Map::new(),
        };
        let reader = BufReader::with_capacity(256 * 1024, reader);
        Ok(Self {
            source: Arc::new(source),
            reader,
            size,
            year,
            position: 0,
            number: 1,
            pending: None,
            name,
        })
    }

    /// A progress bar on the error stream, where a person looks at it.
    pub(super) fn progress(&self) -> ProgressBar {
        let bar =
            ProgressBar::with_draw_target(Some(self.size), ProgressDrawTarget::stderr_with_hz(4));
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {bytes_per_sec}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(self.name.clone());
        bar
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next lines that share a time, and that time; `last` is the time of the line before.
    pub(super) fn next_batch(
        &mut self,
        last: Timestamp,
    ) -> Result<Option<(Timestamp, LogBatch)>, Failure> {
        let Some(first) = self.next_line()? else {
            return Ok(None);
        };
        let time = first.time.unwrap_or(last);
        let (base, first_number) = (first.position, self.number);
        let mut lines = vec![first];
        while lines.len() < MAX_BATCH {
            match self.next_line()? {
                Some(line) if line.time.is_none_or(|other| other == time) => lines.push(line),
                other => {
                    self.pending = other;
                    break;
                }
            }
        }
        self.number += lines.len() as u64;
        Ok(Some((time, self.batch(&lines, base, first_number, time))))
    }

    fn batch(&self, lines: &[Line], base: u64, first_number: u64, time: Timestamp) -> LogBatch {
        let mut buffer = Vec::with_capacity(lines.iter().map(|line| line.bytes.len() + 1).sum());
        let mut spans = Vec::with_capacity(lines.len());
        for line in lines {
            let start = buffer.len();
            buffer.extend_from_slice(&line.bytes);
            let offset = usize::try_from(line.position - base).unwrap_or(usize::MAX);
            spans.push((start..buffer.len(), offset));
            buffer.push(b'\n');
        }
        let mut builder =
            LogBatchBuilder::new(Arc::clone(&self.source), buffer, (base, first_number), time);
        spans
            .into_iter()
            .for_each(|(range, offset)| builder.record(range, offset));
        builder.build(self.position, Ack::ignored())
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> Result<Option<Line>, Failure> {
        if let Some(line) = self.pending.take() {
            return Ok(Some(line));
        }
        loop {
            let position = self.position;
            let Some(bytes) = self.read_line()? else {
                return Ok(None);
            };
            if !bytes.is_empty() {
                let time = time::of_line(&bytes, self.year);
                return Ok(Some(Line {
                    bytes,
                    position,
                    time,
                }));
            }
        }
    }

    /// The next line without its end, cut to [`MAX_LINE`]; `None` at the end of the file.
    fn read_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let limited = &mut (&mut self.reader).take(MAX_LINE);
        let cannot =
            |error: std::io::Error| Failure::Usage(format!("cannot read `{}`: {error}", self.name));
        let mut read = limited.read_until(b'\n', &mut line).map_err(cannot)? as u64;
        if read == 0 {
            return Ok(None);
        }
        if read == MAX_LINE && line.last() != Some(&b'\n') {
            read += self.reader.skip_until(b'\n').map_err(cannot)? as u64;
        }
        self.position += read;
        for end in [b'\n', b'\r'] {
            if line.last() == Some(&end) {
                line.pop();
            }
        }
        Ok(Some(line))
    }
}

fn year_of(time: std::time::SystemTime) -> Option<i16> {
    let moment = jiff::Timestamp::try_from(time).ok()?;
    Some(Offset::UTC.to_datetime(moment).year())
}
