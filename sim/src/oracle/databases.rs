//! Databases: what they did in each life, and what is read of them from recovered disks.

mod reading;

use std::collections::BTreeMap;

use actors::facts::Fact;
use actors::nouns::{FailoverKind, Life};
use actors::spec::{ComponentSpec, DatabaseSpec};
use datapath::replica::Consistency;
use datapath::volume::Volume;
use datapath::{DiskId, Grain, VmId, WriteSeq};

use super::Oracle;
use crate::findings::Component;
use crate::invariants::databases_come_back::{self, Broken, Known, Reading};
use crate::metrics::{DatabaseRecovery, DatabaseResult};
use crate::spec::WorldSpec;

/// A database in one life of its machine.
struct InLife {
    life: Life,
    /// What it had when it was opened.
    opened: u64,
    /// The life that it has that of, by its place.
    before: Option<usize>,
    /// What followed: from, to, how much.
    transactions: Vec<(u32, u32, i64)>,
    /// Flushes of its log: up to which write of the machine, and what was committed then.
    commits: Vec<(WriteSeq, u64)>,
}

impl InLife {
    fn last(&self) -> u64 {
        self.opened + self.transactions.len() as u64
    }

    /// What was committed by a write.
    fn committed(&self, seq: WriteSeq) -> u64 {
        let until = self.commits.partition_point(|(flushed, _)| *flushed <= seq);
        until.checked_sub(1).map_or(self.opened, |at| self.commits[at].1)
    }
}

/// A database.
struct Database {
    spec: DatabaseSpec,
    lives: Vec<InLife>,
    /// What was read from the disks that were recovered last.
    read: Option<u64>,
    recoveries: Vec<DatabaseRecovery>,
}

impl Database {
    /// Balances that are not zero, after a transaction of a life.
    fn balances(&self, life: Option<usize>, through: u64) -> BTreeMap<u32, i64> {
        let Some(of) = life.map(|place| &self.lives[place]) else {
            return BTreeMap::new();
        };
        let mut balances = self.balances(of.before, of.opened.min(through));
        let own = through.saturating_sub(of.opened) as usize;
        for (from, to, amount) in of.transactions.iter().take(own) {
            *balances.entry(*from).or_default() -= amount;
            *balances.entry(*to).or_default() += amount;
        }
        balances.retain(|_, balance| *balance != 0);
        balances
    }

    fn newest(&self, life: Life) -> Option<usize> {
        self.lives.iter().rposition(|of| of.life == life)
    }
}

/// All databases.
#[derive(Default)]
pub(super) struct Databases {
    of: BTreeMap<VmId, Vec<Database>>,
    /// Lives that boot from recovered disks, and the lives whose disks those were.
    parents: BTreeMap<(VmId, Life), Life>,
}

/// A recovery, as far as databases are concerned.
pub(super) struct Taken<'a> {
    pub vm: VmId,
    pub kind: FailoverKind,
    pub life: Life,
    pub point: u64,
    pub seq: WriteSeq,
    pub consistency: Consistency,
    pub volumes: &'a [(DiskId, Volume)],
}

impl Databases {
    /// Those of a world.
    pub fn new(spec: &WorldSpec) -> Databases {
        let mut databases = Databases::default();
        for component in spec.machines.iter().flat_map(|machine| &machine.components) {
            let ComponentSpec::Guest(guest) = component else {
                continue;
            };
            if !guest.databases.is_empty() {
                let one = |spec: &DatabaseSpec| Database {
                    spec: spec.clone(),
                    lives: Vec::new(),
                    read: None,
                    recoveries: Vec::new(),
                };
                let all = || guest.databases.iter().map(one).collect();
                databases.of.entry(guest.vm.vm).or_insert_with(all);
            }
        }
        databases
    }

    /// The figures of all databases.
    pub fn finish(self) -> Vec<DatabaseResult> {
        let mut results = Vec::new();
        for (vm, databases) in self.of {
            for database in databases {
                let committed = |of: &InLife| of.commits.last().map_or(0, |(_, through)| through - of.opened);
                results.push(DatabaseResult {
                    vm,
                    name: database.spec.name.to_string(),
                    transactions: database.lives.iter().map(|of| of.transactions.len() as u64).sum(),
                    committed: database.lives.iter().map(committed).sum(),
                    recoveries: database.recoveries,
                });
            }
        }
        results
    }
}

