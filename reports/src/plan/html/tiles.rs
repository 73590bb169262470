//! Key figures as tiles, each with where it is from: on hover, and to open without a mouse.

use std::fmt::Write as _;

use planning::plan::{Figure, Plan};

use crate::chart::escape;
use crate::plan::figures::{rpo, share};
use crate::plan::tables::estate::MONTH;
use crate::plan::tables::from;
use crate::plan::tables::time::{shown, step_name};
use crate::plan::units::Kind;
use crate::plan::words::account_source;
use crate::words::count;

struct Tile {
    label: String,
    value: String,
    /// The exact value; empty where it is the one shown.
    exact: String,
    /// Where it is from, in sentences.
    from: String,
}

struct Tiles<'a> {
    plan: &'a Plan,
    tiles: Vec<Tile>,
}

impl Tiles<'_> {
    fn add(&mut self, label: impl Into<String>, value: String, exact: String, from: String) {
        self.tiles.push(Tile {
            label: label.into(),
            value,
            exact,
            from,
        });
    }

    fn figure(&mut self, label: impl Into<String>, figure: Figure, kind: Kind) {
        let from = from(self.plan, figure.origin);
        self.add(label, kind.human(figure.value), kind.exact(figure.value), from);
    }

    fn may(&mut self, label: impl Into<String>, figure: Option<Figure>, none: &str, origin: &str) {
        match figure {
            Some(figure) => self.figure(label, figure, figure.unit.into()),
            None => {
                let from = from(self.plan, origin);
                self.add(label, none.to_owned(), String::new(), from);
            }
        }
    }
}

pub(super) fn tiles(out: &mut String, plan: &Plan) {
    let mut tiles = Tiles {
        plan,
        tiles: Vec::new(),
    };
    bandwidth(&mut tiles);
    estate(&mut tiles);
    out.push_str("<section id=\"key\"><h2>Key figures</h2><div class=\"figures\">\n");
    for tile in &tiles.tiles {
        let exact = if tile.exact.is_empty() || tile.exact == tile.value {
            String::new()
        } else {
            format!("Exactly {}. ", tile.exact)
        };
        let said = escape(&format!("{exact}{}", tile.from));
        let _ = writeln!(
            out,
            "<div title=\"{said}\"><p class=\"label\">{}</p><p class=\"value\">{}</p>\
             <details><summary>where from</summary><p>{said}</p></details></div>",
            escape(&tile.label),
            escape(&tile.value)
        );
    }
    out.push_str("</div></section>\n");
}

fn bandwidth(tiles: &mut Tiles<'_>) {
    let plan = tiles.plan;
    let (wanted, often) = (rpo(plan.rpo_seconds), share(plan.share_per_mille));
    if let Some(given) = &plan.given {
        tiles.may(
            "Bandwidth that is missing",
            given.missing,
            "no bandwidth is enough",
            "bandwidth-missing",
        );
        tiles.figure("Bandwidth given", given.what_if.bits_per_second, Kind::BitsPerSecond);
    }
    if let Some(first) = plan.bandwidths.first() {
        let label = format!("Bandwidth for an RPO of {wanted}, always");
        tiles.may(label, first.always, "none is enough", "bandwidth-always");
        let label = format!("Bandwidth for an RPO of {wanted} in {often} of the time");
        tiles.may(label, first.share, "none is enough", "bandwidth-share");
    }
    if let Some(band) = &plan.band {
        tiles.may(
            "RPO at its worst, at the lower end of the band",
            band.rpo_least,
            "without an end",
            "band-rpo",
        );
        tiles.may(
            "RPO at its worst, at the upper end of the band",
            band.rpo_most,
            "without an end",
            "band-rpo",
        );
    }
    if let Some(what_if) = shown(plan) {
        let with = if plan.given.is_some() {
            "with the bandwidth given".to_owned()
        } else {
            format!("with the bandwidth for {often} of the time")
        };
        tiles.may(
            format!("RPO at its worst, {with}"),
            what_if.rpo_always,
            "without an end",
            "rpo-always",
        );
        tiles.may(
            format!("RPO in {often} of the time, {with}"),
            what_if.rpo_share,
            "without an end",
            "rpo-share",
        );
        let label = format!("Times a day over {wanted}, {with}");
        tiles.figure(label, what_if.violations_per_day, Kind::Thousandths);
        tiles.figure(format!("Largest backlog, {with}"), what_if.backlog_bytes, Kind::Bytes);
    }
}

fn estate(tiles: &mut Tiles<'_>) {
    let plan = tiles.plan;
    let summary = &plan.summary;
    let fit = format!(
        "{} of {}",
        count(summary.compatible.value),
        count(summary.machines.value)
    );
    tiles.add(
        "Machines that can be protected",
        fit,
        String::new(),
        from(plan, "compatible"),
    );
    tiles.figure(
        "Changes of the busiest day (churn), without growth",
        summary.busiest_day_bytes,
        Kind::BytesPerDay,
    );
    let sizing = &plan.servers.sizing;
    let servers = format!(
        "{} + {}",
        count(sizing.configuration_servers.into()),
        count(sizing.process_servers.into())
    );
    let source = format!(
        "By changes {}, by machines {}. {} {}",
        plan.servers.by_churn.value,
        plan.servers.by_machines.value,
        from(plan, "servers-by-churn"),
        from(plan, "servers-by-machines")
    );
    tiles.add(
        "Configuration servers + process servers beside them",
        servers,
        String::new(),
        source,
    );
    let accounts = format!(
        "From: peaks with growth, sizes of disks. Formula: the heaviest machine first, each into the first account that still carries it. \
         Source: {}.",
        account_source(plan)
    );
    tiles.add(
        "Storage accounts in Azure, without log accounts",
        count(plan.accounts.len() as u64),
        String::new(),
        accounts,
    );
    tiles.figure(
        "vCPUs in Azure for a test failover of all",
        plan.azure_cores,
        Kind::Count,
    );
    let copy = &plan.initial_copy;
    tiles.figure("Initial replication: what goes over the link", copy.bytes, Kind::Bytes);
    let (value, exact) = copy.at_once.map_or_else(
        || ("never done".to_owned(), String::new()),
        |finish| {
            (
                Kind::Seconds.human(finish.done_seconds),
                Kind::Seconds.exact(finish.done_seconds),
            )
        },
    );
    let label = format!(
        "Initial replication of all at once, with {}",
        planning::words::rate(copy.simulated.value)
    );
    tiles.add(label, value, exact, from(plan, "copy-rate"));
    let recovery = &plan.recovery;
    let longest = recovery.steps.iter().find(|step| step.longest);
    let longest = longest.map_or_else(String::new, |step| format!(", the longest: {}", step_name(step)));
    tiles.figure(
        format!("Recovery of all machines{longest}"),
        recovery.seconds,
        Kind::Seconds,
    );
    let failback = &recovery.failback;
    let label = format!(
        "Failback of what changed, over {}",
        planning::words::rate(failback.bits_per_second.value)
    );
    match failback.original_seconds {
        Some(seconds) => tiles.figure(label, seconds, Kind::Seconds),
        None => {
            let source = from(plan, "failback-time");
            tiles.add(label, "never done".to_owned(), String::new(), source);
        }
    }
    if let Some(cost) = &plan.cost {
        let example = if cost.example { " (example prices)" } else { "" };
        let value = format!("{} {}", Kind::Money.human(cost.micros_per_month), cost.currency);
        let exact = Kind::Money.exact(cost.micros_per_month);
        tiles.add(format!("Cost per month{example}"), value, exact, MONTH.to_owned());
    }
}
