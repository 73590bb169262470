//! The words of a scenario file and what they stand for, each pair once.

use actors::model::Era;
use actors::nouns::{FailoverKind, ItemState, LinkKind, Place, PointChoice};
use actors::spec::Os;
use datapath::Grain;
use datapath::disk::Operation;
use sim::faults::Left;
use sim::spec::NetworkKind;

use crate::model::{Direction, Ending, ImageFormat, NetworkWord, PointsOf, Process, Rot, Weekday};
use crate::traces::{Fit, Format};

/// Values that a scenario file calls by a word.
pub trait Words: Copy + PartialEq + 'static {
    /// Each word and its value.
    const WORDS: &'static [(&'static str, Self)];
}

/// The words, in their order.
#[must_use]
pub fn words_of<T: Words>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

/// The word of a value; `None` where it has none.
#[must_use]
pub fn word_of<T: Words>(value: T) -> Option<&'static str> {
    T::WORDS
        .iter()
        .find(|(_, known)| *known == value)
        .map(|(word, _)| *word)
}

impl Words for Grain {
    const WORDS: &'static [(&'static str, Grain)] = &[
        ("real", Grain::Real),
        ("extent", Grain::Extent),
        ("aggregate", Grain::Aggregate),
    ];
}

impl Words for Era {
    const WORDS: &'static [(&'static str, Era)] =
        &[("2017 classic", Era::Classic2017), ("2019 classic", Era::Classic2019)];
}

impl Words for FailoverKind {
    const WORDS: &'static [(&'static str, FailoverKind)] = &[
        ("test", FailoverKind::Test),
        ("failover", FailoverKind::Unplanned),
        ("failback", FailoverKind::Failback),
    ];
}

impl Words for ImageFormat {
    const WORDS: &'static [(&'static str, ImageFormat)] = &[("vhd", ImageFormat::Vhd), ("raw", ImageFormat::Raw)];
}

impl Words for Weekday {
    const WORDS: &'static [(&'static str, Weekday)] = &[
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
}

impl Words for LinkKind {
    const WORDS: &'static [(&'static str, LinkKind)] = &[
        ("internet", LinkKind::Internet),
        ("expressroute", LinkKind::Expressroute),
        ("vpn", LinkKind::Vpn),
        ("lan", LinkKind::Lan),
    ];
}

/// A link that replication can be told to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over(pub LinkKind);

impl Words for Over {
    const WORDS: &'static [(&'static str, Over)] = &[
        ("internet", Over(LinkKind::Internet)),
        ("expressroute", Over(LinkKind::Expressroute)),
        ("vpn", Over(LinkKind::Vpn)),
    ];
}

impl Words for NetworkWord {
    const WORDS: &'static [(&'static str, NetworkWord)] = &[
        ("event", NetworkWord(NetworkKind::Event)),
        ("turmoil", NetworkWord(NetworkKind::Turmoil)),
    ];
}

impl Words for Os {
    const WORDS: &'static [(&'static str, Os)] = &[("windows", Os::Windows), ("linux", Os::Linux)];
}

/// When an action of a recovery plan is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanActionWhen {
    /// Before the group's machines start.
    Before,
    /// Once they have.
    After,
}

impl Words for PlanActionWhen {
    const WORDS: &'static [(&'static str, PlanActionWhen)] =
        &[("before", PlanActionWhen::Before), ("after", PlanActionWhen::After)];
}

/// A run of a recovery plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// A test failover.
    Test,
    /// An unplanned failover.
    Failover,
}

impl Words for RunKind {
    const WORDS: &'static [(&'static str, RunKind)] =
        &[("test-failover", RunKind::Test), ("failover", RunKind::Failover)];
}

/// Where the writes of a workload come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// They are drawn.
    Synthetic,
    /// They are replayed.
    Recorded,
    /// They are drawn, step by step as many as counters say.
    Profile,
}

impl Words for Writes {
    const WORDS: &'static [(&'static str, Writes)] = &[
        ("synthetic", Writes::Synthetic),
        ("recorded", Writes::Recorded),
        ("profile", Writes::Profile),
    ];
}

impl Words for Process {
    const WORDS: &'static [(&'static str, Process)] = &[
        ("mobility-service", Process::MobilityService),
        ("process-server", Process::ProcessServer),
        ("configuration-server", Process::ConfigurationServer),
        ("master-target", Process::MasterTarget),
        ("vcenter", Process::Vcenter),
        ("operator", Process::Operator),
        ("site-recovery", Process::SiteRecovery),
        ("storage", Process::Storage),
        ("azure-compute", Process::AzureCompute),
    ];
}

impl Words for Operation {
    const WORDS: &'static [(&'static str, Operation)] = &[
        ("append", Operation::Append),
        ("read", Operation::Read),
        ("write", Operation::Write),
        ("flush", Operation::Flush),
    ];
}

impl Words for Left {
    const WORDS: &'static [(&'static str, Left)] = &[("prefix", Left::Prefix), ("subset", Left::Subset)];
}

