//! `plan.json` as a JSON Schema (draft 2020-12), for programs that read it.
//!
//! Built as a value, like the schema of scenarios: the types of a plan are no serde input, and derives on them would bring a dependency into
//! the room of arithmetic. Objects are closed and all their keys are required, so a test that validates a plan fails for each key that is
//! new, gone or of another kind. A time of 18,446,744,073,709,551,615 ms (the largest of 64 bits) is one without an end.

mod asked;
mod proof;

use planning::tables::Era;
use serde_json::{Map, Value, json};

use super::FORMAT;

/// An object with these keys, all of them required and no others.
fn object(about: &str, keys: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let required: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A reference to a definition.
fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A whole number that is not negative, and what it is.
fn whole(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

fn per_mille(about: &str, most: u32) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": most, "description": about })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn or_null(value: Value) -> Value {
    json!({ "anyOf": [value, { "type": "null" }] })
}

fn words(words: &[&str]) -> Value {
    json!({ "enum": words })
}

const UNITS: [&str; 11] = [
    "bytes",
    "bytes-per-second",
    "bytes-per-day",
    "bits-per-second",
    "iops-hundredths",
    "count",
    "milliseconds",
    "seconds",
    "per-mille",
    "thousandths",
    "micro-currency-per-month",
];

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut schema = object(
        "A capacity plan of firedrill: what an estate needs, what would happen, and where each figure is from.",
        &[
            (
                "format",
                json!({ "const": FORMAT, "description": "The version of this format." }),
            ),
            (
                "firedrill",
                json!({ "type": "string", "description": "The version of the product that wrote it." }),
            ),
            ("plan", of("plan")),
        ],
    );
    if let Value::Object(schema) = &mut schema {
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!("A plan of firedrill"));
        let definitions = [
            common(),
            sizes(),
            machines(),
            over_time(),
            asked::sweeps(),
            proof::proofs(),
            costs(),
            plan(),
        ];
        let definitions: Map<String, Value> = definitions.into_iter().flatten().collect();
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

type Definitions = Vec<(String, Value)>;

fn named(definitions: Vec<(&str, Value)>) -> Definitions {
    definitions
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn common() -> Definitions {
    let eras: Vec<&str> = Era::ALL.into_iter().map(Era::name).collect();
    named(vec![
        ("era", words(&eras)),
        ("unit", words(&UNITS)),
        ("storage", words(&["standard", "premium"])),
        (
            "figure",
            object(
                "A figure.",
                &[
                    ("value", whole("Its value in its unit.")),
                    ("unit", of("unit")),
                    (
                        "origin",
                        json!({ "type": "string", "description": "Where it is from: a key of `origins`." }),
                    ),
                ],
            ),
        ),
        (
            "origin",
            object(
                "Where a figure is from.",
                &[("input", text()), ("formula", text()), ("source", text())],
            ),
        ),
    ])
}

fn plan() -> Definitions {
    let figures =
        |keys: &[&'static str]| -> Vec<(&'static str, Value)> { keys.iter().map(|key| (*key, of("figure"))).collect() };
    let mut summary = vec![(
        "start_seconds",
        or_null(json!({ "type": "integer", "description": "When the counters begin, in seconds since 1970 (UTC)." })),
    )];
    summary.extend(figures(&[
        "profiled_seconds",
        "machines",
        "compatible",
        "incompatible",
        "data_not_found",
        "disks",
        "disks_per_machine",
        "disk_bytes",
        "typical_day_bytes",
        "busiest_day_bytes",
        "left_out_day_bytes",
        "gaps",
    ]));
    let answer = [
        (
            "enough",
            json!({ "type": ["boolean", "null"], "description": "Whether the bandwidth given keeps the RPO always; null where none is given." }),
        ),
        ("text", text()),
    ];
    let plan = [
        ("answer", object("The answer.", &answer)),
        (
            "assumptions",
            list(object(
                "What is taken for granted.",
                &[("name", text()), ("text", text())],
            )),
        ),
        ("constants", list(of("constant"))),
        ("band", or_null(of("band"))),
        ("era", of("era")),
        (
            "rpo_seconds",
            json!({ "type": "integer", "minimum": 1, "description": "The RPO wanted." }),
        ),
        ("growth_per_mille", whole("Growth, in thousandths.")),
        (
            "percentile_per_mille",
            per_mille("Percentile of peaks, in thousandths.", 1_000),
        ),
        (
            "share_per_mille",
            per_mille("The lower share of the time, in thousandths.", 1_000),
        ),
        ("summary", object("The estate as it is.", &summary)),
        ("bandwidths", list(of("bandwidth"))),
        ("bandwidth_of_all", or_null(of("figure"))),
        ("throttles", list(of("throttle"))),
        ("given", or_null(of("given"))),
        ("what_if", or_null(of("what_if"))),
        ("tornado", of("tornado")),
        ("sweep", or_null(of("sweep"))),
        ("proof", or_null(of("proof"))),
        ("find", or_null(of("find"))),
        ("initial_copy", of("initial_copy")),
        ("recovery", of("recovery")),
        ("servers", of("servers")),
        ("azure_cores", of("figure")),
        ("accounts", list(of("account"))),
        ("network", or_null(of("network"))),
        ("machines", list(of("machine"))),
        ("cost", or_null(of("cost"))),
        (
            "columns",
            json!({
                "type": "object",
                "description": "The unit and origin of columns of tables.",
                "additionalProperties": { "type": "array", "prefixItems": [of("unit"), text()], "items": false, "minItems": 2 },
            }),
        ),
        (
            "origins",
            json!({ "type": "object", "additionalProperties": of("origin") }),
        ),
    ];
    named(vec![("plan", object("The plan.", &plan))])
}

fn sizes() -> Definitions {
    let host = [
        ("vcpus", whole("Virtual processors.")),
        ("memory_bytes", whole("Memory.")),
    ];
    let size = [
        ("vcpus", whole("Virtual processors.")),
        ("memory_bytes", whole("Memory.")),
        ("cache_bytes", whole("Cache disk.")),
        (
            "daily_change_bytes",
            whole("Changed bytes per day that it carries at the most."),
        ),
        ("machines", whole("Machines that it carries at the most.")),
        ("paired", or_null(of("host"))),
        ("source", text()),
    ];
    let sizing = [
        ("configuration_servers", whole("Configuration servers.")),
        ("process_servers", whole("Process servers beside them.")),
        ("size", of("server_size")),
    ];
    let servers = [
        ("sizing", object("What the tables say.", &sizing)),
        ("machines", of("figure")),
        ("daily_bytes", of("figure")),
        ("by_churn", of("figure")),
        ("by_machines", of("figure")),
        ("limit", of("figure")),
        ("limit_source", text()),
    ];
    let network = [("name", text()), ("bits_per_second", of("figure")), ("source", text())];
    named(vec![
        ("host", object("Processors and memory.", &host)),
        ("server_size", object("A row of the sizing tables.", &size)),
        ("servers", object("Servers on premises.", &servers)),
        ("network", object("A circuit or gateway.", &network)),
    ])
}

fn machines() -> Definitions {
    let finding = [
        ("rule", text()),
        ("disk", or_null(text())),
        ("found", whole("What was found, in `unit`.")),
        ("limit", whole("What is allowed at the most, in `unit`.")),
        ("unit", of("unit")),
        ("era", of("era")),
        ("source", text()),
        ("text", text()),
    ];
    let disk = [("tier", or_null(text())), ("raised", boolean())];
    let iops = "Per second, in hundredths, with growth; null where nothing is known.";
    let churn = "Bytes per second with growth; null where nothing is known.";
    let machine = [
        ("name", text()),
        ("host", or_null(text())),
        ("compatibility", words(&["Yes", "Yes*", "Included", "No"])),
        ("findings", list(object("A rule that a machine breaks.", &finding))),
        (
            "notes",
            list(object("What to mind.", &[("name", text()), ("text", text())])),
        ),
        ("storage", of("storage")),
        ("account", or_null(text())),
        ("disks", list(object("Where a disk goes.", &disk))),
        ("size_bytes", whole("The size of its disks.")),
        ("peak_iops", or_null(whole(iops))),
        ("peak_write_iops", or_null(whole(iops))),
        ("peak_churn", or_null(whole(churn))),
        ("mean_churn", or_null(whole(churn))),
        ("azure_size", or_null(text())),
        ("cores", whole("Processors.")),
        ("memory_bytes", whole("Memory.")),
        ("nics", whole("Network adapters.")),
        ("boot", words(&["BIOS", "EFI"])),
        ("os", text()),
    ];
    let account = [
        ("kind", words(&["standard", "premium", "cache"])),
        ("prefix", text()),
        ("name", text()),
        ("log_account", or_null(text())),
        ("iops", whole("Peak of reads and writes per second, in hundredths.")),
        ("write_iops", whole("Peak of writes per second, in hundredths.")),
        ("size_bytes", whole("The size of its disks.")),
        ("disks", whole("Its disks.")),
        ("snapshot_bytes", whole("What its snapshots take.")),
        ("vms", list(whole("A machine, by its place in `machines`, from 0."))),
        ("exceeded", boolean()),
    ];
    named(vec![
        ("machine", object("A machine.", &machine)),
        ("account", object("A storage account.", &account)),
    ])
}

fn over_time() -> Definitions {
    let figure = || of("figure");
    let day = [
        ("violations", whole("Times over the RPO that begin on it.")),
        ("steps_over", whole("Its steps over the RPO.")),
        ("peak_ms", whole("Its largest delay, in milliseconds.")),
    ];
    let catch_up = [
        ("backlog_bytes", whole("What is queued when the outage ends.")),
        (
            "served_after_ms",
            whole("After so many milliseconds that has been sent."),
        ),
        (
            "empty_after_ms",
            or_null(whole(
                "After so many milliseconds nothing is queued; null where it is not within the window.",
            )),
        ),
    ];
    let hour = [
        ("arriving", whole("Bits per second that arrive in the mean.")),
        ("backlog_bytes", whole("The largest backlog.")),
        ("delay_ms", whole("The largest delay, in milliseconds.")),
    ];
    let what_if = [
        ("bits_per_second", figure()),
        ("rpo_always", or_null(figure())),
        ("rpo_share", or_null(figure())),
        ("rpo_half", or_null(figure())),
        ("violations", figure()),
        ("violations_per_day", figure()),
        ("steps_over", figure()),
        ("days", list(object("A day.", &day))),
        ("backlog_bytes", figure()),
        ("catch_up", list(object("After an outage.", &catch_up))),
        ("hours", list(object("An hour.", &hour))),
    ];
    let hour_of_day = |about: &str| json!({ "type": "integer", "minimum": 0, "maximum": 24, "description": about });
    let throttle = [
        ("days", list(words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))),
        ("from_hour", hour_of_day("The hour at which it begins, in local time.")),
        (
            "to_hour",
            hour_of_day("The hour at which it ends; below `from_hour` it is that of the next day."),
        ),
        ("each", figure()),
        ("together", figure()),
    ];
    let given = [
        ("enough_always", boolean()),
        ("enough_share", boolean()),
        ("missing", or_null(figure())),
        ("what_if", of("what_if")),
    ];
    let bandwidth = [
        ("rpo_seconds", whole("The RPO.")),
        ("always", or_null(figure())),
        ("share", or_null(figure())),
    ];
    let finish = [
        ("began_seconds", whole("Seconds after the start at which it began.")),
        ("done_seconds", whole("Seconds after the start at which it was done.")),
        ("backlog_bytes", whole("The largest backlog of changes meanwhile.")),
    ];
    let row = [
        ("bits_per_second", whole("The bandwidth.")),
        ("machines", whole("Machines of a batch.")),
        ("batches", or_null(whole("Batches; null where a batch has no machine."))),
        ("seconds", or_null(whole("Seconds for all batches."))),
    ];
    let initial = [
        ("bytes", figure()),
        ("machine_bytes", figure()),
        ("steady", figure()),
        ("curve", list(object("Batches for a bandwidth.", &row))),
        ("simulated", figure()),
        ("at_once", or_null(of("finish"))),
        ("batches", list(of("finish"))),
    ];
    let step = [
        ("part", words(&["hydration", "group", "limit"])),
        ("group", or_null(whole("The group, where it is one."))),
        ("machines", figure()),
        ("seconds", figure()),
        ("creation", or_null(figure())),
        ("boot", or_null(figure())),
        ("longest", boolean()),
    ];
    let failback = [
        ("bits_per_second", figure()),
        ("original_bytes", figure()),
        ("original_seconds", or_null(figure())),
        ("alternate_bytes", figure()),
        ("alternate_seconds", or_null(figure())),
    ];
    let recovery = [
        ("plans", figure()),
        ("hydrated", figure()),
        ("hourly", figure()),
        ("steps", list(object("A step.", &step))),
        ("seconds", figure()),
        ("least_seconds", figure()),
        ("most_seconds", figure()),
        ("failback", object("The way home.", &failback)),
    ];
    named(vec![
        ("what_if", object("What would happen with a bandwidth.", &what_if)),
        (
            "throttle",
            object("What process servers may send in some hours of the week.", &throttle),
        ),
        ("given", object("A bandwidth that is given.", &given)),
        ("bandwidth", object("The bandwidth that an RPO needs.", &bandwidth)),
        ("finish", object("When a batch was done.", &finish)),
        ("initial_copy", object("The initial copy.", &initial)),
        (
            "recovery",
            object("How long a recovery takes, and a failback.", &recovery),
        ),
    ])
}

fn costs() -> Definitions {
    let money = "Millionths of the currency per month.";
    let line = [
        ("state", words(&["replication", "drill"])),
        ("component", words(&["compute", "storage", "network", "licence"])),
        ("micros_per_month", whole(money)),
    ];
    let machine = [("replication_micros", whole(money)), ("drill_micros", whole(money))];
    let cost = [
        ("label", text()),
        ("currency", text()),
        ("example", boolean()),
        (
            "discount_per_mille",
            per_mille("Discount in thousandths, taken off.", 1_000),
        ),
        ("free_days_per_machine", whole("Days that cost nothing, not taken off.")),
        ("transactions", of("figure")),
        ("lines", list(object("A component in a state.", &line))),
        ("micros_per_month", whole(money)),
        ("micros_per_year", whole("Millionths of the currency per year.")),
        ("machines", list(object("A protected machine.", &machine))),
        ("missing", list(text())),
    ];
    named(vec![("cost", object("What it costs.", &cost))])
}
