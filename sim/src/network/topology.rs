//! Which link lies between two machines. Actors name machines; only this file knows of links.

use std::collections::BTreeMap;

use actors::nouns::MachineId;

use crate::spec::{WorldSpec, Zone};

/// What lies between two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Nothing: they are one machine.
    Local,
    /// A link.
    Link {
        /// Its number.
        link: u32,
        /// Whether the way leads from the second of the link's ends to the first. On a site's own network: from a machine with a
        /// higher number to one with a lower.
        back: bool,
    },
}

/// Zones, and the links between them.
pub struct Topology {
    zones: Vec<Zone>,
    names: Vec<String>,
    links: BTreeMap<(Zone, Zone), (u32, bool)>,
}

impl Topology {
    /// The topology of a world: between two zones the first link of the specification that joins them.
    #[must_use]
    pub fn new(spec: &WorldSpec) -> Topology {
        let mut links = BTreeMap::new();
        for (number, link) in spec.links.iter().enumerate() {
            for (first, second) in &link.joins {
                links.entry((*first, *second)).or_insert((number as u32, false));
                links.entry((*second, *first)).or_insert((number as u32, true));
            }
        }
        Topology {
            zones: spec.machines.iter().map(|machine| machine.zone).collect(),
            names: spec.zones.clone(),
            links,
        }
    }

    fn name(&self, zone: Zone) -> String {
        let name = self.names.get(zone.0 as usize).cloned();
        name.unwrap_or_else(|| format!("zone {}", zone.0))
    }

    /// The way from one machine to another.
    ///
    /// # Errors
    /// Why there is none.
    pub fn route(&self, from: MachineId, to: MachineId) -> Result<Route, String> {
        if from == to {
            return Ok(Route::Local);
        }
        let zone = |machine: MachineId| self.zones.get(machine.0 as usize).copied();
        let (Some(here), Some(there)) = (zone(from), zone(to)) else {
            return Err(format!("no route to host: there is no machine {}", to.0));
        };
        match self.links.get(&(here, there)) {
            Some((link, _)) if here == there => Ok(Route::Link {
                link: *link,
                back: from > to,
            }),
            Some((link, back)) => Ok(Route::Link {
                link: *link,
                back: *back,
            }),
            None => Err(format!(
                "no route to host: no link joins {} with {}",
                self.name(here),
                self.name(there)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{link, machine, world};

    #[test]
    fn the_first_link_that_joins_two_zones_lies_between_their_machines() {
        let mut spec = world();
        spec.machines = vec![machine("a", Zone(0)), machine("b", Zone(0)), machine("c", Zone(10))];
        spec.machines.push(machine("d", Zone(12)));
        spec.links = vec![
            link("lan", &[(Zone(0), Zone(0))]),
            link("internet", &[(Zone(0), Zone(10))]),
            link("second", &[(Zone(10), Zone(0))]),
        ];
        let topology = Topology::new(&spec);
        let route = |from, to| topology.route(MachineId(from), MachineId(to));
        assert_eq!(route(0, 0), Ok(Route::Local));
        assert_eq!(route(0, 1), Ok(Route::Link { link: 0, back: false }));
        assert_eq!(route(1, 0), Ok(Route::Link { link: 0, back: true }));
        assert_eq!(route(0, 2), Ok(Route::Link { link: 1, back: false }));
        assert_eq!(route(2, 1), Ok(Route::Link { link: 1, back: true }));
        assert_eq!(
            route(0, 3).unwrap_err(),
            "no route to host: no link joins zone 0 with zone 12"
        );
        assert!(route(0, 9).is_err());
    }
}
