//! The answer of a plan in a line, and what the plan takes for granted.

use crate::demand::{Compression, DailyShape, Known};
use crate::plan::{Answer, Assumption, Bandwidth, Figure, Given, Summary};
use crate::recommend::Work;
use crate::throttle::in_utc;
use crate::words::{rate, size, time};

/// A share of thousandths in per cent.
fn per_cent(per_mille: u32) -> String {
    if per_mille.is_multiple_of(10) {
        format!("{} %", per_mille / 10)
    } else {
        format!("{}.{} %", per_mille / 10, per_mille % 10)
    }
}

fn rpo(figure: Option<Figure>) -> String {
    figure.map_or("without an end".to_owned(), |figure| time(figure.value))
}

pub(crate) fn answer(work: &Work<'_>, summary: &Summary, bandwidths: &[Bandwidth], given: Option<&Given>) -> Answer {
    let options = work.options;
    let share = per_cent(options.share_per_mille);
    let wanted = time(u64::from(options.rpo_seconds) * 1_000);
    let first = &bandwidths[0];
    let needs = |figure: Option<Figure>| figure.map_or("no bandwidth".to_owned(), |figure| rate(figure.value));
    let needed = format!(
        "an RPO of {wanted} needs {} always and {} in {share} of the time",
        needs(first.always),
        needs(first.share)
    );
    let known = work.counted().flat_map(|(_, _, demand, _)| &demand.disks);
    let nothing_known = known.map(|disk| disk.known).all(|known| known == Known::Nothing);
    let (enough, mut text) = match given {
        _ if work.counted().next().is_none() => (None, "No machine can be protected.".to_owned()),
        // An inventory alone says how large disks are, and a queue to which nothing comes keeps any RPO.
        _ if nothing_known => (
            None,
            "Not known: of no machine that can be protected is it said what it writes, and an RPO hangs on that; give counters, or \
             \"daily_change\" in an estate as CSV (--template prints one)."
                .to_owned(),
        ),
        None => (None, format!("No bandwidth is given: {needed}.")),
        Some(given) if given.enough_always => {
            let worst = rpo(given.what_if.rpo_always);
            let bits = rate(given.what_if.bits_per_second.value);
            (
                Some(true),
                format!("Enough: with {bits} the RPO is {worst} at its worst; {needed}."),
            )
        }
        Some(given) => {
            let what_if = &given.what_if;
            let missing = match given.missing {
                Some(bits) => format!("{} more would be enough", rate(bits.value)),
                None => "no bandwidth would be enough, for an outage or a throttle is in the way".to_owned(),
            };
            let often = if given.enough_share {
                format!(" (though it is in {share} of the time)")
            } else {
                String::new()
            };
            // Tenths, rounded up: one in a month is not none.
            let days = what_if.violations_per_day.value.div_ceil(100) * 100;
            let text = format!(
                "Not enough{often}: with {} the RPO is {} at its worst and {} in {share} of the time, over {wanted} {}.{} times a day; {needed}; {missing}.",
                rate(what_if.bits_per_second.value),
                rpo(what_if.rpo_always),
                rpo(what_if.rpo_share),
                days / 1_000,
                days % 1_000 / 100,
            );
            (Some(false), text)
        }
    };
    if summary.incompatible.value > 0 {
        let left_out = size(summary.left_out_day_bytes.value);
        text.push_str(&format!(
            " {} of {} machines cannot be protected and are left out ({left_out} a day).",
            summary.incompatible.value, summary.machines.value
        ));
    }
    if summary.data_not_found.value > 0 && !nothing_known {
        text.push_str(&format!(
            " Of machines of which nothing is known there are {}.",
            summary.data_not_found.value
        ));
    }
    Answer { enough, text }
}

pub(crate) fn assumptions(work: &Work<'_>) -> Vec<Assumption> {
    let options = work.options;
    let mut all = Vec::new();
    let mut say = |name, text: String| all.push(Assumption { name, text });
    let disks = || work.demands.iter().flat_map(|demand| &demand.disks);
    match options.compression {
        Compression::Fixed { per_mille } => say(
            "compression",
            format!("all changes compress to {}", per_cent(per_mille)),
        ),
        Compression::Measured { otherwise_per_mille } => {
            let not = work
                .estate
                .disks()
                .filter(|(_, disk)| disk.compressed_per_mille.is_none())
                .count();
            if not > 0 {
                let to = per_cent(otherwise_per_mille);
                say(
                    "compression",
                    format!("{not} disks were not measured: their changes are taken to compress to {to}"),
                );
            }
        }
    }
    let daily = disks().filter(|disk| disk.known == Known::DailyChange).count();
    if daily > 0 {
        let shape = match options.shape {
            DailyShape::Constant => "evenly over the day: real peaks need more bandwidth",
            DailyShape::OfficeHours => "by an office day: three quarters of it from 8 to 18",
        };
        say(
            "daily-shape",
            format!("{daily} disks have no counters; their daily change is spread {shape}"),
        );
    }
    if work.profile.is_none() {
        say(
            "no-profile",
            "there is no profile: a week of minutes is made of daily changes".to_owned(),
        );
    }
    let gaps: usize = work.demands.iter().map(crate::demand::VmDemand::gaps).sum();
    if gaps > 0 {
        say(
            "gaps",
            format!("{gaps} steps of disks have no counter and are taken for the mean of their disk"),
        );
    }
    if work.arrivals.start_seconds == 0
        && options.service.as_ref().is_some_and(|service| {
            !options.throttles.is_empty() || service.links.iter().any(|link| !link.hours.is_empty())
        })
    {
        say(
            "week",
            "the profile has no date: it is taken to begin on a Monday at 00:00".to_owned(),
        );
    }
    for throttle in &options.throttles {
        let servers = work.process_servers();
        let each = rate(throttle.bits_per_second);
        say(
            "throttle",
            format!(
                "{}: each of {servers} process servers sends at most {each}{}",
                throttle.when(),
                match in_utc(throttle, options.utc_offset_minutes) {
                    Some(_) => "",
                    None => "; a drill that is written has it not, for its hours are no whole ones of UTC",
                }
            ),
        );
    }
    let unused = work
        .counted()
        .flat_map(|(_, vm, _, _)| &vm.disks)
        .filter(|disk| disk.used_bytes.is_none())
        .count();
    if unused > 0 {
        say(
            "used",
            format!("of {unused} disks it is not known how much is used: all of it is copied at first"),
        );
    }
    say(
        "interval",
        "an RPO is the queue's delay; the time between recovery points (5 min for crash-consistent ones) comes on top"
            .to_owned(),
    );
    for measured in &options.measured {
        say(
            "measured",
            format!("{} was measured: {}", measured.name, measured.source),
        );
    }
    if options.sent_per_mille != 1_000 {
        say(
            "folding",
            format!("{} of what is written is sent", per_cent(options.sent_per_mille)),
        );
    }
    let framing = options.framing_per_million;
    if framing > 0 {
        let tenths = framing.div_ceil(1_000);
        say(
            "framing",
            format!(
                "the headers of packets (Ethernet, IP, TCP) add {}.{} % to all that goes over a link",
                tenths / 10,
                tenths % 10
            ),
        );
    }
    if options.sent_per_mille == 1_000 {
        say(
            "folding",
            "each written byte is sent: that a block written twice between two points travels once is not taken off"
                .to_owned(),
        );
    }
    say(
        "end",
        "when the profile ends nothing more arrives; what is queued then is served by the service to come".to_owned(),
    );
    all
}
