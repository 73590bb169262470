//! `firedrill profile`: what disks compress to and how fast, and how much of them is unused; written into an estate where one is named.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use datapath::image::{ImageError, open};
use indicatif::{ProgressBar, ProgressStyle};
use planning::estate::csv::{Measured, update};
use planning::measure::{Content, measure};
use planning::words;
use serde::Serialize;

use crate::arguments::{Format, ProfileArguments};
use crate::failure::{Failure, PASS};
use crate::interrupt::Interrupts;
use crate::output;

/// The level of process servers, where a scenario says nothing else.
const LEVEL: i32 = 1;

/// A disk that is measured: its image, and whose it is.
struct Named {
    path: PathBuf,
    /// Machine and disk; none where the file's name does not say.
    disk: Option<(String, String)>,
}

/// What came of it.
#[derive(Serialize)]
struct Row {
    image: String,
    vm: Option<String>,
    disk: Option<String>,
    #[serde(flatten)]
    content: Content,
    compressed_per_mille: Option<u32>,
    /// Disk read and compressed, in bytes of what is used per second of this machine.
    bytes_per_second: u64,
}

/// Runs the command, and gives its exit code.
pub fn profile(arguments: &ProfileArguments) -> Result<u8, Failure> {
    let interrupts = Interrupts::hear()?;
    let estate = arguments.estate.as_deref().map(text_of).transpose()?;
    let images = images(&arguments.images)?;
    let mut rows = Vec::new();
    for image in images {
        interrupts.check()?;
        rows.push(row(image)?);
    }
    let mut said = match arguments.format {
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&rows).unwrap_or_default()),
        Format::Human => table(&rows),
    };
    if let (Some(path), Some(text)) = (&arguments.estate, estate) {
        let told = write(path, &text, &rows)?;
        if arguments.format == Format::Human {
            said.push_str(&told);
        }
    }
    output::print(&said)?;
    Ok(PASS)
}

fn text_of(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Input(format!("--estate {}: cannot be read: {error}", path.display())))
}

/// All images, those of folders in the order of their names.
fn images(arguments: &[String]) -> Result<Vec<Named>, Failure> {
    let mut all = Vec::new();
    for argument in arguments {
        let named = argument
            .split_once('=')
            .and_then(|(name, path)| Some((name.rsplit_once('.')?, path)))
            .filter(|((vm, disk), path)| !vm.is_empty() && !disk.is_empty() && !path.is_empty());
        if let Some(((vm, disk), path)) = named {
            all.push(Named {
                path: PathBuf::from(path),
                disk: Some((vm.to_owned(), disk.to_owned())),
            });
            continue;
        }
        let path = PathBuf::from(argument);
        if !path.is_dir() {
            all.push(Named {
                disk: disk_of(&path),
                path,
            });
            continue;
        }
        let read = std::fs::read_dir(&path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = read.map_err(|error| Failure::Input(format!("{}: cannot be read: {error}", path.display())))?;
        let mut files: Vec<PathBuf> = entries
            .iter()
            .map(std::fs::DirEntry::path)
            .filter(|path| path.is_file())
            .collect();
        if files.is_empty() {
            return Err(Failure::Input(format!("{}: the folder holds no file", path.display())));
        }
        files.sort();
        all.extend(files.into_iter().map(|path| Named {
            disk: disk_of(&path),
            path,
        }));
    }
    Ok(all)
}

/// `sql01.data.vmdk` is the disk `data` of the machine `sql01`.
fn disk_of(path: &Path) -> Option<(String, String)> {
    let stem = path.file_stem().and_then(OsStr::to_str)?;
    let (vm, disk) = stem.rsplit_once('.')?;
    (!vm.is_empty() && !disk.is_empty()).then(|| (vm.to_owned(), disk.to_owned()))
}

fn row(image: Named) -> Result<Row, Failure> {
    let failed = |error: ImageError| match error {
        ImageError::Unusable { .. } | ImageError::Changed { .. } => Failure::Input(error.to_string()),
        ImageError::Machine { .. } | ImageError::Stopped => Failure::Machine(error.to_string()),
    };
    let source = open(&image.path).map_err(failed)?;
    let all = source.allocated().iter().map(|(_, bytes)| bytes).sum();
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(all);
        let template = "{msg:30} {bar:20} {bytes}/{total_bytes} {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(
            image
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        );
        bar
    });
    let began = Instant::now();
    let content = measure(&*source, LEVEL, |bytes| {
        if let Some(bar) = &bar {
            bar.inc(bytes);
        }
    });
    let nanoseconds = began.elapsed().as_nanos().max(1);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let content = content.map_err(failed)?;
    let rate = u128::from(content.used_bytes) * 1_000_000_000 / nanoseconds;
    let (vm, disk) = image.disk.unzip();
    Ok(Row {
        image: image.path.display().to_string(),
        vm,
        disk,
        content,
        compressed_per_mille: content.compressed_per_mille(),
        bytes_per_second: u64::try_from(rate).unwrap_or(u64::MAX),
    })
}

