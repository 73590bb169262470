//! `firedrill merge`: the parts of a sweep, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use scenarios::chaos::list::SeedList;
use scenarios::chaos::sweep::Swept;
use scenarios::chaos::{draw, run_one};

use super::keeping::Kept;
use super::places::Files;
use super::telling::Told;
use super::{accepted_on, failed, idle, today, warnings, written};
use crate::arguments::{ChaosArguments, Format, MergeArguments, Network};
use crate::failure::Failure;
use crate::seeds::{Head, SCENARIO};
use crate::{output, seeds};

/// Puts the parts of a sweep together: every part once, all of the same scenario, seeds, network and version. One seed in a hundred is run once
/// more, and must come to what its part says.
pub fn merge(arguments: &MergeArguments) -> Result<u8, Failure> {
    let began = Instant::now();
    let files = Files {
        read: Vec::new(),
        folders: arguments.parts.iter().map(PathBuf::as_path).collect(),
        written: written(&[("--junit", &arguments.junit), ("--markdown", &arguments.markdown)]),
    };
    files.check()?;
    let mut parts = Vec::new();
    for folder in &arguments.parts {
        let (head, outcomes) = seeds::of(folder)?;
        parts.push((folder, head, outcomes));
    }
    let Some((first_folder, first, _)) = parts.first().cloned() else {
        return Err(Failure::Input("there is nothing to merge".to_owned()));
    };
    let whole = Head {
        shard: (1, 1),
        ..first.clone()
    };
    let mut missing: BTreeSet<u64> = (1..=first.shard.1).collect();
    let mut all = BTreeMap::new();
    for (folder, head, outcomes) in parts {
        let shown = folder.display();
        if (Head {
            shard: (1, 1),
            ..head.clone()
        }) != whole
            || head.shard.1 != first.shard.1
        {
            return Err(Failure::Input(format!(
                "{shown} is a part of another sweep than {} (scenario, seeds, network, program or number of parts)",
                first_folder.display()
            )));
        }
        if !missing.remove(&head.shard.0) {
            return Err(Failure::Input(format!("{shown}: part {} is there twice", head.shard.0)));
        }
        let (part, of) = head.shard;
        let wanted = SeedList::new(&head.kept, &(head.first..=head.last), (part - 1, of)).count();
        if outcomes.len() as u64 != wanted {
            return Err(Failure::Input(format!(
                "{shown} is not complete: it has {} of {wanted} seeds; the same command goes on with it",
                outcomes.len()
            )));
        }
        all.extend(outcomes);
    }
    if !missing.is_empty() {
        let parts: Vec<String> = missing.iter().map(u64::to_string).collect();
        return Err(Failure::Input(format!(
            "parts are missing: {} of {}",
            parts.join(", "),
            first.shard.1
        )));
    }
    let options = scenarios::Options::default();
    let scenario = scenarios::load(&first_folder.join(SCENARIO), &options)?;
    let network = if first.network == "turmoil" {
        Network::Turmoil
    } else {
        Network::Event
    };
    for outcome in all.values().filter(|outcome| outcome.is_run_twice()) {
        let again = run_one(
            &draw(&scenario, outcome.seed),
            &options,
            network.kind(),
            &AtomicBool::new(false),
        );
        if again.map_err(failed)?.as_ref() != Some(outcome) {
            return Err(Failure::Machine(format!(
                "seed {} comes to something else here than in its part",
                outcome.seed
            )));
        }
    }
    let seeds = SeedList::new(&first.kept, &(first.first..=first.last), (0, 1));
    let swept = Swept::of(&seeds, &all);
    let figures = ChaosArguments {
        scenario: first_folder.join(SCENARIO),
        seeds: (first.first, first.last),
        network,
        ..ChaosArguments::plain()
    };
    let accepted = accepted_on(&scenario, &today());
    let idle = idle(&scenario, &options, &figures, &swept, &accepted)?;
    let warnings = warnings(&scenario, &figures, &swept);
    let kept: Vec<Kept> = swept
        .findings
        .keys()
        .filter_map(|identity| arguments.parts.iter().find_map(|part| Kept::of(part, identity)))
        .collect();
    let told = Told {
        scenario: &scenario,
        arguments: &figures,
        swept: &swept,
        kept: &kept,
        idle: &idle,
        warnings: &warnings,
        rate: None,
        count: seeds.count(),
        kept_seeds: &first.kept,
        accepted: &accepted,
    };
    told.write(
        arguments.junit.as_deref(),
        arguments.markdown.as_deref(),
        began.elapsed(),
    )?;
    match arguments.format {
        Format::Json => output::print(&format!("{:#}\n", told.summary()))?,
        Format::Human => output::print(&told.human(first_folder))?,
    }
    Ok(told.code())
}
