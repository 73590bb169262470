//! The way of a machine's bytes to its target: which machines and links are on it, who shares them, and how long bytes take at most.
//!
//! Hops are passed one after the other and each is shared evenly: that is slower than what really happens (hops work at the same time, and
//! who has nothing to send takes no share), so it bounds from above. Twice it is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actors::Table;
use actors::model::Model;
use actors::nouns::MachineId;
use actors::ports::Work;
use actors::spec::ComponentSpec;
use datapath::VmId;

use super::outages::Needs;
use crate::compute::bytes_per_second;
use crate::network::topology::{Route, Topology};
use crate::spec::WorldSpec;

/// Something on the way that takes time for each byte, and that machines share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hop {
    Link(u32),
    /// Its file disk is written.
    Disk(MachineId),
    /// It compresses and seals.
    Seals(MachineId),
    /// It opens and decompresses.
    Opens(MachineId),
    /// What it may upload.
    Throttle(MachineId),
}

/// Who shares a hop.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    machines: u64,
    /// What all of them have to copy.
    copied_bytes: u64,
}

/// The ends of a machine's replication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// Where the protected life runs.
    pub source: Option<MachineId>,
    /// Process servers that are to carry it, or did so in this protection.
    pub process_servers: BTreeSet<MachineId>,
    /// The master target; none: Azure storage.
    pub master_target: Option<MachineId>,
}

/// A machine's way.
#[derive(Debug, Default)]
struct Path {
    ends: Ends,
    hops: Vec<Hop>,
    /// From the source to the target.
    whole: Needs,
    /// From the process server on.
    second_half: Needs,
    /// The target alone.
    target: Needs,
}

/// How far from its target something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Source,
    ProcessServer,
    Target,
}

/// The ways of all machines.
pub(super) struct Paths {
    model: Arc<Model>,
    topology: Topology,
    managed_by: BTreeMap<MachineId, MachineId>,
    vcenters: BTreeMap<MachineId, MachineId>,
    service: Option<MachineId>,
    storage: Option<MachineId>,
    /// Bits per second over a link, for the stream of one connection.
    links: Vec<u64>,
    /// Bits per second that a process server may upload in the hour in which it may upload least.
    throttles: BTreeMap<MachineId, u64>,
    /// Bytes per second of a machine's file disk, and of its cores together in thousandths of the reference.
    machines: Vec<(u64, u64)>,
    of: Table<VmId, Path>,
    copied_bytes: BTreeMap<VmId, u64>,
    shares: BTreeMap<Hop, Share>,
    nowhere: Needs,
}

impl Paths {
    /// The ways of a world, none of them known yet. `copied_bytes` is what a copy of each machine has to carry at most.
    pub fn new(spec: &WorldSpec, copied_bytes: BTreeMap<VmId, u64>) -> Paths {
        let components = || {
            (0..)
                .map(MachineId)
                .zip(&spec.machines)
                .flat_map(|(id, machine)| machine.components.iter().map(move |component| (id, component)))
        };
        let service = components().find_map(|(id, component)| match component {
            ComponentSpec::Service(service) => Some((id, service)),
            _ => None,
        });
        // Unacknowledged bytes that fit on a way: what the smaller of the two windows allows.
        let smaller_window = spec.model.agent.window.min(spec.model.process_server.window);
        let tcp = spec.tcp();
        let smaller_window = smaller_window.min(tcp.window_bytes(tcp.maximum_window_segments));
        Paths {
            model: Arc::clone(&spec.model),
            topology: Topology::new(spec),
            managed_by: service.map_or_else(BTreeMap::new, |(_, service)| service.managed_by.clone()),
            vcenters: service.map_or_else(BTreeMap::new, |(_, service)| service.vcenters.clone()),
            service: service.map(|(id, _)| id),
            storage: components().find_map(|(id, component)| match component {
                ComponentSpec::Storage(_) => Some(id),
                _ => None,
            }),
            links: spec
                .links
                .iter()
                .map(|link| {
                    let round_trip = link.latency.saturating_mul(2);
                    let window = u128::from(smaller_window) * 8_000_000_000 / u128::from(round_trip.max(1));
                    let window = u64::try_from(window).unwrap_or(u64::MAX);
                    let kept = tcp.kept_under_loss(round_trip, link.loss_per_million);
                    let on_the_wire = link.bits_per_second.min(kept.unwrap_or(u64::MAX)).min(window);
                    tcp.stream_rate(on_the_wire).max(1)
                })
                .collect(),
            throttles: components()
                .filter_map(|(id, component)| match component {
                    ComponentSpec::ProcessServer(server) => Some((id, server.throttles.least()?)),
                    _ => None,
                })
                .collect(),
            machines: spec
                .machines
                .iter()
                .map(|machine| {
                    let cores = u64::from(machine.speed_per_mille) * u64::from(machine.cores);
                    (machine.disk_bytes_per_second.max(1), cores.max(1))
                })
                .collect(),
            of: Table::default(),
            copied_bytes,
            shares: BTreeMap::new(),
            nowhere: Needs::default(),
        }
    }

