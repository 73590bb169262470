//! Content for guests and disks that have none of their own: a function of (seed, disk, extent, version), so that a run can be
//! repeated and any extent can be checked without having been kept.
//!
//! Each extent begins with as many random bytes as asked for, and is filled up with one line of text over and over. The line
//! names the extent and its version, in numbers of one width: a line that is longer in one place compresses differently there. What it compresses to is thus set by one number, and is the same all over a disk.

use std::io::Write;

use crate::units::{DiskId, EXTENT_BYTES, Extent, WriteSeq};

/// Bytes of the repeated line.
const LINE_BYTES: usize = 64;

/// Fills a page with the content of one version of an extent, `random_bytes` of it random (more than 4096: all).
///
/// # Panics
/// If the page is not 4,096 bytes long.
pub fn generated(seed: u64, disk: DiskId, extent: Extent, version: WriteSeq, random_bytes: u16, page: &mut [u8]) {
    assert_eq!(page.len() as u64, EXTENT_BYTES, "a page is one extent");
    let (random, text) = page.split_at_mut(usize::from(random_bytes).min(EXTENT_BYTES as usize));
    let place = u64::from(disk.vm.0) << 16 | u64::from(disk.index);
    let key = mix(mix(mix(mix(seed) ^ place) ^ extent.0) ^ version.0);
    fill_random(key, random);
    fill_text(disk, extent, version, text);
}

/// Steele and others' SplitMix64 finalizer: every bit of the input moves every bit of the output.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

/// A counter hashed by SplitMix64; no secret depends on it.
fn fill_random(key: u64, out: &mut [u8]) {
    let mut words = out.chunks_exact_mut(8);
    let mut counter = key;
    for word in &mut words {
        word.copy_from_slice(&mix(counter).to_le_bytes());
        counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    let rest = words.into_remainder();
    let last = mix(counter).to_le_bytes();
    rest.copy_from_slice(&last[..rest.len()]);
}

fn fill_text(disk: DiskId, extent: Extent, version: WriteSeq, out: &mut [u8]) {
    let mut line = [b'.'; LINE_BYTES];
    line[LINE_BYTES - 1] = b'\n';
    // A line that is too long is cut: the write fails, and what fitted stays.
    let _ = write!(
        &mut line[..LINE_BYTES - 1],
        "vm {:04} disk {:02} extent {:012} version {:012} ",
        disk.vm.0,
        disk.index,
        extent.0,
        version.0
    );
    let first = out.len().min(LINE_BYTES);
    out[..first].copy_from_slice(&line[..first]);
    let mut filled = first;
    while filled < out.len() {
        let n = filled.min(out.len() - filled);
        let (done, rest) = out.split_at_mut(filled);
        rest[..n].copy_from_slice(&done[..n]);
        filled += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::VmId;

    const DISK: DiskId = DiskId { vm: VmId(3), index: 1 };

    fn page(seed: u64, disk: DiskId, extent: u64, version: u64, random: u16) -> Vec<u8> {
        let mut page = vec![0; 4096];
        generated(seed, disk, Extent(extent), WriteSeq(version), random, &mut page);
        page
    }

    #[test]
    fn content_is_a_function_of_its_arguments_and_of_each_of_them() {
        let base = page(1, DISK, 2, 3, 1000);
        assert_eq!(base, page(1, DISK, 2, 3, 1000));
        let other = DiskId { vm: VmId(3), index: 2 };
        for changed in [
            page(2, DISK, 2, 3, 1000),
            page(1, other, 2, 3, 1000),
            page(1, DISK, 3, 3, 1000),
            page(1, DISK, 2, 4, 1000),
        ] {
            assert_ne!(base, changed);
        }
        assert_ne!(
            page(1, DISK, 2, 3, 0),
            page(1, DISK, 2, 4, 0),
            "the text names the version"
        );
    }

    #[test]
    fn random_bytes_set_what_an_extent_compresses_to() {
        for random in [0u16, 500, 1000, 2000, 3000] {
            let mut sizes = Vec::new();
            for chunk in 0..32u64 {
                let bytes: Vec<u8> = (0..16).flat_map(|e| page(7, DISK, chunk * 16 + e, 1, random)).collect();
                sizes.push(zstd::bulk::compress(&bytes, 1).unwrap().len() as u64);
            }
            let (low, high) = (*sizes.iter().min().unwrap(), *sizes.iter().max().unwrap());
            let mean = sizes.iter().sum::<u64>() / sizes.len() as u64;
            assert!(
                sizes.iter().all(|s| s.abs_diff(mean) <= mean / 100 + 16),
                "{random}: {sizes:?}"
            );
            assert!(low >= 16 * u64::from(random), "random bytes do not shrink");
            assert!(
                high <= 16 * (u64::from(random) + 160),
                "text costs little: {high} for {random}"
            );
        }
    }
}
