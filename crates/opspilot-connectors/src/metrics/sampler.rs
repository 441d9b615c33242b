//! Takes the readings of one cycle.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::cgroup::{Cgroup, Reading};
use super::config::{Config, Group, View};
use super::lines::Lines;
use super::pressure::Stalls;
use super::processes::Units;
use super::tree::{Tree, Troubles};
use super::{cpu, descriptors, disks, load, memory, mounts, network, processes};

/// Reads the kernel's files and makes lines of them; remembers what rates are made from. Reading blocks.
#[derive(Debug)]
pub struct Sampler {
    config: Config,
    tree: Tree,
    units: Units,
    before: Before,
}

#[derive(Debug, Default)]
struct Before {
    at: Option<Instant>,
    cpu: Option<cpu::Sample>,
    disks: Option<disks::Sample>,
    network: Option<network::Sample>,
    processes: Option<processes::Sample>,
    stalls: Stalls,
    cgroup: Cgroup,
}

impl Sampler {
    /// A sampler of the files below `root`, which is `/` but for tests.
    #[must_use]
    pub fn new(config: Config, root: impl Into<PathBuf>) -> Self {
        Self {
            config,
            tree: Tree::new(root.into()),
            units: Units {
                ticks_per_second: rustix::param::clock_ticks_per_second(),
                page: rustix::param::page_size() as u64,
            },
            before: Before::default(),
        }
    }

    /// The readings at `now`. Rates need a reading before: the first cycle has none.
    pub fn cycle(&mut self, now: Instant) -> Lines {
        let mut lines = Lines::default();
        let earlier = self.before.at.replace(now);
        let elapsed = earlier.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let cores = match self.config.view {
            View::Host => self.cpu(&mut lines),
            View::Cgroup => self.cgroup(elapsed, &mut lines),
        };
        let is_host = self.config.view == View::Host;
        if is_host {
            self.memory(&mut lines);
        }
        self.load(cores, &mut lines);
        self.file_systems(&mut lines);
        if is_host {
            self.disks(elapsed, &mut lines);
        }
        self.network(elapsed, &mut lines);
        if is_host {
            self.processes(elapsed, &mut lines);
            let path = |name: &str| format!("proc/pressure/{name}");
            let (tree, config) = (&mut self.tree, &self.config);
            self.before
                .stalls
                .cycle((tree, config), path, elapsed, &mut lines);
        }
        if self.config.has(Group::FileDescriptors)
            && let Some(open) = self.tree.read("proc/sys/fs/file-nr", descriptors::parse)
        {
            open.write(&mut lines);
        }
        lines
    }

    /// What was not read since the last call.
    pub fn take_troubles(&mut self) -> Troubles {
        self.tree.take_troubles()
    }

    fn cpu(&mut self, lines: &mut Lines) -> Option<usize> {
        if !self.config.has(Group::Cpu) {
            return None;
        }
        let after = self.tree.read("proc/stat", cpu::parse)?;
        let cores = after.cores();
        if let Some(before) = self.before.cpu.replace(after)
            && let Some(after) = &self.before.cpu
        {
            let usage = after.write(&before, lines);
            let threshold = self.config.thresholds.cpu_percent;
            lines.judge("cpu_usage_percent", usage, threshold);
        }
        Some(cores)
    }

    /// The readings of a cgroup; how many processors the machine has.
    fn cgroup(&mut self, elapsed: Duration, lines: &mut Lines) -> Option<usize> {
        let sample = self
            .config
            .has(Group::Cpu)
            .then(|| self.tree.read("proc/stat", cpu::parse));
        let cores = sample.flatten().map(|sample| sample.cores());
        let reading = Reading {
            tree: &mut self.tree,
            config: &self.config,
            elapsed,
            cores,
        };
        self.before.cgroup.cycle(reading, lines);
        cores
    }

    fn memory(&mut self, lines: &mut Lines) {
        if !self.config.has(Group::Memory) {
            return;
        }
        let Some(memory) = self.tree.read("proc/meminfo", memory::parse) else {
            return;
        };
        let usage = memory.write(lines);
        let threshold = self.config.thresholds.memory_percent;
        lines.judge("memory_usage_percent", usage, threshold);
    }

    fn load(&mut self, cores: Option<usize>, lines: &mut Lines) {
        if self.config.has(Group::LoadAvg)
            && let Some(load) = self.tree.read("proc/loadavg", load::parse)
        {
            load.write(cores, lines);
        }
        if self.config.has(Group::Uptime)
            && let Some(seconds) = self.tree.read("proc/uptime", load::parse_uptime)
        {
            load::write_uptime(seconds, lines);
        }
    }

    fn file_systems(&mut self, lines: &mut Lines) {
        if !self.config.has(Group::FileSystems) {
            return;
        }
        let found = self.tree.read("proc/self/mountinfo", mounts::parse);
        let with_space = found.unwrap_or_default().into_iter().filter_map(|mount| {
            let space = self.tree.space(&mount.path())?;
            Some((mount, space))
        });
        mounts::write(&with_space.collect::<Vec<_>>(), lines);
    }

    fn disks(&mut self, elapsed: Duration, lines: &mut Lines) {
        if !self.config.has(Group::Disks) {
            return;
        }
        let whole = self.tree.names("sys/block");
        let Some(after) = self.tree.read("proc/diskstats", disks::parse) else {
            return;
        };
        if let Some(before) = &self.before.disks {
            disks::write((before, &after), elapsed, &whole, lines);
        }
        self.before.disks = Some(after);
    }

    fn network(&mut self, elapsed: Duration, lines: &mut Lines) {
        if !self.config.has(Group::Network) {
            return;
        }
        let Some(after) = self.tree.read("proc/net/dev", network::parse) else {
            return;
        };
        if let Some(before) = &self.before.network {
            network::write((before, &after), elapsed, lines);
        }
        self.before.network = Some(after);
    }

    fn processes(&mut self, elapsed: Duration, lines: &mut Lines) {
        if !self.config.has(Group::Processes) {
            return;
        }
        let mut after = processes::Sample::new();
        for name in self.tree.names("proc") {
            let Some(pid) = super::text::number(&name) else {
                continue;
            };
            // A process may end between the two looks.
            let found = self
                .tree
                .glance(&format!("proc/{pid}/stat"), processes::parse);
            after.extend(found.map(|process| (process.pid(), process)));
        }
        processes::write_counts(&after, lines);
        let Config { processes, .. } = &self.config;
        processes::write_presence(&after, &processes.watch, lines);
        if let Some(before) = &self.before.processes {
            let scale = (elapsed, self.units);
            processes::write_top((before, &after), scale, processes.top, lines);
        }
        self.before.processes = Some(after);
    }
}
