//! Workloads: synthetic streams, recordings, and profiles.

mod profile;

use std::path::Path;
use std::sync::Arc;

use actors::workload::{Recorded, StreamKind, Synthetic};

use super::Context;
use crate::diagnose::{At, Blame, Located, Problem, did_you_mean, list};
use crate::input::{self, RECORDING_BYTES_MAX, WORKLOAD_RATE_MAX};
use crate::keys::{Day, Words, Writes, words_of};
use crate::model::{Compressibility, Disk, Recording, Stream};
use crate::reader::{Factor, Nanos, Reader, Share};
use crate::traces::packed;
use crate::traces::{self, Unfit};
use crate::tree::{Node, Value};
use crate::units::{self, Rate};

pub(crate) use profile::Files;

/// The key `compressibility`.
pub(crate) fn compressibility(table: &Reader<'_>) -> Option<Compressibility> {
    let text = table.get::<String>("compressibility")?;
    let found = Compressibility::read(&text.value);
    if found.is_none() {
        let names = Compressibility::classes();
        table.diagnosis().push(
            Problem::new(text.at, format!("`{}` is no compressibility", text.value), "unknown")
                .help(did_you_mean(&text.value, names.iter().copied()))
                .help(format!(
                    "accepted: {}, or a ratio from \"1:1\" to \"100:1\"",
                    list(names.iter().copied())
                )),
        );
    }
    found
}

/// The streams of a table's `workload` tables, of this machine, or of those of a group. Where not all disks are known, because one of them is wrong, that a stream names none of
/// the others is no second problem.
pub(crate) fn workloads(
    context: &Context<'_>,
    table: &Reader<'_>,
    vm: Option<&str>,
    disks: &[Disk],
    disks_are_known: bool,
) -> Vec<Stream> {
    table
        .tables("workload")
        .iter()
        .filter_map(|workload| stream(context, workload, vm, disks, disks_are_known))
        .collect()
}

fn stream(
    context: &Context<'_>,
    table: &Reader<'_>,
    vm: Option<&str>,
    disks: &[Disk],
    disks_are_known: bool,
) -> Option<Stream> {
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    let place = match table.get::<String>("disk") {
        Some(name) if !disks_are_known && !names.contains(&name.value.as_str()) => return None,
        Some(name) => context.find("disk of this machine", &name, &names)?,
        None => 0,
    };
    let disk = disks.get(place);
    let compressibility = compressibility(table).or_else(|| disk.map(Disk::compressibility));
    let flush_every = table.value::<u32>("flush_every");
    let outstanding = table.value::<u32>("outstanding");
    let open_loop = table.value::<bool>("open_loop");
    if open_loop && table.node("think_time").is_some() {
        context.diagnosis.push(
            Problem::new(
                table.key_at("open_loop"),
                "a request that follows an acknowledgement waits for it",
                "an open loop waits for none",
            )
            .help("take `rate` in place of `think_time`, or leave `open_loop` out"),
        );
    }
    let (mut recording, mut counters, mut starts_after) = (None, None, None);
    let kind = match table.word_or_default("kind") {
        Writes::Recorded => {
            starts_after = table.word("starts_after").map(|state| state.value);
            let (recorded, from) = recorded(context, table, disk)?;
            recording = Some(from);
            StreamKind::Recorded(recorded)
        }
        Writes::Synthetic => {
            let drawn = synthetic(context, table, disk, outstanding)?;
            StreamKind::Synthetic(drawn)
        }
        Writes::Profile => {
            let (profiled, from) = profile::read(context, table, vm, disks, place)?;
            counters = Some(from);
            StreamKind::Profiled(profiled)
        }
    };
    Some(Stream {
        disk: u16::try_from(place).unwrap_or(u16::MAX),
        compressibility: compressibility?,
        kind,
        recording,
        counters,
        flush_every,
        outstanding: (!open_loop).then_some(outstanding),
        starts_after,
    })
}

/// Sizes of writes where nothing is said.
pub(crate) const BLOCKS: (u32, u32) = (8192, 1);
/// Largest write of a guest: what one request of a controller takes.
const WRITE_MAX: u64 = 4 << 20;

