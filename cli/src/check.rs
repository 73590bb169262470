//! `firedrill check`: reads a scenario as a run would, says what is wrong with it, and can write it as it was read.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use datapath::image::Watched;
use scenarios::Scenario;

use crate::arguments::CheckArguments;
use crate::failure::{Failure, PASS};
use crate::interrupt::Interrupts;
use crate::output;
use crate::reading::Reading;

/// Runs the command, and gives its exit code.
pub fn check(arguments: &CheckArguments) -> Result<u8, Failure> {
    let interrupts = Interrupts::hear()?;
    let reading = Arc::new(Reading::new(&interrupts));
    let options = arguments.changes.options(Watched::by(reading.clone()), None);
    let scenario = scenarios::load(&arguments.scenario, &options);
    reading.end();
    interrupts.check()?;
    let scenario = scenario?;
    let mut said = format!(
        "{}: nothing is wrong; {}\n",
        arguments.scenario.display(),
        holds(&scenario)
    );
    if let Some(file) = &arguments.write {
        write(&scenario, file)?;
        said.push_str(&format!("Written to {}\n", file.display()));
    }
    output::print(&said)?;
    Ok(PASS)
}

/// What a scenario holds, counted.
fn holds(scenario: &Scenario) -> String {
    let disks = scenario.vms.iter().map(|vm| vm.disks.len()).sum();
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    format!(
        "{} with {}, {}, {}, {}",
        counted(scenario.vms.len(), "machine"),
        counted(disks, "disk"),
        counted(scenario.servers.len(), "server"),
        counted(scenario.steps.len(), "step"),
        counted(scenario.expects.len(), "expectation")
    )
}

/// Writes the scenario as it was read.
fn write(scenario: &Scenario, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let text = scenarios::write(scenario, folder).map_err(|error| Failure::Input(error.to_string()))?;
    write_new(file, &text)
}

/// Whether a scenario may be written into a file: it is not there yet, and its folder is.
///
/// # Errors
/// [`Failure::Input`] where it is there, or its folder is not.
pub fn writable(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    if file.symlink_metadata().is_ok() {
        return Err(Failure::Input(there_already(file)));
    }
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Failure::Input(format!("cannot write {shown}: there is no such folder")))
        }
        _ => Ok(()),
    }
}

fn there_already(file: &Path) -> String {
    format!(
        "{} is there already; a scenario is written into a new file",
        file.display()
    )
}

/// Writes a scenario's text into a file that is not there yet. What could not be written whole is taken away.
pub fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let shown = file.display();
    let created = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    let mut created = created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Input(there_already(file)),
        ErrorKind::NotFound => Failure::Input(format!("cannot write {shown}: there is no such folder")),
        _ => Failure::Machine(format!("cannot write {shown}: {error}")),
    })?;
    let written = created.write_all(text.as_bytes()).and_then(|()| created.sync_all());
    written.map_err(|error| {
        let _ = std::fs::remove_file(file);
        Failure::Machine(format!("cannot write {shown}: {error}"))
    })
}
