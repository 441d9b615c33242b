//! What one cycle of readings costs, with everything switched on, on this machine.

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use opspilot_connectors::metrics::{Config, Group, Sampler};

fn cycle(criterion: &mut Criterion) {
    let config = Config {
        enabled_metrics: vec![
            Group::Cpu,
            Group::Memory,
            Group::LoadAvg,
            Group::Uptime,
            Group::FileSystems,
            Group::Disks,
            Group::Network,
            Group::Processes,
            Group::Pressure,
            Group::FileDescriptors,
        ],
        ..Config::default()
    };
    let mut sampler = Sampler::new(config, "/");
    criterion.bench_function("metrics/cycle", |bencher| {
        bencher.iter(|| sampler.cycle(Instant::now()));
    });
}

criterion_group!(benches, cycle);
criterion_main!(benches);
