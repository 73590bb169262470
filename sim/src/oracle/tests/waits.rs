//! What waits for longer than it may.

use super::*;

/// Ends a story after a fact, and lets so many minutes pass.
fn stop_after(story: &mut Story, minutes: u64, is_last: impl Fn(&Fact) -> bool) {
    let stuck = story.told.iter().rposition(|told| is_last(&told.fact)).unwrap();
    story.told.truncate(stuck + 1);
    let at = story.told[stuck].at.after(minutes * 60_000_000_000);
    pass_time(story, at);
}

fn pass_time(story: &mut Story, at: SimTime) {
    let fact = Fact::Alert {
        vm: Some(VM),
        severity: actors::facts::Severity::Warning,
        code: String::new(),
        text: "time passes".to_owned(),
    };
    let shown = Shown::Nothing;
    story.told.push(Told { at, fact, shown });
}

/// A machine of a story has no power from a fact's time on.
fn dark_from(story: &mut Story, from: usize, machine: actors::nouns::MachineId) {
    let at = story.told[from].at;
    let fact = Fact::Power { machine, on: false };
    let shown = Shown::Nothing;
    story.told.insert(from + 1, Told { at, fact, shown });
}

#[test]
fn a_batch_that_never_gets_its_tag_is_found_at_the_end() {
    let mut story = Story::protected(Grain::Extent, 3);
    stop_after(&mut story, 7, |fact| matches!(fact, Fact::BatchCached { .. }));
    assert_found("an acknowledged batch", &story, "acknowledged-is-kept");
    assert_found("a batch that waits", &story, "cut-is-stored");
    let cached = story.told.len() - 2;
    let mut elsewhere = Story::protected(Grain::Extent, 3);
    elsewhere.told = story.told.clone();
    dark_from(&mut elsewhere, cached, story::PROCESS_SERVER);
    assert_eq!(broken(&elsewhere), Vec::<String>::new(), "the process server is dark");
    let mut elsewhere = Story::protected(Grain::Extent, 3);
    elsewhere.told = story.told.clone();
    dark_from(&mut elsewhere, cached, actors::nouns::MachineId(2));
    assert_found(
        "who is not on its way excuses nothing",
        &elsewhere,
        "acknowledged-is-kept",
    );
}

#[test]
fn an_outage_on_its_way_allows_an_acknowledged_batch_a_quarter_of_an_hour_and_no_more() {
    let stuck = |minutes| {
        let mut story = Story::protected(Grain::Extent, 3);
        stop_after(&mut story, minutes, |fact| matches!(fact, Fact::BatchCached { .. }));
        let cached = story.told.len() - 2;
        dark_from(&mut story, cached, story::PROCESS_SERVER);
        let back = Told {
            at: story.told[cached].at.after(60_000_000_000),
            fact: Fact::Power {
                machine: story::PROCESS_SERVER,
                on: true,
            },
            shown: Shown::Nothing,
        };
        story.told.insert(cached + 2, back);
        broken(&story)
    };
    assert_eq!(stuck(15), Vec::<String>::new());
    let found = stuck(18);
    assert!(found.contains(&"acknowledged-is-kept".to_owned()), "{found:?}");
}

#[test]
fn a_batch_that_no_process_server_takes_is_found() {
    let mut story = Story::protected(Grain::Extent, 3);
    stop_after(&mut story, 6, |fact| matches!(fact, Fact::BatchCut { .. }));
    assert_eq!(broken(&story), ["cut-is-stored"]);
    let text = &judge(&story).findings[0].text;
    assert!(text.contains("no process server has acknowledged batch 4"), "{text}");
}

#[test]
fn a_stored_point_that_is_never_processed_is_found_and_told() {
    let mut story = Story::protected(Grain::Extent, 3);
    stop_after(&mut story, 6, |fact| matches!(fact, Fact::TagStored { .. }));
    let result = judge(&story);
    assert_eq!(broken(&story), ["stored-is-processed"]);
    let text = &result.findings[0].text;
    assert!(
        text.contains("point 4 was stored") && text.contains("nothing is missing"),
        "{text}"
    );
    assert_eq!(result.unfinished.len(), 1);
    assert!(
        result.unfinished[0]
            .what
            .contains("point 4 is stored and not processed")
    );
    let mut soon = Story::protected(Grain::Extent, 3);
    stop_after(&mut soon, 4, |fact| matches!(fact, Fact::TagStored { .. }));
    let result = judge(&soon);
    assert_eq!(result.findings, Vec::new(), "within the bound");
    assert_eq!(result.unfinished.len(), 1, "and told all the same");
}