impl Oracle {
    pub(super) fn database_fact(&mut self, fact: &Fact) {
        let databases = &mut self.databases;
        match fact {
            Fact::LifeStarted {
                vm,
                life,
                parent: Some((parent, _)),
                ..
            } if databases.of.contains_key(vm) => {
                databases.parents.insert((*vm, *life), *parent);
            }
            Fact::DatabaseOpened {
                vm,
                life,
                database,
                through,
                redone,
            } => self.database_opened((*vm, *database), *life, *through, *redone),
            Fact::Transaction {
                vm,
                life,
                database,
                from,
                to,
                amount,
                ..
            } => {
                if let Some(of) = databases.in_life(*vm, *database, *life) {
                    of.transactions.push((*from, *to, *amount));
                }
            }
            Fact::TransactionsCommitted {
                vm,
                life,
                database,
                through,
                seq,
            } => {
                if let Some(of) = databases.in_life(*vm, *database, *life) {
                    of.commits.push((*seq, *through));
                }
            }
            _ => {}
        }
    }

    /// A database says what it found on its disks.
    fn database_opened(&mut self, (vm, number): (VmId, u32), life: Life, through: u64, redone: u64) {
        let parent = self.databases.parents.get(&(vm, life)).copied();
        let Some(database) = self.databases.get_mut(vm, number) else {
            return;
        };
        let before = match parent {
            Some(parent) => database.newest(parent),
            None => database.lives.iter().rposition(|of| of.life.machine == life.machine),
        };
        let name = || database.spec.name.to_string();
        let component = Component::Database(vm, name());
        let mut violations = Vec::new();
        if self.grain == Grain::Real {
            let of = before.map(|place| &database.lives[place]);
            let known = of.map_or(0, InLife::last);
            match (parent, database.read) {
                (Some(_), Some(read)) if read != through => violations.push(Broken::BeganElsewhere {
                    database: name(),
                    through,
                    read,
                }),
                (None, _) => {
                    let committed = of.and_then(|of| of.commits.last()).map(|(_, through)| *through);
                    let committed = committed.or(of.map(|of| of.opened)).unwrap_or_default();
                    if through < committed || through > known {
                        violations.push(Broken::BeganOutside {
                            database: name(),
                            through,
                            committed,
                            begun: known,
                            redone,
                        });
                    }
                }
                _ => {}
            }
        }
        database.lives.push(InLife {
            life,
            opened: through,
            before,
            transactions: Vec::new(),
            commits: Vec::new(),
        });
        if self.grain == Grain::Real {
            self.ledger.check(self.now, component, violations);
        }
    }

    /// Disks of a machine were put together: its databases are read from them.
    pub(super) fn read_databases(&mut self, taken: &Taken<'_>) {
        if self.grain != Grain::Real {
            return;
        }
        for database in self.databases.of.get_mut(&taken.vm).into_iter().flatten() {
            let read = reading::read(&database.spec, taken.volumes);
            let place = database.newest(taken.life);
            let of = place.map(|place| &database.lives[place]);
            let known = Known {
                committed: of.map_or(0, |of| of.committed(taken.seq)),
                begun: of.map_or(0, InLife::last),
                balances: database.balances(place, read.through),
                quiesced: taken.consistency == Consistency::App,
            };
            let violations = databases_come_back::check(&database.spec.name, &read, &known);
            self.ledger.check(
                self.now,
                Component::Database(taken.vm, database.spec.name.to_string()),
                violations,
            );
            let Reading { through, redone, .. } = read;
            let all = of
                .and_then(|of| of.commits.last())
                .map_or(known.committed, |(_, all)| *all);
            database.read = Some(through);
            database.recoveries.push(DatabaseRecovery {
                at: self.now,
                kind: taken.kind,
                point: taken.point,
                consistency: taken.consistency,
                through,
                redone,
                lost: all.saturating_sub(through),
            });
        }
    }
}

impl Databases {
    fn get_mut(&mut self, vm: VmId, number: u32) -> Option<&mut Database> {
        self.of.get_mut(&vm)?.get_mut(number as usize)
    }

    fn in_life(&mut self, vm: VmId, number: u32, life: Life) -> Option<&mut InLife> {
        let database = self.get_mut(vm, number)?;
        let place = database.newest(life)?;
        database.lives.get_mut(place)
    }
}
