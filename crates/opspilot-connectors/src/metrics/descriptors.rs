//! Open files, from `/proc/sys/fs/file-nr`: see proc_sys_fs(5).

use super::lines::{Lines, percent, tenths, whole};
use super::text;

/// How many files are open in the whole system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Descriptors {
    open: u64,
    limit: u64,
}

/// Reads `/proc/sys/fs/file-nr`.
pub(super) fn parse(text: &[u8]) -> Option<Descriptors> {
    let mut numbers = text::words(text).map(text::number);
    let mut next = || numbers.next().flatten();
    let (allocated, unused, limit) = (next()?, next()?, next()?);
    Some(Descriptors {
        open: allocated.saturating_sub(unused),
        limit,
    })
}

impl Descriptors {
    /// Writes it.
    pub(super) fn write(&self, lines: &mut Lines) {
        let usage = percent(self.open as f64, self.limit as f64);
        lines.metric(&[
            tenths("file_descriptors_usage_percent", usage),
            whole("file_descriptors_open", self.open),
            whole("file_descriptors_limit", self.limit),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_a_share_of_the_limit() {
        let mut lines = Lines::default();
        parse(b"500\t0\t1000\n").unwrap().write(&mut lines);
        let expected = "[METRIC] file_descriptors_usage_percent=50.0 file_descriptors_open=500 \
                        file_descriptors_limit=1000";
        assert_eq!(lines.iter().collect::<Vec<_>>(), [expected]);
    }
}
