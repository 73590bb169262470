//! What vCenter does with machines and disks, and what it refuses.

use std::rc::Rc;
use std::sync::Arc;

use datapath::{Grain, VmId};

use super::*;
use crate::messages::vcenter;
use crate::nouns::{ActorId, Place};
use crate::ports::Storage;
use crate::spec::{Os, VmSpec};
use crate::testing::Bench;

const OWN: u32 = 0;
const ASKER: u32 = 1;
const MASTER_TARGET: u32 = 2;
/// A virtual machine, and a physical server with the virtual machine that it fails back to.
const VM: u32 = 10;
const SERVER: u32 = 11;
const STAND_IN: u32 = 12;
const BYTES: u64 = 1 << 20;

struct Setting {
    bench: Rc<Bench>,
    own: ActorId,
    asker: ActorId,
    guest: ActorId,
    conn: ConnId,
}

fn machine(number: u32, physical: bool) -> Arc<VmSpec> {
    let (vm, source) = (VmId(number), MachineId(number));
    Arc::new(VmSpec {
        vm,
        name: format!("vm{number}"),
        os: Os::Linux,
        physical,
        disks: vec![(DiskId { vm, index: 0 }, BYTES)],
        source,
        failback: if physical { MachineId(STAND_IN) } else { source },
        azure: MachineId(number + 100),
        test: MachineId(number + 200),
        boot: 0,
    })
}

fn spec() -> VcenterSpec {
    VcenterSpec {
        vms: vec![machine(VM, false), machine(SERVER, true)],
    }
}

fn disks(number: u32) -> Vec<(DiskId, u64)> {
    machine(number, false).disks.clone()
}

fn setting() -> Setting {
    let bench = Bench::new(Grain::Real);
    let (own, env) = bench.actor(OWN, ComponentKind::Vcenter);
    let (asker, asker_env) = bench.actor(ASKER, ComponentKind::ConfigurationServer);
    let (guest, _) = bench.actor(VM, ComponentKind::Guest);
    bench.put(own, Vcenter::new(spec(), env, bench.fabric()));
    bench.run_seconds(1);
    let conn = asker_env.connect(MachineId(OWN), PORT_MANAGEMENT);
    bench.run_seconds(1);
    Setting {
        bench,
        own,
        asker,
        guest,
        conn,
    }
}

impl Setting {
    fn say(&self, body: Body) {
        self.bench.env(self.asker).send(self.conn, body);
        self.bench.run_seconds(1);
    }

    fn order(&self, id: u64, action: VcenterAction) {
        self.say(Body::ToVcenter(vcenter::ToVcenter::Act { id, action }));
    }

    /// Orders that were answered since the last call, and what was refused.
    fn done(&self) -> Vec<(u64, Option<String>)> {
        let frames = self.bench.take_frames(self.asker).into_iter();
        let done = frames.filter_map(|(_, frame)| match frame.body {
            Body::FromVcenter(vcenter::ToAsker::Done { id, refused }) => Some((id, refused)),
            _ => None,
        });
        done.collect()
    }

    fn inventory(&self) -> Vec<MachineId> {
        self.say(Body::ToVcenter(vcenter::ToVcenter::ListMachines));
        let frames = self.bench.take_frames(self.asker).into_iter();
        let lists = frames.filter_map(|(_, frame)| match frame.body {
            Body::FromVcenter(vcenter::ToAsker::Machines { machines }) => Some(machines),
            _ => None,
        });
        let listed = lists.last().expect("an answer");
        listed.into_iter().map(|(machine, ..)| machine).collect()
    }
}

fn attach(number: u32, machine: u32) -> VcenterAction {
    VcenterAction::AttachToMasterTarget {
        machine: MachineId(machine),
        master_target: MachineId(MASTER_TARGET),
        disks: disks(number),
    }
}

