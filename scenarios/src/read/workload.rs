//! Workloads: synthetic streams, and recordings.

use std::path::Path;
use std::sync::Arc;

use actors::workload::{Recorded, StreamKind, StreamSpec, Synthetic};
use datapath::EXTENT_BYTES;

use super::Context;
use crate::diagnose::{At, Blame, Located, Problem, did_you_mean, list};
use crate::input::{self, RECORDING_BYTES_MAX, WORKLOAD_RATE_MAX};
use crate::keys;
use crate::model::{Disk, STATES, Start};
use crate::reader::{Factor, FromNode, Nanos, Reader, Share};
use crate::traces::packed::{self, Unpackable};
use crate::traces::{self, Fit, Format, Unfit};
use crate::tree::{Node, Value};
use crate::units::{self, Rate};

/// Named classes and the ratio they compress to, in hundredths: measured on 64 KiB blocks with zstd level 1 (a Debian root file
/// system; pages of a database; its text export; plain text), and content that doesn't compress.
const CLASSES: &[(&str, u32)] = &[
    ("files", 220),
    ("database", 231),
    ("text", 228),
    ("log", 1050),
    ("media", 100),
];

/// Random bytes of each extent, so that it compresses to that ratio.
fn random_bytes(ratio_hundredths: u32) -> u16 {
    let bytes = EXTENT_BYTES * 100 / u64::from(ratio_hundredths.max(100));
    u16::try_from(bytes).unwrap_or(4096)
}

/// What content compresses like where nothing is said.
pub(crate) fn random_bytes_of() -> u16 {
    random_bytes(CLASSES[0].1)
}

/// The key `compressibility`, as random bytes of each extent.
pub(crate) fn compressibility(table: &Reader<'_>) -> Option<u16> {
    let text = table.get::<String>("compressibility")?;
    if let Some((_, ratio)) = CLASSES.iter().find(|(name, _)| *name == text.value) {
        return Some(random_bytes(*ratio));
    }
    let ratio = text
        .value
        .strip_suffix(":1")
        .or_else(|| text.value.strip_suffix(": 1"))
        .and_then(|number| units::factor(number).ok());
    match ratio {
        Some(ratio) if (1_000..=100_000).contains(&ratio) => Some(random_bytes(ratio / 10)),
        _ => {
            let names = || CLASSES.iter().map(|(name, _)| *name);
            table.diagnosis().push(
                Problem::new(text.at, format!("`{}` is no compressibility", text.value), "unknown")
                    .help(did_you_mean(&text.value, names()))
                    .help(format!(
                        "accepted: {}, or a ratio from \"1:1\" to \"100:1\"",
                        list(names())
                    )),
            );
            None
        }
    }
}

/// The streams of a table's `workload` tables. Where not all disks are known, because one of them is wrong, that a stream names none of
/// the others is no second problem.
pub(crate) fn workloads(
    context: &Context<'_>,
    table: &Reader<'_>,
    disks: &[Disk],
    disks_are_known: bool,
) -> Vec<StreamSpec> {
    table
        .tables("workload", &keys::WORKLOAD)
        .iter()
        .filter_map(|workload| stream(context, workload, disks, disks_are_known))
        .collect()
}

fn stream(context: &Context<'_>, table: &Reader<'_>, disks: &[Disk], disks_are_known: bool) -> Option<StreamSpec> {
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    let disk = match table.get::<String>("disk") {
        Some(name) if !disks_are_known && !names.contains(&name.value.as_str()) => return None,
        Some(name) => context.find("disk of this machine", &name, &names)?,
        None => 0,
    };
    let recorded = table
        .word("kind", &[("synthetic", false), ("recorded", true)])
        .is_some_and(|kind| kind.value);
    let synthetic_keys = ["rate", "block_sizes", "locality", "burst", "day", "distinct"];
    let recorded_keys = ["file", "format", "device", "speed", "repeat", "starts_after", "fit"];
    let random_bytes = compressibility(table).or_else(|| {
        disks.get(disk).map(|disk| match disk.start {
            Start::Generated { random_bytes, .. } => random_bytes,
            Start::Image(_) => random_bytes_of(),
        })
    });
    let flush_every = table.get_or("flush_every", 32_u32);
    let kind = if recorded {
        table.forbid(&synthetic_keys, "only with kind = \"synthetic\"");
        StreamKind::Recorded(recording(context, table, disks.get(disk))?)
    } else {
        table.forbid(&recorded_keys, "only with kind = \"recorded\"");
        StreamKind::Synthetic(synthetic(context, table, disks.get(disk))?)
    };
    let starts_after = table.word("starts_after", STATES).map(|state| state.value);
    let random_bytes = random_bytes?;
    Some(StreamSpec {
        disk: u16::try_from(disk).unwrap_or(u16::MAX),
        class: context.class_of(random_bytes),
        random_bytes,
        kind,
        flush_every,
        starts_after,
    })
}

/// Largest write of a guest: what one request of a controller takes.
const WRITE_MAX: u64 = 4 << 20;

