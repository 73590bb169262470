//! Content for guests and disks that have none of their own: a function of (seed, disk, extent, version), so that a run can be
//! repeated and any extent can be checked without having been kept.
//!
//! Each extent begins with as many random bytes as asked for, and is filled up with one line of text over and over. The line
//! names the extent and its version, in numbers of one width: a line that is longer in one place compresses differently there. What it compresses to is thus set by one number, and is the same all over a disk.

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
    let mut rest = &mut line[..LINE_BYTES - 1];
    for (word, number, width) in [
        ("vm ", u64::from(disk.vm.0), 4),
        (" disk ", u64::from(disk.index), 2),
        (" extent ", extent.0, 12),
        (" version ", version.0, 12),
    ] {
        put(&mut rest, word.as_bytes());
        put_number(&mut rest, number, width);
    }
    put(&mut rest, b" ");
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

/// Puts bytes at the beginning of what is left. What does not fit is cut.
fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    let fits = bytes.len().min(rest.len());
    let (here, left) = std::mem::take(rest).split_at_mut(fits);
    here.copy_from_slice(&bytes[..fits]);
    *rest = left;
}

/// Puts a number with at least so many digits. By hand: it is done for each extent that is written, and the formatter took a thirtieth of a
/// sweep.
fn put_number(rest: &mut &mut [u8], mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut from = digits.len();
    while number > 0 {
        from -= 1;
        digits[from] += (number % 10) as u8;
        number /= 10;
    }
    put(rest, &digits[from.min(digits.len() - width)..]);
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
    fn the_text_is_a_line_of_numbers_of_one_width() {
        let page = page(1, DISK, 2, 345, 0);
        let line = b"vm 0003 disk 01 extent 000000000002 version 000000000345 ......\n";
        assert!(
            page.chunks(LINE_BYTES).all(|chunk| chunk == line),
            "{}",
            String::from_utf8_lossy(&page[..LINE_BYTES])
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let disk = DiskId {
            vm: VmId(u32::MAX),
            index: u16::MAX,
        };
        let page = page(1, disk, u64::MAX, u64::MAX, 0);
        let line = format!(
            "vm {} disk {} extent {} version {} ",
            u32::MAX,
            u16::MAX,
            u64::MAX,
            u64::MAX
        );
        assert_eq!(page[..LINE_BYTES - 1], line.as_bytes()[..LINE_BYTES - 1]);
        assert_eq!(page[LINE_BYTES - 1], b'\n');
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
