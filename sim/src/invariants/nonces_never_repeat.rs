//! **No two segments are sealed with the same nonce, and no fenced sealer's segment is accepted.**
//!
//! Why it holds: a nonce is an epoch and a counter. The vault grants an epoch once, and storage refuses lower ones from then on; inside an
//! epoch one sealer counts up and reserves a range before it seals. A retry resends what was sealed. With AES-GCM a repeated nonce gives
//! the plaintext away. Reference: design §2, "Seal".
//!
//! A segment names its first counter. How many it used is told by its file, which opens with just these
//! ([`super::storage_holds_ciphertext`]); where content is modelled it counts for one nonce for each 64 KiB of what is stored.

use actors::Table;
use actors::nouns::MachineId;
use datapath::DiskId;
use datapath::rows::Numbered;
use datapath::segment::SegmentKind;
use datapath::units::CHUNK_BYTES;

crate::law! {
    "nonces-never-repeat", "an epoch is granted once, fences all lower ones, and no counter of it serves two segments";

    EpochGrantedTwice of disk { disk: DiskId, epoch: u32, sealer: MachineId, before: MachineId } =>
        "epoch {epoch} of {disk} was granted to {sealer} after {before} had it";
    FencedEpochGranted of disk { disk: DiskId, epoch: u32, before: u32 } =>
        "epoch {epoch} of {disk} was granted after epoch {before}: it is fenced already";
    NoEpochGranted of disk { disk: DiskId, segment: SegmentKind, epoch: u32 } =>
        "{segment:?} of {disk} was sealed with epoch {epoch}, which nobody was granted";
    FencedEpochAccepted of disk { disk: DiskId, segment: SegmentKind, epoch: u32, newest: u32 } =>
        "{segment:?} of {disk} was accepted with epoch {epoch}, though epoch {newest} fences it";
    EpochNotGranted of disk { disk: DiskId, segment: SegmentKind, epoch: u32, newest: u32 } =>
        "{segment:?} of {disk} was sealed with epoch {epoch}; the newest granted is {newest}";
    CounterUsedBefore of disk { disk: DiskId, segment: SegmentKind, counter: u64, epoch: u32, floor: u64 } =>
        "{segment:?} of {disk}: counter {counter} of epoch {epoch} was used before (all below {floor} were)";
    CounterOfAnother of disk {
        disk: DiskId, segment: SegmentKind, from: u64, to: u64, epoch: u32, other: SegmentKind, other_protection: u32, other_from: u64,
        other_to: u64,
    } =>
        "{segment:?} of {disk} took counters {from} to {to} of epoch {epoch}; {other:?} of protection {other_protection} had {other_from} \
         to {other_to}";
}

/// Ranges of an epoch that are kept apart; below them, everything up to the highest counts as used.
const RANGES_KEPT: usize = 1024;
/// What a sealed chunk may take at most: its bytes and what frames it (a generous bound keeps the estimate a lower one).
const SEALED_CHUNK_BYTES: u64 = CHUNK_BYTES + 1024;

/// A segment that was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Stored {
    /// Its protection.
    pub protection: u32,
    /// What it is.
    pub kind: SegmentKind,
    /// Its epoch.
    pub epoch: u32,
    /// Its first counter.
    pub first_counter: u64,
    /// Bytes it takes.
    pub stored_bytes: u64,
    /// Counters that it used, where its file was opened with them.
    pub counters: Option<u64>,
}

#[derive(Debug, Default)]
struct Disk {
    highest: Option<(u32, MachineId)>,
    /// Of the newest epoch, by their first.
    ranges: Numbered<Range>,
    /// Counters below this are all used.
    floor: u64,
}

/// Counters that a segment used from its first on. A fleet has a million of them: they take what they must.
#[derive(Debug, Clone, Copy)]
struct Range {
    count: u32,
    protection: u32,
    kind: Packed,
}

impl Range {
    fn end(&self, first: u64) -> u64 {
        first + u64::from(self.count)
    }
}

