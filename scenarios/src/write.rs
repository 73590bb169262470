//! A scenario as a file: what a person would write for it, in the order of the catalogue, without what is the default, with a comment above
//! each kind of table. A scenario whose values the reader accepts reads back as the same; values out of range are left for the reader to refuse.
//!
//! The text is made line by line and not by an editor of TOML documents: nothing is edited here, and numbers go up to 64 bits.

mod applications;
mod estate;
mod faults;
mod machines;
mod page;
mod plan;
mod workload;

use std::path::{Path, PathBuf};

use actors::model::{Constant, GROUPS};

use crate::keys::{self, CompressionLevel, word_of};
use crate::model::Scenario;
use crate::units::{write_duration, write_time_of_day};

use page::{Entries, Page};

/// Why a scenario that was made in memory is not one that a file can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scenario cannot be written as a file: {0}")]
pub struct Unwritable(String);

impl Unwritable {
    fn new(why: impl Into<String>) -> Unwritable {
        Unwritable(why.into())
    }
}

/// Writes a scenario; files that it names and that lie below `folder`, where the file is to be read, are named from there, others from the
/// root.
///
/// # Errors
/// Where it holds what no file says: a step that waits for one without a name, a path that is no text, a reference to nothing.
pub fn write(scenario: &Scenario, folder: &Path) -> Result<String, Unwritable> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let writer = Writer {
        scenario,
        folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
    };
    let mut page = Page::default();
    writer.run(&mut page);
    writer.estate(&mut page)?;
    writer.machines(&mut page)?;
    writer.replication_groups(&mut page)?;
    writer.applications(&mut page)?;
    writer.databases(&mut page)?;
    writer.recovery_plans(&mut page)?;
    writer.steps(&mut page)?;
    writer.faults(&mut page)?;
    writer.expects(&mut page)?;
    writer.goals(&mut page);
    writer.chaos(&mut page);
    Ok(page.text())
}

struct Writer<'a> {
    scenario: &'a Scenario,
    folder: PathBuf,
}

