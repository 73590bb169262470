//! A reader of databases on disks, which shares nothing with those that wrote them (their blocks: `actors/src/guest/database/format.rs`).

use std::collections::BTreeMap;

use actors::spec::DatabaseSpec;
use datapath::volume::Volume;
use datapath::{DiskId, EXTENT_BYTES, Extent};

use crate::invariants::databases_come_back::Reading;

/// A transaction: its number, from, to, how much.
type Transaction = (u64, u32, u32, i64);

/// A block of which nothing is off: its kind, and what follows.
fn block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sum, rest) = bytes.split_at_checked(8)?;
    (blake3::hash(rest).as_bytes()[..8] == *sum).then(|| rest.split_at(8))
}

fn u64_at(fields: &[u8], place: usize) -> u64 {
    fields[place..]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn u32_at(fields: &[u8], place: usize) -> u32 {
    fields[place..]
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn i64_at(fields: &[u8], place: usize) -> i64 {
    fields[place..]
        .first_chunk()
        .map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// Reads a database of a machine from its disks, and does again what its log says.
pub(super) fn read(spec: &DatabaseSpec, volumes: &[(DiskId, Volume)]) -> Reading {
    let mut reading = Reading::default();
    let mut extents = |disk: u16, first: u64, count: u64| {
        let mut bytes = Vec::new();
        let volume = volumes.iter().find(|(of, _)| of.index == disk);
        let read = volume.map(|(_, volume)| volume.read_to(Extent(first), count as u32, &mut bytes));
        if !matches!(read, Some(Ok(()))) {
            reading.damaged.push(format!("disk {disk} from extent {first} on"));
        }
        bytes
    };
    let heads = extents(spec.disk, 0, 2);
    let pages = extents(spec.disk, 2, spec.pages);
    let log = extents(spec.log_disk, spec.log_at, spec.log_extents);
    let each = |bytes| <[u8]>::chunks_exact(bytes, EXTENT_BYTES as usize);

    let heads = each(&heads).filter_map(block).filter(|(kind, _)| *kind == b"FDDBHEAD");
    let newest = heads.map(|(_, fields)| (u64_at(fields, 0), u64_at(fields, 8))).max();
    let checkpoint = newest.map_or(0, |(_, through)| through);

    // By account: its last transaction, and its balance.
    let mut accounts: BTreeMap<u32, (u64, i64)> = BTreeMap::new();
    for (account, page) in (0..).zip(each(&pages)) {
        match block(page).filter(|(kind, _)| *kind == b"FDDBPAGE") {
            Some((_, fields)) if u32_at(fields, 0) == account => {
                accounts.insert(account, (u64_at(fields, 8), i64_at(fields, 16)));
            }
            _ if page.iter().all(|byte| *byte == 0) => {}
            _ => reading.damaged.push(format!("page {account}")),
        }
    }

    let mut blocks: Vec<(u64, u64, u64, &[u8])> = each(&log)
        .filter_map(block)
        .filter(|(kind, _)| *kind == b"FDDBWLOG")
        .map(|(_, fields)| (u64_at(fields, 0), u64_at(fields, 8), u64_at(fields, 16), fields))
        .collect();
    blocks.sort_unstable();
    reading.through = checkpoint;
    let mut before: Option<(u64, u64)> = None;
    for (number, openings, first, fields) in blocks {
        let count = u64::from(u32_at(fields, 24));
        if first + count <= reading.through + 1 {
            continue;
        }
        let goes_on = before.is_none_or(|(last, opened)| number == last + 1 && openings >= opened);
        if first > reading.through + 1 || !goes_on {
            break;
        }
        before = Some((number, openings));
        let transactions = (first..first + count).zip(fields[32..].chunks_exact(16));
        let transactions = transactions.map(|(number, of)| (number, u32_at(of, 0), u32_at(of, 4), i64_at(of, 8)));
        let new: Vec<Transaction> = transactions.filter(|of| of.0 > reading.through).collect();
        for (number, from, to, amount) in new {
            for (account, change) in [(from, -amount), (to, amount)] {
                let (last, balance) = accounts.entry(account).or_default();
                if *last < number {
                    (*last, *balance) = (number, *balance + change);
                }
            }
            reading.through = number;
            reading.redone += 1;
        }
    }
    let balances = accounts.into_iter().map(|(account, (_, balance))| (account, balance));
    reading.balances = balances.filter(|(_, balance)| *balance != 0).collect();
    reading
}
