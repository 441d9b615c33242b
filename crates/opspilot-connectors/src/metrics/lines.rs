//! The lines of one cycle.

use std::fmt;
use std::io::Write as _;
use std::ops::Range;

use opspilot_core::signal::{Attributes, Sample};

/// A name with its number, as it stands in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    name: &'static str,
    value: f64,
    decimals: usize,
}

/// A whole number.
pub(super) const fn whole(name: &'static str, value: u64) -> Figure {
    rounded(name, value as f64, 0)
}

/// A number with one decimal.
pub(super) const fn tenths(name: &'static str, value: f64) -> Figure {
    rounded(name, value, 1)
}

/// A number with two decimals.
pub(super) const fn hundredths(name: &'static str, value: f64) -> Figure {
    rounded(name, value, 2)
}

/// Bytes as whole MiB.
pub(super) const fn mebibytes(name: &'static str, bytes: u64) -> Figure {
    rounded(name, bytes as f64 / (1 << 20) as f64, 0)
}

/// Bytes a second as MiB a second.
pub(super) const fn mebibytes_per_second(name: &'static str, rate: f64) -> Figure {
    rounded(name, rate / (1 << 20) as f64, 2)
}

const fn rounded(name: &'static str, value: f64, decimals: usize) -> Figure {
    Figure {
        name,
        value,
        decimals,
    }
}

impl Figure {
    /// The number as it was measured, not rounded.
    fn sample(self, labels: &[(&str, &[u8])]) -> Sample {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let attribute = |(name, value): &(&str, &[u8])| ((*name).to_owned(), text(value).into());
        Sample {
            name: self.name.into(),
            value: self.value,
            unit: unit(self.name).into(),
            attributes: labels.iter().map(attribute).collect::<Attributes>(),
        }
    }
}

/// The UCUM code of the unit that a figure's name ends in.
fn unit(name: &str) -> &'static str {
    let name = name
        .strip_suffix("_per_second")
        .map_or((name, false), |name| (name, true));
    match name {
        (name, false) if name.contains("_percent") => "%",
        (name, false) if name.ends_with("_mb") => "MiBy",
        (name, true) if name.ends_with("_mb") => "MiBy/s",
        (name, false) if name.ends_with("_hours") => "h",
        (name, false) if name.ends_with("_ms") => "ms",
        (_, true) => "/s",
        (_, false) => "1",
    }
}

/// The share of `part` in `whole` as a percentage; 0 of nothing.
pub(super) fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (part / whole * 100.0).max(0.0)
    } else {
        0.0
    }
}

/// The lines of one cycle, in one buffer.
///
/// A line is `[METRIC] name=number name=number label=word`. Names are made of `a-z`, `0-9` and `_`; numbers are plain
/// decimals; whatever else than letters, digits and `.-_:/+@\` a label holds shows as `_`, so that the name of a process
/// or a mount can neither end a line nor look like a figure.
#[derive(Clone, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    ranges: Vec<Range<usize>>,
    samples: Vec<Sample>,
}

/// What a batch is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) buffer: Vec<u8>,
    /// Where in the buffer the lines are.
    pub(super) ranges: Vec<Range<usize>>,
    /// Their figures, as numbers.
    pub(super) samples: Vec<Sample>,
}

impl Lines {
    /// How many lines there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ranges.len()
    }

    /// True if there is no line.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The lines in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let text = |range: &Range<usize>| self.buffer.get(range.clone());
        self.ranges
            .iter()
            .filter_map(text)
            .filter_map(|line| std::str::from_utf8(line).ok())
    }

    /// The figures of the lines, as numbers. There are fewer than the lines have bytes.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    pub(super) fn into_parts(self) -> Parts {
        Parts {
            buffer: self.buffer,
            ranges: self.ranges,
            samples: self.samples,
        }
    }

    /// Adds all lines of `other`.
    pub(super) fn append(&mut self, other: Self) {
        let base = self.buffer.len();
        let moved = |range: Range<usize>| range.start + base..range.end + base;
        self.ranges.extend(other.ranges.into_iter().map(moved));
        self.buffer.extend(other.buffer);
        self.samples.extend(other.samples);
    }

    /// Adds a line of figures.
    pub(super) fn metric(&mut self, figures: &[Figure]) {
        self.labelled(figures, &[]);
    }

    /// Adds a line of figures about what `labels` name.
    pub(super) fn labelled(&mut self, figures: &[Figure], labels: &[(&str, &[u8])]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(b"[METRIC]");
        for figure in figures {
            self.buffer.push(b' ');
            self.figure(*figure);
            self.samples.push(figure.sample(labels));
        }
        for (name, value) in labels {
            self.buffer.push(b' ');
            self.buffer.extend_from_slice(name.as_bytes());
            self.buffer.push(b'=');
            self.buffer.extend(value.iter().map(|byte| harmless(*byte)));
        }
        self.end(start);
    }

    /// Adds a warning if `value` is at or above `threshold`.
    pub(super) fn judge(&mut self, name: &'static str, value: f64, threshold: f64) {
        if value >= threshold {
            self.warning(tenths(name, value), threshold);
        }
    }

    /// Adds a line that says that `figure` is at or above `threshold`.
    fn warning(&mut self, figure: Figure, threshold: f64) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(b"[WARNING] ");
        self.figure(figure);
        self.write(format_args!(" exceeds threshold {threshold}"));
        self.end(start);
    }

    fn figure(&mut self, figure: Figure) {
        let Figure {
            name,
            value,
            decimals,
        } = figure;
        let value = if value.is_finite() { value } else { 0.0 };
        self.write(format_args!("{name}={value:.decimals$}"));
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing into memory cannot fail.
        drop(self.buffer.write_fmt(text));
    }

    fn end(&mut self, start: usize) {
        self.ranges.push(start..self.buffer.len());
        self.buffer.push(b'\n');
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

const fn harmless(byte: u8) -> u8 {
    match byte {
        b'.' | b'-' | b'_' | b':' | b'/' | b'+' | b'@' | b'\\' => byte,
        _ if byte.is_ascii_alphanumeric() => byte,
        _ => b'_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_look_like_something_else() {
        let mut lines = Lines::default();
        lines.labelled(
            &[tenths("x_percent", f64::NAN), whole("x_count", 3)],
            &[("name", "a b\n[METRIC] x=1é".as_bytes())],
        );
        lines.warning(tenths("x_percent", 92.04), 90.0);
        let lines: Vec<&str> = lines.iter().collect();
        let expected = [
            "[METRIC] x_percent=0.0 x_count=3 name=a_b__METRIC__x_1__",
            "[WARNING] x_percent=92.0 exceeds threshold 90",
        ];
        assert_eq!(lines, expected);
    }
}