/// What a segment is, in eight bytes: two bits of which kind, and two numbers below 2^31 or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packed(u64);

impl Packed {
    fn new(kind: SegmentKind) -> Packed {
        let two = |first: u64, second: u64| (first << 31 | (second & 0x7fff_ffff)) << 2;
        Packed(match kind {
            SegmentKind::Changes { batch } => batch << 2,
            SegmentKind::Copy { copy, part } => two(u64::from(copy), u64::from(part)) | 1,
            SegmentKind::Merged { from, to } => two(from, to) | 2,
        })
    }

    fn kind(self) -> SegmentKind {
        let (first, second) = (self.0 >> 33, self.0 >> 2 & 0x7fff_ffff);
        match self.0 & 3 {
            0 => SegmentKind::Changes { batch: self.0 >> 2 },
            1 => SegmentKind::Copy {
                copy: first as u32,
                part: second as u32,
            },
            _ => SegmentKind::Merged {
                from: first,
                to: second,
            },
        }
    }
}

/// Nonces of all disks.
#[derive(Debug, Default)]
pub struct Nonces {
    disks: Table<DiskId, Disk>,
}

impl Nonces {
    /// An epoch was granted.
    #[must_use]
    pub fn granted(&mut self, disk: DiskId, epoch: u32, sealer: MachineId) -> Vec<Broken> {
        let state = self.disks.entry(disk).or_default();
        let violations = match state.highest {
            Some((newest, before)) if epoch == newest => vec![Broken::EpochGrantedTwice {
                disk,
                epoch,
                sealer,
                before,
            }],
            Some((before, _)) if epoch < before => vec![Broken::FencedEpochGranted { disk, epoch, before }],
            _ => Vec::new(),
        };
        if state.highest.is_none_or(|(before, _)| epoch > before) {
            *state = Disk {
                highest: Some((epoch, sealer)),
                ..Disk::default()
            };
        }
        violations
    }

    /// Who was granted an epoch, where that is the newest of its disk.
    #[must_use]
    pub fn sealer(&self, disk: DiskId, epoch: u32) -> Option<MachineId> {
        let (newest, sealer) = self.disks.get(&disk)?.highest?;
        (newest == epoch).then_some(sealer)
    }

