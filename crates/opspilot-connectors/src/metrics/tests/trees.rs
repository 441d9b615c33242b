//! The module on trees of other kernels: see `testdata/README.md`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const CONTAINER: &[u8] = include_bytes!("../testdata/container.tree");
const SERVICE: &[u8] = include_bytes!("../testdata/service.tree");
const OLD: &[u8] = include_bytes!("../testdata/old.tree");
const MOUNTS: &[u8] = include_bytes!("../testdata/mounts.tree");

/// Writes the files of `tree`, those of the second cycle if `is_later`.
fn unpack(tree: &[u8], root: &Path, is_later: bool) {
    let mut file: Option<std::path::PathBuf> = None;
    let mut content = Vec::new();
    let close = |file: &mut Option<std::path::PathBuf>, content: &mut Vec<u8>| {
        if let Some(path) = file.take() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    };
    for line in tree.split_inclusive(|byte| *byte == b'\n') {
        let Some(title) = line.strip_prefix(b"== ") else {
            content.extend_from_slice(line);
            continue;
        };
        close(&mut file, &mut content);
        content.clear();
        let title = std::str::from_utf8(title).unwrap().trim();
        let (path, when) = title.split_once(' ').unwrap_or((title, ""));
        file = (is_later || when != "later").then(|| root.join(path));
    }
    close(&mut file, &mut content);
}

/// The lines of the second cycle, ten seconds after the first.
fn read(tree: &[u8], config: &str) -> (Vec<String>, Troubles) {
    let folder = tempfile::tempdir().unwrap();
    let config: Config = serde_saphyr::from_str(config).unwrap();
    config.check().unwrap();
    let mut sampler = Sampler::new(config, folder.path());
    unpack(tree, folder.path(), false);
    let start = Instant::now();
    sampler.cycle(start);
    sampler.take_troubles();
    unpack(tree, folder.path(), true);
    let lines = sampler.cycle(start + Duration::from_secs(10));
    let lines = lines.iter().map(str::to_owned).collect();
    (lines, sampler.take_troubles())
}

#[test]
fn a_container_is_measured_against_its_limits() {
    let config = "{view: cgroup, enabledMetrics: [cpu, memory, disks, processes, pressure], \
                  thresholds: {cpuPercent: 90, memoryPercent: 60}}";
    let (lines, troubles) = read(CONTAINER, config);
    let expected = [
        "[METRIC] cpu_usage_percent=90.0",
        "[METRIC] cpu_user_percent=60.0 cpu_system_percent=30.0 cpu_limit_cores=0.50",
        "[METRIC] cpu_throttled_percent=50.0 cpu_throttled_ms=2000",
        "[WARNING] cpu_usage_percent=90.0 exceeds threshold 90",
        // 192 MiB, of which 40 MiB are cache that rests.
        "[METRIC] memory_usage_percent=59.4 memory_used_mb=152 memory_total_mb=256",
        "[METRIC] memory_anonymous_mb=128 memory_cached_mb=60",
        "[METRIC] memory_high_events=0 memory_max_events=8 memory_oom_events=1 memory_oom_kills=1",
        "[METRIC] device_read_mb_per_second=2.00 device_write_mb_per_second=0.50 device_reads_per_second=10.00 \
         device_writes_per_second=2.00 device=nvme0n1",
        "[METRIC] pids_current=60 pids_limit=100 pids_usage_percent=60.0 pids_refused=3",
        "[METRIC] cpu_pressure_some_percent=20.0 cpu_pressure_full_percent=10.0 cpu_pressure_some_avg60=7.50 \
         cpu_pressure_full_avg60=3.25",
        "[METRIC] memory_pressure_some_percent=0.0 memory_pressure_full_percent=0.0 memory_pressure_some_avg60=0.00 \
         memory_pressure_full_avg60=0.00",
        "[METRIC] io_pressure_some_percent=0.0 io_pressure_full_percent=0.0 io_pressure_some_avg60=0.00 \
         io_pressure_full_avg60=0.00",
    ];
    assert_eq!(lines, expected);
    assert_eq!(troubles, Troubles::default());
}