    /// The storage account.
    pub fn storage(&self) -> Option<MachineId> {
        self.storage
    }

    /// The ends of a machine's way.
    pub fn ends(&self, vm: VmId) -> Ends {
        self.of.get(&vm).map(|path| path.ends.clone()).unwrap_or_default()
    }

    /// A machine's way leads between these ends from now on.
    pub fn set(&mut self, vm: VmId, ends: Ends) {
        if self.of.get(&vm).is_some_and(|path| path.ends == ends) {
            return;
        }
        let path = self.path(ends);
        let copied = self.copied_bytes.get(&vm).copied().unwrap_or_default();
        for hop in &path.hops {
            let share = self.shares.entry(*hop).or_default();
            share.machines += 1;
            share.copied_bytes += copied;
        }
        if let Some(before) = self.of.insert(vm, path) {
            for hop in &before.hops {
                if let Some(share) = self.shares.get_mut(hop) {
                    share.machines -= 1;
                    share.copied_bytes -= copied;
                }
            }
        }
    }

    fn path(&self, ends: Ends) -> Path {
        let target = ends.master_target.or(self.storage);
        // Whoever opens what is stored: the service fetches it from storage.
        let opener = ends.master_target.or(self.service);
        let mut hops = Vec::new();
        for (from, to) in ends.process_servers.iter().map(|server| (ends.source, Some(*server))) {
            hops.extend(self.link_between(from, to).map(Hop::Link));
        }
        for server in &ends.process_servers {
            hops.extend([Hop::Disk(*server), Hop::Seals(*server)]);
            hops.extend(self.link_between(Some(*server), target).map(Hop::Link));
            let throttled = ends.master_target.is_none() && self.throttles.contains_key(server);
            hops.extend(throttled.then_some(Hop::Throttle(*server)));
        }
        hops.extend(ends.source.map(Hop::Disk));
        hops.extend(target.map(Hop::Disk));
        hops.extend(self.link_between(target, opener).map(Hop::Link));
        hops.extend(opener.map(Hop::Opens));
        hops.sort_unstable();
        hops.dedup();
        let at_target: BTreeSet<MachineId> = [target, opener, self.service].into_iter().flatten().collect();
        let mut second: BTreeSet<MachineId> = at_target.clone();
        second.extend(&ends.process_servers);
        second.extend(self.managers(&second));
        let mut whole = second.clone();
        whole.extend(ends.source);
        whole.extend(self.managers(&whole));
        Path {
            target: self.needs(at_target),
            second_half: self.needs(second),
            whole: self.needs(whole),
            hops,
            ends,
        }
    }

    /// The configuration servers of machines.
    fn managers(&self, machines: &BTreeSet<MachineId>) -> BTreeSet<MachineId> {
        machines
            .iter()
            .filter_map(|machine| self.managed_by.get(machine))
            .copied()
            .collect()
    }

    /// Machines, and the links between any two of them.
    fn needs(&self, machines: BTreeSet<MachineId>) -> Needs {
        let pairs = machines
            .iter()
            .flat_map(|from| machines.iter().map(move |to| (*from, *to)));
        let links = pairs.filter_map(|(from, to)| self.link_between(Some(from), Some(to)));
        Needs {
            links: links.collect(),
            machines,
        }
    }

    /// What an operation about these machines, and about a protected one, may wait for.
    pub fn operation_needs(&self, vms: &BTreeSet<VmId>, named: impl IntoIterator<Item = MachineId>) -> Needs {
        let mut machines: BTreeSet<MachineId> = named.into_iter().chain(self.service).collect();
        for path in vms.iter().filter_map(|vm| self.of.get(vm)) {
            machines.extend(&path.whole.machines);
        }
        machines.extend(self.managers(&machines));
        let vcenters: Vec<MachineId> = machines
            .iter()
            .filter_map(|of| self.vcenters.get(of))
            .copied()
            .collect();
        machines.extend(vcenters);
        self.needs(machines)
    }

    fn link_between(&self, from: Option<MachineId>, to: Option<MachineId>) -> Option<u32> {
        match self.topology.route(from?, to?) {
            Ok(Route::Link { link, .. }) => Some(link),
            Ok(Route::Local) | Err(_) => None,
        }
    }

