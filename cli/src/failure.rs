//! Why a command ends without a verdict, and the exit code of each class.

use reports::run_directory::DirectoryError;
use scenarios::input::plain;
use scenarios::{Blame, ScenarioError};

/// All held.
pub const PASS: u8 = 0;
/// An expectation failed.
pub const EXPECTATION: u8 = 1;
/// The input is wrong.
pub const INPUT: u8 = 2;
/// The machine failed.
pub const MACHINE: u8 = 3;
/// An invariant failed.
pub const INVARIANT: u8 = 4;
/// Ctrl-C, SIGTERM or SIGHUP.
pub const INTERRUPTED: u8 = 130;

/// A command that came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A scenario that cannot be used: drawn already.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A folder that cannot be used.
    #[error("error: {0}")]
    Directory(#[from] DirectoryError),
    /// Other input is wrong.
    #[error("error: {0}")]
    Input(String),
    /// The machine failed.
    #[error("error: {0}")]
    Machine(String),
    /// What we promise does not hold, and no run says so.
    #[error("BROKEN: {0}")]
    Broken(String),
    /// Ctrl-C, SIGTERM or SIGHUP.
    #[error("interrupted: {0}")]
    Interrupted(String),
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Scenario(error) if error.blame == Blame::Machine => MACHINE,
            Failure::Directory(error) if !error.is_input() => MACHINE,
            Failure::Scenario(_) | Failure::Directory(_) | Failure::Input(_) => INPUT,
            Failure::Machine(_) => MACHINE,
            Failure::Broken(_) => INVARIANT,
            Failure::Interrupted(_) => INTERRUPTED,
        }
    }

    /// What to print, in colours or without.
    pub fn text(&self, coloured: bool) -> String {
        match self {
            Failure::Scenario(error) if coloured => error.coloured.clone(),
            Failure::Scenario(error) => error.rendered.clone(),
            other => plain(&other.to_string()).into_owned(),
        }
    }
}