fn synthetic(context: &Context<'_>, table: &Reader<'_>, disk: Option<&Disk>, outstanding: u32) -> Option<Synthetic> {
    let rate = table.get::<Rate>("rate");
    let think = table.get::<Nanos>("think_time");
    let block_sizes = block_sizes(context, table, disk);
    let (hot_per_mille, hot_part_per_mille) = locality(table);
    let burst = table.table("burst").and_then(|burst| {
        let every = burst.required::<Nanos>("every");
        let lasts = burst.required::<Nanos>("lasts");
        let factor = burst.required::<Factor>("factor");
        let seconds = |time: Located<Nanos>| u32::try_from(time.value.0 / 1_000_000_000).unwrap_or(u32::MAX);
        Some((seconds(every?), seconds(lasts?), factor?.value.0))
    });
    let hours_per_mille = day(context, table);
    let distinct = table.get::<Share>("distinct");
    let bytes_per_second = match (&rate, &think) {
        (Some(rate), None) => rate.value.bytes_per_second(),
        (None, Some(think)) => {
            let latency = context.model.guest.write_latency;
            Synthetic::closed_rate(&block_sizes, outstanding, think.value.0, latency)
        }
        _ => return None,
    };
    let said = rate
        .as_ref()
        .map(|rate| rate.at)
        .or(think.as_ref().map(|think| think.at))?;
    let factors = [
        burst.map(|(_, _, factor)| factor),
        hours_per_mille.iter().max().copied(),
    ];
    let peak = factors
        .into_iter()
        .flatten()
        .fold(u128::from(bytes_per_second), |peak, factor| {
            peak * u128::from(factor.max(1_000)) / 1_000
        });
    if peak > u128::from(WORKLOAD_RATE_MAX) {
        let peak = u64::try_from(peak).unwrap_or(u64::MAX);
        context.diagnosis.push(
            Problem::new(
                said,
                "a workload that no disk takes",
                format!(
                    "up to {} in a second, with its day and its bursts",
                    units::show_size(peak)
                ),
            )
            .help(format!("accepted: up to {} GB/s", WORKLOAD_RATE_MAX / 1_000_000_000)),
        );
    }
    Some(Synthetic {
        bytes_per_second,
        think: think.map(|think| think.value.0),
        block_sizes,
        hot_per_mille,
        hot_part_per_mille,
        hours_per_mille,
        burst,
        start_of_day: context.start_of_day,
        distinct_per_mille: distinct.map(|share| share.value.0 / 1_000),
    })
}

/// Of a thousand writes so many go to the hot part, and it is so many thousandths of the disk.
fn locality(table: &Reader<'_>) -> (u32, u32) {
    let locality = table.table("locality").map(|locality| {
        let writes = locality.required::<Share>("writes").map_or(0, |share| share.value.0);
        let part = locality.required::<Share>("disk");
        (writes / 1_000, part.map_or(1_000, |part| part.value.0 / 1_000))
    });
    locality.unwrap_or((0, 1_000))
}

fn block_sizes(context: &Context<'_>, table: &Reader<'_>, disk: Option<&Disk>) -> Vec<(u32, u32)> {
    let mut sizes = Vec::new();
    for (size, weight) in table.weights("block_sizes") {
        let wrong = |label: String, help: String| {
            context
                .diagnosis
                .push(Problem::new(size.at, format!("`{}` is no size of a write", size.value), label).help(help));
        };
        match units::size(&size.value) {
            Err(why) => wrong(why.label, why.help),
            Ok(bytes) if bytes == 0 || bytes % 512 != 0 || bytes > WRITE_MAX => {
                wrong("a multiple of 512 B, up to 4 MiB".to_owned(), String::new());
            }
            Ok(bytes) if disk.is_some_and(|disk| bytes > disk.bytes) => {
                wrong("larger than the disk".to_owned(), String::new());
            }
            Ok(bytes) => sizes.push((u32::try_from(bytes).unwrap_or(u32::MAX), weight.value)),
        }
    }
    if table.node("block_sizes").is_none() {
        return vec![BLOCKS];
    }
    if sizes.iter().all(|(_, weight)| *weight == 0) && !context.diagnosis.failed() {
        context.diagnosis.push(Problem::new(
            table.key_at("block_sizes"),
            "no size has any weight",
            "at least one above 0",
        ));
    }
    sizes
}

/// Named shapes of a day, per mille by hour, with a mean of 1,000. Both are the mean day of 52 real virtual machines, without
/// their bursts, each turned so that its busiest hour falls on the same place: here the hour after 14:00, and the hour after 01:00.
pub(crate) const OFFICE: [u32; 24] = [
    810, 800, 830, 820, 810, 790, 800, 800, 840, 870, 940, 980, 1270, 1480, 1660, 1460, 1280, 1110, 1080, 1020, 970,
    900, 860, 820,
];
pub(crate) const NIGHT: [u32; 24] = [
    1480, 1660, 1460, 1280, 1110, 1080, 1020, 970, 900, 860, 820, 810, 800, 830, 820, 810, 790, 800, 800, 840, 870,
    940, 980, 1270,
];

fn day(context: &Context<'_>, table: &Reader<'_>) -> Vec<u32> {
    let Some(node) = table.node("day") else {
        return Vec::new();
    };
    let help =
        "accepted: \"flat\", \"office\", \"night\", or a list of 24 factors, the first for the hour after midnight";
    match &node.value {
        Value::Array(items) if items.len() == 24 => items
            .iter()
            .filter_map(|item| Some(table.read::<Factor>("day", item)?.value.0))
            .collect(),
        Value::Array(items) => {
            let label = format!("{} factors, not 24", items.len());
            context
                .diagnosis
                .push(Problem::new(node.at, "a day has 24 hours", label).help(help));
            Vec::new()
        }
        Value::Text(text) => match Day::WORDS.iter().find(|(word, _)| word == text) {
            Some((_, Day::Flat)) => Vec::new(),
            Some((_, Day::Office)) => OFFICE.to_vec(),
            Some((_, Day::Night)) => NIGHT.to_vec(),
            None => {
                context.diagnosis.push(
                    Problem::new(node.at, format!("`{text}` is no shape of a day"), "unknown")
                        .help(did_you_mean(text, words_of::<Day>()))
                        .help(help),
                );
                Vec::new()
            }
        },
        _ => {
            let label = format!("this is {}", node.value.kind());
            context
                .diagnosis
                .push(Problem::new(node.at, "wrong value for `day`", label).help(help));
            Vec::new()
        }
    }
}