#[test]
fn the_lower_of_two_limits_counts() {
    let groups = "enabledMetrics: [cpu, memory, disks, processes, pressure]";
    let (lines, troubles) = read(SERVICE, &format!("{{view: cgroup, {groups}}}"));
    let expected = [
        "[METRIC] cpu_usage_percent=25.0",
        "[METRIC] cpu_user_percent=20.0 cpu_system_percent=5.0 cpu_limit_cores=2.00",
        "[METRIC] cpu_throttled_percent=0.0 cpu_throttled_ms=0",
        "[METRIC] memory_usage_percent=50.0 memory_used_mb=512 memory_total_mb=1024",
        "[METRIC] memory_anonymous_mb=256 memory_cached_mb=256",
        "[METRIC] swap_usage_percent=9.8 swap_used_mb=100 swap_total_mb=1024",
        "[METRIC] memory_high_events=0 memory_max_events=0 memory_oom_events=0 memory_oom_kills=0",
        "[METRIC] device_read_mb_per_second=0.00 device_write_mb_per_second=0.00 device_reads_per_second=0.00 \
         device_writes_per_second=0.00 device=259:0",
        "[METRIC] pids_current=17 pids_limit=34 pids_usage_percent=50.0",
    ];
    assert_eq!(lines, expected);
    assert_eq!(troubles.told(), None);
    assert!(
        troubles
            .absent
            .contains("/sys/fs/cgroup/system.slice/opspilot.service/cpu.pressure")
    );
}

#[test]
fn a_cgroup_is_read_by_its_name() {
    let (lines, _) = read(
        SERVICE,
        "{view: cgroup, cgroup: /system.slice/other.service, enabledMetrics: [cpu]}",
    );
    let expected = [
        "[METRIC] cpu_usage_percent=5.0",
        "[METRIC] cpu_user_percent=5.0 cpu_system_percent=0.0 cpu_limit_cores=2.00",
    ];
    assert_eq!(lines, expected);
    let (lines, troubles) = read(SERVICE, "{view: cgroup, cgroup: /system.slice/no.service}");
    assert!(lines.is_empty(), "{lines:?}");
    let told = troubles.told().unwrap();
    assert!(
        told.starts_with("there is no cgroup `/sys/fs/cgroup/system.slice/no.service`: "),
        "{told}"
    );
}

