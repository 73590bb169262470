//! What the operator does with a plan, alone with a service that the test plays, and what is left of it after the console was cut.

use std::rc::Rc;

use datapath::Grain;

use super::*;
use crate::messages::portal;
use crate::nouns::{ActorId, Operation};
use crate::ports::ConnId;
use crate::testing::Bench;

const CONSOLE: u32 = 0;
const SERVICE: u32 = 1;
const MANAGEMENT: u32 = 3;
const SECOND: u64 = 1_000_000_000;

struct Setting {
    bench: Rc<Bench>,
    operator: ActorId,
    service: ActorId,
    management: ActorId,
    spec: OperatorSpec,
}

fn step(after: &[u32], delay: u64, action: Action) -> StepSpec {
    StepSpec {
        after: after.to_vec(),
        delay,
        action,
        expect_refusal: false,
    }
}

fn setting(steps: Vec<StepSpec>) -> Setting {
    let bench = Bench::new(Grain::Real);
    let (operator, env) = bench.actor(CONSOLE, ComponentKind::Operator);
    let (service, service_env) = bench.actor(SERVICE, ComponentKind::Service);
    let (management, _) = bench.actor(MANAGEMENT, ComponentKind::ConfigurationServer);
    service_env.listen(PORT_MANAGEMENT);
    let spec = OperatorSpec {
        service: MachineId(SERVICE),
        steps,
    };
    bench.put(operator, Operator::new(spec.clone(), env, bench.fabric()));
    bench.run_seconds(1);
    Setting {
        bench,
        operator,
        service,
        management,
        spec,
    }
}

impl Setting {
    /// The console loses its power, and is switched on again after some seconds.
    fn cut(&self, seconds: u64) {
        self.bench.cut(CONSOLE);
        self.bench.run_seconds(seconds);
        let env = self.bench.env(self.operator);
        self.bench.put(
            self.operator,
            Operator::new(self.spec.clone(), env, self.bench.fabric()),
        );
        self.bench.run_seconds(1);
    }

    /// What the service was asked since the last call: who is to be answered, and the job.
    fn asked(&self) -> Vec<(ConnId, u64)> {
        let frames = self.bench.take_frames(self.service).into_iter();
        let asks = frames.filter_map(|(conn, frame)| match frame.body {
            Body::PortalToService(portal::ToService::Ask { job, .. }) => Some((conn, job)),
            _ => None,
        });
        asks.collect()
    }

    fn answer(&self, conn: ConnId, job: u64, outcome: Outcome, key: Option<u64>) {
        let env = self.bench.env(self.service);
        env.send(conn, portal::ToOperator::Answer { job, outcome, key });
        self.bench.run_seconds(1);
    }

    fn outcomes(&self) -> Vec<(u32, StepOutcome)> {
        let facts = self.bench.facts().into_iter();
        let steps = facts.filter_map(|(_, fact)| match fact {
            Fact::Step { step, outcome } => Some((step, outcome)),
            _ => None,
        });
        steps.collect()
    }
}

fn vault() -> Action {
    Action::Ask(Operation::CreateVault)
}

fn note() -> Action {
    Action::Note("a note".to_owned())
}

#[test]
fn a_step_waits_for_its_triggers_and_its_delay() {
    let s = setting(vec![step(&[7], 10 * SECOND, note())]);
    s.bench.run_seconds(60);
    assert!(s.outcomes().is_empty());
    s.bench.hold(7, s.operator);
    s.bench.run_seconds(9);
    assert!(s.outcomes().is_empty());
    s.bench.run_seconds(2);
    assert_eq!(s.outcomes(), [(0, StepOutcome::Started), (0, StepOutcome::Done)]);
}

#[test]
fn what_is_answered_ends_its_step_with_the_reason_and_what_was_to_be_refused_and_was_not_fails() {
    let mut steps = vec![step(&[], 0, vault()), step(&[], 0, vault()), step(&[], 0, vault())];
    steps[2].expect_refusal = true;
    let s = setting(steps);
    let asked = s.asked();
    assert_eq!(asked.iter().map(|(_, job)| *job).collect::<Vec<_>>(), [0, 1, 2]);
    let conn = asked[0].0;
    s.answer(conn, 0, Outcome::Failed("no".to_owned()), None);
    s.answer(conn, 1, Outcome::Refused("never".to_owned()), None);
    s.answer(conn, 2, Outcome::Done, None);
    let ends = &s.outcomes()[3..];
    assert_eq!(ends[0], (0, StepOutcome::Failed("no".to_owned())));
    assert_eq!(ends[1], (1, StepOutcome::Refused("never".to_owned())));
    assert!(matches!(&ends[2], (2, StepOutcome::Failed(why)) if why.contains("refused")));
}

