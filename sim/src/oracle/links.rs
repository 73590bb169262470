//! Links: judged by what the world saw at their doors, and by what they report.

use std::collections::BTreeMap;

use datapath::SimTime;

use super::Oracle;
use crate::findings::Component;
use crate::invariants::links_start_slowly::Starts;
use crate::invariants::links_take_their_time::Way;
use crate::invariants::{cut_links_carry_nothing, links_keep_their_rate, links_start_slowly, links_take_their_time};
use crate::link::LinkChange;
use crate::link::door::{AtDoor, Seen};
use crate::link::tcp_model::TcpModel;
use crate::spec::LinkSpec;

/// A link as the specification has it, and what was seen of it.
pub(super) struct LinkTrack {
    pub name: String,
    bits_per_second: u64,
    /// End of the last interval that it reported, by direction.
    before: [SimTime; 2],
    tcp: TcpModel,
    ways: [Way; 2],
    starts: [Starts; 2],
    /// Since when it is cut.
    cut: Option<SimTime>,
    /// Flows that lost packets to a cut, and when.
    lost: BTreeMap<u64, SimTime>,
    /// Packets that came out.
    out: u64,
}

impl LinkTrack {
    pub fn new(spec: &LinkSpec, tcp: &TcpModel) -> LinkTrack {
        let way = || Way::new(tcp, spec.bits_per_second, spec.latency, spec.loss_per_million);
        let starts = || Starts::new(tcp, spec.latency);
        LinkTrack {
            name: spec.name.clone(),
            bits_per_second: spec.bits_per_second,
            before: [SimTime::ZERO; 2],
            tcp: *tcp,
            ways: [way(), way()],
            starts: [starts(), starts()],
            cut: None,
            lost: BTreeMap::new(),
            out: 0,
        }
    }

    fn changed(&mut self, at: SimTime, change: LinkChange) {
        match change {
            LinkChange::Cut => {
                self.cut.get_or_insert(at);
                for way in &mut self.ways {
                    self.lost.extend(way.flows().map(|flow| (flow, at)));
                    way.cleared();
                }
            }
            LinkChange::Restore => self.cut = None,
            LinkChange::Degrade {
                bits_per_second,
                latency,
                loss_per_million,
            } => {
                self.bits_per_second = self.bits_per_second.max(bits_per_second);
                for way in &mut self.ways {
                    way.changed(bits_per_second, latency, loss_per_million);
                }
                for starts in &mut self.starts {
                    starts.changed(&self.tcp, latency);
                }
            }
        }
    }
}

impl Oracle {
    /// Takes in what was seen at the links' doors.
    pub fn links(&mut self, seen: &[Seen]) {
        for Seen { at, link, what } in seen {
            let Some(track) = self.links.get_mut(*link as usize) else {
                continue;
            };
            match what {
                // What is offered to a link that is cut is lost.
                AtDoor::In { flow, .. } if track.cut.is_some() => {
                    track.lost.insert(*flow, *at);
                }
                AtDoor::In { back, flow, bytes } => {
                    let (_, alone) = track.ways[usize::from(*back)].entered(*at, *flow, *bytes);
                    track.starts[usize::from(*back)].entered(*at, *flow, alone);
                }
                AtDoor::Out { back, flow } => {
                    track.out += 1;
                    let cut = cut_links_carry_nothing::check(&track.name, *at, track.cut, *flow);
                    let way = &mut track.ways[usize::from(*back)];
                    if !cut.is_empty() {
                        self.ledger.check(*at, Component::Link(*link), cut);
                    } else if let (Some(lost), false) = (track.lost.get(flow), way.has(*flow)) {
                        let lost = cut_links_carry_nothing::check_lost(&track.name, *at, *lost, *flow);
                        self.ledger.check(*at, Component::Link(*link), lost);
                    } else {
                        let fast = way.oldest(*flow).map_or_else(Vec::new, |bytes| {
                            track.starts[usize::from(*back)].left(&track.name, *at, *flow, bytes)
                        });
                        if !fast.is_empty() {
                            self.ledger.check(*at, Component::Link(*link), fast);
                        }
                        let early = way.left(&track.name, *at, *flow);
                        if !early.is_empty() {
                            self.ledger.check(*at, Component::Link(*link), early);
                        }
                    }
                }
                AtDoor::Gone { flows } => track.ways.iter_mut().for_each(|way| way.gone(*at, flows)),
                AtDoor::Changed(change) => track.changed(*at, *change),
            }
        }
    }

    /// A link reports what it carried.
    pub(super) fn link_use(&mut self, at: SimTime, link: u32, back: bool, (from, to): (SimTime, SimTime), bytes: u64) {
        let Some(track) = self.links.get_mut(link as usize) else {
            return;
        };
        let direction = usize::from(back);
        let used = links_keep_their_rate::Use {
            name: &track.name,
            bits_per_second: track.bits_per_second,
            before: track.before[direction],
            from,
            to,
            bytes,
        };
        let violations = links_keep_their_rate::check(&used);
        self.ledger.check(at, Component::Link(link), violations);
        track.before[direction] = track.before[direction].max(to);
        let violations = track.ways[direction].reported(&track.name, bytes);
        if !violations.is_empty() {
            self.ledger.check(at, Component::Link(link), violations);
        }
    }

    /// The end of the run: the links' own sums, and how often they were looked at.
    pub(super) fn finish_links(&mut self) {
        let at = self.now;
        for (link, track) in (0..).zip(&mut self.links) {
            let mut looks = 0;
            for way in &mut track.ways {
                let violations = way.end(&track.name);
                self.ledger.check(at, Component::Link(link), violations);
                looks += way.take_looks();
            }
            let starts: u64 = track.starts.iter_mut().map(Starts::take_looks).sum();
            self.ledger.looked(links_start_slowly::LAW, starts);
            self.ledger.looked(links_take_their_time::LAW, looks);
            self.ledger.looked(cut_links_carry_nothing::LAW, track.out);
        }
    }
}
