//! Profiles: what counters of a disk say that it writes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::workload::{Counted, Profiled};

use super::{BLOCKS, locality, unpacked};
use crate::counters::problem::Problems;
use crate::counters::profile::{ABSENT, Profile};
use crate::counters::roster::{Machine, Roster};
use crate::counters::{self, ALL, Place, Source, time};
use crate::diagnose::{At, Located, Problem, did_you_mean, list};
use crate::input::WORKLOAD_RATE_MAX;
use crate::model::{Counters, Disk};
use crate::read::Context;
use crate::reader::{Factor, Nanos, Reader, Share};
use crate::units;

const SECOND: u64 = 1_000_000_000;

/// A file of counters.
type Counts = Arc<(Roster, Profile)>;

/// Files of counters that were read; those that could not be are none.
#[derive(Default)]
pub(crate) struct Files(RefCell<BTreeMap<PathBuf, Option<Counts>>>);

/// The writes that a table's counters stand for, on the disk at `place`.
pub(super) fn read(
    context: &Context<'_>,
    table: &Reader<'_>,
    vm: Option<&str>,
    disks: &[Disk],
    place: usize,
) -> Option<(Profiled, Counters)> {
    let file = table.required::<String>("file");
    let named = (table.get::<String>("vm_in_file"), table.get::<String>("disk_in_file"));
    let (from, until) = (time(table, "from"), time(table, "until"));
    let begins = table.value::<Nanos>("begins").0;
    let repeat = table.value("repeat");
    let factor = table.value::<Factor>("factor").0;
    let (hot_per_mille, hot_part_per_mille) = locality(table);
    let distinct = table.get::<Share>("distinct");
    let (file, from, until) = (file?, from.ok()?, until.ok()?);
    let path = context.folder.join(&file.value);
    let counts = counts(context, &path, file.at)?;
    let of = Of {
        context,
        file: path.display().to_string(),
        at: file.at,
        counts: &counts,
    };
    let machine = match (&named.0, vm) {
        (Some(name), _) => of.machine(name)?,
        (None, Some(vm)) => of.machine(&Located::new(vm.to_owned(), file.at))?,
        (None, None) => {
            let problem = Problem::new(
                file.at,
                "which machine of the file is it?",
                "a file of counters has several",
            );
            context
                .diagnosis
                .push(problem.help("a profile of a group says `vm_in_file = \"NAME\"`"));
            return None;
        }
    };
    let steps = of.steps(machine, named.1.as_ref(), disks, place)?;
    let steps = of.part(steps, from.as_ref(), until.as_ref())?;
    let peak = steps.iter().map(|step| step.bytes_per_second).max().unwrap_or(0);
    let peak = u128::from(peak) * u128::from(factor) / 1_000;
    if peak > u128::from(WORKLOAD_RATE_MAX) {
        let peak = units::show_size(u64::try_from(peak).unwrap_or(u64::MAX));
        let label = format!("up to {peak} in a second, with its factor");
        let problem = Problem::new(table.key_at("factor"), "a workload that no disk takes", label);
        let most = format!("accepted: up to {} GB/s", WORKLOAD_RATE_MAX / 1_000_000_000);
        context.diagnosis.push(problem.help(most));
    }
    let profiled = Profiled {
        steps: Arc::new(steps),
        step: u64::from(counts.1.step_seconds.max(1)) * SECOND,
        begins,
        repeat,
        factor_per_mille: factor,
        hot_per_mille,
        hot_part_per_mille,
        distinct_per_mille: distinct.map(|share| share.value.0 / 1_000),
    };
    let counters = Counters {
        file: context.rooted(&path),
        vm: named.0.map(|name| name.value),
        disk: named.1.map(|name| name.value),
        from: from.map(|time| time.value),
        until: until.map(|time| time.value),
    };
    Some((profiled, counters))
}

/// A time as counters have it; an error, which is noted, where it is none.
fn time(table: &Reader<'_>, key: &str) -> Result<Option<Located<i64>>, ()> {
    let Some(text) = table.get::<String>(key) else {
        return Ok(None);
    };
    let time = time::parse(text.value.trim().as_bytes());
    let time = time.ok_or_else(|| {
        let title = format!("`{}` is no time", text.value);
        let help = format!("accepted: {}", time::TIMES);
        table
            .diagnosis()
            .push(Problem::new(text.at, title, "no time of counters").help(help));
    })?;
    Ok(Some(Located::new(time, text.at)))
}

