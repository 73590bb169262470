//! The laws of a session, each in a small world.

use std::cell::RefCell;
use std::rc::Rc;

use datapath::{Grain, SimTime};

use super::*;
use crate::messages::{PORT_MANAGEMENT, management, vcenter};
use crate::nouns::{ActorId, ComponentKind};
use crate::ports::{Env, Input};
use crate::testing::{Bench, Component};

struct Client {
    env: Env,
    session: Session,
    seen: Rc<RefCell<Vec<(SimTime, &'static str)>>>,
    /// Ask for an answer whenever the connection opens, to a frame with so many bytes.
    asks: Option<u64>,
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
                if let Some(bytes) = self.asks {
                    assert!(self.session.send(&self.env, vcenter::ToVcenter::ListMachines));
                    self.session.owe_for(&self.env, bytes);
                }
                "opened"
            }
            SessionEvent::Received(_) => {
                self.session.settled_for(&self.env, self.asks.unwrap_or(0));
                "received"
            }
            SessionEvent::Lost => "lost",
            SessionEvent::Nothing => return,
        };
        self.seen.borrow_mut().push((now, seen));
    }
}

type Seen = Rc<RefCell<Vec<(SimTime, &'static str)>>>;

fn client(bench: &Rc<Bench>, asks: Option<u64>) -> Seen {
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
    let seen = client(&bench, None);
    bench.run_seconds(60);
    assert_eq!(words(&seen), ["opened"]);
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn a_silent_peer_that_owes_an_answer_is_given_up_after_thirty_seconds() {
    let bench = Bench::new(Grain::Real);
    let (_, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    let seen = client(&bench, Some(0));
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
    let seen = client(&bench, Some(0));
    bench.run_seconds(20);
    let frames = bench.take_frames(server_id);
    server.send(frames[0].0, management::Down::HeartbeatSeen);
    bench.run_seconds(300);
    assert_eq!(words(&seen), ["opened", "received"]);
    assert_eq!(bench.waiting(), 0);
}

/// How long each connection was kept that ended in silence, in seconds.
fn waited(seen: &Seen) -> Vec<u64> {
    let seen = seen.borrow();
    let pairs = seen.windows(2);
    pairs
        .filter(|pair| (pair[0].1, pair[1].1) == ("opened", "lost"))
        .map(|pair| pair[1].0.since(pair[0].0) / 1_000_000_000)
        .collect()
}

/// A client whose frames are so large that they take ten seconds at the model's `slowest`, and its server.
fn large(bench: &Rc<Bench>) -> (ActorId, Env, Seen) {
    let (id, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    let slowest = crate::model::Model::default().session.slowest;
    (id, server, client(bench, Some(10 * slowest)))
}

/// The server answers what came last, and closes that connection a second later.
fn answer_and_close(bench: &Rc<Bench>, (id, server): (ActorId, &Env)) {
    let frames = bench.take_frames(id);
    let (conn, _) = frames[frames.len() - 1];
    server.send(conn, management::Down::HeartbeatSeen);
    bench.run_seconds(1);
    server.close(conn);
}

#[test]
fn what_is_on_its_way_is_given_twice_the_time_each_time_that_nothing_came() {
    let bench = Bench::new(Grain::Real);
    let (server_id, server, seen) = large(&bench);
    bench.run_seconds(40 + 50 + 70 + 10);
    assert_eq!(waited(&seen), [40, 50, 70]);
    // An answer says what the line carries, and so long the next is waited for.
    bench.run_seconds(40);
    answer_and_close(&bench, (server_id, &server));
    assert_eq!(words(&seen)[6..], ["opened", "received"]);
    bench.run_seconds(100);
    let took = {
        let seen = seen.borrow();
        seen[7].0.since(seen[6].0) / 1_000_000_000
    };
    assert!((40..50).contains(&took), "{took}");
    assert_eq!(waited(&seen)[3..], [30 + took]);
}

#[test]
fn a_line_that_shows_what_it_carries_is_believed() {
    let bench = Bench::new(Grain::Real);
    let (server_id, server, seen) = large(&bench);
    bench.run_seconds(50);
    assert_eq!(waited(&seen), [40]);
    answer_and_close(&bench, (server_id, &server));
    bench.run_seconds(45);
    assert_eq!(waited(&seen), [40, 40], "{:?}", seen.borrow());
}

#[test]
fn a_connect_into_silence_is_tried_again_until_the_link_is_back() {
    let bench = Bench::new(Grain::Real);
    let (_, server) = bench.actor(1, ComponentKind::ConfigurationServer);
    server.listen(PORT_MANAGEMENT);
    bench.dark.set(true);
    let seen = client(&bench, None);
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
    let seen = client(&bench, None);
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
    let seen = client(&bench, Some(0));
    bench.run_seconds(1);
    let frames = bench.take_frames(server_id);
    server.close(frames[0].0);
    bench.run_seconds(2);
    assert_eq!(words(&seen), ["opened", "lost", "opened"]);
}
