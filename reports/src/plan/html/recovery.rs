//! What a recovery takes, as bands: a row a group, and one for the service's limit.

use planning::plan::Plan;
use planning::recovery::{Part, Step};

use crate::chart::Figure;
use crate::chart::bands::{Band, Bands, Row};
use crate::plan::tables::time::begins;
use crate::plan::units::Kind;

/// What a band is, and its colour.
const HYDRATION: (&str, &str) = ("hydration", "s0");
const EARLIER: (&str, &str) = ("waits for earlier groups", "s7");
const CREATION: (&str, &str) = ("creation", "s1");
const BOOT: (&str, &str) = ("boot", "s2");
const LIMIT: (&str, &str) = ("waits for the service's limit", "s3");
/// The line below the longest step.
const LONGEST: (&str, &str) = ("the longest step", "limit");
const SECOND_MS: u64 = 1_000;

fn band(from: u64, seconds: u64, (name, class): (&str, &str)) -> Option<Band> {
    (seconds > 0).then(|| Band {
        from: from.saturating_mul(SECOND_MS),
        to: from.saturating_add(seconds).saturating_mul(SECOND_MS),
        name: name.to_owned(),
        class: class.to_owned(),
    })
}

/// The chart; none without machines.
pub(super) fn chart(plan: &Plan) -> Option<Figure> {
    let recovery = &plan.recovery;
    let steps: Vec<(u64, &Step)> = begins(plan).into_iter().zip(&recovery.steps).collect();
    let hydration = steps.iter().find(|(_, step)| step.part == Part::Hydration);
    let before = hydration.map_or(0, |(_, step)| step.seconds.value);
    let row = |(from, step): &(u64, &Step)| -> Option<Row> {
        let of_step = |(from, step): &(u64, &Step)| {
            let longest = step.longest.then(|| band(*from, step.seconds.value, LONGEST));
            longest.flatten()
        };
        let (name, bands) = match (step.part, step.group) {
            (Part::Hydration, _) => return None,
            (Part::Group, group) => {
                let creation = step.creation.map_or(0, |figure| figure.value);
                let boot = step.boot.map_or(0, |figure| figure.value);
                let bands = vec![
                    band(0, before, HYDRATION),
                    band(before, from - before, EARLIER),
                    band(*from, creation, CREATION),
                    band(from + creation, boot, BOOT),
                ];
                (
                    group.map_or_else(|| "all".to_owned(), |group| format!("group {group}")),
                    bands,
                )
            }
            (Part::Limit, _) => ("all groups".to_owned(), vec![band(*from, step.seconds.value, LIMIT)]),
        };
        let hydrated = hydration.filter(|_| step.part == Part::Group).and_then(of_step);
        Some(Row {
            name,
            bands: bands.into_iter().flatten().collect(),
            hatched: Vec::new(),
            below: hydrated.into_iter().chain(of_step(&(*from, step))).collect(),
        })
    };
    let rows: Vec<Row> = steps.iter().filter_map(row).collect();
    if rows.is_empty() || recovery.seconds.value == 0 {
        return None;
    }
    let all = || rows.iter().flat_map(|row| row.bands.iter().chain(&row.below));
    let legend = [HYDRATION, EARLIER, CREATION, BOOT, LIMIT, LONGEST];
    let legend = legend
        .into_iter()
        .filter(|(_, class)| all().any(|band| band.class == *class));
    let legend = legend
        .map(|(name, class)| (class.to_owned(), name.to_owned()))
        .collect();
    let bands = Bands {
        id: "recovery-steps",
        title: "Recovery, group by group".to_owned(),
        note: format!(
            "From the start of the recovery plan to the last machine that answers: {}. A line below marks the longest step: time can be won \
             there. Without scripts, people and checks.",
            Kind::Seconds.human(recovery.seconds.value)
        ),
        axis: "time from the start of the recovery plan (h:min)",
        until: recovery.seconds.value.saturating_mul(SECOND_MS),
        marks: Vec::new(),
        rows,
        head: "group".to_owned(),
        legend,
    };
    Some(bands.draw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    /// A row of the chart's numbers.
    fn row<'a>(figure: &'a Figure, group: &str, what: &str) -> Option<&'a Vec<String>> {
        let rows = &figure.table.rows;
        rows.iter().find(|row| row[0] == group && row[1] == what)
    }

    #[test]
    fn bands_follow_each_other_to_the_end_and_the_longest_step_is_marked() {
        let plan = samples::grouped();
        let figure = chart(&plan).unwrap();
        let steps = &plan.recovery.steps;
        assert_eq!(steps.len(), 3, "hydration and two groups");
        let cell = |group: &str, what: (&str, &str), at: usize| row(&figure, group, what.0).unwrap()[at].clone();
        assert_eq!(cell("group 1", HYDRATION, 3), cell("group 1", CREATION, 2));
        assert_eq!(cell("group 1", CREATION, 3), cell("group 1", BOOT, 2));
        assert_eq!(cell("group 1", BOOT, 3), cell("group 3", EARLIER, 3));
        assert_eq!(cell("group 3", EARLIER, 3), cell("group 3", CREATION, 2));
        assert!(row(&figure, "group 1", EARLIER.0).is_none(), "it is the first");
        // Hydration takes longest, and stands in both rows; no other step is marked.
        assert!(steps[0].longest && steps[0].part == Part::Hydration);
        let marked: Vec<_> = figure.table.rows.iter().filter(|row| row[1] == LONGEST.0).collect();
        assert_eq!(marked.len(), 2);
        assert!(marked.iter().all(|row| row[3] == cell("group 1", HYDRATION, 3)));
        assert!(figure.legend.iter().any(|(_, name)| name == LONGEST.0));
        assert!(figure.drawing.contains("time from the start of the recovery plan"));
    }

    #[test]
    fn a_limit_has_a_row_of_its_own_and_nothing_is_drawn_of_nothing() {
        let mut plan = samples::grouped();
        let mut limit = plan.recovery.steps[0];
        plan.recovery.steps[0].longest = false;
        limit.part = Part::Limit;
        limit.seconds.value = 7_200;
        plan.recovery.steps.push(limit);
        plan.recovery.seconds.value += 7_200;
        let figure = chart(&plan).unwrap();
        assert!(row(&figure, "all groups", LIMIT.0).is_some());
        assert!(row(&figure, "all groups", LONGEST.0).is_some());
        assert!(row(&figure, "group 1", LONGEST.0).is_none());
        plan.recovery.steps.clear();
        assert!(chart(&plan).is_none());
    }
}
