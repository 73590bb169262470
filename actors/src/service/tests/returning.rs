//! The service's machine loses its power: what it was at goes on, and nothing is done twice that must be done once.

use super::*;
use crate::messages::{management, portal};

impl Setting {
    /// Cuts the service's power; it has it back after some seconds, and those who talk to it come back.
    fn cut(&mut self, seconds: u64) {
        self.bench.cut(SERVICE);
        self.bench.run_seconds(seconds);
        let env = self.bench.env(self.service);
        self.bench.put(self.service, Service::new(self.spec.clone(), env));
        self.bench.run_seconds(1);
        self.management.2 = self.management.1.connect(MachineId(SERVICE), PORT_MANAGEMENT);
        self.portal.2 = self.portal.1.connect(MachineId(SERVICE), PORT_MANAGEMENT);
        self.run(1);
        self.register();
        for (job, operation) in self.asked.clone() {
            if !self.answers.contains_key(&job) {
                self.portal
                    .1
                    .send(self.portal.2, portal::ToService::Ask { job, operation });
            }
        }
        self.run(5);
    }

    fn count(&self, which: impl Fn(&Fact) -> bool) -> usize {
        self.bench.facts().iter().filter(|(_, fact)| which(fact)).count()
    }
}

#[test]
fn what_was_answered_is_answered_the_same_and_done_once() {
    let mut s = setting();
    s.vault();
    let refused = s.ask(Operation::PlannedFailover { vm: VM });
    let before = s.answers.clone();
    s.cut(10);
    s.answers.clear();
    s.cut(10);
    assert_eq!(s.answers, before);
    assert!(matches!(&s.answers[&refused], Outcome::Refused(_)));
    assert_eq!(s.count(|fact| matches!(fact, Fact::PolicyCreated { .. })), 2);
    assert_eq!(s.count(|fact| matches!(fact, Fact::Refused { .. })), 1);
}

#[test]
fn a_job_that_waits_for_time_waits_for_what_is_left_of_it() {
    let mut s = setting();
    s.ask(Operation::CreateVault);
    let asked = s.portal.1.now();
    let job = s.ask(Operation::CreatePolicy(default_policy("daily")));
    s.run(10);
    s.cut(10);
    assert!(!s.answers.contains_key(&job));
    s.run(15);
    assert_eq!(s.answers[&job], Outcome::Done);
    let facts = s.bench.facts();
    let made = facts
        .iter()
        .find(|(_, fact)| matches!(fact, Fact::PolicyCreated { .. }));
    let took = made.expect("it was made").0.since(asked) / SECOND;
    assert!((30..33).contains(&took), "{took} s");
}

#[test]
fn a_job_that_waits_for_a_condition_is_found_by_it_and_fails_with_the_reason_once_its_patience_is_over() {
    let mut s = setting();
    s.vault();
    let job = s.enable();
    s.run(60);
    s.cut(60);
    s.machine_is_known();
    s.run(2);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(s.states(), [ItemState::EnableInProgress, ItemState::InitialReplication]);

    let mut s = setting();
    s.vault();
    let job = s.enable();
    s.run(20 * 60);
    s.cut(60);
    s.run(10 * 60);
    assert!(matches!(&s.answers[&job], Outcome::Failed(why) if why.contains("discovery")));
}

#[test]
fn a_command_that_was_not_answered_is_sent_again_under_its_number() {
    let mut s = setting();
    s.vault();
    s.machine_is_known();
    s.answering = false;
    let job = s.enable();
    let sent: Vec<u64> = s.commands.iter().map(|(id, ..)| *id).collect();
    assert_eq!(sent.len(), 1);
    s.answering = true;
    s.cut(10);
    assert_eq!(s.commands[1].0, sent[0]);
    assert_eq!(s.answers[&job], Outcome::Done);
    let numbers: Vec<u64> = s.commands[1..].iter().map(|(id, ..)| *id).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "a number is used once: {numbers:?}");
}

#[test]
fn a_replica_goes_on_from_its_checkpoint_and_makes_no_point_twice() {
    let mut s = Setting::protected();
    s.cut(10);
    s.batch(4);
    s.cut(10);
    s.batch(5);
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
    let points: Vec<u64> = s
        .bench
        .facts()
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::PointProcessed { mark, .. } => Some(mark.point),
            _ => None,
        })
        .collect();
    assert_eq!(points, [1, 2, 3, 4, 5]);
    let job = s.failover(false);
    s.up(AZURE);
    assert_eq!(s.answers[&job], Outcome::Done);
    let shown = [0, 3, 5].map(|extent| s.content("vm0/disk0@azure", extent));
    assert_eq!(shown, [Some(0xaa), Some(3), Some(5)]);
}

#[test]
fn what_was_stored_while_the_service_was_off_is_found_by_it() {
    let mut s = Setting::protected();
    s.bench.cut(SERVICE);
    s.batch(4);
    s.cut(10);
    let job = s.failover(false);
    s.up(AZURE);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(s.content("vm0/disk0@azure", 4), Some(4));
}

