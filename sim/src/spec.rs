//! The world's specification: plain data, made from the scenario file, from which [`crate::world`] builds everything.

use std::path::PathBuf;
use std::sync::Arc;

use actors::model::Model;
use actors::nouns::{LinkKind, Trigger};
use actors::spec::{ComponentSpec, GroupSpec, RecoveryPlanSpec, VmSpec};
use datapath::segment::Calibration;
use datapath::{Class, DiskId, Grain, SimTime};

use crate::faults::FaultSpec;
use crate::link::tcp_model::TcpModel;

/// Where machines are, by its number in [`WorldSpec::zones`]: what lies between two of them is the topology's knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zone(pub u32);

/// A machine.
#[derive(Clone)]
pub struct MachineSpec {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub zone: Zone,
    /// How fast one of its cores is, per mille of the reference in the table of costs.
    pub speed_per_mille: u32,
    /// Cores: so many jobs run at a time.
    pub cores: u32,
    /// Bytes of its file disk (cache, journal, retention); volumes are apart.
    pub disk_bytes: u64,
    /// How fast that disk is written, in bytes per second.
    pub disk_bytes_per_second: u64,
    /// Its clock is off by so many nanoseconds.
    pub clock_skew: i64,
    /// Whether it has power at the start.
    pub on: bool,
    /// Its components, in the order in which they start.
    pub components: Vec<ComponentSpec>,
}

/// A link.
#[derive(Debug, Clone)]
pub struct LinkSpec {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: LinkKind,
    /// The pairs of zones it joins (a site's own network joins a zone with itself).
    pub joins: Vec<(Zone, Zone)>,
    /// Bits per second, each way.
    pub bits_per_second: u64,
    /// Nanoseconds, one way.
    pub latency: u64,
    /// Packets lost per million.
    pub loss_per_million: u32,
}

/// A volume that is there at the start.
#[derive(Clone)]
pub struct VolumeSpec {
    /// Its name ([`actors::ports::volume_name`]).
    pub name: String,
    /// The disk that it is.
    pub disk: DiskId,
    /// Size in bytes.
    pub bytes: u64,
    /// The machine it is attached to (index into the machines).
    pub machine: u32,
    /// What it starts as.
    pub start: VolumeStart,
    /// What it compresses like (modelled grains).
    pub class: Class,
}

/// What a volume starts as.
#[derive(Clone)]
pub enum VolumeStart {
    /// Zeros.
    Empty,
    /// An image, opened already.
    Image(Arc<dyn datapath::image::Source>),
    /// Generated content in the first `used_bytes` bytes, `random_bytes` of each extent random.
    Generated {
        /// Bytes used.
        used_bytes: u64,
        /// Of 4,096.
        random_bytes: u16,
    },
}

/// Everything a run needs.
#[derive(Clone)]
pub struct WorldSpec {
    /// The names of the zones, for messages.
    pub zones: Vec<String>,
    /// The machines; a machine's number is its place here.
    pub machines: Vec<MachineSpec>,
    /// The links.
    pub links: Vec<LinkSpec>,
    /// The protected machines.
    pub vms: Vec<Arc<VmSpec>>,
    /// Replication groups.
    pub groups: Vec<GroupSpec>,
    /// Recovery plans.
    pub recovery_plans: Vec<Arc<RecoveryPlanSpec>>,
    /// Volumes at the start.
    pub volumes: Vec<VolumeSpec>,
    /// What the operator's steps, and faults, wait for.
    pub triggers: Vec<Trigger>,
    /// What happens to the world.
    pub faults: Vec<FaultSpec>,
    /// Number of the scenario's steps.
    pub steps: u32,
    /// The run ends here, or earlier once all steps are done and `settle` has passed.
    pub until: SimTime,
    /// How long to go on after the last step.
    pub settle: u64,
    /// What modelled content compresses to.
    pub calibration: Arc<Calibration>,
    /// The constants of the run.
    pub model: Arc<Model>,
}

impl WorldSpec {
    /// What connections over links are taken to do.
    #[must_use]
    pub fn tcp(&self) -> TcpModel {
        TcpModel::from(&self.model.tcp)
    }
}

/// Which network carries the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// The event queue.
    Event,
    /// turmoil's simulated TCP.
    Turmoil,
}

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The seed of all randomness.
    pub seed: u64,
    /// The network.
    pub network: NetworkKind,
    /// The grain of content.
    pub grain: Grain,
    /// zstd level.
    pub compression_level: i32,
    /// Threads for jobs; 0: all work on the main thread. No result depends on it.
    pub workers: usize,
    /// Bytes of pages and files kept in memory before they spill to a temporary file.
    pub memory_bytes: u64,
    /// Where temporary files go.
    pub spill: Option<PathBuf>,
    /// Whether frames are handed to the observer (they feed the digest always).
    pub trace: bool,
    /// Whether the log's own encoding is handed to the observer.
    pub encoded: bool,
    /// turmoil's tick, in nanoseconds.
    pub tick: u64,
}

impl RunOptions {
    /// A run that writes nothing and does all work on its own thread.
    #[must_use]
    pub fn in_memory(seed: u64, network: NetworkKind, grain: Grain, compression_level: i32) -> RunOptions {
        RunOptions {
            seed,
            network,
            grain,
            compression_level,
            workers: 0,
            memory_bytes: 512 << 20,
            spill: None,
            trace: false,
            encoded: false,
            tick: 10_000_000,
        }
    }
}
