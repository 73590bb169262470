//! Databases: accounts in memory, a write-ahead log, checkpoints.
//!
//! A database has accounts, one to a page, and each transaction moves an amount from one to another.
//!
//! 1. A transaction changes accounts in memory and is put at the end of the log. It is *committed* once the log up to it has been
//!    written, acknowledged and flushed; transactions that come meanwhile are written together by the next write.
//! 2. Now and then, or when half of the log is used, there is a checkpoint: what is dirty in memory is written to its pages and flushed,
//!    then a superblock that says so. Until then pages on the disk are of many ages, and only the log knows the difference.
//! 3. When its machine boots, it reads the superblock, the pages and the log, and does again what the log has and pages lack
//!    (recovery). Then it goes on, in a log block of its own.
//! 4. Quiesced for an app-consistent point, or stopped in order, it begins no transaction, commits those that it has and makes a
//!    checkpoint: nothing has to be done again.
//!
//! Left out: transactions that read, that fail or that are rolled back. In the extent grain there are no bytes to
//! read, so a database begins anew at each boot. It is not there in the aggregate grain. `format` has its blocks.

mod format;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use datapath::content::generated;
use datapath::disk::DiskError;
use datapath::plants::{Plant, planted};
use datapath::{EXTENT_BYTES, Extent, Grain, WriteSeq};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::writing::{Owner, What};
use super::{CHECKPOINT, DATABASES, FlushFor, Guest, Phase, TRANSACTION};
use crate::facts::{Fact, Severity};
use crate::ports::Token;
use crate::spec::DatabaseSpec;
use crate::workload::Op;

use format::{Account, BLOCK, LogBlock, PER_BLOCK, Superblock, Transfer};

/// The most that a transaction moves.
const AMOUNT_MAX: u64 = 1_000;

/// Which of its blocks was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Log,
    Page,
    Superblock,
}

/// How far a write of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logging {
    /// Nothing is under way.
    Idle,
    /// So many blocks are not acknowledged.
    Writing(u32),
    Flushing,
}

/// How far a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// So many pages are not acknowledged.
    Pages(u32),
    PagesFlushing,
    Superblock,
    SuperblockFlushing,
}

/// A database at work.
struct Database {
    spec: DatabaseSpec,
    accounts: BTreeMap<u32, Account>,
    dirty: BTreeSet<u32>,
    /// The last transaction that began, and the last that is committed.
    last: u64,
    committed: u64,
    /// Of the last checkpoint.
    superblock: Superblock,
    openings: u64,
    /// The log block that is filled, and the one that the last checkpoint's next transaction is in.
    block: LogBlock,
    oldest: u64,
    logging: Logging,
    /// The checkpoint under way, and the transactions that it holds.
    checkpoint: Option<(Stage, u64)>,
    checkpoint_due: bool,
    /// Transactions that no write of the log holds.
    unlogged: Vec<Transfer>,
    /// A transaction waits to begin.
    waits: bool,
    random: ChaCha8Rng,
}

/// The machine's databases.
#[derive(Default)]
pub(super) struct Databases(Vec<Database>);

impl Database {
    /// One that has nothing.
    fn new(spec: DatabaseSpec, random: ChaCha8Rng) -> Database {
        Database {
            spec,
            accounts: BTreeMap::new(),
            dirty: BTreeSet::new(),
            last: 0,
            committed: 0,
            superblock: Superblock::default(),
            openings: 1,
            block: LogBlock::default(),
            oldest: 0,
            logging: Logging::Idle,
            checkpoint: None,
            checkpoint_due: false,
            unlogged: Vec::new(),
            waits: false,
            random,
        }
    }

    /// It goes on with what was read, of which so many transactions were done again, in a log block of its own. What these are in is
    /// needed until the next checkpoint.
    fn open(&mut self, redone: u64) {
        self.committed = self.last;
        self.block = LogBlock {
            number: self.block.number + 1,
            openings: self.openings,
            first: self.last + 1,
            transfers: Vec::new(),
        };
        if redone == 0 {
            self.oldest = self.block.number;
        }
        self.checkpoint_due = redone > 0;
    }

