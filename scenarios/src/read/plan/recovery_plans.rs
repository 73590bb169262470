//! Recovery plans: machines in groups, and what is done before and after each.

use super::super::vms::Vms;
use super::has_room;
use super::select::select;
use crate::diagnose::{Located, Problem};
use crate::keys::{PlanActionWhen, RunKind};
use crate::model::{PlanAction, PlanDoes, PlanGroup, RecoveryPlan, ReplicationGroup};
use crate::read::{Context, unique};
use crate::reader::{Nanos, Reader};

/// Reads the recovery plans.
pub(crate) fn recovery_plans(
    context: &Context<'_>,
    file: &Reader<'_>,
    vms: &Vms,
    shared: &[ReplicationGroup],
) -> Vec<RecoveryPlan> {
    let tables = file.tables("recovery_plan");
    if !has_room(context, "recovery plans", &tables) {
        return Vec::new();
    }
    let names: Vec<Located<String>> = tables.iter().filter_map(|table| table.name("name")).collect();
    unique(context.diagnosis, "recovery plans", &names);
    let plans = tables.iter().filter_map(|table| plan(context, table, vms, shared));
    plans.collect()
}

fn plan(context: &Context<'_>, table: &Reader<'_>, vms: &Vms, shared: &[ReplicationGroup]) -> Option<RecoveryPlan> {
    let groups = table.tables("group");
    let limits = &context.model.limits;
    if let Some(first) = groups.get(usize::try_from(limits.plan_groups).unwrap_or(usize::MAX)) {
        let title = format!("a recovery plan of {} groups", groups.len());
        context
            .diagnosis
            .push(Problem::new(first.at, title, "one group too many").help(format!(
                "at most {} (`model.limits.plan_groups`; facts §4.2)",
                limits.plan_groups
            )));
    }
    // Where each machine was named first, by group.
    let mut group_of: Vec<Option<usize>> = vec![None; vms.vms.len()];
    let mut read = Vec::new();
    for (number, of) in groups.iter().enumerate() {
        let members = select(context, vms, &of.one_or_more::<String>("vm"));
        of.need("vm");
        for vm in &members {
            if let Some(other) = group_of[*vm].replace(number) {
                let name = &vms.vms[*vm].name;
                context.diagnosis.push(
                    Problem::new(
                        of.key_at("vm"),
                        format!("`{name}` is in two groups of a recovery plan"),
                        "here",
                    )
                    .also(groups[other].key_at("vm"), "and here")
                    .help("a machine is in one group of a plan; it can be in several plans"),
                );
            }
        }
        read.push((members, of));
    }
    let machines = group_of.iter().flatten().count() as u64;
    if machines > limits.plan_machines {
        let title = format!("a recovery plan of {machines} machines");
        context
            .diagnosis
            .push(Problem::new(table.at, title, "too many").help(format!(
                "at most {} (`model.limits.plan_machines`; facts §4.2): make several plans",
                limits.plan_machines
            )));
    }
    for of in shared {
        let mut places = of.vms.iter().filter_map(|vm| Some((*vm, group_of[*vm]?)));
        let Some((first, place)) = places.next() else { continue };
        if let Some((other, apart)) = places.find(|(_, other)| *other != place) {
            let (first, other) = (&vms.vms[first].name, &vms.vms[other].name);
            context.diagnosis.push(
                Problem::new(
                    groups[apart].key_at("vm"),
                    format!(
                        "the replication group `{}` is in two groups of a recovery plan",
                        of.name
                    ),
                    format!("`{other}` is here"),
                )
                .also(groups[place].key_at("vm"), format!("and `{first}` here"))
                .help("machines that share recovery points start together (facts §4.2)"),
            );
        }
    }
    let groups = read.into_iter().map(|(members, of)| {
        let actions = of.tables("action");
        let actions = actions
            .iter()
            .filter_map(|table| action(context, table, vms, &group_of));
        PlanGroup {
            vms: members,
            actions: actions.collect(),
        }
    });
    let groups = groups.collect();
    Some(RecoveryPlan {
        name: table.name("name")?.value,
        groups,
    })
}

fn action(context: &Context<'_>, table: &Reader<'_>, vms: &Vms, group_of: &[Option<usize>]) -> Option<PlanAction> {
    let kinds = ["script", "manual", "check"];
    let there = kinds.iter().filter(|key| table.is_meant(key));
    if there.count() != 1 {
        let title = "an action is one of `script`, `manual` and `check`";
        context
            .diagnosis
            .push(Problem::new(table.at, title, "exactly one of them is to be here"));
    }
    let (script, manual) = (table.name("script"), table.name("manual"));
    let check = table.get::<String>("check");
    let takes = table.value::<Nanos>("takes").0;
    let within = table.value::<Nanos>("within").0;
    let fails = table.value("fails");
    let before = table.word_or_default::<PlanActionWhen>("when") == PlanActionWhen::Before;
    let on = table.words::<RunKind>("on");
    if table.is_empty_list("on") {
        let title = "an action that is never done";
        context
            .diagnosis
            .push(Problem::new(table.key_at("on"), title, "an empty list"));
    }
    let always = table.node("on").is_none();
    if script.is_none() {
        table.forbid("fails", "only a script can be made to fail");
    }
    if check.is_some() {
        table.forbid(
            "takes",
            "a check takes as long as the machine needs to answer: `within`",
        );
    } else {
        table.forbid("within", "only a check is repeated");
    }
    let what = match (script, manual, check) {
        (Some(name), None, None) => PlanDoes::Script {
            name: name.value,
            takes,
            fails,
        },
        (None, Some(name), None) => PlanDoes::Manual {
            name: name.value,
            takes,
        },
        (None, None, Some(name)) => {
            let vm = context.find("machine", &name, &vms.names())?;
            if group_of[vm].is_none() {
                context.diagnosis.push(
                    Problem::new(
                        name.at,
                        format!("a check of `{}`, which the plan does not fail over", name.value),
                        "here",
                    )
                    .help("add it to one of the groups, or check a machine that is in one"),
                );
            }
            PlanDoes::Check { vm, within }
        }
        _ => return None,
    };
    Some(PlanAction {
        what,
        before,
        in_test: always || on.contains(&RunKind::Test),
        in_failover: always || on.contains(&RunKind::Failover),
    })
}
