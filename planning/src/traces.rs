//! Block traces as the counters of disks: what was written in each step, and in how many writes.
//!
//! The formats are those of a scenario's recordings ([`scenarios::traces`]). A trace begins with the profile's first step; a step that it
//! reaches and writes nothing in is 0, one after its end has no counter. Reads are not in it, flushes and discards write nothing.

use std::path::PathBuf;

use actors::workload::Request;
use scenarios::counters::MOST_DAYS;
use scenarios::input::{RECORDING_BYTES_MAX, read};
use scenarios::keys::{Words, words_of};
use scenarios::traces::packed::unpack;
use scenarios::traces::{self, Format};

use crate::check::is_named;
use crate::estate::Estate;
use crate::of_scenario::per_second;
use crate::problem::{Problem, Problems, quoted};
use crate::profile::{ABSENT, Profile, Series};

const SECTOR: u64 = 512;
const NANOSECONDS: u64 = 1_000_000_000;
/// Seconds of a step where there are no counters beside it.
const STEP_SECONDS: u32 = 60;
/// What is accepted for a trace.
const ACCEPTED: &str = "VM.DISK=FORMAT:FILE or VM.DISK=FORMAT[DEVICE]:FILE";
/// What is accepted for its file.
const PACKED: &str = "text, or text packed by gzip or zstd";

/// A trace, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The machine, by its name or `host/name`.
    pub vm: String,
    /// Its disk.
    pub disk: String,
    /// The format.
    pub format: Format,
    /// The device whose requests count; all where there is none.
    pub device: Option<String>,
    /// The file.
    pub file: PathBuf,
}

impl std::str::FromStr for Trace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let formats = words_of::<Format>().join(", ");
        let wrong = |why: &str| format!("{why}; accepted: {ACCEPTED}, FORMAT one of {formats}");
        let (place, what) = text.split_once('=').ok_or_else(|| wrong("no disk is named"))?;
        let named = place
            .rsplit_once('.')
            .filter(|(vm, disk)| !vm.is_empty() && !disk.is_empty());
        let (vm, disk) = named.ok_or_else(|| wrong(&format!("{} names no disk of a machine", quoted(place))))?;
        let (format, file) = what.split_once(':').ok_or_else(|| wrong("no format is named"))?;
        let (word, device) = match format.strip_suffix(']').and_then(|format| format.split_once('[')) {
            Some((word, device)) => (word, Some(device)),
            None => (format, None),
        };
        let known = Format::WORDS.iter().find(|(known, _)| *known == word);
        let (_, format) = known.ok_or_else(|| wrong(&format!("{} is no format", quoted(word))))?;
        if file.is_empty() || device == Some("") {
            return Err(wrong("a name is empty"));
        }
        Ok(Self {
            vm: vm.to_owned(),
            disk: disk.to_owned(),
            format: *format,
            device: device.map(str::to_owned),
            file: PathBuf::from(file),
        })
    }
}

