//! Writes counters of an estate of any size, to try and to measure with, and the estate itself: the same bytes each time.
//!
//! `cargo run --release -p firedrill-planning --example counters -- write FOLDER MACHINES DAYS [disk]` writes `estate.csv` and
//! `counters.csv`, three disks a machine, a row a minute: sorted by time, or by disk where `disk` is given. `… -- read FILE…` reads files
//! and says what it found.

use std::fs::File;
use std::io::{BufWriter, Error, Result, Write};
use std::path::{Path, PathBuf};

const DISKS: [&str; 3] = ["Hard disk 1", "Hard disk 2", "Hard disk 3"];
const MINUTES: u64 = 24 * 60;
/// 2024-03-01 00:00 UTC.
const START: u64 = 1_709_251_200;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| Error::other(format!("{text} is no number")))
    };
    match words[..] {
        ["write", folder, machines, days] => write(Path::new(folder), number(machines)?, number(days)?, false),
        ["write", folder, machines, days, "disk"] => write(Path::new(folder), number(machines)?, number(days)?, true),
        ["read", ref files @ ..] => read(files),
        _ => Err(Error::other("write FOLDER MACHINES DAYS [disk], or read FILE…")),
    }
}

fn read(files: &[&str]) -> Result<()> {
    let paths: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let inputs = planning::read::read(&paths).map_err(|problems| Error::other(problems.to_string()))?;
    print!("{}", inputs.warnings);
    println!(
        "{} machines, {} disks",
        inputs.estate.vms.len(),
        inputs.estate.disks().count()
    );
    if let Some(profile) = inputs.profile {
        let series = profile.vms.iter().flatten();
        let written = series
            .flat_map(|series| series.written.iter())
            .filter(|value| **value != planning::profile::ABSENT);
        let (rows, sum) = written.fold((0_u64, 0_u64), |(rows, sum), value| (rows + 1, sum + u64::from(*value)));
        println!(
            "{} steps of {} s, {rows} counters, {sum} in sum",
            profile.steps, profile.step_seconds
        );
    }
    Ok(())
}

fn write(folder: &Path, machines: u64, days: u64, by_disk: bool) -> Result<()> {
    let mut estate = BufWriter::new(File::create(folder.join("estate.csv"))?);
    writeln!(estate, "vm,host,os,cores,memory,disk,size")?;
    for vm in 0..machines {
        for disk in DISKS {
            writeln!(
                estate,
                "vm{vm:05},esx{},Windows Server 2016,4,16 GiB,{disk},100 GiB",
                vm % 40
            )?;
        }
    }
    estate.flush()?;
    let mut counters = BufWriter::with_capacity(1 << 20, File::create(folder.join("counters.csv"))?);
    writeln!(counters, "time,vm,disk,read_iops,write_iops,written_bytes")?;
    if by_disk {
        for vm in 0..machines {
            for disk in 0..DISKS.len() {
                for minute in 0..days * MINUTES {
                    row(&mut counters, minute, vm, disk)?;
                }
            }
        }
    } else {
        for minute in 0..days * MINUTES {
            for vm in 0..machines {
                for disk in 0..DISKS.len() {
                    row(&mut counters, minute, vm, disk)?;
                }
            }
        }
    }
    counters.flush()
}

/// Busy in office hours, with a backup at night; what is random is a hash of where the row is.
fn row(out: &mut impl Write, minute: u64, vm: u64, disk: usize) -> Result<()> {
    let hash = (minute + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23)
        .wrapping_add((vm * 3 + disk as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_mul(0xff51_afd7_ed55_8ccd)
        >> 33;
    let hour = minute / 60 % 24;
    let scale = if (8..18).contains(&hour) { 60 } else { 12 };
    let backup = if hour == 2 && (vm + disk as u64).is_multiple_of(7) {
        900
    } else {
        0
    };
    let writes = (hash % scale) + backup + 1;
    let bytes = writes * 60 * (8_192 + hash % 16_384);
    let (day, clock) = (minute / MINUTES, minute % MINUTES);
    // A month at the most is written by its days; later times as seconds.
    if day < 31 {
        write!(out, "2024-03-{:02}T{:02}:{:02}:00Z", day + 1, clock / 60, clock % 60)?;
    } else {
        write!(out, "{}", START + minute * 60)?;
    }
    writeln!(
        out,
        ",vm{vm:05},{},{}.{},{writes}.5,{bytes}",
        DISKS[disk],
        hash % 200,
        hash % 10
    )
}
