//! How fast a real disk goes all the way, beside the work that cannot be avoided: `cargo bench -p firedrill-cli --bench one_disk
//! [-- --mib N] [-- IMAGE]`.
//!
//! Without an image the disk is made of this machine's own files (programs, libraries, documentation), each from a 4 KiB boundary on as on
//! a file system, with a stretch of zeros now and then. Beside each other, in rounds that take turns, on the same number of threads:
//!
//! 1. zstd and AES-GCM alone, called back to back on the chunks that Firedrill seals: cut alike, zeros left out, what does not compress
//!    encrypted as it is.
//! 2. From reading the image to the stored segment: `one-disk` with processing held back, to the first recovery point in storage, without
//!    the oracle.
//! 3. The same with the point applied to the replica, and with the oracle, which opens each stored segment with a reader of its own and
//!    compares the whole disk with what it should hold.
//! 4. The command as a person runs it: with the failover, the recovered disk compared once more, and its VHD written.
//!
//! A machine that others use too is now fast and now slow, by more than the shares that are looked for. So the first is measured before
//! and after each of the others, and each is set against the mean of the two: what is printed is the median round's share, the least and
//! the greatest, and the time of the median round with its processor time (where `/proc` tells it). A round before them is not counted:
//! in it the machine finds the memory that the others use again. The second must reach 80 % of the first's speed, the third, in which every
//! byte is decrypted and decompressed twice besides, 40 %: where one does not, the program ends with 1.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot prepare itself fails")]

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use actors::spec::ComponentSpec;
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use datapath::batch::is_zero;
use datapath::{CHUNK_BYTES, EXTENT_BYTES, Grain, SimTime};
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};

#[path = "../src/allocator.rs"]
mod allocator;

/// The program's own.
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// As the command has it.
const LEVEL: i32 = 3;
const MEMORY_BYTES: u64 = 768 << 20;
const ROUNDS: usize = 5;
const PIECE_BYTES: u64 = 1 << 20;
/// The source's disk is as fast as what is measured: else its own time, which is simulated, lets pieces come one after the other, and there
/// is nothing to be done side by side.
const FAST_DISK: (&str, &str) = ("model.guest.disk_rate", "20 GB/s");
const SCENARIO: &str = include_str!("../../scenarios/one-disk.toml");
/// What the shares must be, in percent of the speed of zstd and AES-GCM alone.
const WAY_IN: f64 = 80.0;
const APPLIED: f64 = 40.0;

fn main() -> ExitCode {
    allocator::keep();
    let folder = tempfile::tempdir().unwrap();
    let (image, threads) = (image(folder.path()), threads());
    let bytes = std::fs::metadata(&image).unwrap().len();
    let mib = bytes as f64 / f64::from(1 << 20);
    println!("{mib:.0} MiB, zstd level {LEVEL}, {threads} threads, {ROUNDS} rounds");
    let chunks = Chunks::of(&image);
    println!("{:.1} % are not zeros", 100.0 * chunks.bytes() as f64 / bytes as f64);

    let way_in = stopped_at("points_stored");
    let applied = stopped_at("points_processed");
    let alone = || measure(|| chunks.seal_all(threads));
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let run = folder.path().join(format!("run-{round}"));
        let mut before = alone();
        let mut beside = |task: &dyn Fn()| {
            let took = measure(task);
            let after = alone();
            let mean = f64::midpoint(before.seconds, after.seconds);
            let pair = Pair {
                alone: before,
                took,
                share: 100.0 * mean / took.seconds,
            };
            before = after;
            pair
        };
        let round_of = [
            beside(&|| drill(&way_in, true, &image, folder.path(), threads)),
            beside(&|| drill(&applied, false, &image, folder.path(), threads)),
            beside(&|| command(&image, &run)),
        ];
        if round > 0 {
            rounds.push(round_of);
        }
    }
    let mut good = true;
    let names = [
        ("image to stored segment", Some(WAY_IN)),
        ("and applied, and verified by the oracle", Some(APPLIED)),
        ("the whole command, failover and VHD included", None),
    ];
    let line = |name: &str, took: Took, rest: &str| {
        let speed = mib * 1.048_576 / took.seconds;
        println!(
            "{name:46} {:6.2} s {:6.2} s of processors {speed:6.0} MB/s {rest}",
            took.seconds, took.processors
        );
    };
    for (n, (name, least)) in names.into_iter().enumerate() {
        let mut pairs: Vec<Pair> = rounds.iter().map(|round| round[n]).collect();
        pairs.sort_by(|a, b| a.share.total_cmp(&b.share));
        let (median, share) = (pairs[ROUNDS / 2], pairs[ROUNDS / 2].share);
        let verdict = match least {
            Some(least) if share < least => {
                good = false;
                format!(", less than {least} %")
            }
            Some(least) => format!(", at least {least} %"),
            None => String::new(),
        };
        if n == 0 {
            line("zstd and AES-GCM alone", median.alone, " 100.0 %");
        }
        let (low, high) = (pairs[0].share, pairs[ROUNDS - 1].share);
        line(
            name,
            median.took,
            &format!("{share:6.1} % ({low:.0} to {high:.0}){verdict}"),
        );
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A task beside the work that cannot be avoided.
#[derive(Clone, Copy)]
struct Pair {
    /// That work, just before.
    alone: Took,
    took: Took,
    /// The task's speed in percent of the speed of that work, before and after.
    share: f64,
}

/// Seconds on the clock, and of all processors together.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    processors: f64,
}

