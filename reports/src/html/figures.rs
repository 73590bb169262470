//! The page's charts, from the series of a result.

use std::collections::BTreeMap;

use actors::facts::{ItemState, StepOutcome};
use datapath::SimTime;
use sim::metrics::{BacklogSample, LinkResult, VmResult, milliseconds};

use super::{VMS_ALL_MAX, worst};
use crate::account::Account;
use crate::chart::bands::{Band, Bands, Row};
use crate::chart::lines::{Kind, Limit, Lines, Series};
use crate::chart::scale::Unit;
use crate::chart::{COLOURS, Figure};
use crate::words;

/// Stretches of time into which an estate's series are gathered.
const SLOTS: u64 = 240;
/// A line is interrupted where the next sample is later than so many milliseconds: RPO is sampled each minute while it runs.
const RPO_GAP_MS: u64 = 150_000;

/// A policy's RPO threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpoLimit {
    /// The policy.
    pub policy: String,
    /// Its threshold, in milliseconds.
    pub threshold_ms: u64,
}

/// All charts.
pub(super) fn all(account: &Account, limits: &[RpoLimit]) -> Vec<Figure> {
    let mut figures = vec![
        states(account).draw(),
        rpo(account, limits).draw(),
        backlog(account).draw(),
    ];
    figures.extend(links(account).map(|lines| lines.draw()));
    figures
}

fn end_ms(account: &Account) -> u64 {
    milliseconds(account.result.ended.0).max(1)
}

fn ms(at: SimTime) -> u64 {
    at.0 / 1_000_000
}

/// A colour for each kind of state: moving, protected, failing over, away.
fn colour(state: ItemState) -> &'static str {
    match state {
        ItemState::Unprotected | ItemState::OnPremisesUnprotected => "s7",
        ItemState::EnableInProgress | ItemState::InitialReplication | ItemState::ReprotectInProgress => "s0",
        ItemState::Protected => "s2",
        ItemState::ProtectedReverse => "s6",
        ItemState::Resynchronizing => "s5",
        ItemState::FailoverInProgress | ItemState::FailbackInProgress => "s3",
        ItemState::FailoverCommitPending | ItemState::FailbackCommitPending => "s1",
        ItemState::FailoverCommitted => "s4",
    }
}

fn states(account: &Account) -> Bands {
    let until = end_ms(account);
    let steps = account
        .result
        .steps
        .iter()
        .filter(|step| !account.names.step(step.step).is_empty());
    let mut rows = vec![Row {
        name: "steps".into(),
        bands: steps
            .map(|step| Band {
                from: ms(step.started),
                to: step.ended.map_or(until, ms),
                name: account.names.step(step.step),
                class: if matches!(step.outcome, StepOutcome::Failed(_)) {
                    "limit"
                } else {
                    "s7"
                }
                .into(),
            })
            .collect(),
    }];
    for vm in worst(account) {
        let ends = vm.states.iter().skip(1).map(|next| ms(next.0)).chain([until]);
        let bands = vm.states.iter().zip(ends).map(|(&(at, state), to)| Band {
            from: ms(at),
            to,
            name: words::state(state).into(),
            class: colour(state).into(),
        });
        rows.push(Row {
            name: vm.name.clone(),
            bands: bands.collect(),
        });
    }
    let many = account.result.vms.len() > VMS_ALL_MAX;
    let legend = [
        ("s7", "step of the operator, or not protected"),
        ("s0", "copying"),
        ("s2", "protected"),
        ("s5", "resynchronizing"),
        ("s3", "failing over or back"),
        ("s1", "commit pending"),
        ("s4", "runs in Azure, committed"),
        ("s6", "protected, reverse"),
        ("limit", "failed step"),
    ];
    Bands {
        id: "states",
        title: if many {
            "States of the machines with the worst RPO"
        } else {
            "Steps and states"
        }
        .into(),
        note: "A band is as long as the step or the state lasted; hover for its times.".into(),
        until,
        rows,
        head: "machine".into(),
        legend: legend.map(|(class, name)| (class.to_owned(), name.to_owned())).into(),
    }
}

fn rpo(account: &Account, limits: &[RpoLimit]) -> Lines {
    let vms = &account.result.vms;
    let many = vms.len() > VMS_ALL_MAX;
    Lines {
        id: "rpo",
        title: if many { "RPO of the estate over time" } else { "RPO over time" }.into(),
        note: if many {
            "Each moment's median, 99th percentile and worst over all protected machines, as the product reports it."
        } else {
            "How old the newest stored recovery point was, as the product reports it. A line runs while the machine is protected."
        }
        .into(),
        unit: Unit::Duration,
        kind: Kind::Lines,
        until: end_ms(account),
        series: if many {
            rpo_of_estate(vms, end_ms(account))
        } else {
            vms.iter().map(rpo_of).collect()
        },
        limits: limits
            .iter()
            .map(|limit| Limit {
                name: format!("threshold of policy {}", limit.policy),
                value: limit.threshold_ms,
            })
            .collect(),
    }
}

