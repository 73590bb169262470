//! What a guest writes: synthetic, recorded, or by counters.

mod profiled;
mod recorded;
mod spread;
mod stream;
mod synthetic;

use std::sync::Arc;

use datapath::{CHUNK_BYTES, Class, EXTENT_BYTES};

use crate::nouns::ItemState;

pub use stream::{Amount, Folded, Op, Stream};

/// A guest's workload.
#[derive(Debug, Clone, Default)]
pub struct WorkloadSpec {
    /// One or more streams of writes.
    pub streams: Vec<StreamSpec>,
}

impl WorkloadSpec {
    /// Bytes written per second over all streams, in the mean over days and bursts.
    #[must_use]
    pub fn mean_bytes_per_second(&self) -> u64 {
        self.streams
            .iter()
            .map(|stream| stream.kind.mean_bytes_per_second())
            .sum()
    }
}

/// What writes changed of a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    /// Bytes in whole chunks, as checksums are compared.
    pub chunk_bytes: u64,
    /// Bytes in whole extents: what holds something that was written.
    pub extent_bytes: u64,
}

impl WorkloadSpec {
    /// What so many writes of the machine change of a disk (aggregate grain): each stream has its share of them.
    #[must_use]
    pub fn touched(&self, disk: u16, disk_bytes: u64, writes: u64) -> Touched {
        let rate = |stream: &StreamSpec| {
            let per_day = u128::from(stream.kind.mean_bytes_per_second()) * 86_400;
            per_day / u128::from(stream.kind.mean_write_bytes().max(1))
        };
        let all: u128 = self.streams.iter().map(rate).sum();
        let mut touched = Touched::default();
        for stream in self.streams.iter().filter(|stream| stream.disk == disk) {
            let own = u128::from(writes) * rate(stream) / all.max(1);
            let own = u64::try_from(own).unwrap_or(u64::MAX);
            let (chunks, extents) = match &stream.kind {
                StreamKind::Synthetic(synthetic) => synthetic.touched(disk_bytes, own),
                StreamKind::Recorded(recorded) => recorded.touched(own),
                StreamKind::Profiled(profiled) => profiled.touched(disk_bytes, own),
            };
            touched.chunk_bytes += chunks * CHUNK_BYTES;
            touched.extent_bytes += extents * EXTENT_BYTES;
        }
        touched.chunk_bytes = touched.chunk_bytes.min(disk_bytes);
        touched.extent_bytes = touched.extent_bytes.min(touched.chunk_bytes);
        touched
    }
}

/// A stream of writes to one disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// The disk's index on its machine.
    pub disk: u16,
    /// What its content compresses like (the class for the modelled grains).
    pub class: Class,
    /// Of each 4 KiB extent that it writes, so many bytes are random and the rest repeats (real grain). 0 to 4096.
    pub random_bytes: u16,
    /// Which.
    pub kind: StreamKind,
    /// The guest flushes after this many writes; 0: only every 5 s.
    pub flush_every: u32,
    /// Requests that are not acknowledged at the most: the next one waits (a closed loop). None: as many as come (an open loop).
    pub outstanding: Option<u32>,
    /// It begins once the machine has reached this state; a boot after that begins it at once.
    pub starts_after: Option<ItemState>,
}

/// Kinds of stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamKind {
    /// Drawn from the guest's random stream.
    Synthetic(Synthetic),
    /// Replayed; offsets wrapped into the disk.
    Recorded(Recorded),
    /// As counters of a disk were recorded, step by step.
    Profiled(Profiled),
}

impl StreamKind {
    /// Bytes written per second, in the mean over days and bursts.
    #[must_use]
    pub fn mean_bytes_per_second(&self) -> u64 {
        match self {
            StreamKind::Synthetic(synthetic) => synthetic.mean_bytes_per_second(),
            StreamKind::Recorded(recorded) => recorded.mean_bytes_per_second(),
            StreamKind::Profiled(profiled) => profiled.mean_bytes_per_second(),
        }
    }

    fn mean_write_bytes(&self) -> u64 {
        match self {
            StreamKind::Synthetic(synthetic) => synthetic.mean_write_bytes(),
            StreamKind::Recorded(recorded) => recorded.mean_write_bytes(),
            StreamKind::Profiled(profiled) => profiled.mean_write_bytes(),
        }
    }
}

/// A synthetic stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synthetic {
    /// Mean bytes written per second, before the factors below; with `think`, what that comes to on a disk that is not held up.
    pub bytes_per_second: u64,
    /// From an acknowledgement to the next request, in nanoseconds, in the mean; each of the stream's outstanding requests for itself. None:
    /// requests come at the rate.
    pub think: Option<u64>,
    /// Sizes of writes in bytes and their weights.
    pub block_sizes: Vec<(u32, u32)>,
    /// Per mille of writes that go to the hot part.
    pub hot_per_mille: u32,
    /// Per mille of the disk that is the hot part.
    pub hot_part_per_mille: u32,
    /// Factor per mille for each hour of the day, 24 of them; empty: always 1,000.
    pub hours_per_mille: Vec<u32>,
    /// Bursts: mean seconds between them, how long they last, factor per mille.
    pub burst: Option<(u32, u32, u32)>,
    /// Time of day at the start of the run, in seconds after midnight.
    pub start_of_day: u32,
    /// Aggregate grain: distinct bytes per mille of written ones within a batch, where that is known better than from the sizes and
    /// places of the writes.
    pub distinct_per_mille: Option<u32>,
}

/// Counters of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiled {
    /// The steps, in order of time.
    pub steps: Arc<Vec<Counted>>,
    /// Nanoseconds of a step, at least 1.
    pub step: u64,
    /// When in the run the first step begins, in nanoseconds. Steps go by the clock, whenever the machine boots.
    pub begins: u64,
    /// Begin again at the end.
    pub repeat: bool,
    /// What is written, and in how many writes, times so many per mille (1,000: as recorded).
    pub factor_per_mille: u32,
    /// Per mille of writes that go to the hot part.
    pub hot_per_mille: u32,
    /// Per mille of the disk that is the hot part.
    pub hot_part_per_mille: u32,
    /// Aggregate grain: distinct bytes per mille of written ones within a batch, where that is known better than from the sizes and
    /// places of the writes.
    pub distinct_per_mille: Option<u32>,
}

/// The counters of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Written bytes per second, the mean of the step.
    pub bytes_per_second: u32,
    /// Writes per second in hundredths, the mean of the step.
    pub writes_per_second: u32,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The requests, in order of time.
    pub requests: Arc<Vec<Request>>,
    /// Time between requests is divided by this many per mille (1,000: as recorded).
    pub speed_per_mille: u32,
    /// Begin again at the end.
    pub repeat: bool,
}

/// A recorded request; reads are left out when the recording is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A write.
    Write {
        /// Nanoseconds since the first request.
        at: u64,
        /// First sector (512 bytes).
        sector: u64,
        /// How many sectors.
        sectors: u32,
    },
    /// A flush.
    Flush {
        /// Nanoseconds since the first request.
        at: u64,
    },
    /// A discard: the range reads as zeros afterwards.
    Discard {
        /// Nanoseconds since the first request.
        at: u64,
        /// First sector.
        sector: u64,
        /// How many sectors.
        sectors: u32,
    },
}
