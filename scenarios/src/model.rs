//! A scenario as it was read: names resolved, references checked, images open, recordings read.

mod applications;
mod chaos;
mod compressibility;
mod faults;
mod goals;
mod plan;
mod zone;

use std::path::PathBuf;
use std::sync::Arc;

use actors::model::{Era, Model};
use actors::nouns::{FailoverKind, ItemState, LinkKind, Policy, Throttle};
use actors::spec::{Os, ServiceTimes};
use actors::workload::StreamKind;
use datapath::Grain;
use datapath::image::{Format as ImageForm, Source};

use crate::traces::{Fit, Format};

pub use applications::{Application, Database, PlanAction, PlanDoes, PlanGroup, RecoveryPlan, ReplicationGroup, Tier};
pub use chaos::{Accepted, Chaos, NetworkWord, Replay};
pub use compressibility::Compressibility;
pub use faults::{Always, Direction, Fault, Happens, Host, Process, Rot};
pub use goals::{Goal, Moment, Phase};
pub use plan::{Bound, Condition, Do, Ending, Expect, Expected, PointsOf, Step, Which};
pub use zone::Zone;

/// Known beside what a scenario says, and no part of it: two of them are always equal.
#[derive(Debug, Clone, Default)]
pub struct Aside<T>(pub T);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Aside<T>) -> bool {
        true
    }
}

impl<T> Eq for Aside<T> {}

/// A scenario, ready to be built and to be written ([`crate::write()`]).
///
/// Lists are in the order in which a file is read: servers by the order of their tables in the catalogue, machines of `[[vm]]` before those
/// of groups, the time that a step waits for before its other conditions.
#[derive(Clone, PartialEq)]
pub struct Scenario {
    /// The file it came from.
    pub path: Aside<PathBuf>,
    /// All files that it was read from: this one, images with all their parts, recordings.
    pub inputs: Aside<Vec<PathBuf>>,
    /// Its name.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// The run ends here at the latest, in nanoseconds.
    pub duration: u64,
    /// How long the run goes on after the last step.
    pub settle: u64,
    /// Time of day at the start, in seconds after midnight; that of its synthetic streams.
    pub start_of_day: u32,
    /// Day of the week at the start.
    pub weekday: Weekday,
    /// The grain that it asks for.
    pub content: Grain,
    /// zstd's level in the process servers.
    pub compression_level: i32,
    /// Recovered disks to write.
    pub output: Output,
    /// The policy.
    pub policy: Policy,
    /// The era whose constants it begins with.
    pub era: Era,
    /// The constants.
    pub model: Model,
    /// Durations of Azure's jobs.
    pub times: ServiceTimes,
    /// Names of the sites.
    pub sites: Vec<String>,
    /// The links.
    pub links: Vec<Link>,
    /// Servers of the product, in the order of the file's tables.
    pub servers: Vec<Server>,
    /// The machines to protect.
    pub vms: Vec<Vm>,
    /// How machines were named by groups.
    pub groups: Aside<Vec<Group>>,
    /// Machines that share recovery points.
    pub replication_groups: Vec<ReplicationGroup>,
    /// What machines do together.
    pub applications: Vec<Application>,
    /// Databases on machines.
    pub databases: Vec<Database>,
    /// Machines that fail over together.
    pub recovery_plans: Vec<RecoveryPlan>,
    /// The operator's steps.
    pub steps: Vec<Step>,
    /// What happens to the world.
    pub faults: Vec<Fault>,
    /// What has to hold.
    pub expects: Vec<Expect>,
    /// Situations that are to be met.
    pub goals: Vec<Goal>,
    /// What a sweep draws.
    pub chaos: Chaos,
    /// What it may find up to a day.
    pub accepted: Vec<Accepted>,
    /// With what a failure that it found is repeated.
    pub replay: Option<Replay>,
    /// A disk was replaced from the command line: its content is somebody's own.
    pub own_disks: Aside<bool>,
}

/// Recovered disks that are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Of which failovers.
    pub disks: Vec<FailoverKind>,
    /// As what.
    pub format: ImageFormat,
}

impl Output {
    /// The file in `disks/` that a recovered disk is written to: `web-os.vhd`; of a test failover `web-os-test.vhd`, of a failback
    /// `web-os-failback.vhd`; raw images end in `.raw`. A scenario in which two disks would share one is refused.
    #[must_use]
    pub fn file_name(&self, vm: &str, disk: &str, kind: FailoverKind) -> String {
        let suffix = match kind {
            FailoverKind::Unplanned => "",
            FailoverKind::Test => "-test",
            FailoverKind::Failback => "-failback",
        };
        let ending = match self.format {
            ImageFormat::Vhd => "vhd",
            ImageFormat::Raw => "raw",
        };
        format!("{vm}-{disk}{suffix}.{ending}")
    }
}

/// A form of disk image that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageFormat {
    /// Fixed VHD, as Azure's page blobs hold it.
    #[default]
    Vhd,
    /// The disk's bytes and nothing else.
    Raw,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: LinkKind,
    /// What it joins.
    pub joins: Vec<(Zone, Zone)>,
    /// Each way.
    pub bits_per_second: u64,
    /// One way, in nanoseconds.
    pub latency: u64,
    /// Packets lost per million.
    pub loss_per_million: u32,
}

