//! Randomness is injected: one ChaCha stream per (seed, name, incarnation, purpose).
//!
//! The four are hashed, each with its length, into the stream's key. Streams know nothing of each other, so a new draw in one place
//! shifts no other.

use std::hash::BuildHasher;

use datapath::plants::{Plant, planted};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The stream of a purpose.
#[must_use]
pub fn stream(seed: u64, name: &str, incarnation: u32, purpose: &str) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("Firedrill 2026 named random streams");
    hasher.update(&seed.to_le_bytes());
    for part in [name, purpose] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&incarnation.to_le_bytes());
    if planted(Plant::UnseededDraw) && purpose == "workload" {
        // The keys of the library's own maps: others in each process, and each time.
        let outside = std::hash::RandomState::new().hash_one(seed);
        hasher.update(&outside.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn a_stream_is_known_by_its_four_names_and_by_nothing_else() {
        let draw = |seed, name, incarnation, purpose| stream(seed, name, incarnation, purpose).random::<u64>();
        let one = draw(1, "web/guest", 1, "writes");
        assert_eq!(one, draw(1, "web/guest", 1, "writes"));
        assert_ne!(one, draw(2, "web/guest", 1, "writes"));
        assert_ne!(one, draw(1, "web/agent", 1, "writes"));
        assert_ne!(one, draw(1, "web/guest", 2, "writes"));
        assert_ne!(one, draw(1, "web/guest", 1, "sizes"));
        // The border between name and purpose counts.
        assert_ne!(draw(1, "ab", 1, "c"), draw(1, "a", 1, "bc"));
    }
}
