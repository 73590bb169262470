//! What a planner should know of counters that were taken: gaps, rows twice, machines without, machines that nobody asked for.

use super::Reading;
use super::header::Form;
use super::keys::Skip;
use super::lane::bounds;
use super::parse::Clock;
use super::problem::{Problem, Problems, quoted};
use super::text::some_of;
use super::time;

/// Tells of what was read.
pub(super) fn report(file: &str, form: Form, clock: Clock, reading: &Reading<'_>, problems: &mut Problems) {
    let Some((begin, end)) = bounds(&reading.lanes) else {
        skipped(file, reading, problems);
        return;
    };
    let when = |step: i32| match form {
        Form::Windows => format!("window {step}"),
        Form::Times => time::write(clock.origin + i64::from(step) * i64::from(clock.step_seconds)),
    };
    skipped(file, reading, problems);
    made(file, reading, problems);
    without(file, reading, problems);
    spread(file, reading, problems);
    gaps(file, reading, &when, problems);
    changes(file, reading, (begin, end), &when, problems);
    duplicates(file, form, reading, &when, problems);
    if reading.uneven > 0 {
        let (rows, step) = (reading.uneven, clock.step_seconds);
        let found = format!(
            "{rows} of {} rows have a time that is a tenth of a step of {step} s or more from the begin of one; each is taken for the nearest",
            reading.rows
        );
        problems.push(Problem::warning(file, found));
    }
}

fn skipped(file: &str, reading: &Reading<'_>, problems: &mut Problems) {
    let (mut vms, mut disks, mut names) = ((Vec::new(), 0), (Vec::new(), 0), (Vec::new(), 0));
    for (skip, rows) in reading.resolver.skipped() {
        let (list, count) = match skip {
            Skip::UnknownVm(_) => &mut vms,
            Skip::UnknownDisk(..) => &mut disks,
            Skip::Ambiguous(_) => &mut names,
        };
        list.push(match skip {
            Skip::UnknownVm(vm) | Skip::Ambiguous(vm) => vm.clone(),
            Skip::UnknownDisk(vm, disk) => format!("{vm}: {disk}"),
        });
        *count += rows;
    }
    let named = |list: &[String]| some_of(list.iter().map(String::as_str));
    if vms.1 > 0 {
        let (list, rows) = vms;
        let found = format!(
            "{rows} rows are of {} machines that are not in the estate, and not taken: {}",
            list.len(),
            named(&list)
        );
        problems.push(Problem::warning(file, found));
    }
    if disks.1 > 0 {
        let (list, rows) = disks;
        let found = format!(
            "{rows} rows are of {} disks that their machines do not have in the estate, and not taken: {}",
            list.len(),
            named(&list)
        );
        problems.push(
            Problem::warning(file, found)
                .accepted("the disks' names as in the estate, or \"all\" for a machine as a whole"),
        );
    }
    if names.1 > 0 {
        let (list, rows) = names;
        let found = format!(
            "{rows} rows are of names that several machines of the estate have: {}",
            named(&list)
        );
        problems.push(Problem::error(file, found).accepted("a column \"host\" that says which of them"));
    }
}

fn made(file: &str, reading: &Reading<'_>, problems: &mut Problems) {
    if reading.resolver.is_made() {
        let machines = reading.resolver.roster().machines.len();
        let found = format!(
            "there is no estate: one is made of the {machines} machines that have counters, without cores, memory and sizes of disks, so no \
             initial copy and no VM in Azure can be planned"
        );
        problems.push(Problem::warning(file, found));
    }
}

/// Disks of the estate without counters: the vendor's planner calls them "data not found".
fn without(file: &str, reading: &Reading<'_>, problems: &mut Problems) {
    let mut covered = vec![false; reading.resolver.roster().machines.len()];
    for (vm, _) in reading.resolver.whole() {
        covered[vm] = true;
    }
    let mut missing = Vec::new();
    let order = reading.resolver.order();
    let machines = reading.resolver.roster().machines.iter().zip(covered);
    let disks = machines.flat_map(|(vm, covered)| vm.disks.iter().map(move |disk| (vm, disk, covered)));
    for ((vm, disk, covered), lane) in disks.zip(order) {
        if reading.lanes[lane].range().is_none() && !covered {
            missing.push(format!("{}: {}", vm.name, disk.name));
        }
    }
    if !missing.is_empty() {
        let names = some_of(missing.iter().map(String::as_str));
        let found = format!("no data found of {} disks of the estate: {names}", missing.len());
        problems.push(Problem::warning(file, found));
    }
}

