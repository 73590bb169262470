//! What a configuration server does between the service and its components, both of which the test plays.

use std::rc::Rc;

use datapath::Grain;
use datapath::disk::Operation;

use super::*;
use crate::messages::management;
use crate::nouns::{ActorId, ComponentKind};
use crate::testing::Bench;

const OWN: u32 = 0;
const SERVICE: u32 = 1;
const PROCESS_SERVER: u32 = 2;
const PASSPHRASE: u64 = 77;
const KEY: u64 = 5;

struct Setting {
    bench: Rc<Bench>,
    own: ActorId,
    service: ActorId,
    component: ActorId,
}

fn spec() -> ConfigurationServerSpec {
    ConfigurationServerSpec {
        service: MachineId(SERVICE),
        passphrase: PASSPHRASE,
    }
}

fn setting() -> Setting {
    let bench = Bench::new(Grain::Real);
    let (own, env) = bench.actor(OWN, ComponentKind::ConfigurationServer);
    let (service, service_env) = bench.actor(SERVICE, ComponentKind::Service);
    let (component, _) = bench.actor(PROCESS_SERVER, ComponentKind::ProcessServer);
    service_env.listen(PORT_MANAGEMENT);
    bench.put(own, ConfigurationServer::new(spec(), env));
    bench.run_seconds(1);
    Setting {
        bench,
        own,
        service,
        component,
    }
}

impl Setting {
    fn start_again(&self) {
        let env = self.bench.env(self.own);
        self.bench.put(self.own, ConfigurationServer::new(spec(), env));
        self.bench.run_seconds(1);
    }

    /// It is told the key, and the service lets it in; the connection to the service.
    fn registered(&self) -> ConnId {
        self.bench
            .give(self.own, Input::Local(Local::RegisterWithVault { key: KEY }));
        self.let_in()
    }

    /// The service lets in whoever registers; the connection.
    fn let_in(&self) -> ConnId {
        for _ in 0..600 {
            let frames = self.bench.take_frames(self.service);
            let asks = |(_, frame): &&(ConnId, Frame)| {
                matches!(
                    frame.body,
                    Body::ManagementUp(management::Up::Register { key: KEY, .. })
                )
            };
            if let Some((conn, _)) = frames.iter().rfind(asks) {
                self.tell(
                    self.service,
                    *conn,
                    Body::ManagementDown(management::Down::Registered { refused: None }),
                );
                return *conn;
            }
            self.bench.run_seconds(1);
        }
        panic!("it does not register");
    }

    fn tell(&self, who: ActorId, conn: ConnId, body: Body) {
        self.bench.env(who).send(conn, body);
        self.bench.run_seconds(1);
    }

    /// A process server connects and shows a passphrase; its connection.
    fn connect(&self, passphrase: u64) -> ConnId {
        let env = self.bench.env(self.component);
        let conn = env.connect(MachineId(OWN), PORT_MANAGEMENT);
        self.bench.run_seconds(1);
        let register = Body::ManagementUp(management::Up::Register {
            component: Component::ProcessServer,
            machine: MachineId(PROCESS_SERVER),
            vm: None,
            key: passphrase,
        });
        self.tell(self.component, conn, register);
        conn
    }

    fn heard(&self, who: ActorId) -> Vec<Body> {
        let frames = self.bench.take_frames(who).into_iter();
        frames.map(|(_, frame)| frame.body).collect()
    }

    /// Numbers of the commands that the process server was given.
    fn commands(&self) -> Vec<u64> {
        let heard = self.heard(self.component).into_iter();
        let numbers = heard.filter_map(|body| match body {
            Body::ManagementDown(management::Down::Command { id, .. }) => Some(id),
            _ => None,
        });
        numbers.collect()
    }

    fn notices(&self) -> Vec<Notice> {
        let heard = self.heard(self.service).into_iter();
        let notices = heard.filter_map(|body| match body {
            Body::ManagementUp(management::Up::Notice(notice)) => Some(notice),
            _ => None,
        });
        notices.collect()
    }
}

fn command(id: u64) -> Body {
    Body::ManagementDown(management::Down::Command {
        id,
        to: MachineId(PROCESS_SERVER),
        command: Command::Unserve {
            vm: VmId(1),
            protection: 1,
        },
    })
}