#[test]
fn after_a_cut_what_was_asked_is_asked_again_and_what_is_done_is_not_done_again() {
    let s = setting(vec![step(&[], 0, note()), step(&[], 0, vault())]);
    assert_eq!(s.asked().len(), 1);
    s.cut(30);
    let asked = s.asked();
    assert_eq!(asked.len(), 1);
    s.answer(asked[0].0, asked[0].1, Outcome::Done, Some(9));
    s.cut(30);
    assert!(s.asked().is_empty());
    let begun = s
        .outcomes()
        .into_iter()
        .filter(|(_, outcome)| *outcome == StepOutcome::Started);
    assert_eq!(begun.count(), 2, "each step begins once");
}

#[test]
fn the_key_is_carried_to_the_configuration_server_also_after_a_cut() {
    let carry = Action::RegisterConfigurationServer(MachineId(MANAGEMENT));
    let s = setting(vec![step(&[], 0, vault()), step(&[3], 0, carry)]);
    let (conn, job) = s.asked()[0];
    s.answer(conn, job, Outcome::Done, Some(9));
    s.cut(5);
    s.bench.hold(3, s.operator);
    s.bench.run_seconds(1);
    let inbox = s.bench.take_inbox(s.management);
    let carried = |input: &Input| matches!(input, Input::Local(Local::RegisterWithVault { key: 9 }));
    assert!(inbox.iter().any(|(_, input)| carried(input)));
}

#[test]
fn a_condition_that_held_while_the_console_was_off_counts_from_when_it_held() {
    let s = setting(vec![step(&[1, 2], 60 * SECOND, note()), step(&[1], 5 * SECOND, note())]);
    s.bench.hold(1, s.operator);
    s.bench.run_seconds(1);
    s.bench.cut(CONSOLE);
    s.bench.hold(2, s.operator);
    s.cut(20);
    // The second step's time passed at a console without power; the first has forty seconds left.
    assert_eq!(s.outcomes(), [(1, StepOutcome::Started), (1, StepOutcome::Done)]);
    s.bench.run_seconds(38);
    assert_eq!(s.outcomes().len(), 2);
    s.bench.run_seconds(3);
    assert_eq!(s.outcomes().len(), 4);
}

#[test]
fn a_machine_without_power_cannot_be_told_anything() {
    let carry = Action::RegisterConfigurationServer(MachineId(MANAGEMENT));
    let s = setting(vec![step(&[3], 0, vault()), step(&[4], 0, carry)]);
    s.bench.hold(3, s.operator);
    s.bench.run_seconds(1);
    let (conn, job) = s.asked()[0];
    s.answer(conn, job, Outcome::Done, Some(9));
    s.bench.fabric().power(MachineId(MANAGEMENT), false);
    s.bench.hold(4, s.operator);
    s.bench.run_seconds(1);
    assert!(matches!(s.outcomes().last(), Some((1, StepOutcome::Failed(why))) if why.contains("no power")));
}

#[test]
fn a_step_whose_note_the_disk_refuses_is_not_begun_until_it_takes_it() {
    let s = setting(vec![step(&[3], 0, vault())]);
    s.bench
        .fail_disk(MachineId(CONSOLE), datapath::disk::Operation::Write, true);
    s.bench.hold(3, s.operator);
    s.bench.run_seconds(10);
    assert!(s.asked().is_empty() && s.outcomes().is_empty());
    s.bench
        .fail_disk(MachineId(CONSOLE), datapath::disk::Operation::Write, false);
    s.bench.run_seconds(130);
    assert_eq!((s.asked().len(), s.outcomes().len()), (1, 1));
}

#[test]
fn the_service_is_asked_again_over_a_new_connection() {
    let s = setting(vec![step(&[], 0, vault())]);
    let (conn, _) = s.asked()[0];
    s.bench.env(s.service).close(conn);
    s.bench.run_seconds(60);
    let again = s.asked();
    assert!(
        again.iter().any(|(other, job)| *other != conn && *job == 0),
        "{again:?}"
    );
}