fn spread(file: &str, reading: &Reading<'_>, problems: &mut Problems) {
    let estate = reading.resolver.roster();
    let names: Vec<&str> = reading
        .resolver
        .whole()
        .map(|(vm, _)| estate.machines[vm].name.as_str())
        .collect();
    if !names.is_empty() {
        let found = format!(
            "{} machines have counters of all their disks together, which are spread over them by size: {}",
            names.len(),
            some_of(names.iter().copied())
        );
        problems.push(Problem::warning(file, found));
    }
}

/// A machine and a disk as a message names them.
fn name(reading: &Reading<'_>, lane: usize) -> String {
    let names = reading.resolver.names(lane);
    names.map_or_else(
        || "a machine".to_owned(),
        |(vm, disk)| quoted(&format!("{}: {}", vm.name, disk.name)),
    )
}

fn gaps(file: &str, reading: &Reading<'_>, when: &dyn Fn(i32) -> String, problems: &mut Problems) {
    let (mut steps, mut disks) = (0, 0);
    let mut worst = (0, 0, 0);
    for (at, lane) in reading.lanes.iter().enumerate() {
        if let (count @ 1.., Some(first)) = lane.gaps() {
            steps += count;
            disks += 1;
            if count > worst.0 {
                worst = (count, first, at);
            }
        }
    }
    if disks > 0 {
        let (count, first, at) = worst;
        let found = format!(
            "{steps} steps of {disks} disks are missing, most of them of {}: {count}, the first at {}; they count as absent, not as 0",
            name(reading, at),
            when(first)
        );
        problems.push(Problem::warning(file, found));
    }
}

/// Disks that have counters during a part of the profile only: what was added or removed meanwhile.
fn changes(
    file: &str,
    reading: &Reading<'_>,
    (begin, end): (i32, i32),
    when: &dyn Fn(i32) -> String,
    problems: &mut Problems,
) {
    let (mut later, mut earlier) = (Vec::new(), Vec::new());
    for (at, lane) in reading.lanes.iter().enumerate() {
        let Some((first, last)) = lane.range() else {
            continue;
        };
        if first > begin {
            later.push((at, first));
        }
        if last < end {
            earlier.push((at, last - 1));
        }
    }
    for (list, what, step) in [
        (later, "begin after the profile does", "from"),
        (earlier, "end before the profile does", "until"),
    ] {
        if let Some((at, first)) = list.first() {
            let found = format!(
                "the counters of {} disks {what}: {}, {step} {}, is the first of them; was it added, removed or switched off?",
                list.len(),
                name(reading, *at),
                when(*first)
            );
            problems.push(Problem::warning(file, found));
        }
    }
}

fn duplicates(file: &str, form: Form, reading: &Reading<'_>, when: &dyn Fn(i32) -> String, problems: &mut Problems) {
    let rows: u64 = reading.lanes.iter().map(|lane| lane.duplicates).sum();
    let mut twice = reading
        .lanes
        .iter()
        .enumerate()
        .filter_map(|(at, lane)| Some((at, lane.first_duplicate?)));
    if let Some((at, step)) = twice.next() {
        let disks = 1 + twice.count();
        let found = format!(
            "{rows} rows of {disks} disks are for a step that had one already, the first of {} at {}; the last one counts",
            name(reading, at),
            when(step)
        );
        let problem = Problem::warning(file, found);
        problems.push(match form {
            Form::Windows => problem,
            // An hour that comes twice, in local time.
            Form::Times => {
                problem.accepted("times in UTC or with their offset, which do not repeat when clocks are put back")
            }
        });
    }
}
