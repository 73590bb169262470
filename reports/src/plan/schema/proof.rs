//! The schema of a proof.

use planning::proof::{Part, Why};
use serde_json::json;

use super::{Definitions, boolean, list, named, object, of, or_null, text, whole, words};

pub(super) fn proofs() -> Definitions {
    let may = |about: &str| or_null(whole(about));
    let pair = [
        ("arithmetic", may("By arithmetic; null: without an end.")),
        ("simulated", may("By the actors; null: without an end.")),
        ("why", or_null(words(&Why::ALL.map(Why::name)))),
    ];
    let row = [
        ("name", text()),
        ("rpo_p50_ms", of("pair")),
        ("rpo_p99_ms", of("pair")),
        ("rpo_max_ms", of("pair")),
        ("backlog_bytes", of("pair")),
        ("catch_up_ms", or_null(of("pair"))),
        ("sent_bytes", of("pair")),
    ];
    let cut = [
        ("from_seconds", whole("From so many seconds after the begin.")),
        ("to_seconds", whole("Until so many.")),
    ];
    let proof = [
        ("held", boolean()),
        ("part", words(&Part::ALL.map(Part::name))),
        (
            "start_seconds",
            or_null(json!({ "type": "integer", "description": "When it begins, in seconds since 1970 (UTC)." })),
        ),
        ("seconds", whole("How long it is.")),
        ("bits_per_second", whole("The rate of the link.")),
        ("cuts", list(object("A time without the link.", &cut))),
        ("points", whole("Recovery points that were made.")),
        (
            "points_verified",
            whole("Those of them that were judged and found right."),
        ),
        ("findings", list(text())),
        ("machines", list(object("A machine's figures.", &row))),
    ];
    named(vec![
        (
            "pair",
            object(
                "A figure of both, and why they are apart; null where they agree.",
                &pair,
            ),
        ),
        ("proof", object("The plan held against the actors.", &proof)),
    ])
}
