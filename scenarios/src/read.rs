//! From a file to a [`Scenario`]: reads everything, checks everything, and reports all that is wrong at once.

mod chaos;
pub(crate) mod estate;
mod goals;
mod model;
mod own_disks;
pub mod plan;
mod possible;
pub(crate) mod vms;
pub(crate) mod workload;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use actors::model::Model;
use actors::nouns::Policy;
use actors::spec::ServiceTimes;
use datapath::Grain;
use datapath::image::Watched;

use crate::diagnose::{At, Blame, Diagnosis, Located, Problem, ScenarioError, did_you_mean, list};
use crate::input::{self, SCENARIO_BYTES_MAX};
use crate::keys::{self, CompressionLevel};
use crate::model::{Aside, Output, Scenario};
use crate::reader::{self, FromNode, Nanos, Reader, TimeOfDay, wrong_name};
use crate::tree::{self, Table, Value};
use crate::units::write_duration;

/// What the command line adds to a scenario file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--set KEY=VALUE`.
    pub set: Vec<(String, String)>,
    /// `--disk VM.DISK=IMAGE`; `raw:` before the image's name says that it is raw, whatever it looks like.
    pub disks: Vec<(String, PathBuf)>,
    /// Who follows the reading of images.
    pub watch: Watched,
    /// `--content`.
    pub grain: Option<Grain>,
    /// The vault's key; none: the public test key, which keeps runs reproducible and protects nothing. Whoever brings disks of
    /// their own (`disks`) gives one.
    pub vault_key: Option<[u8; 32]>,
}

/// Reads a scenario file.
///
/// # Errors
/// All that is wrong with it, drawn.
pub fn load(path: &Path, options: &Options) -> Result<Scenario, ScenarioError> {
    let shown = path.display();
    let bytes = input::read(path, SCENARIO_BYTES_MAX).map_err(|unread| {
        ScenarioError::plain(
            unread.blame,
            format!("cannot read the scenario file {shown}: {}", unread.why),
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        ScenarioError::plain(
            Blame::Input,
            format!("{shown} is not text: byte {valid} is no UTF-8; a scenario is a TOML file"),
        )
    })?;
    load_text(&text, path, options)
}

/// Reads a scenario from a text; relative paths begin at the folder of `path`.
///
/// # Errors
/// All that is wrong with it, drawn.
pub fn load_text(text: &str, path: &Path, options: &Options) -> Result<Scenario, ScenarioError> {
    let diagnosis = Diagnosis::default();
    let source = diagnosis.add(path.display().to_string(), text);
    if text.trim().is_empty() {
        return Err(ScenarioError::plain(
            Blame::Input,
            format!(
                "{}: the file is empty; a scenario needs at least [scenario], a site, a server, a machine and steps",
                path.display()
            ),
        ));
    }
    let mut root = tree::parse(&diagnosis, source, text);
    // A broken syntax leaves tables half read; what they seem to lack would be noise.
    diagnosis.verdict()?;
    for (key, value) in &options.set {
        tree::set(&diagnosis, &mut root, key, value);
    }
    let scenario = read(&diagnosis, &root, path, options, text);
    diagnosis.verdict()?;
    scenario.ok_or_else(|| ScenarioError::plain(Blame::Input, format!("{} cannot be used", path.display())))
}

/// What all parts of the reading share.
pub(crate) struct Context<'a> {
    pub(crate) diagnosis: &'a Diagnosis,
    pub(crate) folder: PathBuf,
    pub(crate) start_of_day: u32,
    pub(crate) model: Model,
    /// Files that are read.
    pub(crate) inputs: std::cell::RefCell<Vec<PathBuf>>,
    pub(crate) watch: &'a Watched,
    /// Counters that were read, by file: an estate's are in one.
    pub(crate) counters: workload::Files,
    /// Where each line of the scenario file ends.
    line_ends: Vec<u32>,
}