    /// Blocks of the log since the last checkpoint.
    fn log_used(&self) -> u64 {
        self.block.number - self.oldest
    }

    /// Whether a transaction has to wait: for a checkpoint that is to begin, or for room in the log.
    fn holds(&self) -> bool {
        (self.checkpoint_due && self.checkpoint.is_none()) || self.log_used() + 2 > self.spec.log_extents
    }

    /// Whether all that it did is committed and in its pages.
    fn is_quiet(&self) -> bool {
        self.logging == Logging::Idle && self.checkpoint.is_none() && self.superblock.through == self.last
    }

    /// Puts a transaction behind the others, and changes the accounts.
    fn begin(&mut self) -> Transfer {
        let accounts = self.spec.pages.min(u64::from(u32::MAX));
        let from = self.random.next_u64() % accounts;
        let to = (from + 1 + self.random.next_u64() % (accounts - 1)) % accounts;
        let amount = 1 + self.random.next_u64() % AMOUNT_MAX;
        let transfer = Transfer {
            from: from as u32,
            to: to as u32,
            amount: amount.cast_signed(),
        };
        self.last += 1;
        self.apply(self.last, transfer);
        transfer
    }

    /// A transaction changes those accounts that do not hold it yet; whether there was one.
    fn apply(&mut self, number: u64, transfer: Transfer) -> bool {
        let mut changed = false;
        for (account, amount) in [(transfer.from, -transfer.amount), (transfer.to, transfer.amount)] {
            let of = self.accounts.entry(account).or_default();
            if of.last < number {
                of.last = number;
                of.balance += amount;
                self.dirty.insert(account);
                changed = true;
            }
        }
        changed
    }

    /// What the log block and those after it hold once these transactions are in them: blocks to write, in order.
    fn put_in_log(&mut self, transfers: &[Transfer]) -> Vec<LogBlock> {
        let mut blocks = Vec::new();
        for transfer in transfers {
            if self.block.transfers.len() == PER_BLOCK {
                let next = LogBlock {
                    number: self.block.number + 1,
                    openings: self.openings,
                    first: self.block.end(),
                    transfers: Vec::new(),
                };
                blocks.push(std::mem::replace(&mut self.block, next));
            }
            self.block.transfers.push(*transfer);
        }
        blocks.push(self.block.clone());
        blocks
    }

    fn log_offset(&self, block: u64) -> u64 {
        (self.spec.log_at + (block - 1) % self.spec.log_extents) * EXTENT_BYTES
    }

    /// Does again what the log holds and pages lack; how many transactions that were.
    fn redo(&mut self, blocks: BTreeMap<u64, LogBlock>) -> u64 {
        let (mut redone, mut before) = (0, None::<(u64, u64)>);
        self.last = self.superblock.through;
        for (number, block) in blocks {
            self.block.number = self.block.number.max(number);
            if block.end() <= self.last + 1 {
                continue;
            }
            // What does not go on where the one before ended is of another time.
            let follows = before.is_none_or(|(last, openings)| number == last + 1 && block.openings >= openings);
            if block.first > self.last + 1 || !follows {
                break;
            }
            if before.replace((number, block.openings)).is_none() {
                self.oldest = number;
            }
            for (number, transfer) in (block.first..).zip(block.transfers) {
                if number > self.last {
                    self.last = number;
                    self.apply(number, transfer);
                    redone += 1;
                }
            }
        }
        redone
    }
}

impl Guest {
    pub(super) fn has_databases(&self) -> bool {
        !self.spec.databases.is_empty() && self.env.grain() != Grain::Aggregate
    }

