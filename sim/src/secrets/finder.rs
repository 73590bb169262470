//! Finds which of some stretches of 32 bytes stand in what passes.
//!
//! A run moves tens of megabytes, and there are dozens of stretches to look for, so a search of its own for each (`memchr::memmem`) would
//! read all that passes dozens of times. Stretches are long, though: wherever one stands, one place in each 24 begins 8 bytes that lie
//! whole in it. So one word in 24 bytes is looked at, whatever the number of stretches, and nearly all words are passed over by one bit.

/// Bytes of a stretch: of high entropy, so many do not meet by chance.
pub const STRETCH_BYTES: usize = 32;
const WORD_BYTES: usize = 8;
/// From word to word that is looked at.
const STEP: usize = STRETCH_BYTES - WORD_BYTES;
/// Words that are looked at together.
const WORDS_AT_A_TIME: usize = 4;
/// Bits that say whether a word can be one of a stretch's: a power of two.
const BITS: usize = 1 << BITS_LOG2;
const BITS_LOG2: u32 = 17;
/// Different bytes that a stretch has at least.
const DIFFERENT: usize = 12;

/// A stretch of bytes.
pub type Stretch = [u8; STRETCH_BYTES];

/// Stretches, each with what it is.
#[derive(Debug)]
pub struct Finder<T> {
    stretches: Vec<(Stretch, T)>,
    /// The words of all stretches, in order: which stretch, and where in it.
    words: Vec<(u64, u32, u32)>,
    bits: Vec<u64>,
}

impl<T: Copy> Finder<T> {
    /// Finds these.
    #[must_use]
    pub fn new(stretches: Vec<(Stretch, T)>) -> Finder<T> {
        let mut words = Vec::with_capacity(stretches.len() * (STEP + 1));
        let mut bits = vec![0u64; BITS / 64];
        for (number, (stretch, _)) in (0u32..).zip(&stretches) {
            for (shift, window) in (0u32..).zip(stretch.windows(WORD_BYTES)) {
                let word = word(window);
                let bit = bit(word);
                bits[bit / 64] |= 1 << (bit % 64);
                words.push((word, number, shift));
            }
        }
        words.sort_unstable();
        Finder { stretches, words, bits }
    }

    /// What stands in bytes, each stretch where it was met first.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Vec<(usize, T)> {
        let mut found = Vec::new();
        let (blocks, rest) = bytes.as_chunks::<{ STEP * WORDS_AT_A_TIME }>();
        for (number, block) in blocks.iter().enumerate() {
            // Most have none, and to ask once for several words is what makes this fast.
            let may_be = |n: usize| self.may_be(word(&block[n * STEP..][..WORD_BYTES]));
            if (0..WORDS_AT_A_TIME).fold(0, |any, n| any | may_be(n)) != 0 {
                self.look(bytes, number * block.len(), block.len(), &mut found);
            }
        }
        self.look(bytes, bytes.len() - rest.len(), rest.len(), &mut found);
        found.into_iter().map(|(_, at, what)| (at, what)).collect()
    }

    /// 1 where a word can be one of a stretch's, else 0.
    fn may_be(&self, word: u64) -> u64 {
        let bit = bit(word);
        self.bits[bit / 64] >> (bit % 64) & 1
    }

    /// Looks at each word in a part of bytes: its place, and its length. What is found is its number, its place, and what it is.
    fn look(&self, bytes: &[u8], from: usize, length: usize, found: &mut Vec<(u32, usize, T)>) {
        for place in (from..from + length).step_by(STEP) {
            let Some(word) = bytes.get(place..place + WORD_BYTES).map(word) else {
                return;
            };
            if self.may_be(word) == 0 {
                continue;
            }
            let first = self.words.partition_point(|(other, ..)| *other < word);
            for (_, number, shift) in self.words[first..].iter().take_while(|(other, ..)| *other == word) {
                let (stretch, what) = &self.stretches[*number as usize];
                let at = place.checked_sub(*shift as usize);
                if let Some(at) = at.filter(|at| bytes[*at..].starts_with(stretch))
                    && found.iter().all(|(known, ..)| known != number)
                {
                    found.push((*number, at, *what));
                }
            }
        }
    }
}

fn word(window: &[u8]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|n| window[n]))
}

/// The upper bits of a product: all bits of the word move them.
fn bit(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS_LOG2)) as usize % BITS
}

/// The first stretch of some bytes that does not stand elsewhere by chance: one of many different bytes.
#[must_use]
pub fn stretch_of(bytes: &[u8]) -> Option<Stretch> {
    let mut all = bytes.chunks_exact(STRETCH_BYTES);
    let telling = all.find(|stretch| {
        let mut seen = [false; 256];
        stretch.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        seen.iter().filter(|seen| **seen).count() >= DIFFERENT
    });
    telling?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stretch(n: u64) -> Stretch {
        let hash = blake3::hash(&n.to_le_bytes());
        *hash.as_bytes()
    }

    #[test]
    fn nothing_is_found_where_nothing_stands() {
        let finder = Finder::new((0..50).map(|n| (stretch(n), n)).collect());
        let other: Vec<u8> = (50..5_000).flat_map(stretch).collect();
        assert!(finder.find(&other).is_empty());
        assert!(finder.find(&[]).is_empty());
        // All but the last byte of one.
        assert!(finder.find(&stretch(3)[..31]).is_empty());
    }

    #[test]
    fn what_says_little_is_no_stretch() {
        assert_eq!(stretch_of(&[0; 4096]), None);
        assert_eq!(stretch_of(&stretch(1)[..31]), None);
        let text = b"vm 0000 disk 00 extent 000000000017 version 000000000000 .......\n";
        assert_eq!(stretch_of(text).as_ref().map(|s| &s[..]), Some(&text[..32]));
        let mut later = vec![0; 64];
        later.extend(stretch(2));
        assert_eq!(stretch_of(&later), Some(stretch(2)));
    }

    proptest! {
        /// As a search for each would find it: wherever it stands, whatever lies around it, and at the end too.
        #[test]
        fn a_stretch_is_found_wherever_it_stands(before in 0usize..200, after in 0usize..200, which in 0u64..40) {
            let finder = Finder::new((0..40).map(|n| (stretch(n), n)).collect());
            let mut bytes = vec![7u8; before];
            bytes.extend(stretch(which));
            bytes.resize(bytes.len() + after, 9);
            prop_assert_eq!(finder.find(&bytes), vec![(before, which)]);
            bytes[before + 31] ^= 1;
            prop_assert!(finder.find(&bytes).is_empty());
        }
    }
}