#[test]
fn a_failover_that_was_cut_anywhere_ends_as_one_that_was_not() {
    // Every half second of its first seconds, and then while the machine is made.
    for moment in (0..12).chain([40, 100]) {
        let mut s = Setting::protected();
        s.jobs += 1;
        let (job, operation) = (
            s.jobs,
            Operation::Failover {
                vm: VM,
                point: PointChoice::Latest,
                shutdown: true,
            },
        );
        s.asked.insert(job, operation.clone());
        s.portal.1.send(s.portal.2, portal::ToService::Ask { job, operation });
        s.bench.run_until(s.portal.1.now().after(moment * SECOND / 2));
        s.cut(3);
        s.run(100);
        s.up(AZURE);
        assert_eq!(
            s.answers.get(&job),
            Some(&Outcome::Done),
            "cut after {moment} half seconds"
        );
        assert_eq!(s.states().last(), Some(&ItemState::FailoverCommitPending));
        assert_eq!(s.content("vm0/disk0@azure", 3), Some(3));
        assert_eq!(
            s.count(|fact| matches!(fact, Fact::Recovered { .. })),
            1,
            "cut after {moment}"
        );
        let created = s.bench.power_calls();
        assert_eq!(
            created.iter().filter(|(machine, on)| machine.0 == AZURE && *on).count(),
            1
        );
    }
}

#[test]
fn a_test_failover_keeps_its_point_pinned_and_can_be_cleaned_up() {
    let mut s = Setting::protected();
    let point = PointChoice::LatestProcessed;
    s.ask(Operation::TestFailover { vm: VM, point });
    s.run(70);
    s.up(TEST);
    s.cut(10);
    assert!(
        s.refused(Operation::TestFailover { vm: VM, point })
            .contains("not cleaned up")
    );
    let job = s.ask(Operation::CleanupTestFailover { vm: VM });
    s.run(5);
    assert_eq!(s.answers[&job], Outcome::Done);
    s.batch(4);
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
}

#[test]
fn an_epoch_is_never_granted_again() {
    let mut s = Setting::protected();
    let ask = Body::ManagementUp(management::Up::EpochAsk {
        disk: DISK,
        sealer: MachineId(MANAGEMENT),
    });
    for _ in 0..3 {
        s.management.1.send(s.management.2, ask.clone());
        s.run(2);
        s.cut(5);
    }
    let granted = |fact: &Fact| match fact {
        Fact::EpochGranted { epoch, .. } | Fact::MergingEpochGranted { epoch, .. } => Some(*epoch),
        _ => None,
    };
    let facts = s.bench.facts();
    let epochs: Vec<u32> = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::EpochGranted { .. }))
        .filter_map(|(_, fact)| granted(fact))
        .collect();
    assert_eq!(epochs, [1, 2, 3]);
    let merging: Vec<u32> = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::MergingEpochGranted { .. }))
        .filter_map(|(_, fact)| granted(fact))
        .collect();
    assert_eq!(merging, [1, 2, 3, 4], "one for each life of the keeper");
}

#[test]
fn a_disk_that_is_full_grants_nothing_and_answers_nothing_until_it_takes_what_has_to_be_written() {
    let mut s = Setting::protected();
    s.bench
        .fail_disk(MachineId(SERVICE), datapath::disk::Operation::Write, true);
    let ask = Body::ManagementUp(management::Up::EpochAsk {
        disk: DISK,
        sealer: MachineId(MANAGEMENT),
    });
    s.management.1.send(s.management.2, ask);
    let job = s.ask(Operation::PlannedFailover { vm: VM });
    s.run(20);
    assert!(!s.answers.contains_key(&job));
    assert_eq!(s.count(|fact| matches!(fact, Fact::EpochGranted { .. })), 0);
    assert!(s.count(|fact| matches!(fact, Fact::Alert { text, .. } if text.contains("Site Recovery service"))) > 0);
    s.bench
        .fail_disk(MachineId(SERVICE), datapath::disk::Operation::Write, false);
    s.run(70);
    assert!(matches!(&s.answers[&job], Outcome::Refused(_)));
    assert_eq!(s.count(|fact| matches!(fact, Fact::EpochGranted { .. })), 1);
}

#[test]
fn a_replica_whose_checkpoint_is_gone_begins_anew_and_is_copied_again() {
    let mut s = Setting::protected();
    let env = s.bench.env(s.service);
    env.files().remove("kept/vm0");
    s.cut(5);
    s.run(5);
    assert_eq!(s.states().last(), Some(&ItemState::Resynchronizing));
    assert_eq!(copies_ordered(&s), [1, 2]);
    resynchronize(&mut s, 2, 3, 5);
    s.batch(4);
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
    let job = s.failover(false);
    s.up(AZURE);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(
        [0, 4].map(|extent| s.content("vm0/disk0@azure", extent)),
        [Some(0xbb), Some(4)]
    );
}
