//! What the data path costs beside the work that cannot be avoided: zstd and AES-GCM called back to back on the same chunks, in
//! the same run, on one core. `cargo bench -p firedrill-datapath [-- FILE]`; without a file the input is this program's own
//! executable (code and tables, as on a system disk) and generated pages.
//!
//! Each figure is the best of several rounds that take turns, so that a busy machine hurts both sides alike.

#![allow(clippy::disallowed_types, reason = "a benchmark reads the real clock")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot prepare itself fails")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use bytes::Bytes;
use datapath::batch::{DiskChanges, fold};
use datapath::journal::{Record, decode, encode};
use datapath::seal::{DiskKey, Nonces, VaultKey};
use datapath::segment::{Calibration, Sealed, SegmentKind, Worker, nonces_needed, open, seal};
use datapath::volume::{PageStore, Volume};
use datapath::{CHUNK_BYTES, Content, DiskId, EXTENT_BYTES, Extent, Grain, Run, VmId, WriteSeq};

const LEVEL: i32 = 1;
const ROUNDS: usize = 7;
const PIECE_BYTES: usize = 1 << 20;
const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

fn main() {
    let input = input();
    let mib = input.len() as f64 / f64::from(1 << 20);
    println!("{mib:.0} MiB, zstd level {LEVEL}, pieces of 1 MiB, one core, best of {ROUNDS}");

    let key = VaultKey::public_test_key().disk_key(DISK);
    let pieces: Vec<DiskChanges> = records(&input, PIECE_BYTES).iter().flat_map(one).collect();
    let small: Vec<DiskChanges> = records(&input, 3 * 4096).chunks(100).flat_map(many).collect();
    let (mut bare, mut bare_open) = (Bare::new(), Bare::new());
    let (mut a, mut b, mut c) = (Worker::new(LEVEL), Worker::new(LEVEL), Worker::new(LEVEL));
    let packed = bare.seal_all(&input);
    let sealed = seal_all(&mut a, &key, &pieces);
    let stored: u64 = sealed.iter().map(|s| s.blob.size).sum();
    println!(
        "stored: {:.1} % of the input",
        100.0 * stored as f64 / input.len() as f64
    );

    let [seal_bare, seal_pieces, seal_small, open_bare, open_pieces] = best([
        &mut || drop(black_box(bare.seal_all(&input))),
        &mut || drop(black_box(seal_all(&mut a, &key, &pieces))),
        &mut || drop(black_box(seal_all(&mut b, &key, &small))),
        &mut || bare_open.open_all(&packed),
        &mut || open_all(&mut c, &key, &sealed),
    ]);
    report(mib, "zstd + AES-GCM alone, sealing", seal_bare, None);
    report(mib, "segment::seal, copies of 1 MiB", seal_pieces, Some(seal_bare));
    report(mib, "segment::seal, writes of 12 KiB", seal_small, Some(seal_bare));
    report(mib, "AES-GCM + zstd alone, opening", open_bare, None);
    report(mib, "segment::open, copies of 1 MiB", open_pieces, Some(open_bare));
    around(&input, mib);
}

/// What stands around sealing: none of it should be seen beside it.
fn around(input: &Bytes, mib: f64) {
    let list = records(input, 16 * 4096);
    let mut encoded = Vec::new();
    for record in &list {
        encode(record, &mut encoded);
    }
    let encoded = Bytes::from(encoded);
    let store = PageStore::new(u64::MAX);
    let empty = Volume::new(&store, Grain::Real, input.len() as u64);
    let mut full = empty.clone();
    list.iter().for_each(|record| write(&mut full, record));
    let mut buffer = Vec::with_capacity(encoded.len());
    let mut page = vec![0; 4096];
    let [encoding, decoding, folding, writing, reading, generating] = best([
        &mut || {
            buffer.clear();
            for record in &list {
                encode(record, &mut buffer);
            }
        },
        &mut || drop(black_box(decode(&encoded).unwrap())),
        &mut || drop(black_box(fold(&list))),
        &mut || {
            let mut volume = empty.clone();
            list.iter().for_each(|record| write(&mut volume, record));
        },
        &mut || {
            for at in (0..full.extents()).step_by(256) {
                let extents = (full.extents() - at).min(256) as u32;
                drop(black_box(full.read(Extent(at), extents).unwrap()));
            }
        },
        &mut || {
            for extent in 0..input.len() as u64 / EXTENT_BYTES {
                datapath::content::generated(1, DISK, Extent(extent), WriteSeq(1), 1500, black_box(&mut page));
            }
        },
    ]);
    report(mib, "journal::encode", encoding, None);
    report(mib, "journal::decode", decoding, None);
    report(mib, "batch::fold", folding, None);
    report(mib, "Volume::write", writing, None);
    report(mib, "Volume::read", reading, None);
    report(mib, "content::generated", generating, None);
}

