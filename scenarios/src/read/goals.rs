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
        let event = word(&table, "event", Moment::of, Moment::words);
        let during = table
            .node("during")
            .and_then(|_| word(&table, "during", Phase::of, Phase::words));
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

fn word<T>(
    table: &Reader<'_>,
    key: &str,
    of: impl Fn(&str) -> Option<T>,
    words: impl Fn() -> Vec<&'static str>,
) -> Option<T> {
    let word: Located<String> = table.required(key)?;
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
