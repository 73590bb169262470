//! What a sweep leaves to be looked at: failures made small, each a file of its own, and files that are there whole or not at all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use scenarios::Scenario;
use scenarios::chaos::draw;
use scenarios::chaos::shrink::{Shrunk, shrink};
use scenarios::chaos::sweep::Swept;
use scenarios::model::{NetworkWord, Replay};
use sim::findings::Identity;

use crate::arguments::ChaosArguments;
use crate::failure::Failure;
use crate::interrupt::Interrupts;

const FAILURES: &str = "failures";

/// A failure that was made small and written.
pub(super) struct Kept {
    pub(super) identity: Identity,
    pub(super) file: PathBuf,
    pub(super) faults: usize,
    pub(super) trials: u32,
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
            trials: 0,
        })
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
        let Some(shrunk) = shrink(scenario, &draw(scenario, *seed), identity, (options, network), &stop) else {
            continue;
        };
        let failures = folder.join(FAILURES);
        std::fs::create_dir_all(&failures).map_err(|error| cannot(&failures, &error))?;
        let file = failure_file(&failures, identity);
        let text = story(arguments, scenario, &shrunk, &file, network)?;
        write_whole(&file, &text)?;
        kept.push(Kept {
            identity: identity.clone(),
            file,
            faults: shrunk.drawn.scenario.faults.len(),
            trials: shrunk.trials,
        });
    }
    Ok(kept)
}

/// A failure as a file: the story in comments, and the scenario that fails.
fn story(
    arguments: &ChaosArguments,
    plain: &Scenario,
    shrunk: &Shrunk,
    file: &Path,
    network: sim::spec::NetworkKind,
) -> Result<String, Failure> {
    let Shrunk { drawn, found, trials } = shrunk;
    let was = draw(plain, drawn.seed);
    let mut small = drawn.scenario.clone();
    small.replay = Some(Replay {
        seed: drawn.seed,
        network: NetworkWord(network),
        finding: found.identity.to_string(),
    });
    for expect in &mut small.expects {
        expect.under_faults = true;
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let body = scenarios::write(&small, folder).map_err(|error| Failure::Machine(error.to_string()))?;
    let (body, _) = with_inputs(body, &small, folder)?;
    let is_drawn = |fault: &&scenarios::model::Fault| plain.faults.iter().all(|own| own.name != fault.name);
    let [before, left] = [&was.scenario, &small].map(|of| of.faults.iter().filter(is_drawn).count());
    let mut text = format!(
        "# What a sweep of {} found with seed {}: {} {}\n#   at {}: {}\n# It drew {before} faults, of which {left} are left after {trials} runs; what broke is inevitable with them.\n",
        arguments.scenario.display(),
        drawn.seed,
        found.class.words(),
        found.identity,
        found.at,
        found.text.replace('\n', " "),
    );
    for line in &drawn.otherwise {
        let _ = writeln!(text, "# Drawn beside them: {line}");
    }
    let _ = writeln!(text, "# Repeat it: firedrill replay {}\n", file.display());
    Ok(text + &body)
}

/// Recordings and images up to this size are handed over with what needs them; larger ones are named where they are.
const CARRIED_MAX: u64 = 64 << 20;

/// Copies the files that a scenario is read from into a folder, and names them there: what is handed over is whole. Gives the text, and a digest
/// of the files' contents in their order.
pub(super) fn with_inputs(
    mut body: String,
    scenario: &Scenario,
    folder: &Path,
) -> Result<(String, blake3::Hash), Failure> {
    let mut names: Vec<String> = Vec::new();
    let mut contents = blake3::Hasher::new();
    for input in scenario.inputs.0.iter().filter(|input| **input != scenario.path.0) {
        let absolute = std::path::absolute(input).unwrap_or_else(|_| input.clone());
        let unread = |error| Failure::Input(format!("cannot read {}: {error}", input.display()));
        let bytes = std::fs::metadata(input).map_err(unread)?.len();
        let (Some(path), Some(name)) = (absolute.to_str(), input.file_name().and_then(|name| name.to_str())) else {
            continue;
        };
        if bytes > CARRIED_MAX {
            continue;
        }
        let content = std::fs::read(input).map_err(unread)?;
        contents.update(blake3::hash(&content).as_bytes());
        let mut own = name.to_owned();
        for number in 2.. {
            if !names.contains(&own) {
                break;
            }
            own = format!("{number}-{name}");
        }
        let copy = folder.join(&own);
        if std::path::absolute(&copy).ok().as_ref() != Some(&absolute) {
            std::fs::write(&copy, &content).map_err(|error| cannot(&copy, &error))?;
        }
        // As they stand in quotes, with the form before it where an image has one.
        let [path, named] = [path, own.as_str()].map(scenarios::quoted);
        body = body.replace(path.trim_start_matches('"'), named.trim_start_matches('"'));
        names.push(own);
    }
    Ok((body, contents.finalize()))
}

/// Writes a file beside its place and puts it there whole.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("part");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| cannot(path, &error))
}

/// Puts a text behind what a file holds, as a CI's summary is written.
pub(super) fn add(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| cannot(path, &error))
}

pub(super) fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Machine(format!("cannot write {}: {error}", path.display()))
}
