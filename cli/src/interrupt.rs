//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to end, which leaves its folder to be moved aside by the next. Whatever the run is at,
//! the process ends a moment later, and with a second signal at once. All of them give the same exit code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::failure::{Failure, INTERRUPTED};
use crate::output;

/// So long a run may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Whether somebody has interrupted the command. Clones hear the same.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<AtomicBool>);

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
            if heard.0.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(INTERRUPTED));
            }
            output::say("interrupted: the run ends; a second Ctrl-C ends it at once");
            std::thread::spawn(|| {
                std::thread::sleep(PATIENCE);
                output::clear_line();
                output::say(&Failure::Interrupted.to_string());
                std::process::exit(i32::from(INTERRUPTED));
            });
        })
        .map_err(|error| Failure::Machine(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(interrupts)
    }

    /// Whether a signal came.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Nothing, or that the command was interrupted.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] where a signal came.
    pub fn check(&self) -> Result<(), Failure> {
        if self.came() {
            return Err(Failure::Interrupted);
        }
        Ok(())
    }
}
