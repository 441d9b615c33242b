//! Files of this machine's kernel, copied at one moment: read by the module, and by other code, to the last digit.

use std::collections::BTreeMap;
use std::fs;

use super::*;

const FILES: [&str; 7] = [
    "proc/meminfo",
    "proc/loadavg",
    "proc/uptime",
    "proc/sys/fs/file-nr",
    "proc/pressure/cpu",
    "proc/pressure/memory",
    "proc/pressure/io",
];

/// What the module reads of a copy, by name, and the copied texts.
fn copied() -> (BTreeMap<String, f64>, BTreeMap<&'static str, String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut texts = BTreeMap::new();
    for file in FILES {
        let Ok(text) = fs::read_to_string(format!("/{file}")) else {
            continue;
        };
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &text).unwrap();
        texts.insert(file, text);
    }
    let (lines, _) = cycles(folder.path().to_str().unwrap());
    let samples = lines.samples().iter();
    let figures = samples.map(|sample| (sample.name.to_string(), sample.value));
    (figures.collect(), texts)
}

/// The number behind a word of `text`.
fn behind(text: &str, word: &str) -> f64 {
    let (_, rest) = text.split_once(word).unwrap();
    let end = rest.split_whitespace().next().unwrap();
    end.parse().unwrap()
}

fn assert_close(found: f64, expected: f64, name: &str) {
    assert!(
        (found - expected).abs() < 1e-6,
        "{name}: {found} is not {expected}"
    );
}

#[test]
fn memory_is_what_the_kernel_says() {
    let (figures, texts) = copied();
    let text = &texts["proc/meminfo"];
    let kib = |key: &str| behind(text, &format!("{key}:"));
    let (total, available) = (kib("MemTotal"), kib("MemAvailable"));
    let rows = [
        ("memory_usage_percent", (total - available) * 100.0 / total),
        ("memory_used_mb", (total - available) / 1024.0),
        ("memory_total_mb", total / 1024.0),
        ("memory_available_mb", available / 1024.0),
        ("memory_cached_mb", kib("\nCached") / 1024.0),
    ];
    for (name, expected) in rows {
        assert_close(figures[name], expected, name);
    }
    let swap = kib("SwapTotal");
    assert_eq!(figures.contains_key("swap_usage_percent"), swap > 0.0);
    if swap > 0.0 {
        let used = (swap - kib("SwapFree")) * 100.0 / swap;
        assert_close(figures["swap_usage_percent"], used, "swap");
    }
}

#[test]
fn load_uptime_and_open_files_are_what_the_kernel_says() {
    let (figures, texts) = copied();
    let word = |file: &str, index: usize| {
        let word = texts[file].split([' ', '\t', '/', '\n']).nth(index);
        word.unwrap().parse::<f64>().unwrap()
    };
    let open = word("proc/sys/fs/file-nr", 0) - word("proc/sys/fs/file-nr", 1);
    let limit = word("proc/sys/fs/file-nr", 2);
    let rows = [
        ("load_avg_1m", word("proc/loadavg", 0)),
        ("load_avg_5m", word("proc/loadavg", 1)),
        ("load_avg_15m", word("proc/loadavg", 2)),
        ("tasks_runnable", word("proc/loadavg", 3)),
        ("tasks_total", word("proc/loadavg", 4)),
        ("uptime_hours", word("proc/uptime", 0) / 3600.0),
        ("file_descriptors_open", open),
        ("file_descriptors_limit", limit),
        ("file_descriptors_usage_percent", open * 100.0 / limit),
    ];
    for (name, expected) in rows {
        assert_close(figures[name], expected, name);
    }
}

#[test]
fn pressure_of_a_minute_is_what_the_kernel_says() {
    let (figures, texts) = copied();
    for resource in ["cpu", "memory", "io"] {
        let Some(text) = texts.get(format!("proc/pressure/{resource}").as_str()) else {
            eprintln!("SKIPPED: this kernel tells no pressure on {resource}");
            continue;
        };
        for line in text.lines() {
            let kind = line.split(' ').next().unwrap();
            let name = format!("{resource}_pressure_{kind}_avg60");
            assert_close(figures[&name], behind(line, "avg60="), &name);
        }
    }
}
