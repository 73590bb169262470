//! What is seen of a sweep while it runs: a line that moves on a terminal, a line now and then elsewhere; and what ends it before its last seed.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scenarios::chaos::Outcome;
use scenarios::chaos::sweep::{Progress, Sweep, SweepError, Swept};

use super::telling::counted;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::output;
use crate::run::coloured;
use crate::seeds::Seeds;

/// So often the interrupts and the budget are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// So often a line is said where there is no terminal: the log of a CI shows that it goes on, and stays short.
const SAY: Duration = Duration::from_secs(30);

/// Runs the seeds until all were run, somebody interrupts or the budget is spent. `failed` says what is to be said of a sweep that failed.
pub(super) fn watched(
    sweep: &Sweep<'_>,
    budget: Option<Duration>,
    interrupts: &Interrupts,
    record: &Seeds,
    keeps: &(dyn Fn(u64) -> String + Sync),
    failed: impl FnOnce(SweepError) -> Failure,
) -> Result<Swept, Failure> {
    let began = Instant::now();
    let count = sweep.seeds.count();
    let is_terminal = std::io::stderr().is_terminal();
    let bar = bar(count, is_terminal);
    let stop = AtomicBool::new(false);
    let over = AtomicBool::new(false);
    let before = sweep.known.len() as u64;
    let unwritten = Mutex::new(None);
    let reached = Mutex::new(Progress::default());
    interrupts.keeps(keeps(before));
    let told = |outcome: &Outcome, progress: Progress| {
        match record.add(outcome) {
            Ok(()) => interrupts.keeps(keeps(progress.seeds)),
            Err(error) => {
                stop.store(true, Ordering::Relaxed);
                let mut unwritten = unwritten.lock().unwrap_or_else(PoisonError::into_inner);
                unwritten.get_or_insert(error);
            }
        }
        *reached.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        bar.set_position(progress.seeds);
        bar.set_message(words(progress, before, began.elapsed()));
    };
    let swept = std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut said = began;
            while !over.load(Ordering::Relaxed) {
                if interrupts.came() || budget.is_some_and(|budget| began.elapsed() >= budget) {
                    stop.store(true, Ordering::Relaxed);
                }
                if !is_terminal && said.elapsed() >= SAY {
                    said = Instant::now();
                    let reached = *reached.lock().unwrap_or_else(PoisonError::into_inner);
                    let seeds = reached.seeds.max(before);
                    let words = words(Progress { seeds, ..reached }, before, began.elapsed());
                    output::say(&format!("{seeds} of {count} seeds; {words}"));
                }
                std::thread::sleep(LOOK);
            }
        });
        // However it ends: nothing is waited for any more.
        let _over = Over(&over);
        sweep.run(&stop, &told)
    });
    bar.finish_and_clear();
    if let Some(error) = unwritten.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    swept.map_err(failed)
}

fn bar(count: u64, is_terminal: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    if !is_terminal {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = if coloured() {
        "{bar:30.cyan} {pos}/{len} seeds  {msg}"
    } else {
        "{bar:30} {pos}/{len} seeds  {msg}"
    };
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// How fast it goes, and what was met so far.
fn words(progress: Progress, before: u64, took: Duration) -> String {
    let minutes = (took.as_secs_f64() / 60.0).max(1e-9);
    format!(
        "{:.0} a minute, {} struck, {} found something",
        progress.seeds.saturating_sub(before) as f64 / minutes,
        counted(progress.struck, "fault"),
        counted(progress.found, "seed")
    )
}

/// Says that something is over when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_what_ran_here() {
        let progress = Progress {
            seeds: 130,
            struck: 7,
            found: 1,
        };
        let words = words(progress, 100, Duration::from_secs(30));
        assert_eq!(words, "60 a minute, 7 faults struck, 1 seed found something");
    }
}
