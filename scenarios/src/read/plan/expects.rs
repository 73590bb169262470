//! What is expected.

use super::select::select;
use crate::diagnose::{Located, Problem, list};
use crate::keys;
use crate::model::{Aside, Bound, Expect};
use crate::read::Context;
use crate::read::vms::Vms;
use crate::reader::{Bytes, Nanos, Reader};

pub(crate) fn expects(context: &Context<'_>, file: &Reader<'_>, vms: &Vms) -> Vec<Located<Expect>> {
    let mut expects = Vec::new();
    let tables = file.tables("expect");
    if !super::has_room(context, "expectations", &tables) {
        return expects;
    }
    for table in tables {
        let named = table.one_or_more::<String>("vm");
        let chosen = if table.node("vm").is_none() {
            (0..vms.vms.len()).collect()
        } else {
            select(context, vms, &named)
        };
        if table.is_empty_list("vm") {
            context.diagnosis.push(
                Problem::new(table.key_at("vm"), "an expectation about no machine", "an empty list")
                    .help("there would be nothing to look at; without `vm` it is about all machines"),
            );
        }
        let problems = context.diagnosis.count();
        let bounds = bounds(context, &table);
        let misspelt = keys::EXPECT.names().iter().any(|key| table.misspelt(key));
        if bounds.is_empty() && context.diagnosis.count() == problems && !misspelt {
            context.diagnosis.push(
                Problem::new(table.at, "an expectation that expects nothing", "no bound here")
                    .help(format!("it takes {}", list(keys::EXPECT.names()))),
            );
        }
        let under_faults = table.value("under_faults");
        expects.extend(bounds.into_iter().map(|what| {
            let at = table.key_at(what.key());
            let expect = Expect {
                vms: chosen.clone(),
                what,
                under_faults,
                line: Aside(context.line(at)),
            };
            Located::new(expect, at)
        }));
    }
    expects
}

fn bounds(context: &Context<'_>, table: &Reader<'_>) -> Vec<Bound> {
    let duration = |key| table.get::<Nanos>(key).map(|bound| bound.value.0);
    let verified = table.get::<bool>("verified").filter(|verified| {
        if !verified.value {
            context.diagnosis.push(Problem::new(
                verified.at,
                "that a disk is wrong cannot be expected",
                "true, or leave it out",
            ));
        }
        verified.value
    });
    [
        duration("rpo_below").map(Bound::RpoBelow),
        duration("rto_below").map(Bound::RtoBelow),
        duration("failover_within").map(Bound::FailoverWithin),
        duration("lost_below").map(Bound::LostBelow),
        table
            .get::<Bytes>("lost_bytes_below")
            .map(|bound| Bound::LostBytesBelow(bound.value.0)),
        table
            .get::<u64>("points_at_least")
            .map(|bound| Bound::PointsAtLeast(bound.value)),
        duration("caught_up_within").map(Bound::CaughtUpWithin),
        verified.map(|_| Bound::Verified),
    ]
    .into_iter()
    .flatten()
    .collect()
}
