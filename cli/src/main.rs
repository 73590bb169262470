//! The binary `firedrill`: arguments, progress, exit codes, nothing else.

mod allocator;
mod arguments;
mod chaos;
mod check;
mod failure;
mod faults;
mod interrupt;
mod observer;
mod output;
mod plan;
mod profile;
mod progress;
mod reading;
mod repeat;
mod run;
mod seeds;
mod twice;
mod vault_key;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// What `firedrill` alone says.
const WELCOME: &str = "\
firedrill rehearses a disaster recovery before the disaster: it replicates machines to Azure as Azure Site Recovery does,
takes their site away, brings them back, and says how long that took (RTO), how much was lost (RPO), and whether every byte is right.

Try
  firedrill run scenarios/journey.toml                                  from on-premises into Azure, and home again
  firedrill run scenarios/one-disk.toml --disk vm1.os=IMAGE             a disk image of yours (raw, qcow2, VMDK, VHD), there and back
  firedrill run scenarios/journey.toml --seed 2 --format json           another run of the same plan, for a machine to read
  firedrill check my.toml                                               what is wrong with a scenario of yours
  firedrill plan estate.csv --bandwidth 100Mbit/s                       is it enough? (plan --template prints an estate to begin with)

firedrill run --help says the rest. A run of real content that takes too long has a faster way: --content extent, for fleets aggregate.
";

fn main() -> ExitCode {
    allocator::keep();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let ended = match &arguments.command {
        None => output::print(WELCOME).map(|()| failure::PASS),
        Some(Command::Run(arguments)) => run::run(arguments),
        Some(Command::Chaos(arguments)) => chaos::chaos(arguments),
        Some(Command::Replay(arguments)) => chaos::replay(arguments),
        Some(Command::Merge(arguments)) => chaos::merge(arguments),
        Some(Command::Plan(arguments)) => plan::plan(arguments),
        Some(Command::Profile(arguments)) => profile::profile(arguments),
        Some(Command::Check(arguments)) => check::check(arguments),
        Some(Command::Faults { name: None, .. }) => output::print(&faults::list()).map(|()| failure::PASS),
        Some(Command::Faults {
            name: Some(name),
            scenario,
        }) => {
            let text = match scenario {
                true => faults::scenario(name),
                false => faults::about(name),
            };
            text.and_then(|text| output::print(&text).map(|()| failure::PASS))
        }
        Some(Command::Schema) => output::print(&format!("{:#}\n", scenarios::keys::schema())).map(|()| failure::PASS),
        #[cfg(feature = "planted-bugs")]
        Some(Command::Plants) => output::print(&plants()).map(|()| failure::PASS),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::say_drawn(failure.text(run::coloured()).trim_end());
            ExitCode::from(failure.code())
        }
    }
}

/// A line for each bug that can be planted.
#[cfg(feature = "planted-bugs")]
fn plants() -> String {
    let line = |(_, name, what): &(_, &str, &str)| format!("{name:<28}{what}\n");
    datapath::plants::Plant::ALL.iter().map(line).collect()
}

/// Says what is wrong with the command line (or prints the help that was asked for).
fn refuse(error: &clap::Error) -> ExitCode {
    // Colours are for a line without control characters of its own: it is quoted as it is.
    if std::env::args_os().any(|argument| argument.to_string_lossy().contains(char::is_control)) {
        output::say(error.render().to_string().trim_end());
    } else {
        // Where not even this can be printed, the exit code is all that is left.
        let _ = error.print();
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        let command = Arguments::command();
        let known: Vec<&str> = command.get_subcommands().map(|known| known.get_name()).collect();
        output::say(&format!("commands: {}", known.join(", ")));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::INPUT))
}