fn recorded(context: &Context<'_>, table: &Reader<'_>, disk: Option<&Disk>) -> Option<(Recorded, Recording)> {
    let file = table.required::<String>("file");
    table.need("format");
    let format = table.word("format");
    let device = device(table);
    let speed = table.value::<Factor>("speed").0;
    let repeat = table.value("repeat");
    let fit = table.word_or_default("fit");
    let (file, format, disk) = (file?, format?, disk?);
    let path = context.folder.join(&file.value);
    context.inputs.borrow_mut().push(path.clone());
    let text = text_of(unpacked(context, "recording", &path, file.at)?);
    let requests = match traces::read(format.value, &text, device.as_deref()) {
        Ok(requests) => requests,
        Err(broken) => {
            broken_line(context, &path.display().to_string(), &text, &broken);
            return None;
        }
    };
    if requests.is_empty() {
        let title = format!("the recording {} writes nothing", path.display());
        context.diagnosis.push(
            Problem::new(file.at, title, "named here")
                .help("reads are left out; a request of this kind remains nowhere"),
        );
        return None;
    }
    match traces::fit(requests, disk.bytes / 512, fit) {
        Ok(requests) => {
            let recorded = Recorded {
                requests: Arc::new(requests),
                speed_per_mille: speed,
                repeat,
            };
            let recording = Recording {
                file: context.rooted(&path),
                format: format.value,
                device,
                fit,
            };
            Some((recorded, recording))
        }
        Err(unfit) => {
            let disk = units::show_size(disk.bytes);
            let sectors = |sectors: u64| units::show_size(sectors.saturating_mul(512));
            let problem = match unfit {
                Unfit::Past(end) => {
                    let title = format!("the recording writes up to {} of a disk of {disk}", sectors(end));
                    Problem::new(file.at, title, "past the disk's end").help(
                        "fit = \"wrap\" wraps offsets into the disk; fit = \"scale\" shrinks what is never written between them",
                    )
                }
                Unfit::TooMuch(touched) => {
                    let title = format!(
                        "the recording writes to {} in all, the disk has {disk}",
                        sectors(touched)
                    );
                    Problem::new(file.at, title, "more than the disk holds")
                        .help("fit = \"wrap\" wraps offsets into the disk, so that places coincide")
                }
            };
            context.diagnosis.push(problem);
            None
        }
    }
}

/// A text whatever its bytes are.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The bytes of what a workload is read from, unpacked where they are packed; a problem where they are no text.
fn unpacked(context: &Context<'_>, what: &str, path: &Path, at: At) -> Option<Vec<u8>> {
    let shown = path.display();
    let problem = |title: String, help: &str| {
        context.diagnosis.push(Problem::new(at, title, "named here").help(help));
    };
    let read = input::read(path, RECORDING_BYTES_MAX).map_err(|unread| {
        if unread.blame == Blame::Machine {
            context.diagnosis.machine_failed();
        }
        let title = match unread.missing {
            true => format!("there is no {what} {shown}"),
            false => format!("cannot read the {what} {shown}: {}", unread.why),
        };
        problem(title, "");
    });
    let unpacked = packed::unpack(read.ok()?, RECORDING_BYTES_MAX).map_err(|why| {
        let title = format!("the {what} {shown} {why}");
        problem(title, "accepted: text, or text packed by gzip or zstd");
    });
    let bytes = unpacked.ok()?;
    if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
        let title = format!("the {what} {shown} is no text: its byte {place} is 0");
        problem(title, "accepted: text, or text packed by gzip or zstd");
        return None;
    }
    Some(bytes)
}

fn broken_line(context: &Context<'_>, name: &str, text: &str, broken: &traces::Broken) {
    // Recordings can be large: the picture needs the line alone, so the lines before it are left empty.
    let line = text.lines().nth(broken.line).unwrap_or_default();
    let mut excerpt = "\n".repeat(broken.line);
    let start = excerpt.len() + broken.column.min(line.len());
    excerpt.push_str(line);
    let source = context.diagnosis.add(name, excerpt);
    let at = At {
        source,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(start + broken.len).unwrap_or(u32::MAX),
    };
    context.diagnosis.push(
        Problem::new(
            at,
            format!("a broken line in the recording: {}", broken.why),
            broken.label.clone(),
        )
        .help(broken.accepted),
    );
}

/// The device of a recording: a number is taken as its text.
fn device(table: &Reader<'_>) -> Option<String> {
    match table.node("device") {
        Some(Node {
            value: Value::Number(number),
            ..
        }) => Some(number.clone()),
        _ => table.get::<String>("device").map(|device| device.value),
    }
}