impl Words for Direction {
    const WORDS: &'static [(&'static str, Direction)] = &[
        ("both", Direction::Both),
        ("there", Direction::There),
        ("back", Direction::Back),
    ];
}

impl Words for Rot {
    const WORDS: &'static [(&'static str, Rot)] = &[
        ("stored-segment", Rot::StoredSegment),
        ("cached-batch", Rot::CachedBatch),
        ("journal", Rot::Journal),
    ];
}

impl Words for Format {
    const WORDS: &'static [(&'static str, Format)] = &[
        ("msr", Format::Msr),
        ("fio", Format::Fio),
        ("blkparse", Format::Blkparse),
    ];
}

impl Words for Fit {
    const WORDS: &'static [(&'static str, Fit)] = &[("exact", Fit::Exact), ("wrap", Fit::Wrap), ("scale", Fit::Scale)];
}

/// Named shapes of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Every hour as the next.
    Flat,
    /// Busy after noon.
    Office,
    /// Busy after midnight.
    Night,
}

impl Words for Day {
    const WORDS: &'static [(&'static str, Day)] =
        &[("flat", Day::Flat), ("office", Day::Office), ("night", Day::Night)];
}

/// The words of the events log for the states of a machine.
impl Words for ItemState {
    const WORDS: &'static [(&'static str, ItemState)] = &[
        ("unprotected", ItemState::Unprotected),
        ("enable-in-progress", ItemState::EnableInProgress),
        ("initial-replication", ItemState::InitialReplication),
        ("protected", ItemState::Protected),
        ("resynchronizing", ItemState::Resynchronizing),
        ("failover-in-progress", ItemState::FailoverInProgress),
        ("failover-commit-pending", ItemState::FailoverCommitPending),
        ("failover-committed", ItemState::FailoverCommitted),
        ("reprotect-in-progress", ItemState::ReprotectInProgress),
        ("protected-reverse", ItemState::ProtectedReverse),
        ("failback-in-progress", ItemState::FailbackInProgress),
        ("failback-commit-pending", ItemState::FailbackCommitPending),
        ("on-premises-unprotected", ItemState::OnPremisesUnprotected),
    ];
}

impl Words for Place {
    const WORDS: &'static [(&'static str, Place)] = &[
        ("on-premises", Place::OnPremises),
        ("azure", Place::Azure),
        ("test", Place::Test),
    ];
}

impl Words for Ending {
    const WORDS: &'static [(&'static str, Ending)] = &[
        ("done", Ending::Done),
        ("refused", Ending::Refused),
        ("failed", Ending::Failed),
        ("any", Ending::Any),
    ];
}

impl Words for PointsOf {
    const WORDS: &'static [(&'static str, PointsOf)] = &[
        ("any", PointsOf::Any),
        ("crash-consistent", PointsOf::Crash),
        ("app-consistent", PointsOf::App),
    ];
}

/// Which way a machine is protected again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To Azure.
    Azure,
    /// Home.
    OnPremises,
}

impl Words for Way {
    const WORDS: &'static [(&'static str, Way)] = &[("azure", Way::Azure), ("on-premises", Way::OnPremises)];
}

/// A level of zstd: its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressionLevel(pub i32);

impl Words for CompressionLevel {
    /// A level below 1 builds no Huffman table for what did not repeat, which for chunks of 4 KiB is most of the work.
    const WORDS: &'static [(&'static str, CompressionLevel)] = &[("fast", CompressionLevel(-1))];
}

/// A recovery point that has a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointWord {
    /// [`PointChoice::Latest`].
    Latest,
    /// [`PointChoice::LatestProcessed`].
    LatestProcessed,
    /// [`PointChoice::LatestAppConsistent`].
    LatestAppConsistent,
    /// [`PointChoice::LatestMultiVm`].
    LatestMultiVm,
    /// [`PointChoice::LatestMultiVmAppConsistent`].
    LatestMultiVmAppConsistent,
}

impl Words for PointWord {
    const WORDS: &'static [(&'static str, PointWord)] = &[
        ("latest", PointWord::Latest),
        ("latest-processed", PointWord::LatestProcessed),
        ("latest-app-consistent", PointWord::LatestAppConsistent),
        ("latest-multi-vm", PointWord::LatestMultiVm),
        ("latest-multi-vm-app-consistent", PointWord::LatestMultiVmAppConsistent),
    ];
}

impl From<PointWord> for PointChoice {
    fn from(word: PointWord) -> PointChoice {
        match word {
            PointWord::Latest => PointChoice::Latest,
            PointWord::LatestProcessed => PointChoice::LatestProcessed,
            PointWord::LatestAppConsistent => PointChoice::LatestAppConsistent,
            PointWord::LatestMultiVm => PointChoice::LatestMultiVm,
            PointWord::LatestMultiVmAppConsistent => PointChoice::LatestMultiVmAppConsistent,
        }
    }
}