    /// A segment was accepted.
    #[must_use]
    pub fn stored(&mut self, disk: DiskId, segment: Stored) -> Vec<Broken> {
        let Stored {
            protection,
            kind,
            epoch,
            first_counter,
            ..
        } = segment;
        let state = self.disks.entry(disk).or_default();
        match state.highest {
            None => {
                return vec![Broken::NoEpochGranted {
                    disk,
                    segment: kind,
                    epoch,
                }];
            }
            Some((newest, _)) if epoch < newest => {
                return vec![Broken::FencedEpochAccepted {
                    disk,
                    segment: kind,
                    epoch,
                    newest,
                }];
            }
            Some((newest, _)) if epoch > newest => {
                return vec![Broken::EpochNotGranted {
                    disk,
                    segment: kind,
                    epoch,
                    newest,
                }];
            }
            Some(_) => {}
        }
        let estimate = || segment.stored_bytes / SEALED_CHUNK_BYTES;
        let end = first_counter + segment.counters.unwrap_or_else(estimate).max(1);
        if first_counter < state.floor {
            return vec![Broken::CounterUsedBefore {
                disk,
                segment: kind,
                counter: first_counter,
                epoch,
                floor: state.floor,
            }];
        }
        let used = Range {
            count: u32::try_from(end - first_counter).unwrap_or(u32::MAX),
            protection,
            kind: Packed::new(kind),
        };
        if let Some((first, before)) = state.ranges.range(..end).next_back()
            && before.end(*first) > first_counter
        {
            // The same segment again is a retry: it resends what was sealed.
            if (*first, before.protection, before.kind) == (first_counter, protection, used.kind) {
                return Vec::new();
            }
            return vec![Broken::CounterOfAnother {
                disk,
                segment: kind,
                from: first_counter,
                to: end,
                epoch,
                other: before.kind.kind(),
                other_protection: before.protection,
                other_from: *first,
                other_to: before.end(*first),
            }];
        }
        state.ranges.insert(first_counter, used);
        if state.ranges.len() > RANGES_KEPT
            && let Some((first, gone)) = state.ranges.pop_first()
        {
            state.floor = gone.end(first);
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(1), index: 0 };
    const SEALER: MachineId = MachineId(3);

    fn batch(batch: u64, epoch: u32, first_counter: u64, stored_bytes: u64) -> Stored {
        Stored {
            protection: 1,
            kind: SegmentKind::Changes { batch },
            epoch,
            first_counter,
            stored_bytes,
            counters: None,
        }
    }

    fn sealing() -> Nonces {
        let mut nonces = Nonces::default();
        assert!(nonces.granted(DISK, 1, SEALER).is_empty());
        assert!(nonces.stored(DISK, batch(1, 1, 0, 100)).is_empty());
        assert!(nonces.stored(DISK, batch(2, 1, 10, 10 * SEALED_CHUNK_BYTES)).is_empty());
        nonces
    }

    #[test]
    fn fresh_ranges_retries_and_new_epochs_pass() {
        let mut nonces = sealing();
        assert!(
            nonces.stored(DISK, batch(2, 1, 10, 10 * SEALED_CHUNK_BYTES)).is_empty(),
            "a retry"
        );
        assert!(
            nonces.stored(DISK, batch(3, 1, 5, 100)).is_empty(),
            "between two others"
        );
        assert!(nonces.granted(DISK, 2, MachineId(4)).is_empty());
        assert!(nonces.stored(DISK, batch(4, 2, 0, 100)).is_empty());
    }

    #[test]
    fn each_way_to_repeat_a_nonce_is_found() {
        let broken = [
            batch(3, 1, 0, 100),
            batch(3, 1, 15, 100),
            batch(3, 1, 9, 3 * SEALED_CHUNK_BYTES),
            batch(3, 2, 50, 100),
            batch(3, 0, 50, 100),
        ];
        for segment in broken {
            assert_eq!(sealing().stored(DISK, segment).len(), 1, "{segment:?}");
        }
        assert_eq!(sealing().granted(DISK, 1, SEALER).len(), 1);
        assert_eq!(sealing().granted(DISK, 0, SEALER).len(), 1);
        assert_eq!(Nonces::default().stored(DISK, batch(1, 1, 0, 1)).len(), 1);
    }

    #[test]
    fn counters_that_were_used_count_and_not_an_estimate() {
        let mut nonces = sealing();
        let used = Stored {
            counters: Some(5),
            ..batch(3, 1, 100, 100)
        };
        assert!(nonces.stored(DISK, used).is_empty());
        assert_eq!(nonces.stored(DISK, batch(4, 1, 104, 100)).len(), 1);
        assert!(nonces.stored(DISK, batch(4, 1, 105, 100)).is_empty());
    }

    #[test]
    fn what_is_packed_is_what_it_was() {
        for kind in [
            SegmentKind::Changes { batch: 1 << 40 },
            SegmentKind::Copy { copy: 3, part: 99_999 },
            SegmentKind::Merged {
                from: 7,
                to: 2_000_000_000,
            },
        ] {
            assert_eq!(Packed::new(kind).kind(), kind);
        }
    }

    #[test]
    fn old_ranges_stay_used_after_they_are_forgotten() {
        let mut nonces = Nonces::default();
        let _ = nonces.granted(DISK, 1, SEALER);
        for at in 0..2 * RANGES_KEPT as u64 {
            assert!(nonces.stored(DISK, batch(at, 1, at, 1)).is_empty());
        }
        assert!(nonces.disks[&DISK].ranges.len() <= RANGES_KEPT);
        assert_eq!(nonces.stored(DISK, batch(9_999, 1, 3, 1)).len(), 1);
    }
}
