//! Network interfaces, from `/proc/net/dev`: see proc_pid_net(5).

use std::collections::BTreeMap;
use std::time::Duration;

use super::lines::{Figure, Lines, hundredths, mebibytes_per_second};
use super::rates::per_second;
use super::text;

/// The counters of one interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    received: Direction,
    sent: Direction,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Direction {
    bytes: u64,
    packets: u64,
    errors: u64,
    drops: u64,
}

/// The counters of all interfaces but the loopback, by name.
pub(super) type Sample = BTreeMap<Vec<u8>, Counters>;

/// Reads `/proc/net/dev`.
pub(super) fn parse(text: &[u8]) -> Option<Sample> {
    let mut lines = text::lines(text);
    lines.next()?.starts_with(b"Inter-").then_some(())?;
    let interfaces = lines.skip(1).filter_map(interface);
    Some(interfaces.filter(|(name, _)| name != b"lo").collect())
}

fn interface(line: &[u8]) -> Option<(Vec<u8>, Counters)> {
    // A name may contain a colon (an alias), a counter never does.
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii();
    let numbers: Vec<u64> = text::words(line.get(colon + 1..)?)
        .map_while(text::number)
        .collect();
    let direction = |first: usize| {
        let number = |index: usize| numbers.get(first + index).copied();
        Some(Direction {
            bytes: number(0)?,
            packets: number(1)?,
            errors: number(2)?,
            drops: number(3)?,
        })
    };
    let counters = Counters {
        received: direction(0)?,
        sent: direction(8)?,
    };
    (!name.is_empty()).then(|| (name.to_vec(), counters))
}

/// What came and went in a second.
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    received: [f64; 4],
    sent: [f64; 4],
}

impl Rates {
    fn of(before: &Counters, after: &Counters, elapsed: Duration) -> Self {
        let rates = |before: &Direction, after: &Direction| {
            [
                per_second(before.bytes, after.bytes, elapsed),
                per_second(before.packets, after.packets, elapsed),
                per_second(before.errors, after.errors, elapsed),
                per_second(before.drops, after.drops, elapsed),
            ]
        };
        Self {
            received: rates(&before.received, &after.received),
            sent: rates(&before.sent, &after.sent),
        }
    }

    fn add(&mut self, other: &Self) {
        let all = self.received.iter_mut().chain(&mut self.sent);
        for (sum, more) in all.zip(other.received.iter().chain(&other.sent)) {
            *sum += more;
        }
    }

    const fn figures(&self, names: [&'static str; 8]) -> [Figure; 8] {
        let [bytes_in, packets_in, errors_in, drops_in] = self.received;
        let [bytes_out, packets_out, errors_out, drops_out] = self.sent;
        [
            mebibytes_per_second(names[0], bytes_in),
            mebibytes_per_second(names[1], bytes_out),
            hundredths(names[2], packets_in),
            hundredths(names[3], packets_out),
            hundredths(names[4], errors_in),
            hundredths(names[5], errors_out),
            hundredths(names[6], drops_in),
            hundredths(names[7], drops_out),
        ]
    }
}

const SUMS: [&str; 8] = [
    "network_receive_mb_per_second",
    "network_transmit_mb_per_second",
    "network_receive_packets_per_second",
    "network_transmit_packets_per_second",
    "network_receive_errors_per_second",
    "network_transmit_errors_per_second",
    "network_receive_drops_per_second",
    "network_transmit_drops_per_second",
];

const OF_ONE: [&str; 8] = [
    "interface_receive_mb_per_second",
    "interface_transmit_mb_per_second",
    "interface_receive_packets_per_second",
    "interface_transmit_packets_per_second",
    "interface_receive_errors_per_second",
    "interface_transmit_errors_per_second",
    "interface_receive_drops_per_second",
    "interface_transmit_drops_per_second",
];

/// Writes the traffic between two samples: the sum, and each interface that ever carried a packet.
pub(super) fn write((before, after): (&Sample, &Sample), elapsed: Duration, lines: &mut Lines) {
    let mut sum = Rates::default();
    let mut each = Vec::new();
    for (name, counters) in after {
        let used = counters.received.packets > 0 || counters.sent.packets > 0;
        let Some(earlier) = before.get(name).filter(|_| used) else {
            continue;
        };
        let rates = Rates::of(earlier, counters, elapsed);
        sum.add(&rates);
        each.push((name, rates));
    }
    lines.metric(&sum.figures(SUMS));
    for (name, rates) in each {
        lines.labelled(&rates.figures(OF_ONE), &[("interface", name)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets\n";

    fn sample(rows: &str) -> Sample {
        parse(format!("{HEAD}{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn rates_are_per_interface_and_in_sum_without_the_loopback() {
        let before = sample(
            "  lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\neth0: 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        let after = sample(
            "  lo: 99 99 0 0 0 0 0 0 99 99 0 0 0 0 0 0\n\
             eth0:10485760 21 4 2 0 0 0 0 5242880 10 0 0 0 0 0 0\nifb0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        let mut lines = Lines::default();
        write((&before, &after), Duration::from_secs(2), &mut lines);
        let lines: Vec<&str> = lines.iter().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with(
            "[METRIC] network_receive_mb_per_second=5.00 network_transmit_mb_per_second=2.50 "
        ));
        assert!(lines[1].contains(" interface_receive_errors_per_second=2.00 "));
        assert!(lines[1].ends_with(" interface=eth0"));
    }
}
