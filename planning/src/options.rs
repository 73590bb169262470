//! What a planner may choose, with the defaults of the vendor's own planner where it has them (facts §5.1, §5.2).

use actors::model::Model;
use serde::{Deserialize, Serialize};

use crate::calibration::Measured;
use crate::cost::Prices;
use crate::demand::{Compression, DailyShape, Settings};
use crate::service::Service;
use crate::tables::{Era, Tables};
use actors::nouns::Throttle;
use actors::spec::ServiceTimes;

/// Which storage machines are placed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageChoice {
    /// Standard where it suffices, else premium.
    #[default]
    Suggested,
    /// Standard for all.
    Standard,
    /// Premium for all.
    Premium,
}

/// What carries the changes to Azure, as far as it costs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// An ExpressRoute circuit. Replication itself may use it, in 2017 by public peering; it does not go over a VPN (facts §1.2).
    #[default]
    ExpressRoute,
    /// The internet, with a VPN gateway for drills and failback.
    Vpn,
    /// The internet; nothing is paid for.
    Internet,
}

/// Drills in Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drills {
    /// How many in a year.
    pub per_year: u32,
    /// How many days each of them lasts.
    pub days: u32,
}

/// All choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The RPO wanted, in seconds. At least 1.
    pub rpo_seconds: u32,
    /// The RPOs that the report shows beside it, in seconds.
    pub shown_rpo_seconds: Vec<u32>,
    /// Growth in thousandths.
    pub growth_per_mille: u32,
    /// The percentile of peaks, in thousandths.
    pub percentile_per_mille: u32,
    /// The lower share of the steps that must keep the RPO, in thousandths, beside all of them.
    pub share_per_mille: u32,
    /// In how many seconds the initial copy should be done.
    pub initial_copy_goal_seconds: u64,
    /// Thousandths of the links that are kept for the initial copy.
    pub initial_copy_share_per_mille: u32,
    /// The links that there are; none to ask only what is needed. Its week is set by the profile's date.
    pub service: Option<Service>,
    /// What each process server may send by the hour of the week.
    pub throttles: Vec<Throttle>,
    /// All links are cut for so many seconds in each week, where most arrives meanwhile ([`crate::outages::weekly_outages`]).
    pub weekly_outage_seconds: u64,
    /// Minutes that local time is ahead of UTC: throttles go by local time.
    pub utc_offset_minutes: i32,
    /// What disks compress to. The product's own factor is not published (facts §5.1), so without a measurement nothing is taken off.
    pub compression: Compression,
    /// What the headers of packets (Ethernet, IP, TCP) add to what goes over a link, in millionths: of full segments, as the simulated
    /// links have it ([`framing`]).
    pub framing_per_million: u32,
    /// The constants of the model, as the actors have them too.
    pub model: Model,
    /// What is sent of what is written, in thousandths, before compression: without a measurement all of it.
    pub sent_per_mille: u32,
    /// What the links were measured to carry together at the most, in bits per second; none where nothing was measured.
    pub upload_bits_per_second: Option<u64>,
    /// Constants that were measured and are in these options already.
    pub measured: Vec<Measured>,
    /// How daily changes spread over the day, where there are no counters.
    pub shape: DailyShape,
    /// Whose limits count.
    pub era: Era,
    /// Whether machines are replicated to managed disks rather than to storage accounts.
    pub managed_disks: bool,
    /// Which storage.
    pub storage: StorageChoice,
    /// Hours for which recovery points are kept: what logs and snapshots take.
    pub retention_hours: u32,
    /// Writes that hit the same place again, in thousandths: taken off for the rule of effective writes (facts §3.4; our reading).
    pub overlap_per_mille: u32,
    /// Machines that count whatever the rules say, by name or `host/name`.
    pub include: Vec<String>,
    /// Machines that a configuration server manages: sources say 200, 550 and 650 (facts §3.2).
    pub configuration_server_limit: u32,
    /// Azure's own durations.
    pub times: ServiceTimes,
    /// From power to the first request that a machine answers, in nanoseconds.
    pub boot: u64,
    /// Failovers that the service starts in an hour where no machine is hydrated.
    pub failovers_hourly: u32,
    /// The same where one is.
    pub hydrated_failovers_hourly: u32,
    /// What the VPN or the ExpressRoute of a failback carries, in bits per second.
    pub vpn_bits_per_second: u64,
    /// Days for which the estate runs in Azure before it fails back.
    pub away_days: u32,
    /// Drills.
    pub drills: Drills,
    /// Whether licences of Windows are brought along (Hybrid Benefit).
    pub hybrid_benefit: bool,
    /// Azure machines that always run (directory, database), by the names of their sizes.
    pub always_on: Vec<String>,
    /// The network that is paid for.
    pub network: Network,
    /// Tables of Azure.
    pub tables: Tables,
    /// Prices; without them there is no cost.
    pub prices: Option<Prices>,
}

/// What the headers of packets add to full segments, in millionths, rounded up: `[model.tcp]` (66 bytes of headers before 1,448 of payload).
#[must_use]
pub fn framing(model: &Model) -> u32 {
    let tcp = &model.tcp;
    let share = (u128::from(tcp.framing) * 1_000_000).div_ceil(u128::from(tcp.segment).max(1));
    u32::try_from(share).unwrap_or(u32::MAX)
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rpo_seconds: 900,
            shown_rpo_seconds: vec![900, 1_800, 3_600],
            growth_per_mille: 300,
            percentile_per_mille: 950,
            share_per_mille: 900,
            initial_copy_goal_seconds: 72 * 3_600,
            initial_copy_share_per_mille: 0,
            service: None,
            throttles: Vec::new(),
            weekly_outage_seconds: 0,
            utc_offset_minutes: 0,
            compression: Compression::Measured {
                otherwise_per_mille: 1_000,
            },
            framing_per_million: framing(&Model::default()),
            model: Model::default(),
            sent_per_mille: 1_000,
            upload_bits_per_second: None,
            measured: Vec::new(),
            shape: DailyShape::Constant,
            era: Era::December2017,
            managed_disks: false,
            storage: StorageChoice::Suggested,
            retention_hours: 24,
            overlap_per_mille: 300,
            include: Vec::new(),
            configuration_server_limit: crate::sizing::CONFIGURATION_SERVER_MACHINES,
            times: scenarios::default_times(),
            boot: scenarios::default_boot(),
            failovers_hourly: 2_000,
            hydrated_failovers_hourly: 1_000,
            vpn_bits_per_second: 100_000_000,
            away_days: 7,
            drills: Drills { per_year: 4, days: 7 },
            hybrid_benefit: true,
            always_on: Vec::new(),
            network: Network::ExpressRoute,
            tables: Tables::default(),
            prices: None,
        }
    }
}

impl Options {
    /// Whether a constant was measured, and so is in these options.
    #[must_use]
    pub fn has_measured(&self, name: &str) -> bool {
        self.measured.iter().any(|measured| measured.name == name)
    }

    /// How demands are made.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            percentile_per_mille: self.percentile_per_mille,
            compression: self.compression,
            shape: self.shape,
            framing_per_million: self.framing_per_million,
            sent_per_mille: self.sent_per_mille,
        }
    }

    /// A figure with growth, rounded up.
    #[must_use]
    pub fn grown(&self, value: u64) -> u64 {
        let grown = (u128::from(value) * (1_000 + u128::from(self.growth_per_mille))).div_ceil(1_000);
        u64::try_from(grown).unwrap_or(u64::MAX)
    }
}
