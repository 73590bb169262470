//! A stream of writes: what comes next, and when; or, in the aggregate grain, how much an interval brings.

use datapath::{Class, SimTime};
use rand_chacha::ChaCha8Rng;

use super::profiled::Profiler;
use super::recorded::Replay;
use super::synthetic::Generator;
use super::{StreamKind, StreamSpec};

/// Something that a guest does to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It writes.
    Write {
        /// First byte.
        offset: u64,
        /// How many, at least 1.
        bytes: u64,
    },
    /// It discards a range.
    Discard {
        /// First byte.
        offset: u64,
        /// How many, at least 1.
        bytes: u64,
    },
    /// It flushes.
    Flush,
}

/// What an interval brings, in the aggregate grain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Writes.
    pub writes: u64,
    /// Bytes written, in whole extents.
    pub bytes: u64,
    /// Bytes that remain when a block that is written twice within a batch counts once.
    pub distinct_bytes: u64,
    /// Chunks that those are sealed in.
    pub chunks: u64,
}

/// What is folded into one batch: what an agent of the finer grains cuts into one (aggregate grain).
#[derive(Debug, Clone, Copy)]
pub struct Folded {
    /// Nanoseconds.
    pub within: u64,
    /// Bytes in whole extents, at least 1.
    pub bytes: u64,
}

#[derive(Debug)]
enum Source {
    Synthetic(Box<Generator>),
    Recorded(Replay),
    Profiled(Box<Profiler>),
}

/// A stream at work.
#[derive(Debug)]
pub struct Stream {
    /// The index of the disk it goes to.
    pub disk: u16,
    /// What its content compresses like (modelled grains).
    pub class: Class,
    /// Random bytes of each extent (real grain).
    pub random_bytes: u16,
    /// Requests that are not acknowledged at the most.
    pub outstanding: Option<u32>,
    source: Source,
    flush_every: u32,
    since_flush: u32,
}

impl Stream {
    /// A stream that begins at `start` on a disk of so many bytes.
    #[must_use]
    pub fn new(spec: &StreamSpec, disk_bytes: u64, start: SimTime, random: ChaCha8Rng) -> Stream {
        let source = match &spec.kind {
            StreamKind::Synthetic(synthetic) => {
                Source::Synthetic(Box::new(Generator::new(synthetic.clone(), disk_bytes, start, random)))
            }
            StreamKind::Recorded(recorded) => Source::Recorded(Replay::new(recorded.clone(), disk_bytes, start)),
            StreamKind::Profiled(profiled) => {
                Source::Profiled(Box::new(Profiler::new(profiled.clone(), disk_bytes, start, random)))
            }
        };
        Stream {
            disk: spec.disk,
            class: spec.class,
            random_bytes: spec.random_bytes,
            outstanding: spec.outstanding,
            source,
            flush_every: spec.flush_every,
            since_flush: 0,
        }
    }

    /// A recording that was not to begin yet begins.
    pub fn begin(&mut self, now: SimTime) {
        if let Source::Recorded(replay) = &mut self.source {
            replay.begin(now);
        }
    }

    /// What comes next, and when; `None` where nothing ever comes.
    pub fn next_op(&mut self) -> Option<(SimTime, Op)> {
        match &mut self.source {
            Source::Synthetic(generator) => generator.next_op(),
            Source::Recorded(replay) => replay.next_op(),
            Source::Profiled(profiler) => profiler.next_op(),
        }
    }

    /// Whether each of its requests follows an acknowledgement, after a while.
    #[must_use]
    pub fn thinks(&self) -> bool {
        matches!(&self.source, Source::Synthetic(generator) if generator.thinks())
    }

    /// How long from an acknowledgement to the next request.
    pub fn thinking(&mut self) -> u64 {
        match &mut self.source {
            Source::Synthetic(generator) => generator.thinking(),
            Source::Recorded(_) | Source::Profiled(_) => 0,
        }
    }

    /// The next request of a stream that [thinks](Stream::thinks).
    pub fn request(&mut self) -> Op {
        match &mut self.source {
            Source::Synthetic(generator) => generator.write(),
            Source::Recorded(_) | Source::Profiled(_) => Op::Flush,
        }
    }

    /// A request had to wait so long. Those of a synthetic stream in a closed loop follow later by as much; a recording and a profile keep their
    /// times.
    pub fn delayed(&mut self, by: u64) {
        if let (Source::Synthetic(generator), Some(_)) = (&mut self.source, self.outstanding) {
            generator.delayed(by);
        }
    }

    /// Counts a write; true where the guest flushes after it.
    pub fn flush_is_due(&mut self) -> bool {
        self.since_flush += 1;
        let due = self.flush_every > 0 && self.since_flush >= self.flush_every;
        if due {
            self.since_flush = 0;
        }
        due
    }

    /// What the time from the last call's end (or the start) until `to` brings. Not to be mixed with [`Stream::next_op`].
    pub fn amount(&mut self, to: SimTime, folded: Folded) -> Amount {
        match &mut self.source {
            Source::Synthetic(generator) => generator.amount(to, folded),
            Source::Recorded(replay) => replay.amount(to, folded),
            Source::Profiled(profiler) => profiler.amount(to, folded),
        }
    }

    /// When so many bytes more than at the end of the last [`Stream::amount`] are written, or a little before; at the latest at `latest`.
    #[must_use]
    pub fn written_by(&self, bytes: u64, latest: SimTime) -> SimTime {
        match &self.source {
            Source::Synthetic(generator) => generator.written_by(bytes, latest),
            Source::Recorded(replay) => replay.written_by(bytes, latest),
            Source::Profiled(profiler) => profiler.written_by(bytes, latest),
        }
    }
}
