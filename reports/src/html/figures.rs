//! The page's charts, from the series of a result.

use std::collections::BTreeMap;

use actors::nouns::ItemState;
use datapath::SimTime;
use sim::metrics::{BacklogSample, LinkResult, LinkSample, VmResult, milliseconds};

use super::{VMS_ALL_MAX, worst};
use crate::account::Account;
use crate::chart::bands::{Band, Bands, Mark, Row};
use crate::chart::lines::{Kind, Limit, Lines, Series};
use crate::chart::panels::Panels;
use crate::chart::scale::Unit;
use crate::chart::{Figure, SIMULATED};
use crate::words;

/// Stretches of time into which an estate's series are gathered.
const SLOTS: u64 = 240;

/// Links drawn, the busiest ones.
const LINKS_SHOWN: usize = 6;
/// A threshold so many times higher than all that was reached is beyond the scale.
const THRESHOLD_TIMES: u64 = 2;

/// States of the machines, with the steps' marks.
pub(super) fn states(account: &Account) -> Figure {
    bands(account).draw()
}

/// All other charts.
pub(super) fn all(account: &Account) -> Vec<Figure> {
    let mut figures = vec![rpo(account), backlog(account)];
    figures.extend(links(account).map(|panels| panels.draw()));
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

fn bands(account: &Account) -> Bands {
    let until = end_ms(account);
    let marks = account.step_groups().into_iter().map(|group| Mark {
        at: ms(group.started),
        name: format!("{} {}", group.text, words::list(&group.vms, 3)),
    });
    let mut rows = Vec::new();
    for vm in worst(account) {
        let ends = vm.states.iter().skip(1).map(|next| ms(next.0)).chain([until]);
        let bands = vm.states.iter().zip(ends).map(|(&(at, state), to)| Band {
            from: ms(at),
            to,
            name: words::state(state).into(),
            class: colour(state).into(),
        });
        let dark = vm.dark.iter().map(|&(from, to)| Band {
            from: ms(from),
            to: ms(to),
            name: "no copy of it runs".into(),
            class: "hatch".into(),
        });
        let tests = vm.tests.iter().map(|&(from, to)| Band {
            from: ms(from),
            to: to.map_or(until, ms),
            name: "a test failover runs".into(),
            class: "s1".into(),
        });
        rows.push(Row {
            name: vm.name.clone(),
            bands: bands.collect(),
            hatched: dark.collect(),
            below: tests.collect(),
        });
    }
    let shown = rows.len();
    let all = account.result.vms.len();
    let legend = [
        ("s7", "not protected"),
        ("s0", "copying"),
        ("s2", "protected"),
        ("s5", "resynchronizing"),
        ("s3", "failing over or back"),
        ("s1", "commit pending"),
        ("s4", "runs in Azure, committed"),
        ("s6", "protected, reverse"),
    ];
    let used = |class: &str| rows.iter().any(|row| row.bands.iter().any(|band| band.class == class));
    Bands {
        id: "states",
        title: if all > shown {
            format!("Steps, and states of the {shown} machines that fared worst, of {all}")
        } else {
            "Steps and states".into()
        },
        note: "A band lasts as long as its state. Hatched: no copy of the machine runs. A thin line below: the copy of a test failover \
               runs. The numbers are the steps in the table below."
            .into(),
        axis: SIMULATED,
        until,
        marks: marks.collect(),
        legend: legend
            .iter()
            .filter(|(class, _)| used(class))
            .map(|&(class, name)| (class.to_owned(), name.to_owned()))
            .collect(),
        rows,
        head: "machine".into(),
    }
}

fn rpo(account: &Account) -> Figure {
    let vms = &account.result.vms;
    let until = end_ms(account);
    let threshold = &account.rpo_threshold;
    let highest = vms.iter().filter_map(|vm| Some(vm.rpo?.max_ms)).max().unwrap_or(0);
    let limits = [Limit {
        name: format!("threshold of policy {}", threshold.policy),
        value: threshold.ms,
        beyond: threshold.ms > highest.saturating_mul(THRESHOLD_TIMES),
    }];
    let plot = |title: String, series: Vec<Series>| Lines {
        id: "rpo",
        title,
        note: String::new(),
        unit: Unit::Duration,
        kind: Kind::Lines,
        until,
        series,
        limits: limits.to_vec(),
        at_least: highest,
    };
    if vms.len() > VMS_ALL_MAX {
        let title = format!("RPO over time: {} machines", vms.len());
        let note = "Of each moment the median, the 99th percentile and the worst of all machines that were protected then, as the \
             product reports it.".to_owned();
        return Lines {
            note,
            ..plot(title, rpo_of_estate(vms, until))
        }
        .draw();
    }
    let of_vm = |vm: &VmResult| {
        let title = match vm.rpo {
            Some(rpo) => format!(
                "{}: at most {}, half of the time within {}",
                vm.name,
                words::duration(rpo.max_ms),
                words::duration(rpo.p50_ms)
            ),
            None => format!("{}: was never protected", vm.name),
        };
        plot(title, vec![rpo_of(vm)])
    };
    Panels {
        id: "rpo",
        title: "RPO over time".into(),
        note: "How old the newest recovery point at the target was, as the product reports it. A line runs while the machine runs \
             and is protected. A failover to the latest also takes what was stored after that point, so it can lose less."
            .into(),
        until,
        plots: vms.iter().map(of_vm).collect(),
        colours: vec!["RPO".into()],
    }
    .draw()
}

fn rpo_of(vm: &VmResult) -> Series {
    let mut points = Vec::with_capacity(vm.rpo_series.len() * 2);
    let mut end = None;
    for stretch in &vm.rpo_series {
        if end.is_some_and(|end| end < stretch.from) {
            points.push((ms(stretch.from), None));
        }
        points.push((ms(stretch.from), Some(stretch.low_ms)));
        points.push((ms(stretch.to), Some(stretch.high_ms)));
        end = Some(stretch.to);
    }
    Series {
        name: "RPO".into(),
        points,
    }
}

/// Where, counted from 0, a rank stands among so many values in ascending order.
type Rank = fn(usize) -> usize;

/// The worst RPO of each machine in each slot of time, gathered over the machines.
fn rpo_of_estate(vms: &[VmResult], until: u64) -> Vec<Series> {
    let slot_ms = until.div_ceil(SLOTS).max(1);
    let mut slots: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for vm in vms {
        let mut own: BTreeMap<u64, u64> = BTreeMap::new();
        for stretch in &vm.rpo_series {
            let (from, to) = (ms(stretch.from), ms(stretch.to));
            for slot in from / slot_ms..=to / slot_ms {
                // It rises a millisecond each millisecond, up to the end of the slot or of the stretch.
                let before_end = to.saturating_sub((slot + 1) * slot_ms);
                let worst = own.entry(slot).or_default();
                *worst = stretch.high_ms.saturating_sub(before_end).max(*worst);
            }
        }
        for (slot, worst) in own {
            slots.entry(slot).or_default().push(worst);
        }
    }
    slots.values_mut().for_each(|values| values.sort_unstable());
    let ranks: [(&str, Rank); 3] = [
        ("worst", |n| n - 1),
        ("99th percentile", |n| (n * 99).div_ceil(100) - 1),
        ("median", |n| n.div_ceil(2) - 1),
    ];
    let series = |(name, rank): &(&str, Rank)| {
        let mut points = Vec::with_capacity(slots.len());
        let mut next = 0;
        for (slot, values) in &slots {
            if *slot > next && !points.is_empty() {
                points.push((next * slot_ms, None));
            }
            points.push((slot * slot_ms, values.get(rank(values.len())).copied()));
            next = slot + 1;
        }
        Series {
            name: (*name).to_owned(),
            points,
        }
    };
    ranks.iter().map(series).collect()
}

/// Backlog of all machines together.
fn backlog(account: &Account) -> Figure {
    const NOTE: &str = "Bytes of all machines that wait to become a recovery point, by the place where they wait. Each place samples once \
                        a minute, so what came and went in between is not seen.";
    let until = end_ms(account);
    let sums = backlog_sums(&account.result.backlog, until);
    if sums.iter().all(|(_, sum)| *sum == [0; 3]) {
        return Figure::without_drawing("backlog", "Backlog", format!("Nothing waited at any sample. {NOTE}"));
    }
    let places = [
        "source (journal)",
        "process server (cache)",
        "target (not yet processed)",
    ];
    let series = places.iter().enumerate().map(|(place, name)| Series {
        name: (*name).to_owned(),
        points: sums.iter().map(|(at, sum)| (*at, Some(sum[place]))).collect(),
    });
    Lines {
        id: "backlog",
        title: "Backlog".into(),
        note: NOTE.into(),
        unit: Unit::Bytes,
        kind: Kind::Stacked,
        until,
        series: series.collect(),
        limits: vec![],
        at_least: 0,
    }
    .draw()
}

/// Of each stretch of time the moment at which most waited, and, where samples are missing after it, what waited at its end: a peak is
/// not drawn past its stretch.
fn backlog_sums(samples: &[BacklogSample], until: u64) -> Vec<(u64, [u64; 3])> {
    let stretch = until.div_ceil(SLOTS).max(1);
    let mut slots: BTreeMap<u64, (&BacklogSample, &BacklogSample)> = BTreeMap::new();
    for sample in samples {
        let (greatest, last) = slots.entry(ms(sample.at) / stretch).or_insert((sample, sample));
        if sample.total() > greatest.total() {
            *greatest = sample;
        }
        *last = sample;
    }
    let held = |sample: &BacklogSample| [sample.source_bytes, sample.process_server_bytes, sample.target_bytes];
    let mut sums = Vec::with_capacity(slots.len() * 2);
    for (slot, (greatest, last)) in &slots {
        sums.push((slot * stretch, held(greatest)));
        if !slots.contains_key(&(slot + 1)) {
            sums.push((((slot + 1) * stretch).min(until), held(last)));
        }
    }
    sums
}

/// A plot for each of the busiest links, if any carried something.
fn links(account: &Account) -> Option<Panels> {
    let links = &account.result.links;
    let mut numbers: Vec<u32> = links
        .iter()
        .filter(|link| link.bytes > 0)
        .map(|link| link.link)
        .collect();
    numbers.dedup();
    let used = numbers.len();
    let directions = |number: u32| links.iter().filter(move |link| link.link == number);
    let peak = |number: u32| directions(number).map(peak_rate).max().unwrap_or(0);
    let share = |number: u32| {
        let rate = directions(number).map(|link| link.bits_per_second).max().unwrap_or(0);
        peak(number).saturating_mul(1000) / rate.max(1)
    };
    numbers.sort_by_key(|&number| std::cmp::Reverse(share(number)));
    numbers.truncate(LINKS_SHOWN);
    numbers.sort_unstable();
    let plots: Vec<Lines> = numbers
        .iter()
        .filter_map(|&number| {
            let link = directions(number).next()?;
            Some(Lines {
                id: "links",
                title: format!(
                    "{}: busiest {}: mean {} of {} ({})",
                    link.name,
                    busiest(directions(number)),
                    words::rate(peak(number)),
                    words::rate(link.bits_per_second),
                    Unit::PerMille.words(share(number))
                ),
                note: String::new(),
                unit: Unit::BitsPerSecond,
                kind: Kind::Steps,
                until: end_ms(account),
                series: directions(number).map(throughput).collect(),
                // Of a link that is hardly used the curve says more than the distance to its rate.
                limits: (share(number) >= 200)
                    .then(|| Limit {
                        name: format!("rate of {}", link.name),
                        value: link.bits_per_second,
                        beyond: false,
                    })
                    .into_iter()
                    .collect(),
                at_least: 0,
            })
        })
        .collect();
    if plots.is_empty() {
        return None;
    }
    let more = match used - plots.len() {
        0 => String::new(),
        more => format!(" {more} more links were used less and are not shown."),
    };
    Some(Panels {
        id: "links",
        title: "Use of the links".into(),
        note: format!("What each link carried, each direction apart, as the mean of each interval.{more}"),
        until: end_ms(account),
        plots,
        colours: vec!["from its first end in the scenario to its second".into(), "back".into()],
    })
}

fn throughput(link: &LinkResult) -> Series {
    let mut points = Vec::with_capacity(link.series.len() * 2);
    let mut end = SimTime::ZERO;
    for sample in &link.series {
        if sample.from > end {
            points.push((ms(end), Some(0)));
        }
        points.push((ms(sample.from), Some(rate(sample))));
        end = sample.to;
    }
    points.push((ms(end), Some(0)));
    Series {
        name: if link.back { "back" } else { "there" }.into(),
        points,
    }
}

/// How long the interval of the highest mean is: a minute, unless the run is so long that its series was thinned.
fn busiest<'a>(directions: impl Iterator<Item = &'a LinkResult>) -> String {
    let samples = directions.flat_map(|link| &link.series);
    match samples
        .max_by_key(|sample| rate(sample))
        .map(|peak| milliseconds(peak.to.since(peak.from)))
    {
        None | Some(60_000) => "minute".to_owned(),
        Some(length) => words::duration(length),
    }
}

fn peak_rate(link: &LinkResult) -> u64 {
    link.series.iter().map(rate).max().unwrap_or(0)
}

/// Bits per second that a sample's bytes are.
fn rate(sample: &LinkSample) -> u64 {
    let nanoseconds = u128::from(sample.to.since(sample.from).max(1));
    u64::try_from(u128::from(sample.bytes) * 8 * 1_000_000_000 / nanoseconds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_of_backlog_falls_to_what_waited_last() {
        let sample = |second: u64, bytes| BacklogSample {
            at: SimTime(second * 1_000_000_000),
            source_bytes: bytes,
            process_server_bytes: 0,
            target_bytes: 0,
        };
        // Stretches of ten seconds.
        let until = SLOTS * 10_000;
        let sums = backlog_sums(
            &[sample(1, 5), sample(4, 9), sample(8, 0), sample(61, 3), sample(70, 2)],
            until,
        );
        let drawn: Vec<(u64, u64)> = sums.iter().map(|(at, sum)| (at / 1000, sum[0])).collect();
        assert_eq!(drawn, [(0, 9), (10, 0), (60, 3), (70, 2), (80, 2)]);
    }
}
