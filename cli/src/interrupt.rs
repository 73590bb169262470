//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to end, which leaves its folder to be moved aside by the next. Whatever the run is at,
//! the process ends a moment later, and with a second signal at once. All of them give the same exit code.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::failure::{Failure, INTERRUPTED};
use crate::output;

/// So long a run may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Whether somebody has interrupted the command. Clones hear the same.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    came: AtomicBool,
    /// What there is by now; none where nothing is kept.
    kept: Mutex<Option<String>>,
}

impl Interrupts {
    /// Begins to listen.
    ///
    /// # Errors
    /// The operating system does not allow it.
    pub fn hear() -> Result<Interrupts, Failure> {
        let interrupts = Interrupts::default();
        let heard = interrupts.clone();
        ctrlc::set_handler(move || {
            output::clear_line();
            if heard.0.came.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(INTERRUPTED));
            }
            output::say("interrupted: ending; a second Ctrl-C ends it at once");
            let ends = heard.clone();
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                output::clear_line();
                output::say(&ends.failure().to_string());
                std::process::exit(i32::from(INTERRUPTED));
            });
        })
        .map_err(|error| Failure::Machine(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(interrupts)
    }

    /// Whether a signal came.
    pub fn came(&self) -> bool {
        self.0.came.load(Ordering::Relaxed)
    }

    /// Says what is kept where the command is interrupted from now on.
    pub fn keeps(&self, what: String) {
        *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// That the command was interrupted, and what is kept.
    pub fn failure(&self) -> Failure {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Failure::Interrupted(kept.unwrap_or_else(|| "the run has no result".to_owned()))
    }

    /// Nothing, or that the command was interrupted.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] where a signal came.
    pub fn check(&self) -> Result<(), Failure> {
        if self.came() {
            return Err(self.failure());
        }
        Ok(())
    }
}
