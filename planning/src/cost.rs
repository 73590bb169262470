//! What a plan costs, by component and by state, from a price file (TOML). No price is in the code: no list of 2017 is known, and prices
//! are input (facts §8.9). `planning/data/prices-example.toml` is an example and says so.
//!
//! Money is in millionths of the currency. A month has 730 hours; what a drill costs is its year divided by 12 (facts §5.3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::gates::Unit;
use crate::options::Drills;
use crate::plan::Figure;
use crate::recommend::figure;

/// Hours of a month.
pub const MONTH_HOURS: u128 = 730;
/// Transactions are priced by so many.
const TRANSACTIONS: u128 = 10_000;
const GIB: u128 = 1 << 30;
/// A price is no higher than a thousand million: sums stay in their range.
const MOST: u64 = 1_000_000_000_000_000;
/// The example price file.
pub const EXAMPLE: &str = include_str!("../data/prices-example.toml");

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// Azure machines.
    Compute,
    /// Storage.
    Storage,
    /// The circuit or gateway.
    Network,
    /// Licences and the protection of machines.
    Licence,
}

/// When it is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Always, while machines replicate.
    Replication,
    /// For drills.
    Drill,
}

/// A price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    component: Component,
    item: String,
    price: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    label: String,
    currency: String,
    #[serde(default)]
    example: bool,
    #[serde(default)]
    discount_per_mille: u32,
    #[serde(default)]
    free_days_per_machine: u32,
    price: Vec<Row>,
}

/// A price of a price file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Price {
    /// What for.
    pub component: Component,
    /// Its item.
    pub item: String,
    /// Millionths of the currency.
    pub micros: u64,
    /// Where it is from.
    pub source: String,
}

/// A price file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// What it calls itself.
    pub label: String,
    /// Its currency.
    pub currency: String,
    /// Whether it is an example and no price list.
    pub example: bool,
    /// Discount in thousandths, off everything.
    pub discount_per_mille: u32,
    /// Days for which the protection of a machine costs nothing; shown, not taken off.
    pub free_days_per_machine: u32,
    /// The prices.
    pub rows: Vec<Price>,
}

/// A bad price file.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// It is no such file.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A price is no decimal number.
    #[error(
        "price of `{item}`: `{price}` is no decimal number; a point, up to 6 decimals and no sign are expected, as in \"0.096\""
    )]
    Price {
        /// Whose price.
        item: String,
        /// What is there.
        price: String,
    },
    /// An item has two prices.
    #[error("two prices of `{item}`")]
    Twice {
        /// Whose price.
        item: String,
    },
    /// The discount is more than everything.
    #[error("discount_per_mille is {0}: 0 to 1000 are expected")]
    Discount(u32),
}

fn micros(price: &str) -> Option<u64> {
    let (whole, part) = price.split_once('.').unwrap_or((price, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 6 || price.ends_with('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    let micros = whole.checked_mul(1_000_000)?.checked_add(part)?;
    (micros <= MOST).then_some(micros)
}

impl Prices {
    /// Reads a price file.
    ///
    /// # Errors
    /// [`PriceError`] where it does not read, a price is no decimal number, or an item has two.
    pub fn read(text: &str) -> Result<Self, PriceError> {
        let file: File = toml::from_str(text)?;
        if file.discount_per_mille > 1_000 {
            return Err(PriceError::Discount(file.discount_per_mille));
        }
        let mut seen = BTreeSet::new();
        let mut rows = Vec::with_capacity(file.price.len());
        for row in file.price {
            let Some(micros) = micros(&row.price) else {
                return Err(PriceError::Price {
                    item: row.item,
                    price: row.price,
                });
            };
            if !seen.insert((row.component, row.item.clone())) {
                return Err(PriceError::Twice { item: row.item });
            }
            rows.push(Price {
                component: row.component,
                item: row.item,
                micros,
                source: row.source,
            });
        }
        Ok(Self {
            label: file.label,
            currency: file.currency,
            example: file.example,
            discount_per_mille: file.discount_per_mille,
            free_days_per_machine: file.free_days_per_machine,
            rows,
        })
    }

    fn find(&self, component: Component, item: &str) -> Option<u64> {
        let row = self
            .rows
            .iter()
            .find(|row| row.component == component && row.item == item);
        row.map(|row| row.micros)
    }
}

/// An Azure machine, as far as its cost asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The name of its size.
    pub size: String,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Whether it runs Windows.
    pub windows: bool,
}

/// A protected machine, as far as its cost asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The machine of its drills; none where no size is large enough.
    pub machine: Option<Machine>,
    /// The names of its premium disks.
    pub tiers: Vec<String>,
    /// What it takes on standard disks, in bytes; 0 on premium storage.
    pub standard_bytes: u64,
    /// What its logs take, in bytes, always on standard storage.
    pub log_bytes: u64,
    /// Writes to standard storage in a month, while it replicates (as the bill counts them).
    pub transactions: u64,
}

/// What there is to pay for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill<'a> {
    /// Protected machines.
    pub protected: &'a [Protected],
    /// Machines that always run.
    pub always_on: &'a [Machine],
    /// The circuit or gateway: its name and its rate in Mbit/s.
    pub network: Option<(&'a str, u64)>,
    /// Drills.
    pub drills: Drills,
    /// Whether licences of Windows are brought along.
    pub hybrid_benefit: bool,
}

/// What a component costs in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub state: State,
    /// What.
    pub component: Component,
    /// Millionths of the currency per month, less the discount, rounded up.
    pub micros_per_month: u64,
}

