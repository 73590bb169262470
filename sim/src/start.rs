//! What a volume holds at the start of the run, as a readable image: for the engine, which builds the volume, and for the oracle, which judges
//! it. Both read the same bytes; that is the one thing that they have to agree on beforehand.

use std::sync::Arc;

use datapath::image::{Generated, Source};

use crate::spec::{VolumeSpec, VolumeStart};

/// The content of a volume at the start; none for zeros.
#[must_use]
pub fn start_source(volume: &VolumeSpec, seed: u64) -> Option<Arc<dyn Source>> {
    match &volume.start {
        VolumeStart::Empty => None,
        VolumeStart::Image(image) => Some(Arc::clone(image)),
        VolumeStart::Generated {
            used_bytes,
            random_bytes,
        } => {
            let generated = Generated::new(volume.bytes, *used_bytes, *random_bytes, seed, volume.disk);
            Some(Arc::new(generated))
        }
    }
}