    /// What they have on their disks is read first.
    pub(super) fn start_databases(&self) {
        let extents = |spec: &DatabaseSpec| DatabaseSpec::SUPERBLOCKS + spec.pages + spec.log_extents;
        let extents: u64 = self.spec.databases.iter().map(extents).sum();
        self.env.read(
            extents * EXTENT_BYTES,
            Token {
                what: DATABASES,
                key: 0,
            },
        );
    }

    /// The disk did not give it: it is asked again.
    pub(super) fn databases_not_read(&self, error: &DiskError) {
        let (vm, token) = (
            Some(self.spec.vm.vm),
            Token {
                what: DATABASES,
                key: 0,
            },
        );
        self.trouble.note_and_retry(&self.env, vm, error, token);
    }

    pub(super) fn open_databases(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        let random = self.env.random("database");
        for (number, spec) in self.spec.databases.clone().into_iter().enumerate() {
            let mut own = random.clone();
            own.set_stream(number as u64 + 1);
            let mut database = Database::new(spec, own);
            let redone = match self.env.grain() {
                Grain::Real => self.recover(&mut database),
                Grain::Extent | Grain::Aggregate => 0,
            };
            database.open(redone);
            self.env.fact(Fact::DatabaseOpened {
                vm: self.spec.vm.vm,
                life: self.life(),
                database: number as u32,
                through: database.last,
                redone,
            });
            self.databases.0.push(database);
            self.await_transaction(number);
            self.await_checkpoint(number);
            self.database_goes_on(number);
        }
        self.answers();
    }

    /// Reads a database from its disks; how many transactions had to be done again.
    fn recover(&self, database: &mut Database) -> u64 {
        let spec = database.spec.clone();
        let heads = self.blocks(spec.disk, 0, DatabaseSpec::SUPERBLOCKS);
        let newest = heads.chunks_exact(BLOCK).filter_map(Superblock::read);
        if let Some(newest) = newest.max_by_key(|superblock| superblock.checkpoints) {
            database.superblock = newest;
        }
        database.openings = database.superblock.openings + 1;
        let pages = self.blocks(spec.disk, DatabaseSpec::SUPERBLOCKS, spec.pages);
        for (account, page) in (0..).zip(pages.chunks_exact(BLOCK)) {
            match Account::read(account, page) {
                Ok(Some(read)) => drop(database.accounts.insert(account, read)),
                Ok(None) => {}
                Err(()) => self.env.fact(Fact::Alert {
                    vm: Some(self.spec.vm.vm),
                    severity: Severity::Critical,
                    code: String::new(),
                    text: format!("page {account} of a database cannot be read"),
                }),
            }
        }
        let log = self.blocks(spec.log_disk, spec.log_at, spec.log_extents);
        let blocks = log.chunks_exact(BLOCK).filter_map(LogBlock::read);
        database.redo(blocks.map(|block| (block.number, block)).collect())
    }

    fn blocks(&self, disk: u16, first: u64, count: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(disk) = self.disk(disk) {
            self.env
                .volume_read_to(&disk.volume, Extent(first), count as u32, &mut bytes);
        }
        bytes
    }

    fn await_transaction(&mut self, number: usize) {
        let database = &mut self.databases.0[number];
        let every = database.spec.every;
        let after = every / 2 + database.random.next_u64() % every.max(1);
        let key = number as u64;
        self.env.timer(after, Token { what: TRANSACTION, key });
    }

    fn await_checkpoint(&self, number: usize) {
        let every = self.databases.0[number].spec.checkpoint_every;
        let key = number as u64;
        self.env.timer(every, Token { what: CHECKPOINT, key });
    }

    pub(super) fn transaction_due(&mut self, number: usize) {
        self.databases.0[number].waits = true;
        self.database_goes_on(number);
    }

    pub(super) fn checkpoint_due(&mut self, number: usize) {
        let database = &mut self.databases.0[number];
        database.checkpoint_due |= !database.dirty.is_empty();
        self.await_checkpoint(number);
        self.database_goes_on(number);
    }