fn table(rows: &[Row]) -> String {
    let mut said = format!(
        "{:>10} {:>10} {:>6} {:>10} {:>9} {:>11}  image\n",
        "size", "used", "unused", "compressed", "as it is", "speed"
    );
    for row in rows {
        let Content {
            disk_bytes,
            used_bytes,
            chunks,
            stored_as_is,
            ..
        } = row.content;
        let share = |part: u64, of: u64| format!("{} %", part * 100 / of.max(1));
        let compressed = row.compressed_per_mille.map_or("-".to_owned(), |per_mille| {
            format!("{}.{} %", per_mille / 10, per_mille % 10)
        });
        said.push_str(&format!(
            "{:>10} {:>10} {:>6} {compressed:>10} {:>9} {:>9}/s  {}\n",
            words::size(disk_bytes),
            words::size(used_bytes),
            share(disk_bytes.saturating_sub(used_bytes), disk_bytes),
            share(stored_as_is, chunks),
            words::size(row.bytes_per_second),
            row.image,
        ));
    }
    said.push_str(
        "Compressed by zstd level 1 in chunks of 64 KiB, zeros left out, as process servers do; the speed is that of this machine, reading included.\n",
    );
    said
}

/// Puts what was measured into an estate's file, which is written beside and renamed.
fn write(path: &Path, text: &[u8], rows: &[Row]) -> Result<String, Failure> {
    let measured: Vec<Measured> = rows
        .iter()
        .filter_map(|row| {
            Some(Measured {
                vm: row.vm.clone()?,
                host: None,
                disk: row.disk.clone()?,
                used_bytes: Some(row.content.used_bytes),
                compressed_per_mille: row.compressed_per_mille,
            })
        })
        .collect();
    if measured.is_empty() {
        return Err(Failure::Input(format!(
            "--estate {}: no image says whose disk it is; accepted: VM.DISK=IMAGE, or files named VM.DISK.EXTENSION",
            path.display()
        )));
    }
    let (updated, unknown) = update(text, &measured);
    if let Some(first) = unknown.first() {
        return Err(Failure::Input(format!(
            "--estate {}: it has no disk {}.{}{}; nothing was written",
            path.display(),
            first.vm,
            first.disk,
            match unknown.len() {
                1 => String::new(),
                more => format!(", nor {} others that were measured", more - 1),
            }
        )));
    }
    let failed = |error: std::io::Error| Failure::Machine(format!("{}: cannot be written: {error}", path.display()));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut beside, updated.as_bytes()).map_err(failed)?;
    beside.as_file().sync_all().map_err(failed)?;
    if let Ok(of) = std::fs::metadata(path) {
        beside.as_file().set_permissions(of.permissions()).map_err(failed)?;
    }
    beside.persist(path).map_err(|error| failed(error.error))?;
    Ok(format!(
        "{}: {} disks have what was measured\n",
        path.display(),
        measured.len()
    ))
}