#[test]
fn a_machine_is_switched_off_when_its_guest_has_stopped_or_has_had_its_time() {
    let s = setting();
    let machine = MachineId(VM);
    s.order(1, VcenterAction::PowerOff { machine });
    s.order(2, VcenterAction::PowerOff { machine });
    let told = s.bench.take_inbox(s.guest);
    let stops = told
        .iter()
        .filter(|(_, input)| matches!(input, Input::Local(Local::Shutdown)));
    assert_eq!(stops.count(), 1, "asked once: {told:?}");
    assert_eq!(s.done(), []);
    s.bench.give(s.own, Input::Local(Local::ShutDown { machine }));
    s.bench.run_seconds(1);
    assert_eq!(s.done(), [(1, None), (2, None)]);
    assert_eq!(s.bench.power_calls(), [(machine, false)]);
    // It is off: nothing is left to do.
    s.order(3, VcenterAction::PowerOff { machine });
    assert_eq!(s.done(), [(3, None)]);

    let s = setting();
    s.order(1, VcenterAction::PowerOff { machine });
    s.bench.run_seconds(130);
    assert_eq!(s.done(), [(1, None)]);
    assert_eq!(s.bench.power_calls(), [(machine, false)], "the power button");
}

#[test]
fn disks_of_a_machine_that_is_on_stay_where_they_are() {
    let s = setting();
    s.order(1, attach(VM, VM));
    let done = s.done();
    let why = done[0].1.as_ref().expect("refused");
    assert!(why.contains("must be off"), "{why}");
    assert_eq!(s.bench.volume_machine(&volume_name(disks(VM)[0].0, "source")), None);
    s.bench.power(MachineId(VM), false);
    s.order(2, attach(VM, VM));
    assert_eq!(s.done(), [(2, None)]);
    let of = volume_name(disks(VM)[0].0, "source");
    assert_eq!(s.bench.volume_machine(&of), Some(MachineId(MASTER_TARGET)));
    s.order(
        3,
        VcenterAction::Detach {
            machine: MachineId(VM),
            disks: disks(VM),
        },
    );
    assert_eq!(s.bench.volume_machine(&of), Some(MachineId(VM)));
    s.order(4, attach(VM, 99));
    let refused = s
        .done()
        .pop()
        .and_then(|(_, refused)| refused)
        .expect("it knows no such machine");
    assert!(refused.contains("no place for machine 99"), "{refused}");
}

#[test]
fn a_server_is_in_the_inventory_once_a_virtual_machine_stands_in_for_it() {
    let s = setting();
    assert_eq!(s.inventory(), [MachineId(VM)]);
    s.order(1, attach(SERVER, STAND_IN));
    assert_eq!(s.inventory(), [MachineId(VM), MachineId(STAND_IN)]);
    s.bench.cut(OWN);
    let env = s.bench.env(s.own);
    s.bench.put(s.own, Vcenter::new(spec(), env, s.bench.fabric()));
    s.bench.run_seconds(1);
    let conn = s.bench.env(s.asker).connect(MachineId(OWN), PORT_MANAGEMENT);
    s.bench.run_seconds(1);
    let s = Setting { conn, ..s };
    assert_eq!(
        s.inventory(),
        [MachineId(VM), MachineId(STAND_IN)],
        "after its power cut"
    );
}

#[test]
fn a_machine_boots_from_disks_that_are_there_and_once() {
    let s = setting();
    let machine = MachineId(VM);
    let volume = volume_name(disks(VM)[0].0, "source");
    let boot = Boot {
        vm: VmId(VM),
        place: Place::OnPremises,
        parent: None,
        volumes: vec![(disks(VM)[0].0, volume.clone())],
        failover: None,
    };
    let order = || VcenterAction::AttachAndBoot {
        machine,
        boot: boot.clone(),
    };
    s.bench.power(machine, false);
    s.order(1, order());
    let refused = s
        .done()
        .pop()
        .and_then(|(_, refused)| refused)
        .expect("there is no disk");
    assert!(refused.contains("there is no disk"), "{refused}");
    s.bench.volume_create(&volume, BYTES);
    s.order(2, order());
    s.order(3, order());
    assert_eq!(s.done(), [(2, None), (3, None)]);
    assert_eq!(s.bench.power_calls(), [(machine, false), (machine, true)]);
    assert!(
        s.bench.files(machine).len("boot").is_some(),
        "it knows what it boots as"
    );
}