impl Context<'_> {
    /// A file that the scenario names, from the root.
    pub(crate) fn rooted(&self, path: &Path) -> PathBuf {
        // Where there is no folder to be in, the path is all that is known.
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    /// The line of a place in the scenario file, from 1.
    pub(crate) fn line(&self, at: At) -> u32 {
        let before = self.line_ends.partition_point(|end| *end < at.start);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    /// Finds a name; a problem with a suggestion where there is none.
    pub(crate) fn find(&self, what: &str, name: &Located<String>, known: &[&str]) -> Option<usize> {
        let found = known.iter().position(|candidate| *candidate == name.value);
        if found.is_none() {
            let there = if known.is_empty() {
                format!("the scenario has no {what}")
            } else {
                format!("there are {}", list(known.iter().copied()))
            };
            self.diagnosis.push(
                Problem::new(name.at, format!("no {what} is called `{}`", name.value), "named here")
                    .help(did_you_mean(&name.value, known.iter().copied()))
                    .help(there),
            );
        }
        found
    }
}

/// Notes every name that is there twice.
pub(crate) fn unique(diagnosis: &Diagnosis, what: &str, names: &[Located<String>]) {
    unique_by(diagnosis, what, names, str::to_owned);
}

/// The same for names of machines, which neither DNS nor a folder of files may tell apart by case.
pub(crate) fn unique_in_any_case(diagnosis: &Diagnosis, what: &str, names: &[Located<String>]) {
    unique_by(diagnosis, what, names, str::to_lowercase);
}

fn unique_by(diagnosis: &Diagnosis, what: &str, names: &[Located<String>], form: impl Fn(&str) -> String) {
    let mut seen: BTreeMap<String, &Located<String>> = BTreeMap::new();
    for name in names {
        match seen.entry(form(&name.value)) {
            Entry::Vacant(free) => {
                free.insert(name);
            }
            Entry::Occupied(first) => {
                let first = first.get();
                let problem = if first.value == name.value {
                    Problem::new(name.at, format!("two {what} are called `{}`", name.value), "again here")
                } else {
                    let title = format!("`{}` and `{}` differ in case only", first.value, name.value);
                    Problem::new(name.at, title, "the same name in another case")
                        .help(format!("two {what} need names that differ in more than case"))
                };
                diagnosis.push(problem.also(first.at, "first here"));
            }
        }
    }
}

/// TOML of another kind: nothing in it is known, and one problem says so for all.
fn no_scenario(root: &Table) -> Option<Problem> {
    let known = || keys::ROOT.names().into_iter();
    let (first, at, _) = root.entries.first()?;
    if root
        .entries
        .iter()
        .any(|(name, _, _)| known().any(|known| known == name))
    {
        return None;
    }
    Some(
        Problem::new(
            *at,
            format!("no scenario file: it begins with `{first}`"),
            "unknown, as all that follows",
        )
        .help(did_you_mean(first, known()))
        .help(format!("a scenario file takes {}", list(known()))),
    )
}

fn read(diagnosis: &Diagnosis, root: &Table, path: &Path, options: &Options, text: &str) -> Option<Scenario> {
    if let Some(problem) = no_scenario(root) {
        diagnosis.push(problem);
        return None;
    }
    let file = Reader::open(diagnosis, &keys::ROOT, root, At::default());
    let Some(head) = file.table("scenario") else {
        if !file.is_meant("scenario") {
            diagnosis.push(Problem::new(
                At::default(),
                "the scenario file needs a table `[scenario]`",
                "none in this file",
            ));
        }
        return None;
    };
    let name = head.name("name");
    let description = head.get("description").map_or_else(String::new, |text| text.value);
    let duration: Option<Located<Nanos>> = head.required("duration");
    let settle = head.value::<Nanos>("settle").0;
    let start_of_day = head.value::<TimeOfDay>("start_of_day").0;
    let weekday = head.word_or_default("weekday");
    let content = head.word_or_default("content");
    let compression_level = compression_level(&head);
    if let Some(name) = &name
        && wrong_name(&name.value).is_none()
        && (name.value.contains(['/', '\\']) || name.value.starts_with('.'))
    {
        diagnosis.push(
            Problem::new(
                name.at,
                "the scenario's name cannot name a folder",
                "names the run's folder",
            )
            .help("accepted: a name without slashes that doesn't begin with a dot"),
        );
    }

    let (era, model) = model::read(&file);
    let context = Context {
        diagnosis,
        folder: path.parent().map(Path::to_owned).unwrap_or_default(),
        start_of_day,
        model: model.clone(),
        inputs: std::cell::RefCell::new(vec![path.to_owned()]),
        watch: &options.watch,
        counters: workload::Files::default(),
        line_ends: (0..)
            .zip(text.bytes())
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at)
            .collect(),
    };
    let output = read_output(&file);
    let policy = read_policy(&file, &model);
    let times = read_azure(&file);
    let (chaos, replay) = (
        chaos::read(&file, duration.as_ref().map(|duration| duration.value.0)),
        chaos::replay(&file),
    );
    let accepted = chaos::accepted(&file);
    let estate = estate::read(&context, &file);
    if estate.full {
        return None;
    }
    let vms = vms::read(&context, &file, &estate, &options.disks);
    if vms.none {
        return None;
    }
    outputs_are_apart(&context, &output, &vms);
    let replication_groups = plan::replication_groups(&context, &file, &vms);
    let applications = plan::applications(&context, &file, &vms);
    let databases = plan::databases(&context, &file, &vms, &applications);
    let recovery_plans = plan::recovery_plans(&context, &file, &vms, &replication_groups);
    let steps = plan::steps(&context, &file, &estate, &vms, &recovery_plans);
    let named = |placed: &plan::Placed| {
        let name = placed.step.name.clone();
        name.map(|name| Located::new(name, placed.at))
    };
    let faults = plan::faults(&context, &file, &estate, &vms, steps.iter().map(named).collect());
    let expects = plan::expects(&context, &file, &vms);
    let goals = goals::read(&context, &file);
    if diagnosis.failed() {
        return None;
    }
    // Only now: of a plan that is half read, that something in it cannot happen would be no news.
    let duration = duration?.value.0;
    possible::check(&possible::Whole {
        context: &context,
        file: &file,
        duration: Located::new(duration, head.node("duration").map_or(head.at, |node| node.at)),
        policy: &policy,
        estate: &estate,
        vms: &vms.vms,
        steps: &steps,
        faults: &faults,
        expects: &expects,
    });
    if diagnosis.failed() {
        return None;
    }
    Some(Scenario {
        path: Aside(path.to_owned()),
        name: name?.value,
        description,
        duration,
        settle,
        start_of_day,
        weekday,
        content: options.grain.unwrap_or(content),
        compression_level,
        output,
        policy,
        era,
        model,
        times,
        sites: estate.sites.into_iter().map(|site| site.value).collect(),
        links: estate.links,
        servers: estate.servers,
        vms: vms.vms,
        groups: Aside(vms.groups),
        replication_groups,
        applications,
        databases,
        recovery_plans,
        inputs: Aside(context.inputs.into_inner()),
        steps: steps.into_iter().map(|placed| placed.step).collect(),
        faults: faults.into_iter().map(|placed| placed.fault).collect(),
        expects: expects.into_iter().map(|placed| placed.value).collect(),
        goals,
        chaos,
        accepted,
        replay,
        own_disks: Aside(!options.disks.is_empty()),
    })
}