fn measure(task: impl FnOnce()) -> Took {
    let (processors, begin) = (processors(), Instant::now());
    task();
    Took {
        seconds: begin.elapsed().as_secs_f64(),
        processors: self::processors() - processors,
    }
}

/// Processor time of this process and of children that have ended, in seconds; 0 where there is no `/proc`.
fn processors() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets: state, and from the 12th field on user and system time, of itself and of its children, in 1/100 s.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

// The disk.

/// The image that was named, or one that is made here.
fn image(folder: &Path) -> PathBuf {
    let mut mib = 1024;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--mib" => mib = arguments.next().and_then(|mib| mib.parse().ok()).unwrap(),
            other if other.starts_with('-') => {}
            named => return PathBuf::from(named),
        }
    }
    let path = folder.join("disk.raw");
    let mut disk = Disk {
        out: BufWriter::with_capacity(1 << 20, File::create(&path).unwrap()),
        at: 0,
        end: mib << 20,
    };
    for folder in ["/usr/bin", "/usr/lib", "/usr/share", "/usr/local"] {
        disk.add(Path::new(folder), 3);
    }
    assert_eq!(disk.at, disk.end, "this machine has fewer files: name an image");
    disk.out.flush().unwrap();
    drop(disk);
    path
}

struct Disk {
    out: BufWriter<File>,
    at: u64,
    end: u64,
}

impl Disk {
    /// Adds a folder's files, in order of their names. Of large ones the first 64 MiB: a few must not make up the disk.
    fn add(&mut self, path: &Path, depth: u32) {
        let Ok(found) = std::fs::symlink_metadata(path) else {
            return;
        };
        if found.is_file() {
            self.add_file(path);
        } else if found.is_dir() && depth > 0 {
            let Ok(entries) = std::fs::read_dir(path) else { return };
            let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths {
                self.add(&path, depth - 1);
            }
        }
    }

    fn add_file(&mut self, path: &Path) {
        let Ok(file) = File::open(path) else { return };
        let mut bytes = Vec::new();
        if file.take(64 << 20).read_to_end(&mut bytes).is_err() {
            return;
        }
        bytes.resize(bytes.len().next_multiple_of(EXTENT_BYTES as usize), 0);
        bytes.truncate((self.end - self.at) as usize);
        self.out.write_all(&bytes).unwrap();
        self.at += bytes.len() as u64;
        // A hole behind every large file.
        if bytes.len() > 1 << 20 {
            self.at = (self.at + PIECE_BYTES).min(self.end);
            self.out.seek(SeekFrom::Start(self.at)).unwrap();
            self.out.get_ref().set_len(self.at).unwrap();
        }
    }
}

// The work that cannot be avoided.

/// The disk in memory, and its chunks by piece.
struct Chunks {
    disk: Vec<u8>,
    pieces: Vec<Vec<(usize, usize)>>,
}

impl Chunks {
    /// Cuts as the data path does: pieces of 1 MiB, stretches of 4 KiB extents that are not zeros, chunks of up to 64 KiB.
    fn of(image: &Path) -> Chunks {
        let mut disk = std::fs::read(image).unwrap();
        let extent = EXTENT_BYTES as usize;
        disk.resize(disk.len().next_multiple_of(extent), 0);
        let cut = |piece: &[u8], begin: usize| -> Vec<(usize, usize)> {
            let mut chunks: Vec<(usize, usize)> = Vec::new();
            for (n, bytes) in piece.chunks(extent).enumerate() {
                let at = begin + n * extent;
                match chunks.last_mut() {
                    _ if is_zero(bytes) => {}
                    Some((from, end)) if *end == at && at - *from < CHUNK_BYTES as usize => *end += extent,
                    _ => chunks.push((at, at + extent)),
                }
            }
            chunks
        };
        let piece = PIECE_BYTES as usize;
        let pieces = disk.chunks(piece).enumerate();
        let pieces = pieces.map(|(n, bytes)| cut(bytes, n * piece)).collect();
        Chunks { disk, pieces }
    }

