//! When a step or a fault begins, and when a fault ends.

use super::select::select;
use super::{Named, Plan};
use crate::diagnose::{At, Located, Problem, did_you_mean, list};
use crate::keys;
use crate::model::{Condition, Which};
use crate::reader::{Nanos, Reader};
use crate::tree::{Node, Value};

impl Plan<'_> {
    /// When a step begins.
    pub(super) fn begin(&self, table: &Reader<'_>) -> Vec<Located<Condition>> {
        let mut begin = Vec::new();
        if let Some(at) = table.get::<Nanos>("at") {
            begin.push(Located::new(Condition::At(at.value.0), at.at));
        }
        match table.node("after") {
            Some(_) => begin.extend(self.conditions(table, "after")),
            None if table.node("at").is_none() && !self.names.is_empty() => {
                let before = Condition::Step(self.names.len() - 1, Which::These(Vec::new()));
                begin.push(Located::new(before, table.at));
            }
            None => {}
        }
        begin
    }

    /// What a key waits for: one condition, or a list of them.
    pub(super) fn conditions(&self, table: &Reader<'_>, key: &str) -> Vec<Located<Condition>> {
        let mut found = Vec::new();
        match table.node(key) {
            Some(Node {
                value: Value::Array(items),
                ..
            }) => items
                .iter()
                .for_each(|item| self.condition(table, key, item, &mut found)),
            Some(node) => self.condition(table, key, node, &mut found),
            None => {}
        }
        found
    }

    fn condition(&self, table: &Reader<'_>, key: &str, node: &Node, begin: &mut Vec<Located<Condition>>) {
        let diagnosis = self.context.diagnosis;
        match &node.value {
            Value::Text(name) => {
                let name = Located::new(name.clone(), node.at);
                begin.extend(
                    self.step_named(&name)
                        .map(|step| Located::new(Condition::Step(step, Which::These(Vec::new())), node.at)),
                );
            }
            Value::Table(_) => {
                let Some(condition) = Reader::of_node(diagnosis, &keys::CONDITION, node) else {
                    return;
                };
                self.condition_table(&condition, node.at, begin);
            }
            other => diagnosis.push(
                Problem::new(
                    node.at,
                    format!("wrong value for `{key}`"),
                    format!("this is {}", other.kind()),
                )
                .help("accepted: a step's name, a condition such as { vm = \"all\", state = \"protected\" }, or a list of them")
                .help(if key == "after" && table.node("at").is_none() { "for a time of the run, use `at`" } else { "" }),
            ),
        }
    }

    fn condition_table(&self, condition: &Reader<'_>, at: At, begin: &mut Vec<Located<Condition>>) {
        let diagnosis = self.context.diagnosis;
        let named = condition.one_or_more::<String>("vm");
        let which = match named.as_slice() {
            [] => Which::Each,
            [only] if only.value == "each" => Which::Each,
            _ => Which::These(select(self.context, self.vms, &named)),
        };
        if condition.is_empty_list("vm") {
            diagnosis.push(Problem::new(
                condition.key_at("vm"),
                "a condition about no machine",
                "an empty list",
            ));
        }
        let before = begin.len();
        let problems = diagnosis.count();
        if let Some(step) = condition.get::<String>("step") {
            let which = if named.is_empty() {
                Which::These(Vec::new())
            } else {
                which.clone()
            };
            let found = self.step_named(&step).map(|step| Condition::Step(step, which));
            begin.extend(found.map(|condition| Located::new(condition, at)));
        }
        if let Some(state) = condition.word("state") {
            begin.push(Located::new(Condition::State(which.clone(), state.value), at));
        }
        if let Some(points) = condition.get::<u64>("points_stored") {
            begin.push(Located::new(Condition::PointsStored(which.clone(), points.value), at));
        }
        if let Some(points) = condition.get::<u64>("points_processed") {
            begin.push(Located::new(
                Condition::PointsProcessed(which.clone(), points.value),
                at,
            ));
        }
        if let Some(place) = condition.word("workload_up") {
            begin.push(Located::new(Condition::WorkloadUp(which, place.value), at));
        }
        if let Some(name) = condition.get::<String>("registered") {
            let host = self.host_named("server or machine", &name);
            let registered = host.map(|host| match host {
                Named::Server(index) => Condition::ServerRegistered(index),
                Named::Vm(index) => Condition::AgentRegistered(index),
            });
            begin.extend(registered.map(|condition| Located::new(condition, at)));
        }
        for (key, is) in [
            ("fault", Condition::FaultEnded as fn(usize) -> Condition),
            ("began", Condition::FaultBegan),
        ] {
            let named = condition.get::<String>(key);
            let found = named.and_then(|name| self.fault_named(&name));
            begin.extend(found.map(|fault| Located::new(is(fault), at)));
        }
        match begin.len() - before {
            1 => {}
            0 if diagnosis.count() > problems => {}
            count => diagnosis.push(
                Problem::new(
                    at,
                    "a condition waits for one thing",
                    if count == 0 { "for nothing" } else { "for several" },
                )
                .help("one of `step`, `state`, `points_stored`, `points_processed`, `workload_up`, `registered`, `fault`, `began`; several conditions make a list: after = [{ … }, { … }]"),
            ),
        }
    }

    fn fault_named(&self, name: &Located<String>) -> Option<usize> {
        let named = (0..).zip(&self.faults);
        let known: Vec<(usize, &str)> = named
            .filter_map(|(place, known)| Some((place, known.as_ref()?.value.as_str())))
            .collect();
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        self.context.find("fault", name, &names).map(|place| known[place].0)
    }

    fn step_named(&self, name: &Located<String>) -> Option<usize> {
        let found = self
            .names
            .iter()
            .position(|known| known.as_ref().is_some_and(|known| known.value == name.value));
        if found.is_none() {
            let earlier: Vec<&str> = self.names.iter().flatten().map(|known| known.value.as_str()).collect();
            let mut problem = match self.all_names.iter().find(|known| known.value == name.value) {
                Some(later) => Problem::new(
                    name.at,
                    format!("`{}` does not come before this step", name.value),
                    "a step waits for steps before it",
                )
                .also(later.at, "it is here"),
                None => Problem::new(name.at, format!("no step is called `{}`", name.value), "named here")
                    .help(did_you_mean(&name.value, earlier.iter().copied())),
            };
            if self.faults.iter().flatten().any(|fault| fault.value == name.value) {
                problem = problem.help(format!(
                    "a fault is called so: after = {{ fault = \"{}\" }}",
                    name.value
                ));
            }
            if !earlier.is_empty() {
                problem = problem.help(format!("steps before this one: {}", list(earlier)));
            }
            self.context.diagnosis.push(problem);
        }
        found
    }
}
