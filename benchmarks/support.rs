//! What both benchmarks share: the limit of the disk, medians, the table of results.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use nunatak::base::clock::{Clock as _, SystemClock};

/// Measures durations.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: SystemClock,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { clock: SystemClock::new() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }

    pub(crate) fn millis(&self) -> f64 {
        self.seconds() * 1e3
    }
}

/// The value below which a share of the values lies; 0 of none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small index")]
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(0.0)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Appends of 16 KiB per second, each followed by `fdatasync`: what the disk allows a writer that
/// makes everything durable by itself.
pub(crate) fn bare_syncs(folder: &Path, length: Duration) -> f64 {
    let path = folder.join("bare-syncs");
    let mut file = File::create(&path).unwrap();
    let block = [0x5a_u8; 16 * 1024];
    let watch = Watch::start();
    let mut count = 0_u32;
    while watch.elapsed() < length {
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    let rate = f64::from(count) / watch.seconds();
    std::fs::remove_file(&path).unwrap();
    rate
}

/// Bytes that a process has had written to the disk.
pub(crate) fn bytes_written(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// Processor time that a process has used, in milliseconds. Unlike a rate it hardly depends on what
/// else runs on the machine.
pub(crate) fn cpu_millis(process: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold spaces; the 12th and 13th field after it count ticks of 10 ms.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// The one-minute load of the machine.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

/// Prints the head of the table of results.
pub(crate) fn head(title: &str, folder: &Path) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("# {title}\n");
    println!("{cores} cores, load {} at the start, data in {}\n", load(), folder.display());
    println!("| measured | result | aim | beside it, in the same run |");
    println!("|---|---|---|---|");
}

/// Prints one result.
pub(crate) fn row(what: &str, result: &str, aim: &str, beside: &str) {
    println!("| {what} | {result} | {aim} | {beside} |");
}

/// A number as people read it.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
