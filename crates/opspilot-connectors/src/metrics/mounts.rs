//! File systems, from `/proc/self/mountinfo`: see proc_pid_mountinfo(5).

use super::lines::{Lines, mebibytes, percent, tenths};
use super::rates::larger;
use super::text;

/// The local file systems whose space is watched. Network file systems are left out: asking one whose server is gone
/// blocks for ever.
const KINDS: &[&[u8]] = &[
    b"ext2",
    b"ext3",
    b"ext4",
    b"xfs",
    b"btrfs",
    b"zfs",
    b"f2fs",
    b"bcachefs",
    b"vfat",
    b"exfat",
    b"overlay",
];

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The device's number, `major:minor`.
    device: Vec<u8>,
    /// Where it is mounted; the kernel writes spaces as `\040`.
    pub(super) place: Vec<u8>,
    kind: Vec<u8>,
}

/// The room in a file system, in bytes and inodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Space {
    /// All bytes.
    pub(super) total: u64,
    /// Free bytes, those kept for root included.
    pub(super) free: u64,
    /// Free bytes for everybody.
    pub(super) available: u64,
    /// All inodes.
    pub(super) inodes: u64,
    /// Free inodes.
    pub(super) inodes_free: u64,
}

/// Reads `/proc/self/mountinfo`: each device once, where it was mounted first.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Mount>> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in text::lines(text).filter(|line| !line.is_empty()) {
        let mount = mount(line)?;
        let is_known = mounts.iter().any(|other| other.device == mount.device);
        if KINDS.contains(&mount.kind.as_slice()) && !is_known {
            mounts.push(mount);
        }
    }
    Some(mounts)
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = text::words(line);
    let device = words.nth(2)?.to_vec();
    let place = words.nth(1)?.to_vec();
    words.find(|word| *word == b"-")?;
    let kind = words.next()?.to_vec();
    Some(Mount {
        device,
        place,
        kind,
    })
}

impl Mount {
    /// The place as a path.
    pub(super) fn path(&self) -> Vec<u8> {
        text::unescaped(&self.place)
    }
}

/// Writes how full file systems are: the fullest first, by space and by inodes.
pub(super) fn write(mounts: &[(Mount, Space)], lines: &mut Lines) {
    let (mut fullest, mut rest) = (None, Lines::default());
    let mut fewest_inodes = None;
    for (mount, space) in mounts.iter().filter(|(_, space)| space.total > 0) {
        let used = space.total.saturating_sub(space.free);
        // As df(1): what is kept for root is neither used nor available.
        let usage = percent(used as f64, used as f64 + space.available as f64);
        let inodes_used = space.inodes.saturating_sub(space.inodes_free);
        let inodes = percent(inodes_used as f64, space.inodes as f64);
        let place = mount.place.as_slice();
        larger(&mut fullest, usage, place);
        larger(&mut fewest_inodes, inodes, place);
        rest.labelled(
            &[
                tenths("filesystem_usage_percent", usage),
                tenths("filesystem_inodes_percent", inodes),
                mebibytes("filesystem_available_mb", space.available),
                mebibytes("filesystem_total_mb", space.total),
            ],
            &[("mount", place), ("type", &mount.kind)],
        );
    }
    let first = [
        ("disk_usage_percent", fullest),
        ("disk_inodes_percent", fewest_inodes),
    ];
    for (name, best) in first {
        if let Some((usage, place)) = best {
            lines.labelled(&[tenths(name, usage)], &[("mount", place)]);
        }
    }
    lines.append(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_file_systems_are_told_once_with_the_fullest_first() {
        let text = b"27 1 254:0 / / rw - ext4 /dev/vda rw\n22 27 0:21 / /proc rw - proc proc rw\n\
                     28 27 254:0 /x /mnt/x rw shared:1 - ext4 /dev/vda rw\n\
                     29 27 8:1 / /my\\040disk rw - xfs /dev/sda1 rw\n";
        let mounts = parse(text).unwrap();
        assert_eq!(mounts[1].path(), b"/my disk");
        let space = |available| Space {
            total: 100 << 20,
            free: 20 << 20,
            available,
            inodes: 10,
            inodes_free: 5,
        };
        let rows: Vec<_> = mounts
            .into_iter()
            .zip([space(20 << 20), space(0)])
            .collect();
        let mut lines = Lines::default();
        write(&rows, &mut lines);
        let lines: Vec<&str> = lines.iter().collect();
        assert_eq!(
            lines[..2],
            [
                r"[METRIC] disk_usage_percent=100.0 mount=/my\040disk",
                "[METRIC] disk_inodes_percent=50.0 mount=/"
            ]
        );
        assert_eq!(lines.len(), 4);
    }
}