/// What a protected machine costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MachineCost {
    /// Millionths of the currency per month while it replicates: storage with its transactions, and protection.
    pub replication_micros: u64,
    /// The same for its drills: compute, storage and licence.
    pub drill_micros: u64,
}

/// What a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// What the price file calls itself.
    pub label: String,
    /// Its currency.
    pub currency: String,
    /// Whether it is an example and no price list.
    pub example: bool,
    /// Discount in thousandths; taken off every figure.
    pub discount_per_mille: u32,
    /// Days for which the protection of a machine costs nothing; not taken off.
    pub free_days_per_machine: u32,
    /// Writes to standard storage in a month, by all machines; they are in the storage of [`State::Replication`].
    pub transactions: Figure,
    /// By state and component; all that there are, also those of 0.
    pub lines: Vec<Line>,
    /// Their sum per month.
    pub micros_per_month: u64,
    /// Twelve of these.
    pub micros_per_year: u64,
    /// By protected machine, in their order.
    pub machines: Vec<MachineCost>,
    /// Items without a price: they count as nothing and the sums are too low by them.
    pub missing: Vec<String>,
}

/// An amount as an exact fraction that is rounded once, at its end.
#[derive(Default, Clone, Copy)]
struct Sum {
    /// Millionths per month, times 12 · 365 · 1024 (months of a year, days of a year, MiB of a GiB).
    parts: u128,
}

const PARTS: u128 = 12 * 365 * 1_024;

impl Sum {
    fn add(&mut self, other: Self) {
        self.parts += other.parts;
    }

    fn micros(self, discount_per_mille: u32) -> u64 {
        let left = u128::from(1_000 - discount_per_mille);
        u64::try_from((self.parts * left).div_ceil(PARTS * 1_000)).unwrap_or(u64::MAX)
    }
}

struct Till<'a> {
    prices: &'a Prices,
    missing: BTreeSet<String>,
}

impl Till<'_> {
    fn price(&mut self, component: Component, item: &str) -> u128 {
        if let Some(price) = self.prices.find(component, item) {
            return u128::from(price);
        }
        self.missing.insert(item.to_owned());
        0
    }

    /// An hour of a machine, times 1024.
    fn hour(&mut self, machine: &Machine) -> u128 {
        if let Some(price) = self.prices.find(Component::Compute, &machine.size) {
            return u128::from(price) * 1_024;
        }
        self.price(Component::Compute, "vcpu-hour") * u128::from(machine.vcpus) * 1_024
            + self.price(Component::Compute, "memory-gib-hour") * u128::from(machine.memory_mib)
    }

    /// A month of storage.
    fn month(&mut self, tiers: &[String], standard_bytes: u64) -> Sum {
        let mut sum = Sum::default();
        for tier in tiers {
            sum.parts += self.price(Component::Storage, tier) * PARTS;
        }
        if standard_bytes > 0 {
            let price = self.price(Component::Storage, "standard-gib-month");
            sum.parts += (price * u128::from(standard_bytes) * PARTS).div_ceil(GIB);
        }
        sum
    }

    /// Writes to standard storage, rounded up once.
    fn transactions(&mut self, count: u64) -> Sum {
        let mut sum = Sum::default();
        if count > 0 {
            let price = self.price(Component::Storage, "transactions-10000");
            sum.parts = (price * u128::from(count) * PARTS).div_ceil(TRANSACTIONS);
        }
        sum
    }
}