    /// What something that is so far from its target cannot go on without.
    pub fn needs_from(&self, vm: VmId, from: From) -> &Needs {
        let Some(path) = self.of.get(&vm) else {
            return &self.nowhere;
        };
        match from {
            From::Source => &path.whole,
            From::ProcessServer => &path.second_half,
            From::Target => &path.target,
        }
    }

    /// How long a machine's bytes take at most, in nanoseconds: `bytes` of its own, its copy where it has one to make, and what others have
    /// waiting (`waiting` of all machines) in their turns.
    pub fn work(&self, vm: VmId, bytes: u64, copies: bool, waiting: u64) -> u64 {
        let Some(path) = self.of.get(&vm) else { return 0 };
        let mut time = 0_u128;
        for hop in &path.hops {
            let share = self.shares.get(hop).copied().unwrap_or_default();
            let others = share
                .machines
                .saturating_sub(1)
                .saturating_mul(self.model.oracle.turn)
                .min(waiting);
            let mut all = u128::from(bytes) * u128::from(share.machines) + u128::from(others);
            if copies {
                all += u128::from(share.copied_bytes);
            }
            time += all * 1_000_000_000 / u128::from(self.rate(*hop).max(1));
        }
        u64::try_from(time * u128::from(self.model.oracle.allowed_times)).unwrap_or(u64::MAX)
    }

    /// Bytes per second.
    fn rate(&self, hop: Hop) -> u64 {
        let cores = |machine: MachineId, work| {
            let cores = self.machines.get(machine.0 as usize).map_or(1, |(_, cores)| *cores);
            let rate =
                u128::from(bytes_per_second(&self.model.compute, work).unwrap_or(u64::MAX)) * u128::from(cores) / 1000;
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        match hop {
            Hop::Link(link) => self.links.get(link as usize).copied().unwrap_or(8) / 8,
            Hop::Throttle(machine) => self.throttles.get(&machine).copied().unwrap_or(8) / 8,
            Hop::Disk(machine) => self.machines.get(machine.0 as usize).map_or(1, |(disk, _)| *disk),
            Hop::Seals(machine) => cores(machine, Work::CompressAndSeal),
            Hop::Opens(machine) => cores(machine, Work::OpenAndDecompress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Zone;
    use crate::testing::{link, machine, world};

    fn paths() -> Paths {
        let mut spec = world();
        spec.machines = vec![
            machine("source", Zone(0)),
            machine("process-server", Zone(0)),
            machine("target", Zone(11)),
            machine("elsewhere", Zone(1)),
            machine("other", Zone(0)),
        ];
        spec.links = vec![
            link("lan", &[(Zone(0), Zone(0))]),
            link("vpn", &[(Zone(0), Zone(11))]),
            link("elsewhere", &[(Zone(1), Zone(11))]),
        ];
        Paths::new(&spec, BTreeMap::from([(VmId(0), 1_000_000), (VmId(1), 0)]))
    }

    fn ends(source: u32) -> Ends {
        Ends {
            source: Some(MachineId(source)),
            process_servers: BTreeSet::from([MachineId(1)]),
            master_target: Some(MachineId(2)),
        }
    }

    #[test]
    fn a_way_needs_what_is_on_it_and_nothing_else() {
        let mut paths = paths();
        paths.set(VmId(0), ends(0));
        let whole = paths.needs_from(VmId(0), From::Source);
        assert_eq!(whole.machines, [0, 1, 2].map(MachineId).into());
        assert_eq!(whole.links, [0, 1].into());
        let half = paths.needs_from(VmId(0), From::ProcessServer);
        assert_eq!((half.machines.len(), half.links.clone()), (2, [1].into()));
        assert!(paths.needs_from(VmId(0), From::Target).links.is_empty());
    }

    #[test]
    fn what_is_shared_takes_its_time() {
        let mut paths = paths();
        paths.set(VmId(0), ends(0));
        let second = 1_000_000_000;
        // Two links of a byte a microsecond, one after the other, and twice that.
        let alone = paths.work(VmId(0), 1_000_000, false, 0);
        assert!((4 * second..5 * second).contains(&alone), "{alone}");
        let copied = paths.work(VmId(0), 0, true, 0);
        assert!((4 * second..5 * second).contains(&copied), "{copied}");
        paths.set(VmId(1), ends(4));
        assert_eq!(paths.work(VmId(0), 1_000_000, false, 0) / second, 2 * (alone / second));
        paths.set(VmId(1), Ends::default());
        assert_eq!(paths.work(VmId(0), 1_000_000, false, 0), alone);
    }
}
