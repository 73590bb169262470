//! A sweep of `--what-if` that is shared out: one part of it, or all parts put together.

use std::path::PathBuf;

use planning::options::Options;
use planning::sweep::Sweep;
use planning::sweep::parts::{Part, part, whole};

use super::{Brought, folder_for};
use crate::arguments::{Format, PlanArguments};
use crate::chaos::keeping::{cannot, write_whole};
use crate::failure::{Failure, PASS};
use crate::output;

/// Makes a part, and writes it: the same again where it is there already.
pub(super) fn make(
    arguments: &PlanArguments,
    inputs: &Brought,
    options: &Options,
    (number, of): (u64, u64),
) -> Result<u8, Failure> {
    let made = part(
        &inputs.estate,
        inputs.profile.as_ref(),
        options,
        &arguments.what_if,
        (number, of),
    );
    let made = made.map_err(|error| Failure::Input(error.to_string()))?;
    let folder = arguments.out.clone().unwrap_or_else(|| folder_for(&arguments.inputs));
    std::fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
    let file = folder.join(format!("part-{number}-of-{of}.json"));
    let text = serde_json::to_string(&made).map_err(|error| cannot(&file, &error.into()))? + "\n";
    write_whole(&file, &text)?;
    if arguments.format == Format::Json {
        output::print(&text)?;
        return Ok(PASS);
    }
    output::print(&format!(
        "Part {number} of {of}: {} points in {}\nWith all parts: the same command, with --parts FILE... instead of --shard\n",
        made.points.len(),
        file.display()
    ))?;
    Ok(PASS)
}

/// Puts parts together.
pub(super) fn put_together(
    arguments: &PlanArguments,
    inputs: &Brought,
    options: &Options,
    files: &[PathBuf],
) -> Result<Sweep, Failure> {
    let read = |path: &PathBuf| -> Result<(String, Part), Failure> {
        let name = path.display().to_string();
        let wrong = |why: String| Failure::Input(format!("--parts {name}: {why}; accepted: files that --shard wrote"));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let part = serde_json::from_str(&text).map_err(|error| wrong(format!("is no part of a sweep: {error}")))?;
        Ok((name, part))
    };
    let parts = files.iter().map(read).collect::<Result<_, _>>()?;
    let whole = whole(
        &inputs.estate,
        inputs.profile.as_ref(),
        options,
        &arguments.what_if,
        parts,
    );
    whole.map_err(|error| Failure::Input(error.to_string()))
}
