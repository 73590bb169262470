//! Where writes at random places land: how much of a disk so many of them cover, as the expectation over all places.
//!
//! A write covers an extent of a region of R with a chance of (extents that it covers) / R, each time anew. Of n writes an extent is
//! spared with that chance's complement to the power of n, which gives the distinct extents; two neighbours spared together give the
//! stretches that they form; the same with chunks in place of extents gives the chunks whose checksums change. All of it in
//! integers: a chance is a number of 2^62. Left out: that a region's edges are covered a little less than its middle.

use datapath::{CHUNK_EXTENTS, EXTENT_BYTES, SECTOR_BYTES};

/// Certainty.
const ONE: u64 = 1 << 62;
/// Places are counted in eighths of an extent: sectors.
const EIGHTHS: u64 = EXTENT_BYTES / SECTOR_BYTES;

/// A part of a disk, and what one write (of whatever size, wherever it goes) does to it.
#[derive(Debug, Clone, Copy)]
struct Region {
    extents: u64,
    /// The chance that it spares an extent.
    spares: u64,
    /// That it spares two neighbours.
    spares_two: u64,
    /// That it spares a chunk.
    spares_chunk: u64,
}

/// The places of a stream of writes.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    regions: Vec<Region>,
    /// Eighths of an extent that a thousand times the sum of all weights covers.
    covered: u128,
    weights: u128,
    /// Chunks that as many writes are sealed in, each for itself.
    chunks: u128,
}

/// What writes cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Covered {
    /// Distinct extents.
    pub extents: u64,
    /// Chunks that those are sealed in.
    pub chunks: u64,
}

/// Extents, in eighths, that a write of so many bytes covers in the mean: it begins at a whole extent, or else at any sector.
fn covers(bytes: u64) -> u64 {
    match bytes.is_multiple_of(EXTENT_BYTES) {
        true => bytes / EXTENT_BYTES * EIGHTHS,
        false => bytes.div_ceil(SECTOR_BYTES) + EIGHTHS - 1,
    }
}

/// The chance that an event with a chance of `part / whole` does not happen.
fn complement(part: u128, whole: u128) -> u64 {
    match whole {
        0 => 0,
        _ if part >= whole => 0,
        // Both are halved until the product fits: what is lost is far below the 62 bits of the result.
        _ => {
            let (mut part, mut whole) = (part, whole);
            while part >= 1 << 64 {
                (part, whole) = (part >> 1, whole >> 1);
            }
            ONE - (part * u128::from(ONE) / whole) as u64
        }
    }
}

fn power(mut chance: u64, mut n: u64) -> u64 {
    let times = |a: u64, b: u64| ((u128::from(a) * u128::from(b)) >> 62) as u64;
    let mut product = ONE;
    while n > 0 {
        if n & 1 == 1 {
            product = times(product, chance);
        }
        chance = times(chance, chance);
        n >>= 1;
    }
    product
}

/// A share of something, rounded.
fn share(whole: u64, chance: u64) -> u64 {
    ((u128::from(whole) * u128::from(chance) + u128::from(ONE / 2)) >> 62) as u64
}

impl Spread {
    /// The places of writes of these sizes (bytes and weight) on a disk, of which `hot_per_mille` go to the first `hot_bytes`.
    pub fn new(sizes: &[(u32, u32)], disk_bytes: u64, hot_per_mille: u64, hot_bytes: u64) -> Spread {
        let (hot_per_mille, hot_bytes) = match disk_bytes.saturating_sub(hot_bytes) < EXTENT_BYTES {
            // There is nothing beside the hot part: all of the disk is one.
            true => (1000, disk_bytes),
            false => (hot_per_mille, hot_bytes),
        };
        let mut of_region = [
            (hot_bytes, [0; 3]),
            (disk_bytes - hot_bytes.min(disk_bytes), [0u128; 3]),
        ];
        let mut spread = Spread {
            regions: Vec::new(),
            covered: 0,
            weights: 0,
            chunks: 0,
        };
        for (bytes, weight) in sizes {
            let bytes = u64::from(*bytes).min(disk_bytes);
            let eighths = covers(bytes);
            let hot = if hot_bytes >= bytes { hot_per_mille } else { 0 };
            let weight = u128::from(*weight);
            spread.weights += weight * 1000;
            spread.covered += weight * 1000 * u128::from(eighths);
            let chunks = eighths.div_ceil(EIGHTHS).div_ceil(CHUNK_EXTENTS);
            spread.chunks += weight * 1000 * u128::from(chunks);
            for ((_, hits), part) in of_region.iter_mut().zip([hot, 1000 - hot]) {
                let of_write = [eighths, eighths + EIGHTHS, eighths + (CHUNK_EXTENTS - 1) * EIGHTHS];
                for (hits, eighths) in hits.iter_mut().zip(of_write) {
                    *hits += weight * u128::from(part) * u128::from(eighths);
                }
            }
        }
        for (bytes, hits) in of_region.into_iter().filter(|(_, hits)| hits[0] > 0) {
            // Where no write of a size fits beside the hot part, it goes anywhere.
            let extents = if bytes < EXTENT_BYTES { disk_bytes } else { bytes }.div_ceil(EXTENT_BYTES);
            let whole = spread.weights * u128::from(extents) * u128::from(EIGHTHS);
            spread.regions.push(Region {
                extents,
                spares: complement(hits[0], whole),
                spares_two: complement(hits[1], whole),
                spares_chunk: complement(hits[2], whole),
            });
        }
        spread
    }

    /// Bytes of disk that so many writes cover, each for itself.
    pub fn bytes(&self, writes: u64) -> u64 {
        let eighths = u128::from(writes) * self.covered / self.weights.max(1);
        (eighths * u128::from(EXTENT_BYTES) / u128::from(EIGHTHS)) as u64
    }