fn synthetic(context: &Context<'_>, table: &Reader<'_>, disk: Option<&Disk>) -> Option<Synthetic> {
    let rate = table.required::<Rate>("rate");
    let block_sizes = block_sizes(context, table, disk);
    let locality = table.table("locality", &keys::LOCALITY).map(|locality| {
        let writes = locality.required::<Share>("writes").map_or(0, |share| share.value.0);
        let part = locality.required::<Share>("disk");
        if let Some(part) = &part
            && part.value.0 < 1_000
        {
            context
                .diagnosis
                .push(Problem::new(part.at, "almost no part of the disk", "at least 0.1 %"));
        }
        (writes / 1_000, part.map_or(1_000, |part| part.value.0 / 1_000))
    });
    let (hot_per_mille, hot_part_per_mille) = locality.unwrap_or((0, 1_000));
    let burst = table.table("burst", &keys::BURST).and_then(|burst| {
        let every = burst.required::<Nanos>("every");
        let lasts = burst.required::<Nanos>("lasts");
        let factor = burst.required::<Factor>("factor");
        let seconds = |time: Located<Nanos>| {
            let seconds = u32::try_from(time.value.0 / 1_000_000_000).unwrap_or(u32::MAX);
            if seconds == 0 {
                context
                    .diagnosis
                    .push(Problem::new(time.at, "a burst is measured in seconds", "at least 1 s"));
            }
            seconds
        };
        Some((seconds(every?), seconds(lasts?), factor?.value.0))
    });
    let hours_per_mille = day(context, table);
    let distinct = table.get::<Share>("distinct");
    let rate = rate?;
    let bytes_per_second = rate.value.bytes_per_second();
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
                rate.at,
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
        block_sizes,
        hot_per_mille,
        hot_part_per_mille,
        hours_per_mille,
        burst,
        start_of_day: context.start_of_day,
        distinct_per_mille: distinct.map(|share| share.value.0 / 1_000),
    })
}

fn block_sizes(context: &Context<'_>, table: &Reader<'_>, disk: Option<&Disk>) -> Vec<(u32, u32)> {
    let mut sizes = Vec::new();
    for (size, weight) in table.open_table::<u32>("block_sizes") {
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
        return vec![(8192, 1)];
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
const OFFICE: [u32; 24] = [
    810, 800, 830, 820, 810, 790, 800, 800, 840, 870, 940, 980, 1270, 1480, 1660, 1460, 1280, 1110, 1080, 1020, 970,
    900, 860, 820,
];
const NIGHT: [u32; 24] = [
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
        Value::Text(text) => match text.as_str() {
            "flat" => Vec::new(),
            "office" => OFFICE.to_vec(),
            "night" => NIGHT.to_vec(),
            other => {
                context.diagnosis.push(
                    Problem::new(node.at, format!("`{other}` is no shape of a day"), "unknown")
                        .help(did_you_mean(other, ["flat", "office", "night"]))
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

fn recording(context: &Context<'_>, table: &Reader<'_>, disk: Option<&Disk>) -> Option<Recorded> {
    let file = table.required::<String>("file");
    let _ = table.required::<String>("format");
    let format = table.word(
        "format",
        &[
            ("msr", Format::Msr),
            ("fio", Format::Fio),
            ("blkparse", Format::Blkparse),
        ],
    );
    let device = table.get::<Device>("device").map(|device| device.value.0);
    let speed = table.get::<Factor>("speed");
    if let Some(speed) = &speed
        && speed.value.0 == 0
    {
        context
            .diagnosis
            .push(Problem::new(speed.at, "a recording that never moves", "more than 0"));
    }
    let repeat = table.get_or("repeat", false);
    let fit = table
        .word(
            "fit",
            &[("exact", Fit::Exact), ("wrap", Fit::Wrap), ("scale", Fit::Scale)],
        )
        .map_or(Fit::Exact, |fit| fit.value);
    let (file, format, disk) = (file?, format?, disk?);
    let path = context.folder.join(&file.value);
    context.inputs.borrow_mut().push(path.clone());
    let text = recording_text(context, &path, file.at)?;
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
        Ok(requests) => Some(Recorded {
            requests: Arc::new(requests),
            speed_per_mille: speed.map_or(1_000, |speed| speed.value.0),
            repeat,
        }),
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

/// A recording's text, unpacked where it is packed; a problem where it has none.
fn recording_text(context: &Context<'_>, path: &Path, at: At) -> Option<String> {
    let shown = path.display();
    let problem = |title: String, help: &str| {
        context.diagnosis.push(Problem::new(at, title, "named here").help(help));
    };
    let read = input::read(path, RECORDING_BYTES_MAX).map_err(|unread| {
        if unread.blame == Blame::Machine {
            context.diagnosis.machine_failed();
        }
        let title = match unread.missing {
            true => format!("there is no recording {shown}"),
            false => format!("cannot read the recording {shown}: {}", unread.why),
        };
        problem(title, "");
    });
    let most = units::show_size(RECORDING_BYTES_MAX);
    let unpacked = packed::unpack(read.ok()?, RECORDING_BYTES_MAX).map_err(|why| {
        let title = match why {
            Unpackable::Unknown(form) => format!("the recording {shown} is packed as {form}"),
            Unpackable::Broken { form, why } => format!("the recording {shown} is broken {form}: {why}"),
            Unpackable::TooLarge => format!("the recording {shown} unpacks to more than {most}, the most that is read"),
        };
        problem(title, "accepted: text, or text packed by gzip or zstd");
    });
    let bytes = unpacked.ok()?;
    if let Some(place) = bytes.iter().position(|byte| *byte == 0) {
        let title = format!("the recording {shown} is no text: its byte {place} is 0");
        problem(title, "accepted: text, or text packed by gzip or zstd");
        return None;
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
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

/// A device of a recording: a number is taken as its text.
struct Device(String);

impl FromNode for Device {
    fn from_node(node: &Node) -> Result<Self, units::WrongUnit> {
        match &node.value {
            Value::Number(number) => Ok(Device(number.clone())),
            _ => String::from_node(node).map(Device),
        }
    }
}
