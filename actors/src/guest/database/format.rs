//! How a database lies on its disks: blocks of one extent (4 KiB), each with a checksum, so that what is torn or stale is told apart.
//!
//! | where | block | fields after the checksum (8 bytes) and the kind (8 bytes), little endian |
//! |---|---|---|
//! | disk, extents 0 and 1 in turn | superblock | checkpoints so far, transactions in the pages of the last one, times opened (u64 each) |
//! | disk, from extent 2 | page | account (u32), 4 bytes, its last transaction (u64), its balance (i64); then content |
//! | log, a circle | log block | its number, from 1 (u64), times opened (u64), first transaction (u64), how many (u32), 4 bytes; of each two accounts (u32), an amount (i64) |
//!
//! The checksum is the first 8 bytes of the BLAKE3 hash of the rest. A page of zeros is an account that nobody has touched.

use datapath::EXTENT_BYTES;

/// Bytes of a block.
pub(super) const BLOCK: usize = EXTENT_BYTES as usize;
/// Bytes before a log block's transactions.
const LOG_HEAD: usize = 48;
/// Bytes of a transaction.
const TRANSFER: usize = 16;
/// Transactions that a log block holds.
pub(super) const PER_BLOCK: usize = (BLOCK - LOG_HEAD) / TRANSFER;

const SUPERBLOCK_KIND: &[u8; 8] = b"FDDBHEAD";
const PAGE_KIND: &[u8; 8] = b"FDDBPAGE";
const LOG_KIND: &[u8; 8] = b"FDDBWLOG";

/// What a database begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Superblock {
    /// Checkpoints so far; the superblock with more of them counts.
    pub checkpoints: u64,
    /// All transactions up to this one are in the pages.
    pub through: u64,
    /// How often it had been opened.
    pub openings: u64,
}

/// An account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// The last transaction that changed it.
    pub last: u64,
    /// Its balance.
    pub balance: i64,
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    /// The account that it takes from.
    pub from: u32,
    /// The one that it gives to.
    pub to: u32,
    /// How much.
    pub amount: i64,
}

/// A block of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogBlock {
    /// Counted from 1; its place in the circle follows from it.
    pub number: u64,
    /// How often the database had been opened.
    pub openings: u64,
    /// Its first transaction.
    pub first: u64,
    /// Its transactions.
    pub transfers: Vec<Transfer>,
}

fn checksum(block: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(&block[8..]).as_bytes()[..8]);
    sum
}

fn close(block: &mut [u8], kind: &[u8; 8]) {
    block[8..16].copy_from_slice(kind);
    let sum = checksum(block);
    block[..8].copy_from_slice(&sum);
}

fn is_whole(block: &[u8], kind: &[u8; 8]) -> bool {
    block.len() == BLOCK && block[8..16] == *kind && checksum(block) == block[..8]
}

fn number(block: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&block[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn short(block: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&block[at..at + 4]);
    u32::from_le_bytes(bytes)
}

impl Superblock {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        for (field, at) in [self.checkpoints, self.through, self.openings]
            .into_iter()
            .zip([16, 24, 32])
        {
            block[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        close(&mut block, SUPERBLOCK_KIND);
        block
    }

    /// None where the block is none.
    pub(super) fn read(block: &[u8]) -> Option<Superblock> {
        is_whole(block, SUPERBLOCK_KIND).then(|| Superblock {
            checkpoints: number(block, 16),
            through: number(block, 24),
            openings: number(block, 32),
        })
    }
}

impl Account {
    /// Its page; `block` holds the content that it has beside that.
    pub(super) fn write(&self, account: u32, mut block: Vec<u8>) -> Vec<u8> {
        block[16..20].copy_from_slice(&account.to_le_bytes());
        block[20..24].fill(0);
        block[24..32].copy_from_slice(&self.last.to_le_bytes());
        block[32..40].copy_from_slice(&self.balance.to_le_bytes());
        close(&mut block, PAGE_KIND);
        block
    }

    /// Nothing where nobody has touched it; an error where the page is none.
    pub(super) fn read(account: u32, block: &[u8]) -> Result<Option<Account>, ()> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if !is_whole(block, PAGE_KIND) || short(block, 16) != account {
            return Err(());
        }
        Ok(Some(Account {
            last: number(block, 24),
            balance: number(block, 32).cast_signed(),
        }))
    }
}

impl LogBlock {
    /// The transaction after its last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.transfers.len() as u64
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        for (field, at) in [self.number, self.openings, self.first].into_iter().zip([16, 24, 32]) {
            block[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        block[40..44].copy_from_slice(&(self.transfers.len() as u32).to_le_bytes());
        for (transfer, place) in self.transfers.iter().zip(block[LOG_HEAD..].chunks_exact_mut(TRANSFER)) {
            place[..4].copy_from_slice(&transfer.from.to_le_bytes());
            place[4..8].copy_from_slice(&transfer.to.to_le_bytes());
            place[8..].copy_from_slice(&transfer.amount.to_le_bytes());
        }
        close(&mut block, LOG_KIND);
        block
    }

    /// None where the block is none.
    pub(super) fn read(block: &[u8]) -> Option<LogBlock> {
        if !is_whole(block, LOG_KIND) {
            return None;
        }
        let count = short(block, 40) as usize;
        let places = block[LOG_HEAD..].chunks_exact(TRANSFER).take(count);
        let transfers: Vec<Transfer> = places
            .map(|place| Transfer {
                from: short(place, 0),
                to: short(place, 4),
                amount: number(place, 8).cast_signed(),
            })
            .collect();
        (transfers.len() == count).then(|| LogBlock {
            number: number(block, 16),
            openings: number(block, 24),
            first: number(block, 32),
            transfers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_reads_as_it_was_written_and_not_when_a_bit_is_off() {
        let superblock = Superblock {
            checkpoints: 3,
            through: 70,
            openings: 2,
        };
        let account = Account { last: 70, balance: -5 };
        let transfer = Transfer {
            from: 1,
            to: 9,
            amount: 5,
        };
        let log = LogBlock {
            number: 4,
            openings: 2,
            first: 71,
            transfers: vec![transfer; PER_BLOCK],
        };
        let mut page = account.write(9, vec![7; BLOCK]);
        assert_eq!(Superblock::read(&superblock.write()), Some(superblock));
        assert_eq!(LogBlock::read(&log.write()), Some(log.clone()));
        assert_eq!(Account::read(9, &page), Ok(Some(account)));
        assert_eq!(Account::read(8, &page), Err(()), "it is another's page");
        page[BLOCK - 1] ^= 1;
        assert_eq!(Account::read(9, &page), Err(()));
        assert_eq!(Account::read(9, &[0; BLOCK]), Ok(None));
        let mut torn = log.write();
        torn[LOG_HEAD] ^= 1;
        assert_eq!(LogBlock::read(&torn), None);
        assert_eq!(LogBlock::read(&superblock.write()), None);
    }
}