    /// Does whatever can be done now.
    fn database_goes_on(&mut self, number: usize) {
        let runs = self.phase == Phase::Running && self.freeze.is_none();
        let database = &mut self.databases.0[number];
        if runs && database.waits && !database.holds() {
            database.waits = false;
            let transfer = database.begin();
            let transaction = database.last;
            self.env.fact(Fact::Transaction {
                vm: self.spec.vm.vm,
                life: self.life(),
                database: number as u32,
                transaction,
                from: transfer.from,
                to: transfer.to,
                amount: transfer.amount,
            });
            self.databases.0[number].unlogged.push(transfer);
            self.await_transaction(number);
        }
        self.write_log(number);
        let database = &mut self.databases.0[number];
        let half = database.log_used() * 2 > database.spec.log_extents;
        let ends = !runs && database.superblock.through < database.last;
        database.checkpoint_due |= half || ends;
        if database.checkpoint_due && database.checkpoint.is_none() && database.committed == database.last {
            self.begin_checkpoint(number);
        }
    }

    fn write_log(&mut self, number: usize) {
        let database = &mut self.databases.0[number];
        if database.logging != Logging::Idle || database.unlogged.is_empty() {
            return;
        }
        let transfers = std::mem::take(&mut database.unlogged);
        let blocks = database.put_in_log(&transfers);
        database.logging = Logging::Writing(blocks.len() as u32);
        let disk = database.spec.log_disk;
        let blocks: Vec<(u64, Vec<u8>)> = blocks
            .iter()
            .map(|block| (database.log_offset(block.number), block.write()))
            .collect();
        for (offset, block) in blocks {
            self.issue_block(number, Part::Log, disk, offset, block);
        }
    }

    fn begin_checkpoint(&mut self, number: usize) {
        let seed = self.seed;
        let database = &mut self.databases.0[number];
        database.checkpoint_due = false;
        let dirty = std::mem::take(&mut database.dirty);
        let (spec, through) = (database.spec.clone(), database.last);
        database.checkpoint = Some((Stage::Pages(dirty.len() as u32), through));
        let accounts: Vec<(u32, Account)> = dirty
            .iter()
            .map(|account| (*account, database.accounts[account]))
            .collect();
        let Some(disk) = self.disk(spec.disk).map(|disk| disk.id) else {
            return;
        };
        for (account, of) in &accounts {
            let extent = DatabaseSpec::SUPERBLOCKS + u64::from(*account);
            let mut page = vec![0; BLOCK];
            generated(
                seed,
                disk,
                Extent(extent),
                WriteSeq(of.last),
                spec.random_bytes,
                &mut page,
            );
            let page = of.write(*account, page);
            self.issue_block(number, Part::Page, spec.disk, extent * EXTENT_BYTES, page);
        }
        if accounts.is_empty() {
            self.pages_are_written(number);
        }
    }

    fn pages_are_written(&mut self, number: usize) {
        if let Some((stage, _)) = &mut self.databases.0[number].checkpoint {
            *stage = Stage::PagesFlushing;
            self.flush(FlushFor::Checkpoint(number));
        }
    }

    fn issue_block(&mut self, number: usize, part: Part, disk: u16, offset: u64, block: Vec<u8>) {
        let class = self.databases.0[number].spec.class;
        let op = Op::Write {
            offset,
            bytes: EXTENT_BYTES,
        };
        let what = What::Bytes(Bytes::from(block), class);
        self.issue(Owner::Database(number, part), disk, op, what);
    }