    fn bytes(&self) -> usize {
        self.pieces.iter().flatten().map(|(from, to)| to - from).sum()
    }

    fn seal_all(&self, threads: usize) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.seal_some(&next));
            }
        });
    }

    fn seal_some(&self, next: &AtomicUsize) {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL).unwrap();
        let cipher = Aes256Gcm::new(&[9; 32].into());
        let mut packed = Vec::with_capacity(zstd::zstd_safe::compress_bound(CHUNK_BYTES as usize));
        while let Some(chunks) = self.pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (from, to) in chunks {
                let plain = &self.disk[*from..*to];
                packed.clear();
                let len = compressor.compress_to_buffer(plain, &mut packed).unwrap();
                if len + len / 32 >= plain.len() {
                    packed.clear();
                    packed.extend_from_slice(plain);
                }
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&(*from as u64).to_be_bytes());
                let seal = cipher.encrypt_inout_detached(&nonce.into(), &[], packed.as_mut_slice().into());
                black_box((&packed, seal.unwrap()));
            }
        }
    }
}

// Firedrill.

/// The scenario without its failover: it ends when the first recovery point has come so far.
fn stopped_at(point: &str) -> String {
    let (before, _) = SCENARIO.split_once("[[step]]\nname = \"failover\"").unwrap();
    format!(
        "{before}[[step]]\ndo = \"note\"\ntext = \"there\"\nafter = {{ vm = \"vm1\", {point} = 1 }}\n\n[[expect]]\npoints_at_least = 1\n"
    )
}

/// Sees what the drill came to.
#[derive(Default)]
struct Seen {
    stored: u64,
    processed: u64,
}

impl Observer for Seen {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, fact: &Fact, _: Option<Evidence>) {
        match fact {
            Fact::TagStored { mark: Some(_), .. } => self.stored += 1,
            Fact::PointProcessed { .. } => self.processed += 1,
            _ => {}
        }
    }
}

fn drill(scenario: &str, held: bool, image: &Path, folder: &Path, threads: usize) {
    let options = scenarios::Options {
        disks: vec![("vm1.os".to_owned(), image.to_owned())],
        vault_key: Some([9; 32]),
        set: vec![(FAST_DISK.0.to_owned(), FAST_DISK.1.to_owned())],
        ..scenarios::Options::default()
    };
    let scenario = scenarios::load_text(scenario, Path::new("one-disk.toml"), &options).unwrap();
    let mut built = scenarios::build::build(&scenario, &options).unwrap();
    // No file says this: it is for measuring the way in.
    for component in built
        .world
        .machines
        .iter_mut()
        .flat_map(|machine| &mut machine.components)
    {
        if let ComponentSpec::Service(service) = component {
            service.hold_processing = held;
        }
    }
    let run = RunOptions {
        workers: if threads == 1 { 0 } else { threads },
        memory_bytes: MEMORY_BYTES,
        spill: Some(folder.to_owned()),
        ..RunOptions::in_memory(1, NetworkKind::Event, Grain::Real, LEVEL)
    };
    let mut seen = Seen::default();
    if held {
        let ended = sim::run::run(built.world, &run, &mut seen).unwrap();
        assert_eq!(ended.broken, None);
    } else {
        let drill = scenarios::drill::run(built, &run, &mut seen).unwrap();
        assert_eq!(drill.result.findings, Vec::new());
    }
    assert_eq!((seen.stored, seen.processed), (1, u64::from(!held)));
}

fn command(image: &Path, out: &Path) {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/one-disk.toml");
    let disk = format!("vm1.os={}", image.display());
    let set = format!("{}={}", FAST_DISK.0, FAST_DISK.1);
    let status = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args([
            "run".as_ref(),
            scenario.as_os_str(),
            "--disk".as_ref(),
            disk.as_ref(),
            "--set".as_ref(),
            set.as_ref(),
            "--out".as_ref(),
            out.as_os_str(),
        ])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    std::fs::remove_dir_all(out).unwrap();
}