/// The counters of a file, read once.
fn counts(context: &Context<'_>, path: &Path, at: At) -> Option<Counts> {
    if let Some(known) = context.counters.0.borrow().get(path) {
        return known.clone();
    }
    context.inputs.borrow_mut().push(path.to_owned());
    let read = unpacked(context, "file of counters", path, at).and_then(|bytes| parsed(context, path, &bytes, at));
    let files = &mut context.counters.0.borrow_mut();
    files.insert(path.to_owned(), read.clone());
    read
}

fn parsed(context: &Context<'_>, path: &Path, bytes: &[u8], at: At) -> Option<Counts> {
    let name = path.display().to_string();
    let source = Source {
        name: name.clone(),
        reader: Box::new(Cursor::new(bytes)),
    };
    let mut problems = Problems::default();
    let read = counters::read(None, vec![source], &mut problems);
    if problems.errors() == 0
        && let Some(read) = read
    {
        return Some(Arc::new(read));
    }
    told(context, &name, bytes, at, &problems);
    None
}

/// Says what is wrong with a file of counters, each on its line.
fn told(context: &Context<'_>, name: &str, bytes: &[u8], at: At, problems: &Problems) {
    let errors = || problems.kept().iter().filter(|problem| problem.is_error());
    let lines: Vec<u64> = errors().filter_map(|problem| problem.line).collect();
    let places = Place::of(bytes, &lines);
    // Counters can be large: the picture needs wrong lines alone, so the others are left empty.
    let mut excerpt = String::new();
    let mut starts = BTreeMap::new();
    let mut line = 1;
    for place in &places {
        while line < place.line {
            excerpt.push('\n');
            line += 1;
        }
        starts.insert(place.line, (excerpt.len(), place));
        excerpt.push_str(&place.text);
    }
    let source = context.diagnosis.add(name, excerpt);
    for problem in errors() {
        let there = problem.line.and_then(|line| starts.get(&line));
        let (at, title) = match there {
            Some((start, place)) => {
                let (from, to) = place.cell(problem.column.as_deref());
                let place = |at: usize| u32::try_from(start + at).unwrap_or(u32::MAX);
                let at = At {
                    source,
                    start: place(from),
                    end: place(to),
                };
                (at, format!("a wrong line in the counters: {}", problem.found))
            }
            None => (at, format!("the file of counters {name}: {}", problem.found)),
        };
        let label = problem
            .column
            .as_deref()
            .map_or("here".to_owned(), |name| format!("column {name:?}"));
        let mut told = Problem::new(at, title, label);
        if let Some(accepted) = &problem.accepted {
            told = told.help(format!("accepted: {accepted}"));
        }
        context.diagnosis.push(told);
    }
    let more = problems.errors().saturating_sub(errors().count() as u64);
    if more > 0 {
        let title = format!("the file of counters {name}: and {more} wrong lines more");
        context.diagnosis.push(Problem::new(at, title, "named here"));
    }
}

/// A name's place in a list: as it is written, or else in another case.
fn find<'a>(names: impl Iterator<Item = &'a str> + Clone, name: &str) -> Vec<usize> {
    let all = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let places = names.clone().enumerate().filter(|(_, known)| is(known));
        places.map(|(place, _)| place).collect()
    };
    let exact = all(&|known| known == name);
    match exact.is_empty() {
        true => all(&|known| known.to_lowercase() == name.to_lowercase()),
        false => exact,
    }
}

/// What is looked for in a file of counters.
struct Of<'a> {
    context: &'a Context<'a>,
    file: String,
    /// Where the scenario names the file.
    at: At,
    counts: &'a (Roster, Profile),
}