impl Writer<'_> {
    /// The tables about the run as a whole.
    fn run(&self, page: &mut Page) {
        let scenario = self.scenario;
        let mut table = Entries::new(&keys::SCENARIO, None);
        table.put("name", &scenario.name);
        if !scenario.description.is_empty() {
            table.put("description", &scenario.description);
        }
        table.put("duration", &write_duration(scenario.duration));
        table.put("settle", &write_duration(scenario.settle));
        table.put("start_of_day", &write_time_of_day(scenario.start_of_day));
        table.put("weekday", word_of(scenario.weekday).unwrap_or_default());
        table.put("content", word_of(scenario.content).unwrap_or_default());
        let level = scenario.compression_level;
        let level = word_of(CompressionLevel(level)).map_or_else(|| level.to_string(), str::to_owned);
        table.put("compression_level", &level);
        page.table("scenario", &table);

        let mut table = Entries::new(&keys::OUTPUT, None);
        let disks = scenario.output.disks.iter().filter_map(|kind| word_of(*kind));
        table.list("disks", disks);
        table.put("format", word_of(scenario.output.format).unwrap_or_default());
        page.table("output", &table);

        let policy = &scenario.policy;
        let mut table = Entries::new(&keys::POLICY, None);
        table.put("name", &policy.name);
        table.put("rpo_threshold", &write_duration(policy.rpo_threshold));
        table.put("retention", &write_duration(policy.retention));
        table.put("crash_consistent_every", &write_duration(policy.crash_consistent_every));
        table.put("app_consistent_every", &write_duration(policy.app_consistent_every));
        page.table("policy", &table);

        let times = &scenario.times;
        let mut table = Entries::new(&keys::AZURE, None);
        table.put("create_policy", &write_duration(times.policy));
        table.put("hydration", &write_duration(times.hydration));
        table.put("create_machine", &write_duration(times.create_machine));
        page.table("azure", &table);
        self.model(page);
    }

    /// Situations that are to be met.
    fn goals(&self, page: &mut Page) {
        for goal in &self.scenario.goals {
            let mut table = Entries::new(&keys::GOAL, None);
            table.put("name", &goal.name);
            table.put("event", goal.event.word());
            if let Some(phase) = goal.during {
                table.put("during", phase.word());
            }
            page.one_of("goal", &table);
        }
    }

    /// What a sweep draws, and what repeats a failure.
    fn chaos(&self, page: &mut Page) {
        let chaos = &self.scenario.chaos;
        let mut table = Entries::new(&keys::CHAOS, None);
        if !chaos.kinds.is_empty() {
            table.list("kinds", chaos.kinds.iter().copied());
        }
        table.flag("losses", chaos.losses);
        table.put("most", &chaos.most.to_string());
        table.put("longest", &write_duration(chaos.longest));
        table.put("from", &write_duration(chaos.from));
        if let Some(to) = chaos.to {
            table.put("to", &write_duration(to));
        }
        table.flag("constants", chaos.constants);
        table.flag("points", chaos.points);
        page.table("chaos", &table);
        for accepted in &self.scenario.accepted {
            let mut table = Entries::new(&keys::ACCEPTED, None);
            table.put("finding", &accepted.finding);
            table.put("until", &accepted.until);
            table.put("why", &accepted.why);
            page.one_of("accepted", &table);
        }
        if let Some(replay) = &self.scenario.replay {
            let mut table = Entries::new(&keys::REPLAY, None);
            table.put("seed", &replay.seed.to_string());
            table.put("network", word_of(replay.network).unwrap_or_default());
            table.put("finding", &replay.finding);
            page.table("replay", &table);
        }
    }

    /// Constants that differ from their era.
    fn model(&self, page: &mut Page) {
        let mut table = Entries::new(&keys::MODEL, None);
        table.put("era", self.scenario.era.name());
        page.table("model", &table);
        let differs = self.scenario.model.differs(self.scenario.era);
        for (group, _) in GROUPS {
            let Some(section) = keys::group_of(group) else { continue };
            let mut table = Entries::new(section, None);
            for one in &differs {
                let constant = Constant::find(&one.name).filter(|constant| constant.group == *group);
                if let Some(constant) = constant {
                    table.put(constant.name, &keys::written(constant.unit, one.value));
                }
            }
            page.table(&format!("model.{group}"), &table);
        }
    }

    /// A file as the scenario names it.
    fn path(&self, path: &Path) -> Result<String, Unwritable> {
        let named = path.strip_prefix(&self.folder).unwrap_or(path);
        let text = named.to_str().map(str::to_owned);
        text.ok_or_else(|| Unwritable::new(format!("the path {} is no text", path.display())))
    }

    fn server(&self, index: usize) -> Result<&str, Unwritable> {
        let server = self.scenario.servers.get(index);
        server
            .map(|server| server.name.as_str())
            .ok_or_else(|| Unwritable::new(format!("there is no server {index}")))
    }

    fn vm(&self, index: usize) -> Result<&str, Unwritable> {
        let vm = self.scenario.vms.get(index);
        vm.map(|vm| vm.name.as_str())
            .ok_or_else(|| Unwritable::new(format!("there is no machine {index}")))
    }

    fn link_name(&self, index: usize) -> Result<&str, Unwritable> {
        let link = self.scenario.links.get(index);
        link.map(|link| link.name.as_str())
            .ok_or_else(|| Unwritable::new(format!("there is no link {index}")))
    }

    /// Machines as a file names them: all, by a pattern where they are many, or one by one.
    fn vms(&self, vms: &[usize]) -> Result<Vec<String>, Unwritable> {
        /// So many are still named one by one.
        const NAMED_MAX: usize = 8;
        let all = &self.scenario.vms;
        let is_all = vms.len() == all.len() && vms.iter().enumerate().all(|(place, vm)| place == *vm);
        if is_all && all.len() > 1 {
            return Ok(vec!["all".to_owned()]);
        }
        let names: Vec<String> = vms
            .iter()
            .map(|vm| self.vm(*vm).map(str::to_owned))
            .collect::<Result<_, _>>()?;
        if names.len() > NAMED_MAX {
            let prefix = common_prefix(&names);
            let fitting = (0..all.len()).filter(|vm| all[*vm].name.starts_with(prefix));
            if fitting.eq(vms.iter().copied()) {
                return Ok(vec![format!("{prefix}*")]);
            }
        }
        Ok(names)
    }
}

fn common_prefix(names: &[String]) -> &str {
    let Some((first, rest)) = names.split_first() else {
        return "";
    };
    let len = rest.iter().fold(first.len(), |len, name| {
        let same = first
            .bytes()
            .zip(name.bytes())
            .take_while(|(left, right)| left == right);
        len.min(same.count())
    });
    // Names of machines are ASCII; of others, nothing is cut in the middle of a character.
    first.get(..len).unwrap_or_default()
}
