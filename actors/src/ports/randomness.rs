//! Randomness: a stream for each actor and purpose.

use rand_chacha::ChaCha8Rng;

use super::Env;
use crate::nouns::ActorId;

/// What a random draw is for; streams of different purposes never shift each other.
pub type Purpose = &'static str;

/// Random draws that are the same in each run of a seed.
pub trait Randomness {
    /// The actor's own stream for a purpose, keyed by (seed, actor's name, incarnation, purpose).
    fn random(&self, actor: ActorId, purpose: Purpose) -> ChaCha8Rng;
}

impl Env {
    /// See [`Randomness::random`].
    #[must_use]
    pub fn random(&self, purpose: Purpose) -> ChaCha8Rng {
        self.world.random(self.actor, purpose)
    }
}