#[test]
fn a_point_that_is_processed_too_late_is_found() {
    let mut story = Story::protected(Grain::Extent, 3);
    let late = story.told.len() - 1;
    assert!(is_point(&story.told[late].fact, 4));
    story.told[late].at = story.told[late].at.after(400_000_000_000);
    assert_eq!(broken(&story), ["stored-is-processed"]);
}

#[test]
fn a_copy_whose_end_leads_to_nothing_is_found() {
    let mut story = Story::protected(Grain::Extent, 0);
    stop_after(&mut story, 16, |fact| matches!(fact, Fact::CopyEnded { .. }));
    let found = broken(&story);
    assert_eq!(found, ["copies-are-applied", "transitions-end"]);
    assert!(judge(&story).unfinished[0].what.contains("initial-replication"));
    let mut story = Story::protected(Grain::Extent, 0);
    stop_after(&mut story, 16, |fact| matches!(fact, Fact::CopyStarted { .. }));
    let result = judge(&story);
    let not_ended = |finding: &crate::findings::Finding| {
        finding.law == crate::invariants::copies_are_applied::LAW && finding.shape.as_str() == "not-ended"
    };
    assert!(result.findings.iter().any(not_ended), "{:?}", result.findings);
}

#[test]
fn a_resynchronization_without_a_copy_is_found() {
    let mut story = Story::protected(Grain::Extent, 2);
    let at = story.told.last().unwrap().at;
    let fact = Fact::State {
        vm: VM,
        state: ItemState::Resynchronizing,
    };
    let shown = Shown::Nothing;
    story.told.push(Told { at, fact, shown });
    pass_time(&mut story, at.after(9 * 60_000_000_000));
    assert_eq!(broken(&story), Vec::<String>::new());
    pass_time(&mut story, at.after(11 * 60_000_000_000));
    assert_eq!(broken(&story), ["transitions-end"]);
    let text = &judge(&story).findings[0].text;
    assert!(text.contains("no copy of it is under way"), "{text}");
}

/// A story in which the operator ordered a failover, and what was told of it.
fn ordered(told: &[(u64, StepOutcome)]) -> Story {
    let mut story = Story::protected(Grain::Extent, 2);
    let failover = Operation::Failover {
        vm: VM,
        point: PointChoice::Latest,
        shutdown: false,
    };
    let step = StepSpec {
        after: Vec::new(),
        delay: 0,
        action: Action::Ask(failover),
        expect_refusal: false,
    };
    let operator = OperatorSpec {
        service: actors::nouns::MachineId(3),
        steps: vec![step],
    };
    let components = &mut story.spec.machines[3].components;
    components.retain(|component| !matches!(component, ComponentSpec::Operator(_)));
    components.push(ComponentSpec::Operator(operator));
    let begin = story.told.last().unwrap().at;
    for (minutes, outcome) in told {
        let fact = Fact::Step {
            step: 0,
            outcome: outcome.clone(),
        };
        let at = begin.after(minutes * 60_000_000_000);
        let shown = Shown::Nothing;
        story.told.push(Told { at, fact, shown });
    }
    story
}

#[test]
fn an_operation_without_end_is_found() {
    let mut story = ordered(&[(0, StepOutcome::Started)]);
    let begun = story.told.last().unwrap().at;
    pass_time(&mut story, begun.after(34 * 60_000_000_000));
    assert_eq!(broken(&story), Vec::<String>::new());
    assert!(
        judge(&story)
            .unfinished
            .iter()
            .any(|one| one.what == "failover has not ended")
    );
    pass_time(&mut story, begun.after(37 * 60_000_000_000));
    assert_eq!(broken(&story), ["operations-end"]);
    let failed = StepOutcome::Failed("out of patience".to_owned());
    assert_eq!(
        broken(&ordered(&[(0, StepOutcome::Started), (5, failed)])),
        Vec::<String>::new()
    );
}

#[test]
fn a_failover_that_is_done_and_was_compared_with_nothing_is_found() {
    let story = ordered(&[(0, StepOutcome::Started), (5, StepOutcome::Done)]);
    assert_eq!(broken(&story), ["something-was-judged"]);
}
