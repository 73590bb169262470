//! Small worlds for this crate's own tests.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Context, StreamHandler};
use actors::nouns::LinkKind;
use actors::ports::{Env, Input};
use actors::spec::{ComponentSpec, VcenterSpec};
use actors::start::Started;
use datapath::segment::Calibration;
use datapath::{Grain, SimTime};

use crate::run::{ActorFactory, Observer};
use crate::spec::{LinkSpec, MachineSpec, NetworkKind, RunOptions, WorldSpec, Zone};

/// An empty world that lasts a simulated hour.
pub fn world() -> WorldSpec {
    WorldSpec {
        zones: Vec::new(),
        model: Arc::default(),
        faults: Vec::new(),
        machines: Vec::new(),
        links: Vec::new(),
        vms: Vec::new(),
        groups: Vec::new(),
        recovery_plans: Vec::new(),
        volumes: Vec::new(),
        triggers: Vec::new(),
        steps: 0,
        until: SimTime(3_600_000_000_000),
        settle: 0,
        calibration: Arc::new(Calibration::default()),
    }
}

/// A machine with one component, whose kind says nothing: what it is, the test's factory decides.
pub fn machine(name: &str, zone: Zone) -> MachineSpec {
    MachineSpec {
        name: name.to_owned(),
        zone,
        speed_per_mille: 1000,
        cores: 2,
        disk_bytes: 1 << 40,
        disk_bytes_per_second: 200_000_000,
        clock_skew: 0,
        on: true,
        components: vec![ComponentSpec::Vcenter(VcenterSpec { vms: Vec::new() })],
    }
}

/// 8 Mbit/s (a byte a microsecond), 1 ms.
pub fn link(name: &str, joins: &[(Zone, Zone)]) -> LinkSpec {
    LinkSpec {
        name: name.to_owned(),
        kind: LinkKind::Internet,
        joins: joins.to_vec(),
        bits_per_second: 8_000_000,
        latency: 1_000_000,
        loss_per_million: 0,
    }
}

/// Seed 1 on the event network, no threads.
pub fn options() -> RunOptions {
    RunOptions::in_memory(1, NetworkKind::Event, Grain::Real, 1)
}

/// Keeps the facts.
#[derive(Default)]
pub struct Facts(pub Vec<(SimTime, actors::facts::Fact)>);

impl Observer for Facts {
    fn fact(
        &mut self,
        at: SimTime,
        _: u64,
        _: Option<actors::nouns::ActorId>,
        fact: &actors::facts::Fact,
        _: Option<actors::ports::Evidence>,
    ) {
        self.0.push((at, fact.clone()));
    }
}

type Handler = Box<dyn FnMut(&Env, Input)>;

/// An actor made of a closure.
pub struct Toy {
    env: Env,
    handler: Handler,
}

impl Actor for Toy {
    type Context = Context<Self>;
}

impl StreamHandler<Input> for Toy {
    fn handle(&mut self, input: Input, _: &mut Self::Context) {
        (self.handler)(&self.env, input);
    }
}

/// Makes the toy of a machine; called at each start.
pub type Maker = Rc<dyn Fn(&Env) -> Handler>;

/// A factory that has one maker for each machine.
pub fn toys(makers: Vec<Maker>) -> ActorFactory {
    Rc::new(move |_, env, _| {
        let handler = makers[env.machine.0 as usize](&env);
        Started::new(Toy { env, handler })
    })
}

/// A maker of toys without state of their own.
pub fn toy(handler: impl Fn(&Env, Input) + 'static) -> Maker {
    let handler = Rc::new(handler);
    Rc::new(move |_| {
        let handler = Rc::clone(&handler);
        Box::new(move |env, input| handler(env, input))
    })
}

/// Two machines at two sites, joined by one link: `a` and `b`.
pub fn pair() -> WorldSpec {
    let mut spec = world();
    spec.machines = vec![machine("a", Zone(0)), machine("b", Zone(1))];
    spec.links = vec![link("wan", &[(Zone(0), Zone(1))])];
    spec
}

/// A log that toys write to.
pub type Notes = Rc<RefCell<Vec<(u64, String)>>>;

/// Writes a note with the time.
pub fn note(notes: &Notes, env: &Env, text: impl Into<String>) {
    notes.borrow_mut().push((env.now().0, text.into()));
}

/// The texts of the notes.
pub fn texts(notes: &Notes) -> Vec<String> {
    notes.borrow().iter().map(|(_, text)| text.clone()).collect()
}