impl Scenario {
    /// Seconds from Monday 00:00 to the start of the run, as clocks without a skew have it.
    #[must_use]
    pub fn week_second(&self) -> u64 {
        self.weekday as u64 * 86_400 + u64::from(self.start_of_day)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weekday {
    /// Monday.
    #[default]
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// What a server does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles {
    /// Configuration server.
    pub configuration_server: bool,
    /// Process server.
    pub process_server: bool,
    /// Master target.
    pub master_target: bool,
    /// vCenter.
    pub vcenter: bool,
}

/// A server of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub zone: Zone,
    /// What it does.
    pub roles: Roles,
    /// The configuration server it belongs to, by its place among the servers (itself, where it is one).
    pub configuration_server: usize,
    /// Cores.
    pub cores: u32,
    /// Speed of a core, per mille.
    pub speed: u32,
    /// Its cache or retention disk.
    pub disk_bytes: u64,
    /// How fast that disk is written, in bytes per second.
    pub disk_bytes_per_second: u64,
    /// What its process server may send to Azure by the hour of the week.
    pub throttles: Vec<Throttle>,
    /// Its clock is ahead by this.
    pub clock_skew: u64,
}

/// A machine to protect.
#[derive(Clone, PartialEq)]
pub struct Vm {
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: u32,
    /// Operating system.
    pub os: Os,
    /// A physical server.
    pub physical: bool,
    /// Its configuration server, among the servers.
    pub configuration_server: usize,
    /// Its process server, among the servers.
    pub process_server: usize,
    /// From power to the first answered request.
    pub boot: u64,
    /// Cap of its change journal.
    pub journal: u64,
    /// Its clock is ahead by this.
    pub clock_skew: u64,
    /// Its disks.
    pub disks: Arc<Vec<Disk>>,
    /// What it writes.
    pub workload: Arc<Workload>,
}

/// A disk.
#[derive(Clone, PartialEq)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// What it starts from.
    pub start: Start,
}

/// What a disk starts from.
#[derive(Clone, PartialEq)]
pub enum Start {
    /// An image.
    Image(Image),
    /// Generated content.
    Generated {
        /// Bytes used.
        used: u64,
        /// What it compresses like.
        compressibility: Compressibility,
    },
}

impl Disk {
    /// What is written to it compresses like this, where nothing else is said.
    #[must_use]
    pub fn compressibility(&self) -> Compressibility {
        match self.start {
            Start::Generated { compressibility, .. } => compressibility,
            Start::Image(_) => Compressibility::default(),
        }
    }
}

/// An image that was opened. Two are the same where they are the same file, read in the same way.
#[derive(Clone)]
pub struct Image {
    /// The file, from the root.
    pub path: PathBuf,
    /// How its format was told.
    pub form: ImageForm,
    /// Its content.
    pub source: Arc<dyn Source>,
}

impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        (&self.path, self.form) == (&other.path, other.form)
    }
}

/// What a machine writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// One or more streams of writes.
    pub streams: Vec<Stream>,
}

impl Workload {
    /// Bytes written per second over all streams, in the mean over days and bursts.
    #[must_use]
    pub fn mean_bytes_per_second(&self) -> u64 {
        let streams = self.streams.iter();
        streams.map(|stream| stream.kind.mean_bytes_per_second()).sum()
    }
}

/// A stream of writes to one disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The disk's place on its machine.
    pub disk: u16,
    /// What is written compresses like this.
    pub compressibility: Compressibility,
    /// The writes.
    pub kind: StreamKind,
    /// Where they were recorded; none of others.
    pub recording: Option<Recording>,
    /// Where they were counted; none of others.
    pub counters: Option<Counters>,
    /// The guest flushes after this many writes; 0: only every 5 s.
    pub flush_every: u32,
    /// Requests that are not acknowledged at the most; none: as many as come.
    pub outstanding: Option<u32>,
    /// A recording begins once the machine has reached this state; a boot after that begins it at once.
    pub starts_after: Option<ItemState>,
}

/// A recording as the scenario names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The file, from the root.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// Only requests of this device.
    pub device: Option<String>,
    /// What became of requests past the end of the disk.
    pub fit: Fit,
}

/// Counters of a disk as the scenario names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// The file, from the root.
    pub file: PathBuf,
    /// The machine as the file calls it, where it is not the machine's own name.
    pub vm: Option<String>,
    /// The disk as the file calls it, where it is not the disk's own name.
    pub disk: Option<String>,
    /// Only steps that begin at this time or later, in seconds since 1970.
    pub from: Option<i64>,
    /// Only steps that begin before this time, in seconds since 1970.
    pub until: Option<i64>,
}

/// Machines that were named together. They are among the scenario's machines; where those are no longer what the group says, the group
/// counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, with a run of `#`.
    pub name: String,
    /// Its first machine, by its place.
    pub first: usize,
    /// How many they are.
    pub count: u32,
    /// The configuration servers that it names.
    pub configuration_servers: Option<Vec<usize>>,
    /// The process servers that it names.
    pub process_servers: Option<Vec<usize>>,
    /// What its machines write: names, weights, streams.
    pub profiles: Vec<(String, u32, Arc<Workload>)>,
}
