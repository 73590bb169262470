//! The command that repeats a run, as it can be pasted into a shell.

use crate::arguments::{Events, RunArguments};
use crate::run::Lot;

/// The command. Where the output goes is left out: a repetition has a folder of its own.
pub fn command(arguments: &RunArguments, lot: Lot) -> String {
    let mut words = vec![
        "firedrill".to_owned(),
        "run".to_owned(),
        quoted(&arguments.scenario.to_string_lossy()),
        "--seed".to_owned(),
        lot.seed.to_string(),
        "--network".to_owned(),
        lot.network.word().to_owned(),
    ];
    if let Some(content) = arguments.changes.content {
        words.extend(["--content".to_owned(), content.word().to_owned()]);
    }
    if arguments.events != Events::Auto {
        words.extend(["--events".to_owned(), arguments.events.word().to_owned()]);
    }
    for (flag, pairs) in [("--disk", &arguments.changes.disk), ("--set", &arguments.changes.set)] {
        for (left, right) in pairs {
            words.extend([flag.to_owned(), quoted(&format!("{left}={right}"))]);
        }
    }
    if let Some(path) = &arguments.vault_key {
        words.extend(["--vault-key".to_owned(), quoted(&path.to_string_lossy())]);
    }
    words.join(" ")
}

/// A word as a POSIX shell takes it for itself.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    #[test]
    fn a_command_repeats_what_decides_a_run() {
        let line = [
            "firedrill",
            "run",
            "my drill.toml",
            "--seed",
            "7",
            "--set",
            "a.b=it's",
            "--out",
            "x",
        ];
        let Some(Command::Run(arguments)) = Arguments::parse_from(line).command else {
            panic!("a run");
        };
        assert_eq!(
            command(&arguments, Lot::of(&arguments, None)),
            r"firedrill run 'my drill.toml' --seed 7 --network event --set 'a.b=it'\''s'"
        );
    }
}