fn report(mib: f64, what: &str, took: Duration, beside: Option<Duration>) {
    let speed = mib * 1.048_576 / took.as_secs_f64();
    let share = beside.map_or(String::new(), |b| {
        format!("  {:5.1} %", 100.0 * b.as_secs_f64() / took.as_secs_f64())
    });
    println!("{what:34} {speed:8.0} MB/s{share}");
}

/// The best time of each, in rounds that take turns.
fn best<const N: usize>(mut tasks: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..ROUNDS {
        for (task, best) in tasks.iter_mut().zip(&mut best) {
            let start = Instant::now();
            task();
            *best = start.elapsed().min(*best);
        }
    }
    best
}

fn input() -> Bytes {
    let file = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let mut bytes = std::fs::read(file.map_or_else(|| std::env::current_exe().unwrap(), Into::into)).unwrap();
    bytes.truncate(48 << 20);
    let mut page = [0; 4096];
    for extent in 0..4096 {
        let random = 4096 * (extent / 512 % 5) / 4;
        datapath::content::generated(1, DISK, Extent(extent), WriteSeq(1), random as u16, &mut page);
        bytes.extend_from_slice(&page);
    }
    bytes.truncate(bytes.len() / PIECE_BYTES * PIECE_BYTES);
    bytes.into()
}

/// The input as records of so many bytes, each with bytes of its own as if it came from a guest.
fn records(input: &Bytes, bytes: usize) -> Vec<Record> {
    let record = |(index, part): (usize, &[u8])| Record::Change {
        seq: WriteSeq(index as u64 + 1),
        disk: DISK,
        run: Run {
            start: Extent((index * bytes) as u64 / EXTENT_BYTES),
            extents: (part.len() as u64 / EXTENT_BYTES) as u32,
            content: Content::Bytes(Bytes::copy_from_slice(part)),
        },
    };
    input.chunks(bytes).enumerate().map(record).collect()
}

fn one(record: &Record) -> Option<DiskChanges> {
    fold(std::slice::from_ref(record)).into_values().next()
}

fn many(records: &[Record]) -> Option<DiskChanges> {
    fold(records).into_values().next()
}

fn write(volume: &mut Volume, record: &Record) {
    if let Record::Change { run, .. } = record {
        volume.write(run).unwrap();
    }
}

fn seal_all(worker: &mut Worker, key: &DiskKey, pieces: &[DiskChanges]) -> Vec<Sealed> {
    let mut nonces = Nonces::new(datapath::seal::Epoch(1));
    let calibration = Calibration::default();
    let seal_one = |(batch, changes): (usize, &DiskChanges)| {
        let range = nonces.take(nonces_needed(changes));
        let kind = SegmentKind::Changes {
            batch: batch as u64 + 1,
        };
        seal(worker, key, range, [7; 16], kind, changes, &calibration)
    };
    pieces.iter().enumerate().map(seal_one).collect()
}

fn open_all(worker: &mut Worker, key: &DiskKey, sealed: &[Sealed]) {
    for segment in sealed {
        drop(black_box(open(worker, key, &segment.header, &segment.blob).unwrap()));
    }
}

/// zstd and AES-GCM with nothing around them.
struct Bare {
    compressor: zstd::bulk::Compressor<'static>,
    decompressor: zstd::bulk::Decompressor<'static>,
    cipher: Aes256Gcm,
    packed: Vec<u8>,
    plain: Vec<u8>,
}

impl Bare {
    fn new() -> Bare {
        Bare {
            compressor: zstd::bulk::Compressor::new(LEVEL).unwrap(),
            decompressor: zstd::bulk::Decompressor::new().unwrap(),
            cipher: Aes256Gcm::new(&[9; 32].into()),
            packed: Vec::with_capacity(zstd::zstd_safe::compress_bound(CHUNK_BYTES as usize)),
            plain: Vec::with_capacity(CHUNK_BYTES as usize),
        }
    }

    /// Compresses and encrypts chunk by chunk, and keeps what comes out, as any store must.
    fn seal_all(&mut self, input: &[u8]) -> Vec<(Vec<u8>, [u8; 16])> {
        let mut out = Vec::new();
        for (index, chunk) in input.chunks(CHUNK_BYTES as usize).enumerate() {
            self.packed.clear();
            self.compressor.compress_to_buffer(chunk, &mut self.packed).unwrap();
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
            let seal = self
                .cipher
                .encrypt_inout_detached(&nonce.into(), &[], self.packed.as_mut_slice().into())
                .unwrap();
            out.push((self.packed.clone(), seal.into()));
        }
        out
    }

    fn open_all(&mut self, packed: &[(Vec<u8>, [u8; 16])]) {
        for (index, (bytes, seal)) in packed.iter().enumerate() {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
            self.packed.clear();
            self.packed.extend_from_slice(bytes);
            self.cipher
                .decrypt_inout_detached(&nonce.into(), &[], self.packed.as_mut_slice().into(), seal.into())
                .unwrap();
            self.plain.clear();
            self.decompressor
                .decompress_to_buffer(&self.packed, &mut self.plain)
                .unwrap();
            black_box(&self.plain);
        }
    }
}
