//! Reading what a planner brings: which kind each file is, is told by what is in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::counters::{self, Source};
use crate::estate::{Estate, csv, rvtools};
use crate::problem::{Problem, Problems, quoted};
use crate::profile::Profile;
use crate::text;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The machines.
    pub estate: Estate,
    /// What their disks did, where there are counters.
    pub profile: Option<Profile>,
    /// What the planner should know of it; no errors.
    pub warnings: Problems,
}

/// An input with a name for messages: a file, or what comes from standard input.
pub struct Input<'a> {
    /// Its name.
    pub name: String,
    /// Its bytes, as they are: perhaps compressed.
    pub reader: Box<dyn Read + Send + 'a>,
}

/// Bytes that a file may have where it is read as a whole: an estate, or a workbook.
const LARGEST: u64 = 1 << 30;
/// Bytes of a file by which its kind is told.
const HEAD: usize = 64 << 10;

const ACCEPTED: &str = "an estate as CSV (`firedrill plan --template` prints one), an RVTools export (XLSX), counters as CSV; CSV also \
                        compressed with gzip or zstd";

/// Reads files: estates, RVTools exports, counters, in any order.
///
/// # Errors
/// All problems, where one of them is an error.
pub fn read(paths: &[PathBuf]) -> Result<Inputs, Problems> {
    let mut problems = Problems::default();
    let mut inputs = Vec::new();
    for path in paths {
        let name = name(path);
        match File::open(path) {
            Ok(file) => inputs.push(Input {
                name,
                reader: Box::new(file),
            }),
            Err(error) => problems.push(Problem::error(&name, format!("it cannot be opened: {error}"))),
        }
    }
    read_all(inputs, problems)
}

/// A file's name as messages have it: without its folder, where nothing is lost.
fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Reads inputs that are open already, such as standard input.
///
/// # Errors
/// All problems, where one of them is an error.
pub fn read_inputs(inputs: Vec<Input<'_>>) -> Result<Inputs, Problems> {
    read_all(inputs, Problems::default())
}

fn read_all(inputs: Vec<Input<'_>>, mut problems: Problems) -> Result<Inputs, Problems> {
    let mut estate: Option<Estate> = None;
    let mut sources = Vec::new();
    if inputs.is_empty() && problems.is_empty() {
        problems.push(Problem::error("input", "there is none").accepted(ACCEPTED));
    }
    for input in inputs {
        let name = input.name.clone();
        match open(input) {
            Err(problem) => problems.push(problem),
            Ok(Opened::Counters(source)) => sources.push(source),
            Ok(Opened::Estate(bytes)) => {
                let part = csv::read(&name, &bytes, &mut problems);
                join(&name, estate.get_or_insert_default(), part, &mut problems);
            }
            Ok(Opened::Workbook(bytes)) => {
                let part = rvtools::read(&name, &bytes, &mut problems);
                join(&name, estate.get_or_insert_default(), part, &mut problems);
            }
        }
    }
    // A wrong estate would make all rows of its counters wrong.
    if problems.errors() > 0 {
        return Err(problems);
    }
    if sources.is_empty() {
        return finish(estate.unwrap_or_default(), None, problems);
    }
    match counters::read(estate.as_ref(), sources, &mut problems) {
        Some((estate, profile)) => finish(estate, Some(profile), problems),
        None => Err(problems),
    }
}

fn finish(estate: Estate, profile: Option<Profile>, problems: Problems) -> Result<Inputs, Problems> {
    if problems.errors() > 0 {
        return Err(problems);
    }
    Ok(Inputs {
        estate,
        profile,
        warnings: problems,
    })
}

/// Takes the machines of a further file.
fn join(name: &str, estate: &mut Estate, part: Estate, problems: &mut Problems) {
    let mut known: indexmap::IndexSet<(String, Option<String>), rustc_hash::FxBuildHasher> =
        estate.vms.iter().map(|vm| (vm.name.clone(), vm.host.clone())).collect();
    for vm in part.vms {
        if known.insert((vm.name.clone(), vm.host.clone())) {
            estate.vms.push(vm);
            continue;
        }
        let found = format!("{} is in another file already", quoted(&vm.name));
        problems.push(Problem::error(name, found).accepted("each machine in one file only"));
    }
}

/// An input of which the kind is known.
enum Opened<'a> {
    Estate(Vec<u8>),
    Workbook(Vec<u8>),
    Counters(Source<'a>),
}

fn open(input: Input<'_>) -> Result<Opened<'_>, Problem> {
    let name = input.name;
    let unreadable = |error: std::io::Error| Problem::error(&name, format!("it cannot be read: {error}"));
    let mut reader = decompress(input.reader).map_err(unreadable)?;
    let head = head(&mut reader).map_err(unreadable)?;
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Opened::Workbook(all(&name, head, reader)?));
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0") {
        let found = "it is a workbook of Excel 97 to 2003, or one with a password";
        return Err(Problem::error(&name, found).accepted(ACCEPTED));
    }
    let (start, _) = text::decode(&head);
    let header = start.lines().find(|line| !text::is_silent(line)).unwrap_or_default();
    let separator = char::from(text::separator(header));
    let columns: Vec<&str> = header.split(separator).collect();
    let of_counters = columns.iter().filter(|name| counters::is_counter_column(name)).count();
    let of_estate = columns.iter().filter(|name| csv::is_estate_column(name)).count();
    // A machine's name and its disk's stand in both.
    if of_counters > 0 && of_counters >= of_estate {
        let reader = Box::new(std::io::Cursor::new(head).chain(reader));
        return Ok(Opened::Counters(Source { name, reader }));
    }
    if !header.is_empty() && !columns.iter().any(|name| csv::is_column(name)) {
        let found = format!("it is no table that is known: its first line is {}", quoted(header));
        return Err(Problem::error(&name, found).accepted(ACCEPTED));
    }
    Ok(Opened::Estate(all(&name, head, reader)?))
}

/// An input as it was before it was compressed, which its first bytes tell.
fn decompress<'a>(reader: Box<dyn Read + Send + 'a>) -> std::io::Result<Box<dyn Read + Send + 'a>> {
    let mut reader = BufReader::with_capacity(256 << 10, reader);
    let start = reader.fill_buf()?;
    // Gzip may come in members, one after the other.
    if start.starts_with(b"\x1f\x8b") {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(reader)));
    }
    if start.starts_with(b"\x28\xb5\x2f\xfd") {
        return Ok(Box::new(zstd::stream::read::Decoder::with_buffer(reader)?));
    }
    Ok(Box::new(reader))
}

/// The first bytes of an input.
fn head(reader: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// All bytes of an input.
fn all(name: &str, mut head: Vec<u8>, reader: Box<dyn Read + Send + '_>) -> Result<Vec<u8>, Problem> {
    let read = reader.take(LARGEST).read_to_end(&mut head);
    let read = read.map_err(|error| Problem::error(name, format!("it cannot be read: {error}")))?;
    if read as u64 == LARGEST {
        return Err(Problem::error(name, "it has more than 1 GiB").accepted(ACCEPTED));
    }
    Ok(head)
}

#[cfg(test)]
mod tests;
