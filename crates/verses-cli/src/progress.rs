//! Progress bars, and plain lines where there is no terminal. What there is to show comes from the client.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Printer;

/// Fewer items than this get no bar.
const BAR_FROM: u64 = 20;

/// A bar that counts to `total`; hidden where nobody sees it.
#[must_use]
pub fn count_bar(printer: Printer, total: u64, what: &str) -> ProgressBar {
    if !printer.draws() || total < BAR_FROM {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style("{msg:10} [{bar:30}] {pos}/{len}"));
    bar.set_message(what.to_owned());
    bar
}

/// A bar for one request: bytes of it that have gone out.
#[must_use]
pub fn bytes_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(style("  {msg:28} [{bar:20}] {bytes}/{total_bytes}"));
    bar
}

/// The bar of a whole sync.
#[must_use]
pub fn sync_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(style("syncing [{bar:30}] {pos}/{len} {msg}"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A template of ours is always valid; if it ever is not, the default style still counts.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).map_or_else(|_| ProgressStyle::default_bar(), |s| s.progress_chars("=> "))
}

/// Milliseconds as people read them: "0.4 s", "12 s", "3 min 5 s".
#[must_use]
pub fn duration(ms: u64) -> String {
    match ms {
        0..=9_999 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..=119_999 => format!("{} s", ms / 1_000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// Bytes as people read them.
#[must_use]
pub fn bytes(n: u64) -> String {
    match n {
        0..=9_999 => format!("{n} bytes"),
        10_000..=9_999_999 => format!("{} kB", n / 1_000),
        _ => format!("{} MB", n / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_well() {
        for (ms, text) in [(0, "0.0 s"), (450, "0.4 s"), (9_999, "9.9 s"), (12_345, "12 s"), (185_000, "3 min 5 s")] {
            assert_eq!(duration(ms), text);
        }
        for (n, text) in [(57, "57 bytes"), (48_200, "48 kB"), (12_000_000, "12 MB")] {
            assert_eq!(bytes(n), text);
        }
    }
}
