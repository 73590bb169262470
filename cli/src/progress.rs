//! Progress on a terminal, silence in a pipe.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use datapath::SimTime;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One line on stderr: simulated clock, step, bytes, speed.
pub struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    step: String,
    stored_bytes: u64,
}

impl Progress {
    /// A line, where stderr is a terminal.
    pub fn new() -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(
                ProgressStyle::with_template("{spinner} {wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Progress {
            bar,
            began: Instant::now(),
            step: "starting".to_owned(),
            stored_bytes: 0,
        }
    }

    /// The step that began last.
    pub fn step(&mut self, step: String) {
        self.step = step;
    }

    /// Bytes that reached the target so far.
    pub fn stored(&mut self, bytes: u64) {
        self.stored_bytes = bytes;
    }

    /// Where the run is.
    pub fn at(&self, now: SimTime, entries: u64) {
        if let Some(bar) = &self.bar {
            let wall_ms = self.wall_ms().max(1);
            let events = entries.saturating_mul(1000) / wall_ms;
            let times = sim::metrics::milliseconds(now.0) / wall_ms;
            bar.set_message(format!(
                "{}  {}  {} stored  {} times real time  {} events/s",
                reports::words::moment(now),
                self.step,
                reports::words::bytes(self.stored_bytes),
                reports::words::count(times),
                reports::words::count(events),
            ));
        }
    }

    /// Something that takes a while and is no part of the simulation.
    pub fn doing(&self, what: &str, done_bytes: u64, all_bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!(
                "{what}  {} of {}",
                HumanBytes(done_bytes),
                HumanBytes(all_bytes)
            ));
        }
    }

    /// Takes the line away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Milliseconds since the start.
    pub fn wall_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
