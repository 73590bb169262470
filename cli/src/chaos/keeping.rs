//! What a sweep leaves to be looked at: failures made small, each a file of its own, and files that are there whole or not at all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use scenarios::Scenario;
use scenarios::chaos::draw;
use scenarios::chaos::shrink::{Shrunk, shrink};
use scenarios::chaos::story;
use scenarios::chaos::sweep::{SweepError, Swept};
use scenarios::model::{NetworkWord, Replay};
use sim::findings::Identity;

use super::inputs::Inputs;
use crate::arguments::ChaosArguments;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::output;
use crate::repeat::quoted;

pub(super) const FAILURES: &str = "failures";

/// A failure that was made small and written.
pub(super) struct Kept {
    pub(super) identity: Identity,
    pub(super) file: PathBuf,
    pub(super) faults: usize,
    /// Runs that it took to make it small; of a part that ran elsewhere nobody knows.
    pub(super) trials: Option<u32>,
}

impl Kept {
    /// The file that a part of a sweep has left of a finding.
    pub(super) fn of(part: &Path, identity: &Identity) -> Option<Kept> {
        let file = failure_file(&part.join(FAILURES), identity);
        let text = std::fs::read_to_string(&file).ok()?;
        Some(Kept {
            identity: identity.clone(),
            file,
            faults: text.matches("[[fault]]").count(),
            trials: None,
        })
    }

    /// The command that finds it again.
    pub(super) fn replay(&self) -> String {
        format!("firedrill replay {}", self.file.display())
    }
}

fn failure_file(failures: &Path, identity: &Identity) -> PathBuf {
    failures.join(format!("{}.toml", identity.to_string().replace('/', "-")))
}

/// Makes failures small and writes each into a file of its own.
pub(super) fn keep(
    arguments: &ChaosArguments,
    scenario: &Scenario,
    options: &scenarios::Options,
    swept: &Swept,
    folder: &Path,
    (accepted, interrupts): (&BTreeSet<String>, &Interrupts),
) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    let failures = folder.join(FAILURES);
    let inputs = Inputs::of(scenario, &failures)?;
    let network = arguments.network.kind();
    let stop = AtomicBool::new(false);
    // What is known comes last.
    let (known, open): (Vec<_>, Vec<_>) = swept
        .findings
        .iter()
        .partition(|(identity, _)| accepted.contains(&identity.to_string()));
    for (identity, (_, seeds, _)) in open.into_iter().chain(known).take(arguments.shrink) {
        let Some(seed) = seeds.first().filter(|_| !interrupts.came()) else {
            break;
        };
        output::say(&format!("making {identity} small, as seed {seed} found it"));
        let Some(shrunk) = shrink(scenario, &draw(scenario, *seed), identity, (options, network), &stop) else {
            continue;
        };
        std::fs::create_dir_all(&failures).map_err(|error| cannot(&failures, &error))?;
        let file = failure_file(&failures, identity);
        inputs.copy(&shrunk.drawn.scenario)?;
        let told = story::story(&shrunk.drawn, identity, (options, network), &stop).unwrap_or_default();
        let text = handed_over(arguments, scenario, (&shrunk, &told), &file, &inputs)?;
        write_whole(&file, &text)?;
        kept.push(Kept {
            identity: identity.clone(),
            file,
            faults: shrunk.drawn.scenario.faults.len(),
            trials: Some(shrunk.trials),
        });
    }
    Ok(kept)
}

/// Writes what a seed drew that came to another result when it was run again, and says what shows where the two part.
///
/// # Errors
/// The file could not be written.
pub(super) fn unrepeated(
    arguments: &ChaosArguments,
    scenario: &Scenario,
    folder: &Path,
    seed: u64,
) -> Result<Failure, Failure> {
    let failures = folder.join(FAILURES);
    std::fs::create_dir_all(&failures).map_err(|error| cannot(&failures, &error))?;
    let inputs = Inputs::of(scenario, &failures)?;
    inputs.copy(scenario)?;
    let file = failures.join(format!("not-repeated-{seed}.toml"));
    let drawn = draw(scenario, seed);
    let body = scenarios::write(&inputs.named(&drawn.scenario), &failures);
    let body = body.map_err(|error| Failure::Machine(error.to_string()))?;
    let again = format!(
        "firedrill run {} --seed {seed} --network {} --twice",
        quoted(&file.to_string_lossy()),
        arguments.network.word()
    );
    let said = SweepError::NotTheSame(seed);
    write_whole(&file, &format!("# {said}. Where the two part: {again}\n\n{body}"))?;
    Ok(Failure::Broken(format!(
        "{said}: no figure of this sweep can be relied on. Where the two part is shown by: {again}"
    )))
}

/// A failure as a file: the story in comments, and the scenario that fails.
fn handed_over(
    arguments: &ChaosArguments,
    plain: &Scenario,
    (shrunk, told): (&Shrunk, &[String]),
    file: &Path,
    inputs: &Inputs,
) -> Result<String, Failure> {
    let Shrunk { drawn, found, trials } = shrunk;
    let was = draw(plain, drawn.seed);
    let mut small = inputs.named(&drawn.scenario);
    small.replay = Some(Replay {
        seed: drawn.seed,
        network: NetworkWord(arguments.network.kind()),
        finding: found.identity.to_string(),
    });
    for expect in &mut small.expects {
        expect.under_faults = true;
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let body = scenarios::write(&small, folder).map_err(|error| Failure::Machine(error.to_string()))?;
    let is_drawn = |fault: &&scenarios::model::Fault| plain.faults.iter().all(|own| own.name != fault.name);
    let [before, left] = [&was.scenario, &small].map(|of| of.faults.iter().filter(is_drawn).count());
    let mut text = format!(
        "# What a sweep of {} found with seed {}: {} {}\n#   {}\n",
        arguments.scenario.display(),
        drawn.seed,
        found.class.words(),
        found.identity,
        found.text.replace('\n', " "),
    );
    let left = match (left, small.faults.len()) {
        (0, 0) => "no fault is left: the plan fails by itself, without any".to_owned(),
        (0, _) => "none of them is left: the plan fails by itself, with its own faults".to_owned(),
        (1, _) => "1 is left".to_owned(),
        (left, _) => format!("{left} are left"),
    };
    let faults = if before == 1 { "fault" } else { "faults" };
    let _ = writeln!(text, "# It drew {before} {faults}; after {trials} runs {left}.");
    for line in told {
        let _ = writeln!(text, "# {line}");
    }
    for line in &drawn.otherwise {
        let _ = writeln!(text, "# Drawn beside them: {line}");
    }
    let _ = writeln!(text, "# Repeat it: firedrill replay {}\n", file.display());
    Ok(text + &body)
}

/// Writes a text beside its place and puts it there whole.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    put_whole(path, |beside| std::fs::write(beside, text))
}

/// Makes a file beside its place and puts it there whole.
pub(super) fn put_whole(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), Failure> {
    let beside = beside(path);
    make(&beside)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| cannot(path, &error))
}

/// Where a file is written before it is put into its place.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Puts a text behind what a file holds, as a CI's summary is written.
pub(super) fn add(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| cannot(path, &error))
}

pub(crate) fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Machine(format!("cannot write {}: {error}", path.display()))
}
