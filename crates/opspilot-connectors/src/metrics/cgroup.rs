//! What one cgroup uses and may use, from the files of cgroup v2: see the kernel's
//! `Documentation/admin-guide/cgroup-v2.rst`.
//!
//! Names are those of the host where the meaning is the same; a limit takes the place of what the machine has. A limit of
//! a cgroup above counts where it is lower, as far up as the mount shows.

mod cpu;
mod io;
mod memory;
mod place;
mod tasks;

use std::time::Duration;

use self::place::Place;
use super::config::{Config, Group};
use super::lines::Lines;
use super::pressure::Stalls;
use super::text;
use super::tree::Tree;

/// Reads one cgroup; remembers what rates are made from.
#[derive(Debug, Default)]
pub(super) struct Cgroup {
    place: Option<Place>,
    cpu: Option<cpu::Times>,
    events: Option<memory::Events>,
    io: Option<io::Sample>,
    refused: Option<u64>,
    stalls: Stalls,
}

/// What a cycle reads with.
pub(super) struct Reading<'a> {
    pub(super) tree: &'a mut Tree,
    pub(super) config: &'a Config,
    pub(super) elapsed: Duration,
    /// How many processors the machine has, if that is known.
    pub(super) cores: Option<usize>,
}

impl Cgroup {
    /// Writes the readings of a cycle.
    pub(super) fn cycle(&mut self, mut reading: Reading<'_>, lines: &mut Lines) {
        let Reading { tree, config, .. } = &mut reading;
        if self
            .place
            .as_ref()
            .is_none_or(|place| !tree.has(place.own()))
        {
            *self = Self::default();
            self.place = place::find(tree, &config.cgroup);
        }
        let Some(place) = self.place.clone() else {
            return;
        };
        if reading.config.has(Group::Cpu) {
            self.cpu(&place, &mut reading, lines);
        }
        if reading.config.has(Group::Memory) {
            self.memory(&place, &mut reading, lines);
        }
        if reading.config.has(Group::Disks) {
            self.io(&place, &mut reading, lines);
        }
        if reading.config.has(Group::Processes) {
            self.tasks(&place, &mut reading, lines);
        }
        let path = |name: &str| place.file(&format!("{name}.pressure"));
        let Reading {
            tree,
            config,
            elapsed,
            ..
        } = reading;
        self.stalls.cycle((tree, config), path, elapsed, lines);
    }

    fn cpu(&mut self, place: &Place, reading: &mut Reading<'_>, lines: &mut Lines) {
        let Some(after) = reading.tree.read(&place.file("cpu.stat"), cpu::parse) else {
            return;
        };
        let Some(before) = self.cpu.replace(after) else {
            return;
        };
        let quota = place.lowest(reading.tree, "cpu.max", cpu::parse_quota);
        let set = reading
            .tree
            .glance(&place.file("cpuset.cpus.effective"), cpu::parse_set);
        let all = set.or(reading.cores).unwrap_or(1) as f64;
        let limit = quota.map_or(all, |quota| quota.min(all));
        let usage = after.write((&before, reading.elapsed), limit, lines);
        let threshold = reading.config.thresholds.cpu_percent;
        lines.judge("cpu_usage_percent", usage, threshold);
    }

    fn memory(&mut self, place: &Place, reading: &mut Reading<'_>, lines: &mut Lines) {
        let Reading { tree, config, .. } = reading;
        let Some(current) = tree.read(&place.file("memory.current"), text::only) else {
            return;
        };
        let host = tree.read("proc/meminfo", super::memory::parse);
        let stat = tree.read(&place.file("memory.stat"), memory::parse);
        let limit = place.lowest(tree, "memory.max", memory::parse_limit);
        let total = host.map(|host| host.total).into_iter().chain(limit).min();
        let stat = stat.unwrap_or_default();
        let usage = stat.write((current, total), lines);
        if let Some(usage) = usage {
            lines.judge(
                "memory_usage_percent",
                usage,
                config.thresholds.memory_percent,
            );
        }
        swap(
            place,
            (reading.tree, host.map(|host| host.swap_total)),
            lines,
        );
        let path = place.file("memory.events");
        let events = reading.tree.read(&path, memory::parse_events);
        if let (Some(after), Some(before)) = (events, self.events) {
            after.write(&before, lines);
        }
        self.events = events;
    }

    fn io(&mut self, place: &Place, reading: &mut Reading<'_>, lines: &mut Lines) {
        let Some(after) = reading.tree.read(&place.file("io.stat"), io::parse) else {
            return;
        };
        if let Some(before) = &self.io {
            let names = reading.tree.glance("proc/diskstats", io::parse_names);
            let names = names.unwrap_or_default();
            io::write((before, &after), reading.elapsed, &names, lines);
        }
        self.io = Some(after);
    }

    fn tasks(&mut self, place: &Place, reading: &mut Reading<'_>, lines: &mut Lines) {
        let Reading { tree, .. } = reading;
        let Some(current) = tree.read(&place.file("pids.current"), text::only) else {
            return;
        };
        let limit = place.lowest(tree, "pids.max", memory::parse_limit);
        let refused = tree.glance(&place.file("pids.events"), tasks::parse_refused);
        let news = refused.zip(self.refused);
        let news = news.map(|(after, before)| after.saturating_sub(before));
        self.refused = refused;
        tasks::write(current, limit, news, lines);
    }
}

/// Swap is told where there is some that the cgroup may use.
fn swap(place: &Place, (tree, host): (&mut Tree, Option<u64>), lines: &mut Lines) {
    let Some(used) = tree.glance(&place.file("memory.swap.current"), text::only) else {
        return;
    };
    let limit = place.lowest(tree, "memory.swap.max", memory::parse_limit);
    let total = host.into_iter().chain(limit).min().unwrap_or(0);
    if total > 0 {
        super::memory::write_swap(used, total, lines);
    }
}
