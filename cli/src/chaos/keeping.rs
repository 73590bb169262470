//! What a sweep leaves to be looked at: failures made small, each a file of its own, and files that are there whole or not at all.

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

/// Makes failures small and writes each into a file of its own.
pub(super) fn keep(
    arguments: &ChaosArguments,
    scenario: &Scenario,
    options: &scenarios::Options,
    swept: &Swept,
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    let network = arguments.network.kind();
    let stop = AtomicBool::new(false);
    for (identity, (_, seeds, _)) in swept.findings.iter().take(arguments.shrink) {
        let Some(seed) = seeds.first().filter(|_| !interrupts.came()) else {
            break;
        };
        let Some(shrunk) = shrink(scenario, &draw(scenario, *seed), identity, (options, network), &stop) else {
            continue;
        };
        let failures = folder.join(FAILURES);
        std::fs::create_dir_all(&failures).map_err(|error| cannot(&failures, &error))?;
        let file = failures.join(format!("{}.toml", identity.to_string().replace('/', "-")));
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
    let body = with_inputs(body, &small, folder)?;
    let own = plain.faults.len();
    let (before, left) = (was.scenario.faults.len() - own, small.faults.len().saturating_sub(own));
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

/// Copies the recordings and images that a scenario names into a folder, and names them there: a failure is handed over whole.
fn with_inputs(mut body: String, scenario: &Scenario, folder: &Path) -> Result<String, Failure> {
    for input in &scenario.inputs.0 {
        let (Some(path), Some(name)) = (input.to_str(), input.file_name().and_then(|name| name.to_str())) else {
            continue;
        };
        let [whole, own] = [path, name].map(|text| format!("= {}", scenarios::quoted(text)));
        if body.contains(&whole) {
            let copy = folder.join(name);
            std::fs::copy(input, &copy).map_err(|error| cannot(&copy, &error))?;
            body = body.replace(&whole, &own);
        }
    }
    Ok(body)
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