    /// A block is written and acknowledged.
    pub(super) fn database_wrote(&mut self, number: usize, part: Part) {
        let database = &mut self.databases.0[number];
        match (part, &mut database.logging, &mut database.checkpoint) {
            (Part::Log, Logging::Writing(left), _) => {
                *left -= 1;
                if *left == 0 {
                    database.logging = Logging::Flushing;
                    self.flush(FlushFor::Log(number));
                }
            }
            (Part::Page, _, Some((Stage::Pages(left), _))) => {
                *left -= 1;
                if *left == 0 {
                    self.pages_are_written(number);
                }
            }
            (Part::Superblock, _, Some((stage, _))) => {
                *stage = Stage::SuperblockFlushing;
                self.flush(FlushFor::Checkpoint(number));
            }
            _ => {}
        }
    }

    /// The log is durable: what it holds is committed.
    pub(super) fn log_flushed(&mut self, number: usize, seq: WriteSeq) {
        let database = &mut self.databases.0[number];
        database.logging = Logging::Idle;
        database.committed = database.last - database.unlogged.len() as u64;
        let through = database.committed;
        self.env.fact(Fact::TransactionsCommitted {
            vm: self.spec.vm.vm,
            life: self.life(),
            database: number as u32,
            through,
            seq,
        });
        self.database_goes_on(number);
        self.look_if_idle();
    }

    /// What a checkpoint wrote is durable.
    pub(super) fn checkpoint_flushed(&mut self, number: usize) {
        let database = &mut self.databases.0[number];
        match database.checkpoint {
            Some((Stage::PagesFlushing, through)) => {
                database.checkpoint = Some((Stage::Superblock, through));
                let superblock = Superblock {
                    checkpoints: database.superblock.checkpoints + 1,
                    through,
                    openings: database.openings,
                };
                let disk = database.spec.disk;
                let offset = superblock.checkpoints % DatabaseSpec::SUPERBLOCKS * EXTENT_BYTES;
                self.issue_block(number, Part::Superblock, disk, offset, superblock.write());
            }
            Some((Stage::SuperblockFlushing, through)) => {
                database.checkpoint = None;
                database.superblock.checkpoints += 1;
                database.superblock.through = through;
                database.superblock.openings = database.openings;
                // Transactions after it are in the block that is filled, or in those between.
                let after = (database.block.end() - 1).saturating_sub(through);
                let before = after.saturating_sub(database.block.transfers.len() as u64);
                database.oldest = database.block.number - before.div_ceil(PER_BLOCK as u64);
                self.database_goes_on(number);
                self.look_if_idle();
            }
            _ => {}
        }
    }

    /// Applications go on: transactions may begin.
    pub(super) fn databases_go_on(&mut self) {
        (0..self.databases.0.len()).for_each(|number| self.database_goes_on(number));
    }

    /// Whether all that databases did is committed and in their pages.
    pub(super) fn databases_are_quiet(&self) -> bool {
        planted(Plant::BuffersNotWritten) || self.databases.0.iter().all(Database::is_quiet)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_log_that_was_done_again_is_not_written_over_before_a_checkpoint() {
        let spec = DatabaseSpec {
            name: "orders".into(),
            disk: 0,
            pages: 8,
            log_disk: 1,
            log_at: 0,
            log_extents: 4,
            class: datapath::Class(0),
            random_bytes: 0,
            every: 1,
            checkpoint_every: 1,
        };
        let mut database = Database::new(spec, ChaCha8Rng::from_seed([0; 32]));
        let block = |number: u64| LogBlock {
            number,
            openings: 1,
            first: 1 + (number - 1) * PER_BLOCK as u64,
            transfers: vec![
                Transfer {
                    from: 1,
                    to: 2,
                    amount: 3,
                };
                PER_BLOCK
            ],
        };
        let redone = database.redo((1..=3).map(|number| (number, block(number))).collect());
        assert_eq!(redone, 3 * PER_BLOCK as u64);
        database.open(redone);
        assert_eq!((database.oldest, database.block.number), (1, 4));
        // The one after that would be in the place of the first.
        database.checkpoint = Some((Stage::Superblock, database.last));
        assert!(database.holds());
    }
}