/// Puts traces into the profile of an estate, or makes one of minutes where there is none. What is past the end of the counters is left
/// out, with a warning.
///
/// # Errors
/// All that is wrong with the traces: a disk that the estate does not have or that has counters already, a file that does not read.
pub fn take(estate: &Estate, profile: Option<Profile>, traces: &[Trace]) -> Result<(Profile, Problems), Problems> {
    let mut problems = Problems::default();
    let step = profile.as_ref().map_or(STEP_SECONDS, |profile| profile.step_seconds);
    let mut read: Vec<((usize, usize), Sums, &Trace)> = Vec::new();
    for trace in traces {
        match one(estate, profile.as_ref(), trace, step) {
            Ok(((vm, disk), _)) if read.iter().any(|(place, ..)| *place == (vm, disk)) => {
                let found = format!("{}.{} has a trace already", trace.vm, trace.disk);
                problems.push(Problem::error(&name(trace), found).accepted("one trace for each disk"));
            }
            Ok((place, sums)) => read.push((place, sums, trace)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.errors() > 0 {
        return Err(problems);
    }
    let longest = read.iter().map(|(_, (bytes, _), _)| bytes.len()).max().unwrap_or(0);
    let mut profile = profile.unwrap_or_else(|| Profile {
        start_seconds: 0,
        step_seconds: step,
        steps: longest,
        vms: estate
            .vms
            .iter()
            .map(|vm| vec![Series::default(); vm.disks.len()])
            .collect(),
    });
    for ((vm, disk), (bytes, writes), trace) in read {
        if bytes.len() > profile.steps {
            let found = format!(
                "it goes on for {} steps of {step} s, the counters for {}: what is past their end is left out",
                bytes.len(),
                profile.steps
            );
            problems.push(Problem::warning(&name(trace), found));
        }
        let steps = profile.steps;
        let laid = |sums: Vec<u64>, factor: u64| {
            let mut values: Vec<u32> = per_second(sums, factor, u64::from(step));
            values.resize(steps, ABSENT);
            values
        };
        profile.vms[vm][disk] = Series {
            written: laid(bytes, 1),
            write_iops: laid(writes, 100),
            read_iops: Vec::new(),
        };
    }
    Ok((profile, problems))
}

fn name(trace: &Trace) -> String {
    trace.file.display().to_string()
}

/// Bytes and writes of each step.
type Sums = (Vec<u64>, Vec<u64>);

/// A trace: the place of its disk in the estate, and its sums.
fn one(
    estate: &Estate,
    profile: Option<&Profile>,
    trace: &Trace,
    step_seconds: u32,
) -> Result<((usize, usize), Sums), Problem> {
    let name = name(trace);
    let place = place(estate, trace).map_err(|(found, accepted)| Problem::error(&name, found).accepted(accepted))?;
    let series = profile.and_then(|profile| profile.vms.get(place.0)?.get(place.1));
    if series.is_some_and(|series| series.written.iter().any(|value| *value != ABSENT)) {
        let found = format!("{}.{} has counters already", trace.vm, trace.disk);
        return Err(Problem::error(&name, found).accepted("a trace of a disk without counters"));
    }
    let text = text(trace)?;
    let requests = traces::read(trace.format, &text, trace.device.as_deref()).map_err(|broken| {
        let column = format!("byte {}", broken.column + 1);
        let found = format!("{}: {}", broken.why, broken.label);
        let problem = Problem::error(&name, found).at(broken.line as u64 + 1);
        problem.column(column).accepted(broken.accepted)
    })?;
    let writes = || requests.iter().any(|request| matches!(request, Request::Write { .. }));
    if !writes() {
        let found = match &trace.device {
            Some(device) => format!("it has no write of the device {}", quoted(device)),
            None => "it has no write".to_owned(),
        };
        return Err(Problem::error(&name, found).accepted("a trace with writes: reads are left out"));
    }
    // A time beyond is a mistake, and would take memory for all between, as one of counters would.
    let lasts = requests.last().map_or(0, traces::time) / NANOSECONDS;
    if lasts > MOST_DAYS.unsigned_abs() * 86_400 {
        let found = format!("its last request is more than {MOST_DAYS} days after its first");
        return Err(Problem::error(&name, found).accepted("a trace of at most that time"));
    }
    Ok((place, sums(&requests, step_seconds)))
}

/// Where its disk is in the estate; else what was found, and what is accepted.
fn place(estate: &Estate, trace: &Trace) -> Result<(usize, usize), (String, String)> {
    let found: Vec<usize> = (0..estate.vms.len())
        .filter(|vm| is_named(&estate.vms[*vm], &trace.vm))
        .collect();
    let vm = match found.as_slice() {
        [vm] => *vm,
        [] => {
            let found = format!("the estate has no machine {}", quoted(&trace.vm));
            return Err((found, "a machine of the estate, by its name or HOST/NAME".to_owned()));
        }
        _ => {
            let found = format!("the estate has {} machines {}", found.len(), quoted(&trace.vm));
            return Err((found, "HOST/NAME".to_owned()));
        }
    };
    let disks = &estate.vms[vm].disks;
    let disk = disks.iter().position(|disk| disk.name == trace.disk);
    let disk = disk.ok_or_else(|| {
        let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
        let found = format!("{} has no disk {}", trace.vm, quoted(&trace.disk));
        (found, names.join(", "))
    })?;
    Ok((vm, disk))
}

/// The text of a trace.
fn text(trace: &Trace) -> Result<String, Problem> {
    let name = name(trace);
    let wrong = |found: String| Problem::error(&name, found).accepted(PACKED);
    let bytes = read(&trace.file, RECORDING_BYTES_MAX);
    let bytes = bytes.map_err(|unread| wrong(format!("it cannot be read: {}", unread.why)))?;
    let bytes = unpack(bytes, RECORDING_BYTES_MAX).map_err(|why| wrong(format!("it {why}")))?;
    if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
        return Err(wrong(format!("it is no text: its byte {} is 0", place + 1)));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes and writes of each step, from the first request to the last; they are in order of time.
fn sums(requests: &[Request], step_seconds: u32) -> Sums {
    let step = u64::from(step_seconds.max(1)) * NANOSECONDS;
    let of = |request: &Request| usize::try_from(traces::time(request) / step).unwrap_or(usize::MAX);
    let steps = requests.last().map_or(0, |last| of(last).saturating_add(1));
    let (mut bytes, mut writes) = (vec![0_u64; steps], vec![0_u64; steps]);
    for request in requests {
        if let Request::Write { sectors, .. } = request {
            bytes[of(request)] += u64::from(*sectors) * SECTOR;
            writes[of(request)] += 1;
        }
    }
    (bytes, writes)
}

#[cfg(test)]
mod tests;
