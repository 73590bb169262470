//! The binary `firedrill`: arguments, progress, exit codes, nothing else.

mod arguments;
mod failure;
mod observer;
mod progress;
mod repeat;
mod run;
mod vault_key;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// What `firedrill` alone says.
const WELCOME: &str = "\
firedrill rehearses a disaster recovery before the disaster: it replicates machines to Azure as Azure Site Recovery does,
takes their site away, brings them back, and says how long that took (RTO), how much was lost (RPO), and whether every byte is right.

Try
  firedrill run scenarios/journey.toml                                  from on-premises into Azure, and home again
  firedrill run scenarios/one-disk.toml --disk vm1.os=IMAGE             a disk image of yours (raw, qcow2, VMDK, VHD), there and back
  firedrill run scenarios/journey.toml --seed 2 --format json           another run of the same plan, for a machine to read

firedrill run --help says the rest.
";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.command {
        None => {
            print!("{WELCOME}");
            Ok(failure::PASS)
        }
        Some(Command::Run(arguments)) => run::run(arguments),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("{}", failure.text(run::coloured()).trim_end());
            ExitCode::from(failure.code())
        }
    }
}
