//! Progress on a terminal, silence in a pipe.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datapath::image::Source;
use datapath::volume::Volume;
use datapath::{DiskId, EXTENT_BYTES, SimTime};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::names::{Names, StepName};

use crate::output;

/// Columns of the line, those of the spinner left out: it fits a terminal that nobody has made wider.
const COLUMNS: usize = 78;
/// After this a run of real content is told of the faster ways.
const SLOW_MS: u64 = 30_000;
/// What it is told.
const FASTER: &str = "Every byte of this run is real, and that takes its time. Where times and sizes are enough, --content extent gives nearly the same\n\
    ones many times faster, and --content aggregate those of whole fleets; neither writes recovered disks.";

/// One line on stderr: simulated clock, step, bytes, speed.
pub struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    steps: Steps,
    stored_bytes: u64,
    told: Cell<bool>,
}

impl Progress {
    /// A line, where stderr is a terminal.
    pub fn new(names: &[StepName]) -> Progress {
        Progress {
            bar: line(),
            began: Instant::now(),
            steps: Steps::new(names),
            stored_bytes: 0,
            told: Cell::new(false),
        }
    }

    /// Says once, above the line, that there is a faster way than real content.
    pub fn real_content_goes_on(&self) {
        if let Some(bar) = &self.bar
            && is_time_to_tell(self.wall_ms(), &self.told)
        {
            bar.suspend(|| output::say(FASTER));
        }
    }

    /// A step has begun, or ended.
    pub fn step(&mut self, step: u32, ended: bool) {
        self.steps.heard(step as usize, ended);
    }

    /// Bytes that reached the target so far.
    pub fn stored(&mut self, bytes: u64) {
        self.stored_bytes = bytes;
    }

    /// Where the run is.
    pub fn at(&self, now: SimTime, names: &[StepName]) {
        if let Some(bar) = &self.bar {
            let times = sim::metrics::milliseconds(now.0) / self.wall_ms().max(1);
            let before = format!("{}  ", reports::words::moment(now));
            let after = format!(
                "  {} stored, {} times real time",
                reports::words::bytes(self.stored_bytes),
                reports::words::count(times)
            );
            let room = COLUMNS.saturating_sub(before.chars().count() + after.chars().count());
            bar.set_message(format!("{before}{}{after}", cut(&self.steps.words(names), room)));
        }
    }

    /// Something that takes a while and is no part of the simulation.
    pub fn doing(&self, what: &str, done_bytes: u64, all_bytes: u64) {
        if let Some(bar) = &self.bar {
            show_bytes(bar, what, done_bytes, all_bytes);
        }
    }

    /// Whole disks are compared with what they should hold, before anything else goes on.
    pub fn comparing(&self, volumes: &[(DiskId, Volume)], names: &Names) {
        let (Some(bar), Some((first, _))) = (&self.bar, volumes.first()) else {
            return;
        };
        let used = volumes.iter().map(|(_, volume)| volume.used_extents());
        let what = format!("comparing what the disks of {} hold", names.vm(first.vm));
        show_used(bar, &what, used.sum::<u64>() * EXTENT_BYTES);
    }

    /// Versions stand for what images hold: all of it is read before the run begins.
    pub fn versions(&self, images: &[Arc<dyn Source>]) {
        if let (Some(bar), false) = (&self.bar, images.is_empty()) {
            let used = images.iter().flat_map(|image| image.allocated()).map(|(_, len)| *len);
            show_used(bar, "reading what the images hold", used.sum());
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

/// Whether a run has become slow, and nobody was told.
fn is_time_to_tell(wall_ms: u64, told: &Cell<bool>) -> bool {
    wall_ms >= SLOW_MS && !told.replace(true)
}

/// A line, where stderr is a terminal.
pub fn line() -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(
            ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    })
}

fn show_used(bar: &ProgressBar, what: &str, used_bytes: u64) {
    let after = format!(", {} used", reports::words::bytes(used_bytes));
    let room = COLUMNS.saturating_sub(after.chars().count());
    bar.set_message(format!("{}{after}", cut(what, room)));
}

/// Shows what is done, and how much of it.
pub fn show_bytes(bar: &ProgressBar, what: &str, done_bytes: u64, all_bytes: u64) {
    let after = format!("  {} of {}", HumanBytes(done_bytes), HumanBytes(all_bytes));
    let room = COLUMNS.saturating_sub(after.chars().count());
    bar.set_message(format!("{}{after}", cut(what, room)));
}

/// Which steps run, and which is next.
struct Steps {
    /// Those that have begun and not ended, in the order in which they began.
    running: Vec<usize>,
    begun: Vec<bool>,
    /// The first that has not begun.
    next: usize,
    /// Steps of the scenario.
    all: usize,
}

impl Steps {
    fn new(names: &[StepName]) -> Steps {
        Steps {
            running: Vec::new(),
            begun: vec![false; names.len()],
            next: 0,
            all: names.iter().map(|name| name.step + 1).max().unwrap_or(0),
        }
    }

    fn heard(&mut self, step: usize, ended: bool) {
        self.running.retain(|running| *running != step);
        if let Some(begun) = self.begun.get_mut(step) {
            *begun = true;
        }
        if !ended {
            self.running.push(step);
        }
        self.pass();
    }

    fn pass(&mut self) {
        while self.begun.get(self.next) == Some(&true) {
            self.next += 1;
        }
    }

    /// `step 3 of 9: enable app`, or what is waited for.
    fn words(&self, names: &[StepName]) -> String {
        let running = self.running.iter().rev().find_map(|step| names.get(*step));
        match (running, names.get(self.next)) {
            (Some(name), _) => format!("step {} of {}: {}", name.step + 1, self.all, name.full()),
            (None, Some(name)) => format!("waiting for step {} of {}: {}", name.step + 1, self.all, name.full()),
            (None, None) => format!("all {} steps have ended", self.all),
        }
    }
}

/// A text of at most so many characters; an ellipsis stands for what is cut from its end.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(room.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_while_it_runs_and_then_what_is_waited_for() {
        let names: Vec<StepName> = [("vault", 0), ("enable", 1), ("failover", 2)]
            .into_iter()
            .map(|(text, step)| StepName {
                text: text.to_owned(),
                step,
                ..StepName::default()
            })
            .collect();
        let mut steps = Steps::new(&names);
        assert_eq!(steps.words(&names), "waiting for step 1 of 3: vault");
        steps.heard(0, false);
        steps.heard(1, false);
        assert_eq!(steps.words(&names), "step 2 of 3: enable");
        steps.heard(1, true);
        assert_eq!(steps.words(&names), "step 1 of 3: vault");
        steps.heard(0, true);
        assert_eq!(steps.words(&names), "waiting for step 3 of 3: failover");
        steps.heard(2, false);
        steps.heard(2, true);
        assert_eq!(steps.words(&names), "all 3 steps have ended");
    }

    #[test]
    fn a_slow_run_is_told_of_a_faster_way_once() {
        let told = Cell::new(false);
        assert!(!is_time_to_tell(SLOW_MS - 1, &told));
        assert!(is_time_to_tell(SLOW_MS, &told));
        assert!(!is_time_to_tell(2 * SLOW_MS, &told));
        // Each line of it fits a terminal of 140 columns.
        assert!(FASTER.lines().all(|line| line.len() <= 140), "{FASTER}");
    }

    #[test]
    fn a_long_text_ends_in_an_ellipsis() {
        assert_eq!(cut("step", 4), "step");
        assert_eq!(cut("steps", 4), "ste…");
    }
}