fn rpo_of(vm: &VmResult) -> Series {
    let mut points = Vec::with_capacity(vm.rpo_series.len());
    let mut last: Option<u64> = None;
    // A series that was thinned has its own, longer distances.
    let usual = vm
        .rpo_series
        .windows(2)
        .map(|pair| ms(pair[1].at).saturating_sub(ms(pair[0].at)))
        .fold((0_u64, 0_u64), |(sum, n), gap| (sum + gap, n + 1));
    let gap_max = RPO_GAP_MS.max(4 * usual.0 / usual.1.max(1));
    for sample in &vm.rpo_series {
        let at = ms(sample.at);
        if last.is_some_and(|last| at.saturating_sub(last) > gap_max) {
            points.push((at, None));
        }
        points.push((at, Some(sample.reported_ms)));
        last = Some(at);
    }
    Series {
        name: vm.name.clone(),
        points,
    }
}

fn rpo_of_estate(vms: &[VmResult], until: u64) -> Vec<Series> {
    let stretch = until.div_ceil(SLOTS).max(1);
    let mut slots: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for vm in vms {
        let mut own: BTreeMap<u64, u64> = BTreeMap::new();
        for sample in &vm.rpo_series {
            let worst = own.entry(ms(sample.at) / stretch).or_default();
            *worst = sample.reported_ms.max(*worst);
        }
        for (slot, worst) in own {
            slots.entry(slot).or_default().push(worst);
        }
    }
    slots.values_mut().for_each(|values| values.sort_unstable());
    let ranks: [(&str, fn(usize) -> usize); 3] = [
        ("worst", |n| n - 1),
        ("99th percentile", |n| (n * 99).div_ceil(100) - 1),
        ("median", |n| n.div_ceil(2) - 1),
    ];
    ranks
        .iter()
        .map(|(name, rank)| Series {
            name: (*name).to_owned(),
            points: slots
                .iter()
                .map(|(slot, values)| (slot * stretch, values.get(rank(values.len())).copied()))
                .collect(),
        })
        .collect()
}

/// Backlog of all machines together: at each moment, what each place held last.
fn backlog(account: &Account) -> Lines {
    let until = end_ms(account);
    let stretch = until.div_ceil(SLOTS).max(1);
    // Per slot and place: the change of the sum against the slot before.
    let mut changes: BTreeMap<u64, [i128; 3]> = BTreeMap::new();
    for vm in &account.result.vms {
        let mut slots: BTreeMap<u64, &BacklogSample> = BTreeMap::new();
        for sample in &vm.backlog {
            let greatest = slots.entry(ms(sample.at) / stretch).or_insert(sample);
            if sample.total() > greatest.total() {
                *greatest = sample;
            }
        }
        let mut before = [0_i128; 3];
        for (slot, sample) in slots {
            let now = [sample.source_bytes, sample.process_server_bytes, sample.target_bytes].map(i128::from);
            let change = changes.entry(slot).or_default();
            *change = std::array::from_fn(|place| change[place] + now[place] - before[place]);
            before = now;
        }
    }
    let mut sums = [0_i128; 3];
    let sums: Vec<(u64, [i128; 3])> = changes
        .into_iter()
        .map(|(slot, change)| {
            sums = std::array::from_fn(|place| sums[place] + change[place]);
            (slot * stretch, sums)
        })
        .collect();
    let places = [
        "source (journal)",
        "process server (cache)",
        "target (not yet processed)",
    ];
    let series = places.iter().enumerate().map(|(place, name)| Series {
        name: (*name).to_owned(),
        points: sums
            .iter()
            .map(|(at, sum)| (*at, Some(u64::try_from(sum[place]).unwrap_or(0))))
            .collect(),
    });
    Lines {
        id: "backlog",
        title: "Backlog".into(),
        note: "Bytes of all machines that wait to become a recovery point, by the place where they wait.".into(),
        unit: Unit::Bytes,
        kind: Kind::Stacked,
        until,
        series: series.collect(),
        limits: vec![],
    }
}

/// One chart for all links that carried something, if any did.
fn links(account: &Account) -> Option<Lines> {
    let mut used: Vec<&LinkResult> = account.result.links.iter().filter(|link| link.bytes > 0).collect();
    used.sort_by_key(|link| (std::cmp::Reverse(link.bytes), link.link, link.back));
    used.truncate(COLOURS);
    used.sort_by_key(|link| (link.link, link.back));
    if used.is_empty() {
        return None;
    }
    let series = used.iter().map(|link| {
        let mut points = Vec::with_capacity(link.series.len() * 2);
        let mut end = SimTime::ZERO;
        for sample in &link.series {
            if sample.from > end {
                points.push((ms(end), Some(0)));
            }
            points.push((
                ms(sample.from),
                Some(per_mille(link, sample.to.since(sample.from), sample.bytes)),
            ));
            end = sample.to;
        }
        points.push((ms(end), Some(0)));
        Series {
            name: format!(
                "{}{} ({})",
                link.name,
                if link.back { ", back" } else { "" },
                words::rate(link.bits_per_second)
            ),
            points,
        }
    });
    Some(Lines {
        id: "links",
        title: "Use of the links".into(),
        note: "What each link carried, per cent of its rate; the busiest links, each direction apart.".into(),
        unit: Unit::PerMille,
        kind: Kind::Steps,
        until: end_ms(account),
        series: series.collect(),
        limits: vec![Limit {
            name: "rate".into(),
            value: 1000,
        }],
    })
}

/// Bytes in an interval, per mille of what the link's rate allows.
fn per_mille(link: &LinkResult, nanoseconds: u64, bytes: u64) -> u64 {
    let allowed = u128::from(link.bits_per_second) * u128::from(nanoseconds.max(1));
    let carried = u128::from(bytes) * 8 * 1_000_000_000 * 1000;
    u64::try_from(carried / allowed.max(1)).unwrap_or(u64::MAX)
}
