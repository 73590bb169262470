//! All figures of a plan by name, each with where it is from.

use planning::plan::{Figure, Origin, Plan, Throttled, WhatIf};
use planning::words::time;

use super::units::Kind;

/// A figure with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where it is in `plan.json`, below `plan`: `/summary/machines`.
    pub path: String,
    /// What it is.
    pub label: String,
    /// Its value.
    pub figure: Figure,
    /// How it is shown.
    pub kind: Kind,
}

impl Named {
    /// Where it is from.
    #[must_use]
    pub fn origin<'a>(&self, plan: &'a Plan) -> Option<&'a Origin> {
        plan.origins.get(self.figure.origin)
    }
}

/// Thousandths in per cent: `90 %`.
#[must_use]
pub fn share(per_mille: u32) -> String {
    Kind::PerMille.human(u64::from(per_mille))
}

/// An RPO of so many seconds in words.
#[must_use]
pub fn rpo(seconds: u32) -> String {
    time(u64::from(seconds) * 1_000)
}

struct List(Vec<Named>);

impl List {
    fn add(&mut self, path: impl Into<String>, label: impl Into<String>, figure: Figure) {
        self.0.push(Named {
            path: path.into(),
            label: label.into(),
            figure,
            kind: figure.unit.into(),
        });
    }

    fn may(&mut self, path: impl Into<String>, label: impl Into<String>, figure: Option<Figure>) {
        if let Some(figure) = figure {
            self.add(path, label, figure);
        }
    }

    fn what_if(&mut self, path: &str, of: &str, plan: &Plan, what_if: &WhatIf) {
        let (share, wanted) = (share(plan.share_per_mille), rpo(plan.rpo_seconds));
        let add = |name: &str, label: String| (format!("{path}/{name}"), format!("{of}: {label}"));
        let (at, label) = add("bits_per_second", "rate of all links".to_owned());
        self.add(at, label, what_if.bits_per_second);
        let (at, label) = add("rpo_always", "RPO at its worst".to_owned());
        self.may(at, label, what_if.rpo_always);
        let (at, label) = add("rpo_share", format!("RPO kept in {share} of the time"));
        self.may(at, label, what_if.rpo_share);
        let (at, label) = add("rpo_half", "RPO kept in half of the time (median)".to_owned());
        self.may(at, label, what_if.rpo_half);
        let (at, label) = add("violations", format!("times that the RPO goes over {wanted}"));
        self.add(at, label, what_if.violations);
        let (at, label) = add(
            "violations_per_day",
            format!("times a day that the RPO goes over {wanted}"),
        );
        self.add(at, label, what_if.violations_per_day);
        let (at, label) = add("steps_over", format!("share of the time with an RPO over {wanted}"));
        self.add(at, label, what_if.steps_over);
        let (at, label) = add("backlog_bytes", "largest backlog (changes that wait)".to_owned());
        self.add(at, label, what_if.backlog_bytes);
    }
}

/// When a throttle holds: `mon, tue from 8 to 18 h`.
#[must_use]
pub fn when(throttle: &Throttled) -> String {
    let days = match throttle.days.len() {
        7 => "every day".to_owned(),
        _ => throttle.days.join(", "),
    };
    format!("{days} from {} to {} h", throttle.from_hour, throttle.to_hour)
}