fn read_output(file: &Reader<'_>) -> Output {
    file.table("output").map_or_else(Output::default, |output| Output {
        disks: output.words("disks"),
        format: output.word_or_default("format"),
    })
}

/// Notes two recovered disks that would be written to one file.
fn outputs_are_apart(context: &Context<'_>, output: &Output, vms: &vms::Vms) {
    let mut files: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (index, vm) in vms.vms.iter().enumerate() {
        for disk in vm.disks.iter() {
            for kind in &output.disks {
                let file = output.file_name(&vm.name, &disk.name, *kind);
                let own = format!("{}.{}", vm.name, disk.name);
                // Neither may a folder that is copied to Windows lose one of them.
                match files.entry(file.to_lowercase()) {
                    Entry::Vacant(free) => {
                        free.insert((index, own));
                    }
                    Entry::Occupied(first) => {
                        let (other, theirs) = first.get();
                        if *theirs == own {
                            continue;
                        }
                        let title = format!("`{theirs}` and `{own}` would be written to the same file");
                        let label = format!("disks/{file}");
                        let problem = Problem::new(vms.at[index], title, label)
                            .help("[output] writes disks/VM-DISK: give one of the machines or disks another name");
                        context.diagnosis.push(match vms.at[*other] == vms.at[index] {
                            true => problem,
                            false => problem.also(vms.at[*other], "the other machine"),
                        });
                        return;
                    }
                }
            }
        }
    }
}