    /// What so many writes cover together.
    pub fn covered(&self, writes: u64) -> Covered {
        let mut covered = Covered::default();
        for region in &self.regions {
            let spared = power(region.spares, writes);
            let extents = share(region.extents, ONE - spared);
            let stretches = share(region.extents, spared - power(region.spares_two, writes).min(spared));
            covered.extents += extents;
            covered.chunks += sealed_in(extents, stretches);
        }
        covered
    }

    /// Of so many writes `per_mille` of the bytes are distinct, and each of those stands for itself.
    pub fn given(&self, writes: u64, per_mille: u64) -> Covered {
        let extents = (self.bytes(writes) / 1000 * per_mille).div_ceil(EXTENT_BYTES);
        let chunks = u128::from(writes) * self.chunks * u128::from(per_mille) / (self.weights.max(1) * 1000);
        Covered {
            extents,
            chunks: (chunks as u64).clamp(extents.div_ceil(CHUNK_EXTENTS), extents),
        }
    }

    /// Chunks of the disk, as checksums are compared, that so many writes touch.
    pub fn touched_chunks(&self, writes: u64) -> u64 {
        let touched = |region: &Region| {
            let spared = power(region.spares_chunk, writes);
            share(region.extents.div_ceil(CHUNK_EXTENTS), ONE - spared)
        };
        self.regions.iter().map(touched).sum()
    }
}

/// Chunks that extents in so many stretches are sealed in: one for each short stretch; longer ones are cut into whole chunks and what is
/// left, half a chunk in the mean.
fn sealed_in(extents: u64, stretches: u64) -> u64 {
    let chunks = match extents <= stretches * CHUNK_EXTENTS {
        true => stretches,
        false => extents / CHUNK_EXTENTS + stretches / 2,
    };
    chunks.clamp(extents.div_ceil(CHUNK_EXTENTS), extents)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Draws the writes, and counts.
    fn drawn(sizes: &[(u32, u32)], disk: u64, hot: (u64, u64), writes: u64) -> (u64, u64, u64) {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut draw = |below: u64| random.next_u64() % below;
        let weight: u64 = sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut covered = BTreeSet::new();
        for _ in 0..writes {
            let mut pick = draw(weight);
            let mut bytes = 0;
            for (size, weight) in sizes {
                if pick < u64::from(*weight) {
                    bytes = u64::from(*size);
                    break;
                }
                pick -= u64::from(*weight);
            }
            let (from, to) = if draw(1000) < hot.0 { (0, hot.1) } else { (hot.1, disk) };
            let step = if bytes % EXTENT_BYTES == 0 {
                EXTENT_BYTES
            } else {
                SECTOR_BYTES
            };
            let offset = from / step * step + draw((to - from - bytes) / step + 1) * step;
            covered.extend(offset / EXTENT_BYTES..(offset + bytes).div_ceil(EXTENT_BYTES));
        }
        let mut chunks = 0;
        let mut stretch: Option<(u64, u64)> = None;
        for extent in covered.iter().copied().chain([u64::MAX]) {
            match &mut stretch {
                Some((_, end)) if *end == extent => *end += 1,
                _ => {
                    chunks += stretch.map_or(0, |(from, end)| (end - from).div_ceil(CHUNK_EXTENTS));
                    stretch = Some((extent, extent.wrapping_add(1)));
                }
            }
        }
        let touched: BTreeSet<u64> = covered.iter().map(|extent| extent / CHUNK_EXTENTS).collect();
        (covered.len() as u64, chunks, touched.len() as u64)
    }

    #[test]
    fn the_expectation_is_what_drawn_writes_cover() {
        let disk = 256 << 20;
        type Sizes = &'static [(u32, u32)];
        let cases: [(Sizes, (u64, u64), u64); 6] = [
            (&[(8192, 1)], (0, 0), 500),
            (&[(8192, 1)], (0, 0), 30_000),
            (&[(4096, 3), (65_536, 1)], (0, 0), 4_000),
            (&[(8192, 1)], (800, disk / 10), 8_000),
            (&[(512, 1), (6144, 1)], (900, disk / 5), 9_000),
            (&[(262_144, 1)], (0, 0), 700),
        ];
        for (sizes, hot, writes) in cases {
            let spread = Spread::new(sizes, disk, hot.0, hot.1);
            let covered = spread.covered(writes);
            let (extents, chunks, touched) = drawn(sizes, disk, hot, writes);
            let near = |a: u64, b: u64, per_cent: u64| a.abs_diff(b) * 100 <= b * per_cent;
            assert!(
                near(covered.extents, extents, 2),
                "{sizes:?} {hot:?} {writes}: {covered:?}, drawn {extents}"
            );
            // A chunk too many costs its seal and its row only.
            assert!(
                near(covered.chunks, chunks, 30),
                "{sizes:?} {hot:?} {writes}: {covered:?}, drawn {chunks}"
            );
            let expected = spread.touched_chunks(writes);
            assert!(
                near(expected, touched, 4),
                "{sizes:?} {hot:?} {writes}: {expected}, drawn {touched}"
            );
        }
    }

    #[test]
    fn no_writes_cover_nothing_and_endless_ones_cover_the_disk() {
        let spread = Spread::new(&[(8192, 1)], 1 << 40, 800, 1 << 30);
        assert_eq!(spread.covered(0), Covered::default());
        let all = spread.covered(u64::MAX / 1_000_000);
        assert_eq!(all.extents, (1 << 40) / EXTENT_BYTES);
        assert_eq!(
            spread.touched_chunks(u64::MAX / 1_000_000),
            (1 << 40) / (16 * EXTENT_BYTES)
        );
    }
}