/// All figures, in the order of `plan.json`.
#[must_use]
pub fn figures(plan: &Plan) -> Vec<Named> {
    let mut list = List(Vec::new());
    summary(plan, &mut list);
    let often = share(plan.share_per_mille);
    for (index, row) in plan.bandwidths.iter().enumerate() {
        let rpo = rpo(row.rpo_seconds);
        let path = |name: &str| format!("/bandwidths/{index}/{name}");
        list.may(
            path("always"),
            format!("Bandwidth for an RPO of {rpo}, always"),
            row.always,
        );
        let label = format!("Bandwidth for an RPO of {rpo} in {often} of the time");
        list.may(path("share"), label, row.share);
    }
    let wanted = rpo(plan.rpo_seconds);
    let label = format!("Bandwidth for an RPO of {wanted}, always, if machines that cannot be protected could");
    list.may("/bandwidth_of_all", label, plan.bandwidth_of_all);
    for (index, throttle) in plan.throttles.iter().enumerate() {
        let when = when(throttle);
        let label = format!("Throttle of a process server, {when}");
        list.add(format!("/throttles/{index}/each"), label, throttle.each);
        let label = format!("Throttle of all process servers, {when}");
        list.add(format!("/throttles/{index}/together"), label, throttle.together);
    }
    if let Some(given) = &plan.given {
        list.may("/given/missing", "Bandwidth that is missing", given.missing);
        list.what_if("/given/what_if", "With the bandwidth given", plan, &given.what_if);
    }
    if let Some(what_if) = &plan.what_if {
        let of = format!("With the bandwidth for {often} of the time");
        list.what_if("/what_if", &of, plan, what_if);
    }
    if let Some(band) = &plan.band {
        for (name, label, figure) in [
            (
                "rpo_least",
                "RPO at its worst, uncertain constants at their least",
                band.rpo_least,
            ),
            (
                "rpo_most",
                "RPO at its worst, uncertain constants at their most",
                band.rpo_most,
            ),
            (
                "needed_least",
                "Bandwidth needed, uncertain constants at their least",
                band.needed_least,
            ),
            (
                "needed_most",
                "Bandwidth needed, uncertain constants at their most",
                band.needed_most,
            ),
        ] {
            list.may(format!("/band/{name}"), label, figure);
        }
    }
    let copy = &plan.initial_copy;
    for (name, label, figure) in [
        ("bytes", "Initial replication: what goes over the link", copy.bytes),
        (
            "machine_bytes",
            "Initial replication: mean of a machine",
            copy.machine_bytes,
        ),
        (
            "steady",
            "Bandwidth that changes need during the initial replication",
            copy.steady,
        ),
        (
            "simulated",
            "Bandwidth with which the initial replication is followed",
            copy.simulated,
        ),
    ] {
        list.add(format!("/initial_copy/{name}"), label, figure);
    }
    let recovery = &plan.recovery;
    let failback = &recovery.failback;
    for (name, label, figure) in [
        ("plans", "Recovery plans that it takes", recovery.plans),
        ("hydrated", "Machines that are hydrated", recovery.hydrated),
        (
            "hourly",
            "Failovers that the service starts in an hour",
            recovery.hourly,
        ),
        (
            "seconds",
            "Recovery: from the start of the plan to the last answer",
            recovery.seconds,
        ),
        (
            "least_seconds",
            "Recovery, uncertain constants at their least",
            recovery.least_seconds,
        ),
        (
            "most_seconds",
            "Recovery, uncertain constants at their most",
            recovery.most_seconds,
        ),
        (
            "failback/bits_per_second",
            "Failback: the line",
            failback.bits_per_second,
        ),
        (
            "failback/original_bytes",
            "Failback to the machines that were left",
            failback.original_bytes,
        ),
        (
            "failback/alternate_bytes",
            "Failback to new machines",
            failback.alternate_bytes,
        ),
    ] {
        list.add(format!("/recovery/{name}"), label, figure);
    }
    for (index, step) in recovery.steps.iter().enumerate() {
        let path = |name: &str| format!("/recovery/steps/{index}/{name}");
        list.add(
            path("machines"),
            format!("Recovery, step {}: machines", index + 1),
            step.machines,
        );
        list.add(path("seconds"), format!("Recovery, step {}", index + 1), step.seconds);
        for (name, figure) in [("creation", step.creation), ("boot", step.boot)] {
            list.may(path(name), format!("Recovery, step {}: {name}", index + 1), figure);
        }
    }
    list.may(
        "/recovery/failback/original_seconds",
        "Failback to the machines that were left: time",
        failback.original_seconds,
    );
    list.may(
        "/recovery/failback/alternate_seconds",
        "Failback to new machines: time",
        failback.alternate_seconds,
    );
    let servers = &plan.servers;
    for (name, label, figure) in [
        (
            "machines",
            "Machines as the sizing tables count them (of 3 disks)",
            servers.machines,
        ),
        (
            "daily_bytes",
            "Changes of the busiest day with growth, for sizing",
            servers.daily_bytes,
        ),
        (
            "by_churn",
            "Process servers that the changes alone need",
            servers.by_churn,
        ),
        (
            "by_machines",
            "Process servers that the number of machines alone needs",
            servers.by_machines,
        ),
        (
            "limit",
            "Machines that a configuration server manages at the most",
            servers.limit,
        ),
    ] {
        list.add(format!("/servers/{name}"), label, figure);
    }
    let label = "vCPUs in Azure for a test failover of all machines at once";
    list.add("/azure_cores", label, plan.azure_cores);
    if let Some(cost) = &plan.cost {
        let label = "Writes to standard storage in a month";
        list.add("/cost/transactions", label, cost.transactions);
    }
    if let Some(network) = &plan.network {
        let label = format!("Rate of the circuit or gateway {}", network.name);
        list.add("/network/bits_per_second", label, network.bits_per_second);
    }
    list.0
}

fn summary(plan: &Plan, list: &mut List) {
    let summary = &plan.summary;
    for (name, label, figure) in [
        (
            "profiled_seconds",
            "Time that the counters cover",
            summary.profiled_seconds,
        ),
        ("machines", "Machines in the estate", summary.machines),
        ("compatible", "Machines that can be protected", summary.compatible),
        (
            "incompatible",
            "Machines that cannot be protected",
            summary.incompatible,
        ),
        (
            "data_not_found",
            "Machines of whose changes nothing is known",
            summary.data_not_found,
        ),
        ("disks", "Disks of machines that can be protected", summary.disks),
    ] {
        list.add(format!("/summary/{name}"), label, figure);
    }
    list.add(
        "/summary/disks_per_machine",
        "Disks of a machine, in the mean",
        summary.disks_per_machine,
    );
    for (name, label, figure) in [
        ("disk_bytes", "Size of a disk, in the mean", summary.disk_bytes),
        (
            "typical_day_bytes",
            "Changes of a typical day (churn), without growth",
            summary.typical_day_bytes,
        ),
        (
            "busiest_day_bytes",
            "Changes of the busiest day (churn), without growth",
            summary.busiest_day_bytes,
        ),
        (
            "left_out_day_bytes",
            "Changes a day of machines that cannot be protected, left out",
            summary.left_out_day_bytes,
        ),
        ("gaps", "Steps of disks without a counter", summary.gaps),
    ] {
        list.add(format!("/summary/{name}"), label, figure);
    }
}