/// A value of a table that can be left out.
fn value<T: FromNode>(table: Option<&Reader<'_>>, section: &'static keys::Section, key: &str) -> T {
    table.map_or_else(|| reader::default(section, key), |table| table.value(key))
}

fn compression_level(head: &Reader<'_>) -> i32 {
    match head.node("compression_level").map(|node| &node.value) {
        Some(Value::Text(_)) => {
            let word = head.word::<CompressionLevel>("compression_level");
            word.map_or(0, |level| level.value.0)
        }
        _ => i32::try_from(head.value::<u32>("compression_level")).unwrap_or(i32::MAX),
    }
}

fn read_policy(file: &Reader<'_>, model: &Model) -> Policy {
    let table = file.table("policy");
    if let Some(retention) = table.as_ref().and_then(|table| table.get::<Nanos>("retention"))
        && retention.value.0 > model.limits.retention
    {
        let most = write_duration(model.limits.retention);
        file.diagnosis().push(
            Problem::new(retention.at, "retention is too long", format!("at most {most}")).help(format!(
                "recovery points are kept for up to {most} (`model.limits.retention`): 72 h with standard storage and 24 h with premium in Site \
                 Recovery 2017, 15 days in 2019"
            )),
        );
    }
    let get = |key: &str| value::<Nanos>(table.as_ref(), &keys::POLICY, key).0;
    let named = table.as_ref().and_then(|table| table.name("name"));
    Policy {
        name: named.map_or_else(|| reader::default(&keys::POLICY, "name"), |name| name.value),
        rpo_threshold: get("rpo_threshold"),
        retention: get("retention"),
        crash_consistent_every: get("crash_consistent_every"),
        app_consistent_every: get("app_consistent_every"),
    }
}

/// Azure's durations where a scenario does not say them.
#[must_use]
pub fn default_times() -> ServiceTimes {
    let of = |key| reader::default::<Nanos>(&keys::AZURE, key).0;
    ServiceTimes {
        policy: of("create_policy"),
        hydration: of("hydration"),
        create_machine: of("create_machine"),
    }
}

/// A machine's boot where a scenario does not say it, in nanoseconds.
#[must_use]
pub fn default_boot() -> u64 {
    reader::default::<Nanos>(&keys::VM, "boot").0
}

fn read_azure(file: &Reader<'_>) -> ServiceTimes {
    let table = file.table("azure");
    let get = |key: &str| value::<Nanos>(table.as_ref(), &keys::AZURE, key).0;
    ServiceTimes {
        policy: get("create_policy"),
        hydration: get("hydration"),
        create_machine: get("create_machine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_the_catalogue_is_the_products_default() {
        let diagnosis = Diagnosis::default();
        let root = Table::default();
        let file = Reader::open(&diagnosis, &keys::ROOT, &root, At::default());
        assert_eq!(
            read_policy(&file, &Model::default()),
            actors::spec::default_policy("policy")
        );
    }
}
