//! What a sweep draws, and what a failure is repeated with.

use sim::spec::NetworkKind;

/// What a sweep draws for each seed. Durations are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chaos {
    /// Kinds of fault, by the words of `[[fault]]`; none: all that fit.
    pub kinds: Vec<&'static str>,
    /// Whether those are drawn where what they destroy is nowhere else.
    pub losses: bool,
    /// Faults of a seed at the most.
    pub most: u64,
    /// How long one lasts at the most.
    pub longest: u64,
    /// None begins earlier.
    pub from: u64,
    /// And none later; none: two thirds of the run.
    pub to: Option<u64>,
    /// Whether rates, latencies and constants are drawn.
    pub constants: bool,
    /// Whether the recovery points of failovers are drawn.
    pub points: bool,
}

/// Something that a sweep finds and that is known: it is accepted up to a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The identity of what is found.
    pub finding: String,
    /// The last day, as 2026-12-31.
    pub until: String,
    /// Why.
    pub why: String,
}

/// A network, as a file calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkWord(pub NetworkKind);

/// With what a failure is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The seed.
    pub seed: u64,
    /// What carries the messages.
    pub network: NetworkWord,
    /// The identity of what was found.
    pub finding: String,
}
