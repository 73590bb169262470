//! What a sweep draws, and what a failure is repeated with.

use sim::findings::Identity;

use super::value;
use crate::diagnose::{Located, Problem, did_you_mean, list};
use crate::keys;
use crate::laws;
use crate::model::{Accepted, Chaos, Replay};
use crate::reader::{Nanos, Reader};
use crate::units::write_duration;

/// Reads it, beside the duration of the run, in nanoseconds, if that is known.
pub(super) fn read(file: &Reader<'_>, duration: Option<u64>) -> Chaos {
    let table = file.table("chaos");
    let named = table.as_ref().map(|table| table.one_or_more::<String>("kinds"));
    let words = named.unwrap_or_default();
    let known: Vec<&'static keys::Variant> = words
        .iter()
        .filter_map(|word| {
            let variant = keys::FAULT.variant(&word.value);
            if variant.is_none() {
                unknown(file, word);
            }
            variant
        })
        .collect();
    let get = |key: &str| value::<Nanos>(table.as_ref(), &keys::CHAOS, key).0;
    let to = table.as_ref().and_then(|table| table.get::<Nanos>("to"));
    let from = get("from");
    let given = table.as_ref().and_then(|table| table.get::<Nanos>("from"));
    if let (Some(given), Some(duration)) = (given, duration)
        && given.value.0 >= duration
    {
        let label = format!("the run lasts {} at the most", write_duration(duration));
        let problem = Problem::new(given.at, "no fault can begin before the run ends", label);
        file.diagnosis().push(problem);
    }
    if let Some(to) = to.as_ref().filter(|to| to.value.0 <= from) {
        let problem = Problem::new(
            to.at,
            "no fault can begin between `from` and `to`",
            "not later than `from`",
        );
        file.diagnosis().push(problem);
    }
    Chaos {
        kinds: known.iter().map(|variant| variant.word).collect(),
        losses: value(table.as_ref(), &keys::CHAOS, "losses"),
        most: value(table.as_ref(), &keys::CHAOS, "most"),
        longest: get("longest"),
        from,
        to: to.map(|to| to.value.0),
        constants: value(table.as_ref(), &keys::CHAOS, "constants"),
        points: value(table.as_ref(), &keys::CHAOS, "points"),
    }
}

fn unknown(file: &Reader<'_>, word: &Located<String>) {
    let variants = keys::FAULT
        .variants
        .as_ref()
        .map_or(&[] as &[keys::Variant], |variants| variants.of);
    let known = || variants.iter().map(|variant| variant.word);
    file.diagnosis().push(
        Problem::new(word.at, format!("`{}` is no kind of fault", word.value), "unknown")
            .help(did_you_mean(&word.value, known()))
            .help(format!("accepted: {}", list(known()))),
    );
}

pub(super) fn replay(file: &Reader<'_>) -> Option<Replay> {
    let table = file.table("replay")?;
    let seed = table.required::<u64>("seed");
    let network = table.word_or_default("network");
    let finding = table.name("finding");
    Some(Replay {
        seed: seed?.value,
        network,
        finding: finding?.value,
    })
}

pub(super) fn accepted(file: &Reader<'_>) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    for table in file.tables("accepted") {
        let (finding, until, why) = (
            table.name("finding"),
            table.required::<String>("until"),
            table.required("why"),
        );
        if let Some(until) = until.as_ref().filter(|until| !is_date(&until.value)) {
            let title = format!("`{}` is no day", until.value);
            let problem = Problem::new(until.at, title, "not understood").help("accepted: a day, as \"2026-12-31\"");
            file.diagnosis().push(problem);
        }
        match finding.as_ref().map(|finding| (finding, finding.value.parse())) {
            Some((finding, Err::<Identity, _>(why))) => {
                let problem = Problem::new(finding.at, why.to_string(), "no identity of a finding");
                file.diagnosis()
                    .push(problem.help("accepted: law, kind of component and shape, as a sweep tells it"));
            }
            Some((finding, Ok(identity))) => is_of_a_law(file, finding, &identity),
            None => {}
        }
        if let (Some(finding), Some(until), Some(why)) = (finding, until, why) {
            accepted.push(Accepted {
                finding: finding.value,
                until: until.value,
                why: why.value,
            });
        }
    }
    accepted
}

/// Looks whether there is the law of a finding that is accepted, and the shape in which it is broken.
fn is_of_a_law(file: &Reader<'_>, finding: &Located<String>, identity: &Identity) {
    let known = || laws::all().map(|law| law.name);
    let law = identity.law().as_str();
    let problem = match laws::all().find(|known| known.name == law) {
        None => Problem::new(finding.at, format!("there is no law `{law}`"), "unknown")
            .help(did_you_mean(law, known()))
            .help(format!("accepted: {}", list(known()))),
        Some(of) if of.shapes.iter().all(|shape| *shape != identity.shape().as_str()) => {
            let title = format!("`{law}` cannot be broken as `{}`", identity.shape().as_str());
            Problem::new(finding.at, title, "unknown").help(format!("accepted: {}", list(of.shapes.iter().copied())))
        }
        Some(_) => return,
    };
    file.diagnosis().push(problem);
}

/// Whether a text is a day, in the form in which days can be compared as text.
fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}
