//! Where each figure of a plan is from, in words.

use std::collections::BTreeMap;

use crate::gates::Unit;
use crate::plan::Origin;

/// Key, input, formula, source.
const ORIGINS: [(&str, &str, &str, &str); 55] = [
    ("profiled", "profile", "steps × seconds of a step", "facts §5.3"),
    ("machines", "estate", "number of machines", "facts §5.3"),
    (
        "compatible",
        "estate, profile, era",
        "machines that break no rule, and those included by hand",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §3.5, §5.3)",
    ),
    (
        "incompatible",
        "estate, profile, era",
        "machines that break a rule",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §3.5, §5.3)",
    ),
    (
        "data-not-found",
        "estate, profile",
        "machines without a counter and without a daily change",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "disks",
        "estate",
        "disks of the machines that count",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "disks-per-machine",
        "estate",
        "disks ÷ machines that count",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "disk-size",
        "estate",
        "sizes of the disks that count ÷ their number",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "typical-day",
        "profile, or daily changes of the estate",
        "mean written bytes per second × 86,400 s",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "busiest-day",
        "profile, or daily changes of the estate",
        "most written bytes of any 24 h from the window's start on",
        "our reading",
    ),
    (
        "left-out",
        "profile of machines that cannot be protected",
        "mean written bytes per second × 86,400 s",
        "GH#71094 (facts §5.4)",
    ),
    (
        "gaps",
        "profile",
        "steps without a counter, taken for the mean of their disk",
        "our reading",
    ),
    (
        "bandwidth-always",
        "changes with growth, compressed; RPO",
        "smallest rate that carries the mean and with which the queue's delay is never over the RPO",
        "facts §5.5",
    ),
    (
        "bandwidth-share",
        "changes with growth, compressed; RPO; share",
        "smallest rate that carries the mean and with which the queue's delay is over the RPO in no more than the other steps",
        "facts §5.5",
    ),
    (
        "bandwidth-of-all",
        "changes of all machines with growth, compressed; RPO",
        "smallest rate that carries the mean and with which the queue's delay is never over the RPO",
        "GH#71094 (facts §5.4), facts §5.5",
    ),
    (
        "bandwidth-given",
        "bandwidth",
        "sum of the links, without throttles and outages",
        "input",
    ),
    (
        "throttle",
        "throttle",
        "as given, within what the product takes in the era",
        "site-recovery-plan-capacity-vmware.md (2017-02 and 2019) (facts §3.7)",
    ),
    (
        "throttle-together",
        "throttle, process servers",
        "throttle × process servers, one where the configuration server is the process server",
        "site-recovery-plan-capacity-vmware.md (2017-02): each process server has its own (facts §3.7)",
    ),
    (
        "bandwidth-missing",
        "bandwidth, changes, RPO",
        "smallest rate of the first link that carries the mean and always keeps the RPO − its rate",
        "facts §5.5",
    ),
    (
        "rpo-always",
        "changes, bandwidth",
        "largest delay of the queue",
        "facts §5.5",
    ),
    (
        "rpo-share",
        "changes, bandwidth, share",
        "delay of the queue at the nearest rank of the share",
        "facts §5.5",
    ),
    (
        "rpo-half",
        "changes, bandwidth",
        "median of the steps' largest delays",
        "facts §5.5",
    ),
    (
        "band-rpo",
        "changes, bandwidth, constants of our model",
        "largest delay of the queue with all uncertain constants at their least, or at their most",
        "our model: planning/data/constants.csv",
    ),
    (
        "band-needed",
        "changes, RPO, constants of our model",
        "bandwidth that always keeps the RPO with all uncertain constants at their least, or at their most",
        "our model: planning/data/constants.csv",
    ),
    (
        "violations",
        "changes, bandwidth, RPO",
        "runs of steps with a delay over the RPO",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3, §5.5)",
    ),
    (
        "violations-per-day",
        "changes, bandwidth, RPO",
        "violations ÷ days of the window",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3, §5.5)",
    ),
    (
        "steps-over",
        "changes, bandwidth, RPO",
        "steps with a delay over the RPO ÷ steps",
        "facts §5.5",
    ),
    (
        "backlog",
        "changes, bandwidth",
        "largest queue at the end of a step",
        "facts §5.5",
    ),
    (
        "copy-bytes",
        "used bytes of disks (their size where that is not known), compression",
        "sum over the disks that count of used bytes × compressed share × headers of packets",
        "vmware-azure-enable-replication.md: used content is copied (facts §1.3)",
    ),
    (
        "copy-machine",
        "copy of all machines",
        "bytes ÷ machines that count",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "copy-steady",
        "changes, RPO",
        "bandwidth that always keeps the RPO",
        "facts §5.5",
    ),
    (
        "copy-curve",
        "goal, bandwidth, changes, mean size of a machine",
        "⌊goal × (bandwidth − steady) ÷ mean size of a machine⌋",
        "facts §5.5",
    ),
    (
        "copy-rate",
        "bandwidth given, else that which always keeps the RPO",
        "sum of the links",
        "facts §5.5",
    ),
    (
        "server-machines",
        "estate",
        "the larger of machines and ⌈disks ÷ 3⌉: the tables count machines of 3 disks",
        "site-recovery-plan-capacity-vmware.md (2017-02) (facts §3.1, §5.3)",
    ),
    (
        "server-daily",
        "profile",
        "busiest day × (1 + growth), not compressed",
        "site-recovery-plan-capacity-vmware.md (2017-02) (facts §3.1, §3.2)",
    ),
    (
        "servers-by-churn",
        "busiest day with growth",
        "⌈daily change ÷ what the largest process server carries⌉",
        "site-recovery-plan-capacity-vmware.md (2017-02) (facts §3.2)",
    ),
    (
        "servers-by-machines",
        "machines",
        "⌈machines ÷ what the largest process server carries⌉",
        "site-recovery-plan-capacity-vmware.md (2017-02) (facts §3.2)",
    ),
    (
        "server-limit",
        "option",
        "machines of a configuration server",
        "site-recovery-plan-capacity-vmware.md (2017-02), vmware-physical-large-deployment.md and site-recovery-plan-capacity-vmware.md (2019) differ (facts §3.2)",
    ),
    (
        "copy-time",
        "used bytes, changes, bandwidth",
        "initial copy of all machines at once through the queue, beside the changes",
        "facts §5.5",
    ),
    (
        "cache-holds",
        "changes with growth, compressed; cache of a process server",
        "shortest outage anywhere in the profile that fills a cache as far as the product lets it",
        "our model, after facts §1.6",
    ),
    (
        "transactions",
        "changes with growth, compressed; what a thread uploads together; time between crash-consistent points",
        "bytes of a month ÷ upload, twice on standard storage, + a tag for each point",
        "our model: [model.process_server] upload",
    ),
    (
        "cost",
        "price file, sizes in Azure, drills",
        "price × quantity; discount taken off",
        "the price file (facts §5.3)",
    ),
    (
        "recovery",
        "groups of the machines, constants",
        "the steps' sum; at least what the service needs to start all machines",
        "our model, after site-recovery-failover.md (facts §2.6, §4.2)",
    ),
    (
        "recovery-plans",
        "machines, limit of a plan",
        "⌈machines ÷ machines of a recovery plan⌉",
        "site-recovery-create-recovery-plans.md (2019) (facts §4.2)",
    ),
    (
        "recovery-hydration",
        "operating systems, constant",
        "Linux machines, all at the same time",
        "site-recovery-failover.md (facts §2.6)",
    ),
    (
        "recovery-group",
        "groups of the machines, constants",
        "creating a machine + boot, the machines of a group at the same time",
        "our model",
    ),
    (
        "recovery-limit",
        "machines, constants",
        "machines ÷ failovers in an hour, less what the other steps take",
        "vmware-physical-large-deployment.md (facts §2.6)",
    ),
    (
        "failback-rate",
        "option",
        "what carries a failback",
        "vpn-gateway-table-gwtype-aggtput-include.md (facts §3.7)",
    ),
    (
        "failback-original",
        "mean change with growth, compressed; days in Azure",
        "mean change × days, at most all that is used",
        "vmware-azure-failback.md (facts §4.3)",
    ),
    (
        "failback-alternate",
        "used bytes, compressed",
        "all that is used, as in an initial copy",
        "vmware-azure-failback.md (facts §4.3)",
    ),
    (
        "failback-time",
        "bytes, rate, mean change",
        "bytes ÷ (rate − mean change)",
        "our model",
    ),
    (
        "azure-cores",
        "sizes of Azure machines",
        "sum of the processors of drill machines",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.3)",
    ),
    (
        "circuit",
        "bandwidth, table of circuits",
        "smallest that carries the bandwidth given, else that which always keeps the RPO",
        "site-recovery-vmware-deployment-planner-cost-estimation.md, vpn-gateway-table-gwtype-aggtput-include.md (2018-10) (facts §3.7, §5.3)",
    ),
    (
        "peak",
        "profile",
        "percentile of the sum over the disks, step by step, × (1 + growth)",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §5.1)",
    ),
    (
        "mean",
        "profile, or daily changes of the estate",
        "mean over the steps × (1 + growth)",
        "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §3.4)",
    ),
];