#[test]
fn cgroup_v1_alone_is_a_fault_with_two_ways_out() {
    let (lines, troubles) = read(OLD, "{view: cgroup, enabledMetrics: [cpu, loadAvg]}");
    assert_eq!(
        lines[0],
        "[METRIC] load_avg_1m=0.20 load_avg_5m=0.18 load_avg_15m=0.12"
    );
    let told = troubles.told().unwrap();
    for part in [
        "no cgroup v2 is mounted",
        "unified_cgroup_hierarchy",
        "`view: host`",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn an_old_kernel_is_read_as_far_as_it_goes() {
    let config = "enabledMetrics: [cpu, memory, loadAvg, uptime, fileSystems, disks, network, pressure, fileDescriptors]";
    let (lines, troubles) = read(OLD, config);
    let expected = [
        // Of 2000 ticks 500 were for users, 200 for the system, and 300 waited for disks.
        "[METRIC] cpu_usage_percent=35.0",
        "[METRIC] cpu_user_percent=25.0 cpu_nice_percent=0.0 cpu_system_percent=10.0 cpu_interrupts_percent=0.0 \
         cpu_iowait_percent=15.0 cpu_steal_percent=0.0",
        "[METRIC] cpu_core_usage_percent=100.0 core=0",
        "[METRIC] cpu_core_usage_percent=0.0 core=1",
        "[METRIC] memory_usage_percent=50.0 memory_used_mb=500 memory_total_mb=1000",
        "[METRIC] memory_available_mb=500 memory_cached_mb=350",
        "[METRIC] load_avg_1m=0.20 load_avg_5m=0.18 load_avg_15m=0.12",
        "[METRIC] tasks_runnable=1 tasks_total=80",
        "[METRIC] load_per_core_1m=0.10 load_per_core_5m=0.09 load_per_core_15m=0.06",
        "[METRIC] uptime_hours=97.4",
        "[METRIC] disk_busy_percent=50.0 device=sda",
        "[METRIC] device_busy_percent=50.0 device_read_mb_per_second=1.00 device_write_mb_per_second=0.00 \
         device_reads_per_second=10.00 device_writes_per_second=0.00 device_wait_ms=1.0 device=sda",
    ];
    assert_eq!(lines[..12], expected);
    assert!(lines[12].starts_with(
        "[METRIC] network_receive_mb_per_second=1.00 network_transmit_mb_per_second=0.50 "
    ));
    assert!(
        lines[13].contains(" interface_receive_drops_per_second=2.00 "),
        "{}",
        lines[13]
    );
    assert!(lines[13].ends_with(" interface=eth0"), "{}", lines[13]);
    let files = "[METRIC] file_descriptors_usage_percent=1.0 file_descriptors_open=1024 file_descriptors_limit=98304";
    assert_eq!(lines[14..], [files]);
    assert_eq!(troubles.told(), None);
    assert!(troubles.absent.contains("/proc/pressure/memory"));
}

#[test]
fn mounts_are_found_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    unpack(MOUNTS, folder.path(), false);
    let places: [&[u8]; 6] = [
        b"my disk",
        b"tab\tand\\slash",
        b"home",
        b"pool",
        b"caf\xe9",
        b"remote",
    ];
    for place in places {
        fs::create_dir(folder.path().join(OsStr::from_bytes(place))).unwrap();
    }
    let config: Config = serde_saphyr::from_str("enabledMetrics: [fileSystems]").unwrap();
    let lines = Sampler::new(config, folder.path()).cycle(Instant::now());
    let places = lines
        .iter()
        .filter(|line| line.contains("filesystem_usage"));
    let places: Vec<&str> = places
        .filter_map(|line| line.split_once(" mount=").map(|(_, place)| place))
        .collect();
    let expected = [
        "/ type=ext4",
        r"/my\040disk type=xfs",
        r"/tab\011and\134slash type=ext4",
        "/home type=btrfs",
        "/pool type=zfs",
        "/caf_ type=vfat",
    ];
    assert_eq!(places, expected);
}

#[test]
fn many_processors_are_told_one_by_one() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("proc")).unwrap();
    // Every eighth of 1,024 processors is switched off.
    let cores = || (0..1024_u64).filter(|core| core % 8 != 7);
    let stat = |busy: u64| {
        let row = |core: u64| {
            let idle = 1000 + busy * (1 - core % 2);
            format!("cpu{core} {} 0 0 {idle} 0 0 0 0 0 0\n", busy * (core % 2))
        };
        let rows: String = cores().map(row).collect();
        let interrupts = "0 ".repeat(9_000);
        format!(
            "cpu  {} 0 0 1000 0 0 0 0 0 0\n{rows}intr {interrupts}\n",
            busy * 512
        )
    };
    let write = |busy| fs::write(folder.path().join("proc/stat"), stat(busy)).unwrap();
    let mut sampler = Sampler::new(
        serde_saphyr::from_str("enabledMetrics: [cpu, loadAvg]").unwrap(),
        folder.path(),
    );
    write(0);
    sampler.cycle(Instant::now());
    write(100);
    fs::write(folder.path().join("proc/loadavg"), "448 0 0 1/9 9\n").unwrap();
    let lines = sampler.cycle(Instant::now());
    let lines: Vec<&str> = lines.iter().collect();
    let of_cores = lines
        .iter()
        .filter(|line| line.contains("cpu_core_usage_percent"));
    assert_eq!(of_cores.count(), 896);
    assert!(lines.contains(&"[METRIC] cpu_core_usage_percent=100.0 core=1021"));
    assert!(
        lines
            .iter()
            .any(|line| line.contains("load_per_core_1m=0.50"))
    );
}