/// What a plan costs by a price file.
#[must_use]
pub fn cost(bill: &Bill<'_>, prices: &Prices) -> Cost {
    let mut till = Till {
        prices,
        missing: BTreeSet::new(),
    };
    let discount = prices.discount_per_mille.min(1_000);
    let drill_days = u128::from(bill.drills.per_year) * u128::from(bill.drills.days);
    let windows = |till: &mut Till<'_>, machine: &Machine| {
        if machine.windows && !bill.hybrid_benefit {
            till.price(Component::Licence, "windows-vcpu-hour") * u128::from(machine.vcpus)
        } else {
            0
        }
    };
    let mut sums = [[Sum::default(); 4]; 2];
    let mut machines = Vec::with_capacity(bill.protected.len());
    for protected in bill.protected {
        let storage = till.month(&protected.tiers, protected.standard_bytes);
        let logs = till.month(&[], protected.log_bytes);
        let transactions = till.transactions(protected.transactions);
        let licence = Sum {
            parts: till.price(Component::Licence, "protected-machine-month") * PARTS,
        };
        // The disks of a drill are there a second time while it lasts.
        let drill_storage = Sum {
            parts: storage.parts * drill_days / 365,
        };
        let (mut compute, mut drill_licence) = (Sum::default(), Sum::default());
        if let Some(machine) = &protected.machine {
            // Hours of a year, a twelfth of them a month.
            compute.parts = till.hour(machine) * drill_days * 24 * 365;
            drill_licence.parts = windows(&mut till, machine) * drill_days * 24 * 365 * 1_024;
        }
        let (mut replication, mut drill) = (storage, compute);
        replication.add(logs);
        replication.add(transactions);
        sums[0][Component::Storage as usize].add(replication);
        replication.add(licence);
        sums[0][Component::Licence as usize].add(licence);
        drill.add(drill_storage);
        drill.add(drill_licence);
        sums[1][Component::Compute as usize].add(compute);
        sums[1][Component::Storage as usize].add(drill_storage);
        sums[1][Component::Licence as usize].add(drill_licence);
        machines.push(MachineCost {
            replication_micros: replication.micros(discount),
            drill_micros: drill.micros(discount),
        });
    }
    for machine in bill.always_on {
        sums[0][Component::Compute as usize].parts += till.hour(machine) * MONTH_HOURS * 12 * 365;
        sums[0][Component::Licence as usize].parts += windows(&mut till, machine) * MONTH_HOURS * PARTS;
    }
    if let Some((name, mbit)) = bill.network {
        let month = match prices.find(Component::Network, name) {
            Some(price) => u128::from(price),
            None => till.price(Component::Network, "mbit-month") * u128::from(mbit),
        };
        sums[0][Component::Network as usize].parts += month * PARTS;
    }
    let components = [
        Component::Compute,
        Component::Storage,
        Component::Network,
        Component::Licence,
    ];
    let mut lines = Vec::with_capacity(8);
    for (state, sums) in [State::Replication, State::Drill].into_iter().zip(&sums) {
        for (component, sum) in components.into_iter().zip(sums) {
            lines.push(Line {
                state,
                component,
                micros_per_month: sum.micros(discount),
            });
        }
    }
    let micros_per_month = lines
        .iter()
        .fold(0, |sum: u64, line| sum.saturating_add(line.micros_per_month));
    let all = bill.protected.iter().map(|protected| protected.transactions);
    let transactions = all.fold(0, |sum: u64, more| sum.saturating_add(more));
    Cost {
        label: prices.label.clone(),
        currency: prices.currency.clone(),
        example: prices.example,
        discount_per_mille: discount,
        free_days_per_machine: prices.free_days_per_machine,
        transactions: figure(transactions, Unit::Count, "transactions"),
        lines,
        micros_per_month,
        micros_per_year: micros_per_month.saturating_mul(12),
        machines,
        missing: till.missing.into_iter().collect(),
    }
}
