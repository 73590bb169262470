//! What was asked beside the plan itself: inputs that are moved, the value that keeps a goal, constants and their band.

use planning::sweep::Input;

use super::{Definitions, boolean, list, named, object, of, or_null, per_mille, text, whole, words};

pub(super) fn sweeps() -> Definitions {
    let input = || words(&Input::ALL.map(Input::name));
    let may = |about: &str| or_null(whole(about));
    let axis = [
        ("input", input()),
        (
            "values",
            list(whole(
                "A value: bits per second, seconds, thousandths, bytes, a number, or the digits of an era's name.",
            )),
        ),
    ];
    let point = [
        ("at", list(whole("The value of each axis, in their order."))),
        ("machines", whole("Machines that can be protected.")),
        ("bits_per_second", whole("The rate of all links.")),
        (
            "rpo_half_ms",
            may("The RPO of half of the steps; null: the queue never ends."),
        ),
        ("rpo_99_ms", may("That of 99 % of the steps.")),
        ("rpo_always_ms", may("That of all steps.")),
        (
            "violations_per_day_per_mille",
            whole("Violations of the RPO a day, in thousandths."),
        ),
        ("steps_over_per_mille", per_mille("Steps over the RPO.", 1_000)),
        ("backlog_bytes", whole("The largest backlog.")),
        (
            "catch_up_ms",
            may("From an outage's end until all that waited is served."),
        ),
        (
            "copy_seconds",
            may("The initial replication of all machines, in the batches asked."),
        ),
        ("copy_backlog_bytes", may("The largest backlog of changes meanwhile.")),
        (
            "needed_bits_per_second",
            may("What keeps the RPO always, process servers aside."),
        ),
        ("process_servers", whole("Process servers.")),
        (
            "process_servers_over",
            whole("Those of them over the largest row of the vendor's table."),
        ),
        (
            "cache_holds_seconds",
            may("The shortest outage that fills a cache as far as the product lets it."),
        ),
        (
            "at_sources_bytes",
            whole("The most that waits at the sources, since no cache has room."),
        ),
        (
            "copied_again_bytes",
            whole("What lay in the cache of a process server that was lost."),
        ),
        ("cost_micros_per_month", may("What it costs; null without prices.")),
    ];
    let outcomes = [
        ("rpo_ms", may("The RPO of all steps; null: the queue never ends.")),
        (
            "needed_bits_per_second",
            may("What keeps the RPO wanted always, without throttles and outages; null: nothing does."),
        ),
        (
            "recovery_seconds",
            whole("From the start of the recovery plan to the last machine that answers."),
        ),
        (
            "copy_seconds",
            may("The initial replication of all machines; null: it never ends."),
        ),
        (
            "cache_holds_seconds",
            may("The shortest outage that fills a cache as far as the product lets it; null: nothing is sent."),
        ),
        (
            "failback_seconds",
            may("A failback to the machines that were left; null: it never ends."),
        ),
        ("cost_micros_per_month", may("What it costs; null without prices.")),
    ];
    let outcomes = || object("What comes out.", &outcomes);
    // An input, or a constant by its name in `constants`.
    let bar = [
        ("input", text()),
        ("low", whole("The lower value, in the unit of the input or constant.")),
        ("high", whole("The higher value.")),
        ("at_low", outcomes()),
        ("at_high", outcomes()),
    ];
    let bar = object("What an input or a constant moves, both ways.", &bar);
    let tornado = [("here", outcomes()), ("bars", list(bar))];
    let constant = [
        ("name", text()),
        ("meaning", text()),
        (
            "unit",
            words(&[
                "per-mille",
                "per-million",
                "bits-per-second",
                "hours",
                "count",
                "nanoseconds",
                "bytes",
                "bytes-per-second",
            ]),
        ),
        ("value", may("Its value in this plan.")),
        ("default", may("Its value where nobody says otherwise.")),
        ("low", may("The least that it may be; null where it is not uncertain.")),
        ("high", may("The most that it may be.")),
        ("source", text()),
        ("measured", or_null(text())),
    ];
    let end = [
        ("value", may("The constant's value.")),
        ("rpo_ms", may("The RPO of all steps; null: the queue never ends.")),
        ("needed_bits_per_second", may("What keeps the RPO wanted always.")),
    ];
    let end = || object("What comes out where a constant is at one end.", &end);
    let uncertain = [("name", text()), ("low", end()), ("high", end())];
    let band = [
        ("rpo_least", or_null(of("figure"))),
        ("rpo_most", or_null(of("figure"))),
        ("needed_least", or_null(of("figure"))),
        ("needed_most", or_null(of("figure"))),
        (
            "constants",
            list(object("An uncertain constant that is moved.", &uncertain)),
        ),
    ];
    let goal = [
        ("quantity", words(&["p50", "p99", "max"])),
        ("under_ms", whole("The RPO is to be less than so many milliseconds.")),
    ];
    let tried = [
        ("value", whole("What the drill was run with, in the input's unit.")),
        (
            "measured_ms",
            may("The RPO measured, of the machine that was worst; null: one was never protected."),
        ),
        ("holds", boolean()),
        ("broken", boolean()),
        ("because", words(&["reckoned", "bracket", "between", "beyond", "again"])),
    ];
    let find = [
        ("input", input()),
        ("goal", object("What is to hold.", &goal)),
        ("smallest", boolean()),
        ("value", may("The value that keeps the goal.")),
        ("fails_at", may("2 % beyond it: the goal is missed there.")),
        ("reckoned", may("What the arithmetic says.")),
        (
            "not_monotone",
            list(whole("A value at which it is not as the answer says.")),
        ),
        (
            "simulated_seconds",
            whole("Simulated seconds over which each run is measured."),
        ),
        ("tried", list(object("A value that was run.", &tried))),
    ];
    let sweep = [("axes", list(of("axis"))), ("points", list(of("point")))];
    named(vec![
        ("axis", object("An input and its values.", &axis)),
        ("constant", object("A constant that shapes the plan.", &constant)),
        ("band", object("How far uncertain constants move the answers.", &band)),
        ("find", object("The value of an input that keeps a goal.", &find)),
        ("point", object("What comes out with inputs moved.", &point)),
        (
            "tornado",
            object(
                "What moves the answers, around the bandwidth given or needed.",
                &tornado,
            ),
        ),
        ("sweep", object("What if: the last axis moves fastest.", &sweep)),
    ])
}
