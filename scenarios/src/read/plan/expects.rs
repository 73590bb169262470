//! What is expected.

use super::select::select;
use crate::diagnose::{Located, Problem, list};
use crate::keys;
use crate::model::{Aside, Bound, Expect, PointsOf};
use crate::read::Context;
use crate::read::vms::Vms;
use crate::reader::{Bytes, Nanos, Reader};
use actors::nouns::ItemState;

pub(crate) fn expects(context: &Context<'_>, file: &Reader<'_>, vms: &Vms) -> Vec<Located<Expect>> {
    let mut expects = Vec::new();
    let faults: Vec<String> = super::names(&file.tables("fault"))
        .into_iter()
        .flatten()
        .map(|name| name.value)
        .collect();
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
        let during = during(context, &table, &faults, &bounds);
        let between = between(context, &table, &bounds);
        let under_faults = table.value("under_faults");
        expects.extend(bounds.into_iter().map(|what| {
            let at = table.key_at(what.key());
            let expect = Expect {
                vms: chosen.clone(),
                during: during.clone(),
                between,
                what,
                under_faults,
                line: Aside(context.line(at)),
            };
            Located::new(expect, at)
        }));
    }
    expects
}

/// The fault that the bounds of a table are about, by its name.
fn during(context: &Context<'_>, table: &Reader<'_>, faults: &[String], bounds: &[Bound]) -> Option<String> {
    let diagnosis = context.diagnosis;
    let name = table.get::<String>("during")?;
    let known: Vec<&str> = faults.iter().map(String::as_str).collect();
    context.find("fault", &name, &known)?;
    for bound in bounds.iter().filter(|bound| !bound.can_be_during()) {
        diagnosis.push(
            Problem::new(
                table.key_at(bound.key()),
                format!("`{}` is about a failover, not about the time of a fault", bound.key()),
                "no meaning with `during`",
            )
            .help("put it into an [[expect]] of its own"),
        );
    }
    Some(name.value)
}

/// The part of its fault's time that the bounds of a table are about.
fn between(context: &Context<'_>, table: &Reader<'_>, bounds: &[Bound]) -> Option<(u64, u64)> {
    let diagnosis = context.diagnosis;
    let node = table.node("between")?;
    let times = table.one_or_more::<Nanos>("between");
    let [from, to] = times.as_slice() else {
        let help = "accepted: two durations, as between = [\"10 min\", \"20 min\"]";
        diagnosis.push(Problem::new(node.at, "no time from something to something", "not two durations").help(help));
        return None;
    };
    if table.node("during").is_none() {
        let help = "`during` names the fault from whose beginning the times count";
        diagnosis.push(Problem::new(node.at, "times without a fault", "they count from its beginning").help(help));
    }
    if from.value.0 > to.value.0 {
        diagnosis.push(Problem::new(
            to.at,
            "a time that ends before it begins",
            "earlier than the other",
        ));
    }
    for bound in bounds
        .iter()
        .filter(|bound| bound.can_be_during() && !bound.can_be_between())
    {
        let what = format!("`{}` is about a time after the fault", bound.key());
        let problem = Problem::new(table.key_at(bound.key()), what, "no meaning with `between`");
        diagnosis.push(problem.help("put it into an [[expect]] of its own"));
    }
    Some((from.value.0, to.value.0))
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
        table.get::<String>("alert").and_then(|text| {
            if text.value.is_empty() {
                let problem = Problem::new(text.at, "an alert that says nothing", "a code, or a part of its text");
                context.diagnosis.push(problem);
            }
            (!text.value.is_empty()).then_some(Bound::Alert(text.value))
        }),
        duration("rpo_above").map(Bound::RpoAbove),
        table
            .get::<Bytes>("backlog_above")
            .map(|bound| Bound::BacklogAbove(bound.value.0)),
        table
            .word("no_points")
            .map(|of: Located<PointsOf>| Bound::NoPoints(of.value)),
        table.word("state").map(|of: Located<ItemState>| Bound::State(of.value)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
