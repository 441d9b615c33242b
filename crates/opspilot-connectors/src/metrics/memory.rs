//! Memory, from `/proc/meminfo`: see proc_meminfo(5).

use super::lines::{Lines, mebibytes, percent, tenths};
use super::text;

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// All that the kernel manages.
    pub(super) total: u64,
    available: u64,
    cached: u64,
    /// The whole swap.
    pub(super) swap_total: u64,
    swap_free: u64,
}

/// Reads `/proc/meminfo`. Where the kernel does not say what is available (before 3.14), free memory, buffers and cache
/// are taken for it.
pub(super) fn parse(text: &[u8]) -> Option<Memory> {
    let bytes = |key: &[u8]| text::value(text, key).map(|kib| kib.saturating_mul(1024));
    let cached = bytes(b"Cached:").unwrap_or(0);
    let estimate = || {
        let free = bytes(b"MemFree:")?;
        let buffers = bytes(b"Buffers:").unwrap_or(0);
        Some(free.saturating_add(buffers).saturating_add(cached))
    };
    Some(Memory {
        total: bytes(b"MemTotal:")?,
        available: bytes(b"MemAvailable:").or_else(estimate)?,
        cached,
        swap_total: bytes(b"SwapTotal:").unwrap_or(0),
        swap_free: bytes(b"SwapFree:").unwrap_or(0),
    })
}

impl Memory {
    /// Writes it, and returns the share that is not available, in percent.
    pub(super) fn write(&self, lines: &mut Lines) -> f64 {
        let usage = write_usage(self.total.saturating_sub(self.available), self.total, lines);
        lines.metric(&[
            mebibytes("memory_available_mb", self.available),
            mebibytes("memory_cached_mb", self.cached),
        ]);
        if self.swap_total > 0 {
            let used = self.swap_total.saturating_sub(self.swap_free);
            write_swap(used, self.swap_total, lines);
        }
        usage
    }
}

/// Writes how much of `total` is used, and returns it in percent.
pub(super) fn write_usage(used: u64, total: u64, lines: &mut Lines) -> f64 {
    let usage = percent(used as f64, total as f64);
    lines.metric(&[
        tenths("memory_usage_percent", usage),
        mebibytes("memory_used_mb", used),
        mebibytes("memory_total_mb", total),
    ]);
    usage
}

/// Writes how much of the swap is used.
pub(super) fn write_swap(used: u64, total: u64, lines: &mut Lines) {
    lines.metric(&[
        tenths("swap_usage_percent", percent(used as f64, total as f64)),
        mebibytes("swap_used_mb", used),
        mebibytes("swap_total_mb", total),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut lines = Lines::default();
        parse(text.as_bytes()).unwrap().write(&mut lines);
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_not_available_is_used() {
        check(
            "MemTotal: 4096 kB\nMemFree: 512 kB\nMemAvailable: 3072 kB\nCached: 2048 kB\n\
             SwapTotal: 2048 kB\nSwapFree: 1024 kB\n",
            &[
                "[METRIC] memory_usage_percent=25.0 memory_used_mb=1 memory_total_mb=4",
                "[METRIC] memory_available_mb=3 memory_cached_mb=2",
                "[METRIC] swap_usage_percent=50.0 swap_used_mb=1 swap_total_mb=2",
            ],
        );
    }

    #[test]
    fn an_old_kernel_leaves_an_estimate() {
        check(
            "MemTotal: 4096 kB\nMemFree: 1024 kB\nBuffers: 0 kB\nCached: 1024 kB\n",
            &[
                "[METRIC] memory_usage_percent=50.0 memory_used_mb=2 memory_total_mb=4",
                "[METRIC] memory_available_mb=2 memory_cached_mb=1",
            ],
        );
    }
}