#[test]
fn a_component_with_another_passphrase_is_refused() {
    let s = setting();
    s.connect(PASSPHRASE + 1);
    let heard = s.heard(s.component);
    assert!(
        matches!(
            &heard[..],
            [Body::ManagementDown(management::Down::Registered { refused: Some(_) })]
        ),
        "{heard:?}"
    );
    let registered = |(_, fact): &(SimTime, Fact)| matches!(fact, Fact::Registered { .. });
    assert!(!s.bench.facts().iter().any(registered));
}

#[test]
fn a_command_waits_for_its_component_and_is_given_again_until_it_is_answered() {
    let s = setting();
    let service = s.registered();
    s.tell(s.service, service, command(9));
    s.connect(PASSPHRASE);
    assert_eq!(s.commands(), [9], "it had to wait");
    // Neither its own power cut nor the component's connection loses it.
    s.bench.cut(OWN);
    s.start_again();
    let service = s.let_in();
    let conn = s.connect(PASSPHRASE);
    assert_eq!(s.commands(), [9]);
    let reply = Body::ManagementUp(management::Up::Reply {
        id: 9,
        result: Ok(Reply::Done),
    });
    s.heard(s.service);
    s.tell(s.component, conn, reply);
    assert!(
        s.heard(s.service)
            .iter()
            .any(|body| matches!(body, Body::ManagementUp(management::Up::Reply { id: 9, .. })))
    );
    s.connect(PASSPHRASE);
    assert_eq!(s.commands(), Vec::<u64>::new(), "it was answered");
    s.tell(s.service, service, command(10));
    assert_eq!(s.commands(), [10]);
}

#[test]
fn a_notice_that_the_service_did_not_confirm_is_told_again() {
    let s = setting();
    s.registered();
    s.connect(PASSPHRASE);
    let up = |notices: &[Notice]| {
        let of_it = |notice: &&Notice| matches!(notice, Notice::ComponentUp { .. });
        notices.iter().filter(of_it).count()
    };
    assert_eq!(up(&s.notices()), 1);
    // The service loses its power before it answers a heartbeat.
    s.bench.cut(SERVICE);
    s.bench.env(s.service).listen(PORT_MANAGEMENT);
    let conn = s.let_in();
    assert_eq!(up(&s.notices()), 1, "told again");
    // Once a heartbeat is answered it is not told any more.
    s.bench.run_seconds(90);
    assert!(
        s.heard(s.service)
            .iter()
            .any(|body| matches!(body, Body::ManagementUp(management::Up::Heartbeat { .. })))
    );
    s.tell(s.service, conn, Body::ManagementDown(management::Down::HeartbeatSeen));
    s.bench.cut(SERVICE);
    s.bench.env(s.service).listen(PORT_MANAGEMENT);
    s.let_in();
    assert_eq!(up(&s.notices()), 0, "it was confirmed");
}

#[test]
fn who_is_silent_is_lost_once_and_found_again_when_heard() {
    let s = setting();
    let service = s.registered();
    let conn = s.connect(PASSPHRASE);
    let answered = |seconds: u64| {
        for _ in 0..seconds / 60 {
            s.bench.run_seconds(60);
            s.tell(
                s.service,
                service,
                Body::ManagementDown(management::Down::HeartbeatSeen),
            );
        }
    };
    answered(14 * 60);
    assert_eq!(s.bench.alerts("nothing heard of the process-server"), 0);
    answered(30 * 60);
    assert_eq!(s.bench.alerts("nothing heard of the process-server for 15 min"), 1);
    s.tell(
        s.component,
        conn,
        Body::ManagementUp(management::Up::Heartbeat { answer: false }),
    );
    answered(30 * 60);
    assert_eq!(s.bench.alerts("nothing heard of the process-server"), 2);
}

#[test]
fn what_its_disk_holds_is_not_written_over_before_it_was_read() {
    let s = setting();
    let service = s.registered();
    s.tell(s.service, service, command(9));
    s.bench.cut(OWN);
    s.bench.fail_disk(MachineId(OWN), Operation::Read, true);
    s.start_again();
    assert_eq!(s.bench.alerts("configuration server"), 1);
    s.bench.give(s.own, Input::Local(Local::RegisterWithVault { key: KEY }));
    s.bench.run_seconds(5);
    s.bench.fail_disk(MachineId(OWN), Operation::Read, false);
    s.let_in();
    s.connect(PASSPHRASE);
    assert_eq!(s.commands(), [9]);
}
