//! Evidence: the figures that a finding's words are made of.

use std::fmt;

use actors::nouns::{FailoverKind, ItemState, Life, MachineId};
use datapath::replica::{Consistency, Mark};
use datapath::segment::SegmentKind;
use datapath::{DiskId, SimTime, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

/// A figure of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// How many, or which by its number.
    Number(u64),
    /// A number that can be below nothing.
    Signed(i64),
    /// A size, in bytes.
    Bytes(u64),
    /// A duration, in nanoseconds.
    Nanoseconds(u64),
    /// A moment of the run.
    Time(SimTime),
    /// A place in a machine's sequence of writes.
    Write(WriteSeq),
    /// A protected machine.
    Vm(VmId),
    /// A disk.
    Disk(DiskId),
    /// A machine.
    Machine(MachineId),
    /// Whether it is so.
    Truth(bool),
    /// A word of a short list: a state, a kind.
    Word(String),
    /// Words: a name, a reason.
    Text(String),
}

/// The figures of a finding, each by its name, in the order in which the law lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(Vec<(String, Figure)>);

impl Evidence {
    /// Adds a figure.
    pub fn put(&mut self, name: &str, figure: Figure) {
        self.0.push((name.to_owned(), figure));
    }

    /// All figures with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Figure)> {
        self.0.iter().map(|(name, figure)| (name.as_str(), figure))
    }

    /// Says its words otherwise.
    pub(super) fn reword(&mut self, named: impl Fn(&str) -> String) {
        for (_, figure) in &mut self.0 {
            if let Figure::Text(text) = figure {
                *text = named(text);
            }
        }
    }

    /// A figure by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.iter().find(|(of, _)| *of == name).map(|(_, figure)| figure)
    }
}

/// What can be evidence: one figure, several, or none where there is nothing to say.
pub trait Evident {
    /// Adds the figures under a name.
    fn put(&self, name: &str, evidence: &mut Evidence);
}

/// A size, as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A duration, as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanoseconds(pub u64);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Types that are one figure each.
macro_rules! evident {
    ($($type:ty: $value:ident => $figure:expr;)+) => {$(
        impl Evident for $type {
            fn put(&self, name: &str, evidence: &mut Evidence) {
                let $value = self;
                evidence.put(name, $figure);
            }
        }
    )+};
}

evident! {
    u16: number => Figure::Number(u64::from(*number));
    u32: number => Figure::Number(u64::from(*number));
    u64: number => Figure::Number(*number);
    usize: number => Figure::Number(*number as u64);
    i64: number => Figure::Signed(*number);
    Bytes: bytes => Figure::Bytes(bytes.0);
    Nanoseconds: nanoseconds => Figure::Nanoseconds(nanoseconds.0);
    SimTime: time => Figure::Time(*time);
    WriteSeq: write => Figure::Write(*write);
    VmId: vm => Figure::Vm(*vm);
    DiskId: disk => Figure::Disk(*disk);
    MachineId: machine => Figure::Machine(*machine);
    bool: truth => Figure::Truth(*truth);
    ItemState: state => Figure::Word(state.name().to_owned());
    FailoverKind: kind => Figure::Word(kind.name().to_owned());
    Consistency: consistency => Figure::Word(consistency.name().to_owned());
    &'static str: word => Figure::Word((*word).to_owned());
    String: text => Figure::Text(text.clone());
}

impl<T: Evident> Evident for Option<T> {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        if let Some(one) = self {
            one.put(name, evidence);
        }
    }
}

impl Evident for Life {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        self.machine.put(&format!("{name}.machine"), evidence);
        self.incarnation.put(&format!("{name}.incarnation"), evidence);
    }
}

impl Evident for Mark {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        self.point.put(&format!("{name}.point"), evidence);
        self.seq.put(&format!("{name}.write"), evidence);
        self.consistency.put(&format!("{name}.consistency"), evidence);
        self.marked.put(&format!("{name}.marked"), evidence);
    }
}

impl Evident for SegmentKind {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        let mut number = |part: &str, number: u64| number.put(&format!("{name}.{part}"), evidence);
        match self {
            SegmentKind::Changes { batch } => number("batch", *batch),
            SegmentKind::Merged { from, to } => {
                number("from", *from);
                number("to", *to);
            }
            SegmentKind::Copy { copy, part } => {
                number("copy", u64::from(*copy));
                number("part", u64::from(*part));
            }
        }
    }
}
