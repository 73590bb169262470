//! What the command hears while images are opened: shows how much of them is read, passes on what is said of them, and stops the reading on
//! Ctrl-C, then and for the rest of the run.

use std::path::Path;

use datapath::image::Watch;
use indicatif::ProgressBar;

use crate::interrupt::Interrupts;
use crate::{output, progress};

/// Follows the reading.
pub struct Reading {
    bar: Option<ProgressBar>,
    interrupts: Interrupts,
}

impl Reading {
    /// With a line, where stderr is a terminal.
    pub fn new(interrupts: &Interrupts) -> Reading {
        Reading {
            bar: progress::line(),
            interrupts: interrupts.clone(),
        }
    }

    /// Takes the line away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Reading {
    fn opening(&self, image: &Path, read: u64, of: u64) {
        if let Some(bar) = &self.bar {
            let name = image.file_name().unwrap_or(image.as_os_str()).to_string_lossy();
            progress::show_bytes(bar, &format!("reading {name}"), read, of);
        }
    }

    fn says(&self, image: &Path, what: &str) {
        let say = || output::say(&format!("{}: {what}", image.display()));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn stops(&self) -> bool {
        self.interrupts.came()
    }
}