impl Of<'_> {
    fn problem(&self, at: At, title: String, help: &[String]) {
        let problem = Problem::new(at, title, "named here");
        let problem = help.iter().fold(problem, |problem, help| problem.help(help.clone()));
        self.context.diagnosis.push(problem);
    }

    fn machine(&self, name: &Located<String>) -> Option<usize> {
        let machines = &self.counts.0.machines;
        let names = machines.iter().map(|machine| machine.name.as_str());
        match find(names.clone(), &name.value)[..] {
            [place] => Some(place),
            [] => {
                let title = format!("{} has no counters of a machine `{}`", self.file, name.value);
                let there = format!("there are those of {}", list(names.clone()));
                let help = [
                    did_you_mean(&name.value, names),
                    there,
                    "`vm_in_file` names another".to_owned(),
                ];
                self.problem(name.at, title, &help);
                None
            }
            _ => {
                let title = format!("{} has counters of several machines `{}`", self.file, name.value);
                self.problem(
                    name.at,
                    title,
                    &["accepted: a file in which each machine has a name of its own".to_owned()],
                );
                None
            }
        }
    }

    /// The counters of a disk, step by step; what is missing is the mean of what is there.
    fn steps(
        &self,
        machine: usize,
        named: Option<&Located<String>>,
        disks: &[Disk],
        place: usize,
    ) -> Option<Vec<Counted>> {
        let disk = disks.get(place)?;
        let own = Located::new(disk.name.clone(), self.at);
        let name = named.unwrap_or(&own);
        let of: &Machine = self.counts.0.machines.get(machine)?;
        let names = of.disks.iter().map(|disk| disk.name.as_str());
        let found = find(names.clone(), &name.value);
        let whole = || names.clone().position(|known| known == ALL);
        // A part of what was counted: the disk's, of its machine's size.
        let (at, part) = match (found.first(), named, whole()) {
            (Some(at), ..) => (*at, (1, 1)),
            (None, None, Some(at)) => {
                let all: u128 = disks.iter().map(|disk| u128::from(disk.bytes)).sum();
                (at, (u128::from(disk.bytes), all.max(1)))
            }
            _ => {
                let title = format!(
                    "{} has no counters of a disk `{}` of `{}`",
                    self.file, name.value, of.name
                );
                let there = format!("there are those of {}", list(names.clone()));
                let help = [
                    did_you_mean(&name.value, names),
                    there,
                    "`disk_in_file` names another".to_owned(),
                ];
                self.problem(name.at, title, &help);
                return None;
            }
        };
        let series = self.counts.1.vms.get(machine)?.get(at)?;
        let Some(mean) = mean(&series.written) else {
            let title = format!(
                "{} counts no written bytes of `{}` of `{}`",
                self.file, name.value, of.name
            );
            self.problem(name.at, title, &[]);
            return None;
        };
        let share = |value: u32| u32::try_from((u128::from(value) * part.0 + part.1 / 2) / part.1).unwrap_or(ABSENT);
        let of_step = |(step, bytes): (usize, &u32)| {
            let bytes = share(if *bytes == ABSENT { mean } else { *bytes });
            let writes = series.write_iops.get(step).copied().filter(|writes| *writes != ABSENT);
            let writes = match writes {
                Some(writes) => share(writes),
                None => u32::try_from(u64::from(bytes) * 100 / u64::from(BLOCKS.0)).unwrap_or(u32::MAX),
            };
            Counted {
                bytes_per_second: bytes,
                writes_per_second: writes,
            }
        };
        Some(series.written.iter().enumerate().map(of_step).collect())
    }

    /// The steps from a time until another.
    fn part(
        &self,
        steps: Vec<Counted>,
        from: Option<&Located<i64>>,
        until: Option<&Located<i64>>,
    ) -> Option<Vec<Counted>> {
        let profile = &self.counts.1;
        let (start, step) = (profile.start_seconds, i64::from(profile.step_seconds.max(1)));
        let first = |time: &Located<i64>| {
            let steps = (time.value - start).max(0) as u64;
            usize::try_from(steps.div_ceil(step as u64)).unwrap_or(usize::MAX)
        };
        let end = until.map_or(steps.len(), first).min(steps.len());
        let begin = from.map_or(0, first).min(end);
        if begin == end {
            let title = format!("no step of {} is in this part of it", self.file);
            let last = start + step * i64::try_from(steps.len().saturating_sub(1)).unwrap_or(0);
            let help = format!("its steps begin from {} to {}", time::write(start), time::write(last));
            self.problem(from.or(until).map_or(self.at, |time| time.at), title, &[help]);
            return None;
        }
        Some(steps.get(begin..end)?.to_vec())
    }
}

/// The mean of what was counted, rounded up; none where nothing was.
fn mean(values: &[u32]) -> Option<u32> {
    let there = values.iter().filter(|value| **value != ABSENT);
    let (sum, count) = there.fold((0_u64, 0_u64), |(sum, count), value| {
        (sum + u64::from(*value), count + 1)
    });
    (count > 0).then(|| u32::try_from(sum.div_ceil(count)).unwrap_or(ABSENT - 1))
}
