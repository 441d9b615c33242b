//! Sends the lines of a run that were not read before.

use std::ops::Range;
use std::sync::Arc;

use opspilot_core::signal::LogBatchBuilder;

use super::Reader;
use crate::kubernetes::cluster::Trouble;
use crate::kubernetes::logs::text::Line;

impl Reader<'_> {
    /// Sends the lines that were not read before.
    pub(super) async fn send(&mut self, lines: Vec<Vec<u8>>) -> Result<(), Trouble> {
        let mut buffer = Vec::new();
        let mut records: Vec<(Range<usize>, u64)> = Vec::new();
        for line in &lines {
            let Some(line) = Line::parse(line) else {
                continue;
            };
            if !self.is_new(&line) {
                continue;
            }
            let position = line.time.max(self.place.position);
            self.place.time = line.time;
            self.place.hash = line.hash();
            self.place.position = position + 1;
            let start = buffer.len();
            buffer.extend_from_slice(line.text);
            records.push((start..buffer.len(), position));
            buffer.push(b'\n');
        }
        let mut rest = records.as_slice();
        while let Some((_, base)) = rest.first() {
            // Offsets have 32 bits, which are four seconds in nanoseconds: a batch ends there.
            let count =
                rest.partition_point(|(_, position)| u32::try_from(position - base).is_ok());
            let (now, later) = rest.split_at(count);
            rest = later;
            self.send_some(&buffer, now, *base, later.is_empty())
                .await?;
        }
        Ok(())
    }

    async fn send_some(
        &mut self,
        buffer: &[u8],
        records: &[(Range<usize>, u64)],
        base: u64,
        is_last: bool,
    ) -> Result<(), Trouble> {
        let cx = self.logs.cx;
        let (Some((first, _)), Some((last, position))) = (records.first(), records.last()) else {
            return Ok(());
        };
        let text = buffer
            .get(first.start..last.end)
            .unwrap_or_default()
            .to_vec();
        let mut builder = LogBatchBuilder::new(
            Arc::clone(&self.source),
            text,
            (base, self.number + 1),
            cx.clock.now(),
        );
        for (range, position) in records {
            let offset = usize::try_from(position - base).unwrap_or(usize::MAX);
            builder.record(range.start - first.start..range.end - first.start, offset);
        }
        self.number += records.len() as u64;
        let end = position + 1;
        if is_last {
            self.marks.push_back(self.place.clone());
        }
        let batch = builder.build(end, self.tracker.begin(end));
        // Letting go of a batch says that it is stored, so one that was not sent to all has to fail.
        let ack = batch.ack();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => ack.fail(),
            () = cx.bus.send_logs(batch) => {}
        }
        Ok(())
    }

    /// True if `line` comes behind what was read.
    fn is_new(&mut self, line: &Line<'_>) -> bool {
        if !self.is_seeking {
            return line.time >= self.place.time || self.number > 0;
        }
        if line.time == self.place.time && line.hash() == self.place.hash {
            self.is_seeking = false;
            return false;
        }
        if line.time > self.place.time {
            self.is_seeking = false;
            return true;
        }
        false
    }
}