/// Columns of tables: their unit and origin.
const COLUMNS: [(&str, Unit, &str); 14] = [
    ("peak_iops", Unit::IopsHundredths, "peak"),
    ("peak_write_iops", Unit::IopsHundredths, "peak"),
    ("peak_churn", Unit::BytesPerSecond, "peak"),
    ("mean_churn", Unit::BytesPerSecond, "mean"),
    ("size_bytes", Unit::Bytes, "disk-size"),
    ("peak_ms", Unit::Milliseconds, "rpo-always"),
    ("machines", Unit::Count, "copy-curve"),
    ("rpo_ms", Unit::Milliseconds, "rpo-always"),
    ("needed_bits_per_second", Unit::BitsPerSecond, "bandwidth-always"),
    ("recovery_seconds", Unit::Seconds, "recovery"),
    ("copy_seconds", Unit::Seconds, "copy-time"),
    ("cache_holds_seconds", Unit::Seconds, "cache-holds"),
    ("failback_seconds", Unit::Seconds, "failback-time"),
    ("cost_micros_per_month", Unit::MicroCurrencyPerMonth, "cost"),
];

/// All origins.
#[must_use]
pub fn origins() -> BTreeMap<&'static str, Origin> {
    let row = |(key, input, formula, source)| (key, Origin { input, formula, source });
    ORIGINS.into_iter().map(row).collect()
}

/// All columns.
#[must_use]
pub fn columns() -> BTreeMap<&'static str, (Unit, &'static str)> {
    COLUMNS
        .into_iter()
        .map(|(column, unit, origin)| (column, (unit, origin)))
        .collect()
}
