//! Situations that a scenario is there to reach.

use super::{Context, unique};
use crate::diagnose::{Located, Problem, did_you_mean, list};
use crate::model::{Aside, Goal, Moment, Phase};
use crate::reader::Reader;

pub(super) fn read(context: &Context<'_>, file: &Reader<'_>) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut names = Vec::new();
    for table in file.tables("goal") {
        let name = table.name("name");
        let event = table.required("event");
        let event = event.and_then(|event| word(&table, "event", event, (Moment::of, Moment::words)));
        let during = table.get("during");
        let during = during.and_then(|during| word(&table, "during", during, (Phase::of, Phase::words)));
        names.extend(name.clone());
        if let (Some(name), Some(event)) = (name, event) {
            goals.push(Goal {
                name: name.value,
                event,
                during,
                line: Aside(context.line(table.at)),
            });
        }
    }
    unique(context.diagnosis, "goals", &names);
    goals
}

type Words = fn() -> Vec<&'static str>;

fn word<T>(
    table: &Reader<'_>,
    key: &str,
    word: Located<String>,
    (of, words): (fn(&str) -> Option<T>, Words),
) -> Option<T> {
    let value = of(&word.value);
    if value.is_none() {
        let title = format!("`{}` is nothing that a goal's `{key}` can be", word.value);
        table.diagnosis().push(
            Problem::new(word.at, title, "unknown")
                .help(did_you_mean(&word.value, words()))
                .help(format!("accepted: {}", list(words()))),
        );
    }
    value
}
