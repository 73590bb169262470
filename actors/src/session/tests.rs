//! The laws of a session, each in a small world.

use std::cell::RefCell;
use std::rc::Rc;

use datapath::{Grain, SimTime};

use super::*;
use crate::messages::{PORT_MANAGEMENT, management, vcenter};
use crate::nouns::ComponentKind;
use crate::ports::{Env, Input};
use crate::testing::{Bench, Component};

struct Client {
    env: Env,
    session: Session,
    seen: Rc<RefCell<Vec<(SimTime, &'static str)>>>,
    /// Ask for an answer whenever the connection opens.
    asks: bool,
}

impl Component for Client {
    fn input(&mut self, input: Input) {
        let now = self.env.now();
        let seen = match self.session.input(&self.env, input) {
            SessionEvent::NotMine(Input::Started) => {
                self.session.start(&self.env);
                return;
            }
            SessionEvent::NotMine(_) => "not mine",
            SessionEvent::Opened => {
                if self.asks {
                    assert!(self.session.send(&self.env, vcenter::ToVcenter::ListMachines));
                    self.session.owe(&self.env);
                }
                "opened"
            }
            SessionEvent::Received(_) => {
                self.session.settled(&self.env);
                "received"
            }
            SessionEvent::Lost => "lost",
            SessionEvent::Nothing => return,
        };
        self.seen.borrow_mut().push((now, seen));
    }
}

type Seen = Rc<RefCell<Vec<(SimTime, &'static str)>>>;

fn client(bench: &Rc<Bench>, asks: bool) -> Seen {
    let (id, env) = bench.actor(0, ComponentKind::Agent);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let session = Session::new(MachineId(1), PORT_MANAGEMENT, Token { what: 7, key: 0 });
    bench.put(
        id,
        Client {
            env,
            session,
            seen: Rc::clone(&seen),
            asks,
        },
    );
    seen
}

fn words(seen: &Seen) -> Vec<&'static str> {
    seen.borrow().iter().map(|(_, word)| *word).collect()
}

#[test]
fn a_session_that_is_owed_nothing_has_no_timer() {
    let bench = Bench::new(Grain::Real);
    let (_, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    let seen = client(&bench, false);
    bench.run_seconds(60);
    assert_eq!(words(&seen), ["opened"]);
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn a_silent_peer_that_owes_an_answer_is_given_up_after_thirty_seconds() {
    let bench = Bench::new(Grain::Real);
    let (_, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    let seen = client(&bench, true);
    bench.run_until(SimTime(30_400_000_000));
    assert_eq!(words(&seen), ["opened", "lost"]);
    let (opened, lost) = (seen.borrow()[0].0, seen.borrow()[1].0);
    assert_eq!(lost.since(opened), crate::model::Model::default().session.silence);
    bench.run_seconds(2);
    assert_eq!(words(&seen), ["opened", "lost", "opened"]);
}

#[test]
fn an_answer_that_came_in_time_keeps_the_connection() {
    let bench = Bench::new(Grain::Real);
    let (server_id, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    let seen = client(&bench, true);
    bench.run_seconds(20);
    let frames = bench.take_frames(server_id);
    server.send(frames[0].0, management::Down::HeartbeatSeen);
    bench.run_seconds(300);
    assert_eq!(words(&seen), ["opened", "received"]);
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn a_connect_into_silence_is_tried_again_until_the_link_is_back() {
    let bench = Bench::new(Grain::Real);
    let (_, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    bench.dark.set(true);
    let seen = client(&bench, false);
    bench.run_seconds(600);
    assert!(words(&seen).is_empty());
    bench.dark.set(false);
    bench.run_seconds(76);
    assert_eq!(words(&seen), ["opened"]);
}

#[test]
fn pauses_double_and_stay_within_a_minute() {
    let bench = Bench::new(Grain::Real);
    // Nobody listens: each attempt is refused after two latencies, so the pauses show.
    let seen = client(&bench, false);
    bench.run_seconds(3600);
    assert!(words(&seen).is_empty());
    let (_, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    bench.run_seconds(61);
    assert_eq!(words(&seen), ["opened"]);
}

#[test]
fn a_closed_connection_is_opened_again() {
    let bench = Bench::new(Grain::Real);
    let (server_id, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    let seen = client(&bench, true);
    bench.run_seconds(1);
    let frames = bench.take_frames(server_id);
    server.close(frames[0].0);
    bench.run_seconds(2);
    assert_eq!(words(&seen), ["opened", "lost", "opened"]);
}
