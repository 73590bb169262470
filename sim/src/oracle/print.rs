//! What an extent holds, in 16 bytes: enough to tell it from anything else.

use datapath::{Content, EXTENT_BYTES, Run, WriteSeq};

/// Zeros, to compare and hash with: one block of the oracle's reading.
pub(crate) static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// The print of one extent's content: in the real grain the XXH3 (128 bits) of its bytes, in the extent grain its version.
///
/// Nobody here forges content, so what a print has to withstand is chance alone; a hash that withstands forgers took a sixth of a run.
/// What leaves the run, the digest of a recovered disk, is BLAKE3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Print([u8; 16]);

impl Print {
    /// Of bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Print {
        Print(hash(bytes))
    }

    /// Of a modelled version.
    #[must_use]
    pub fn of_version(version: WriteSeq) -> Print {
        let mut print = [0xff; 16];
        print[8..].copy_from_slice(&version.0.to_le_bytes());
        Print(print)
    }

    /// Of the extent `at` of some content; `zero` is the print of an extent of zeros.
    #[must_use]
    pub fn of_content(content: &Content, at: u64, zero: Print) -> Print {
        match content {
            Content::Zero => zero,
            Content::Version { version, .. } => Print::of_version(*version),
            Content::Bytes(bytes) => {
                let from = (at * EXTENT_BYTES) as usize;
                let to = from + EXTENT_BYTES as usize;
                Print::of_bytes(bytes.get(from..to).unwrap_or_default())
            }
        }
    }

    /// Of a run of one extent of bytes, where this is the hash of all its bytes; none of any other run.
    #[must_use]
    pub fn of_whole(run: &Run, hash: [u8; 16]) -> Option<Print> {
        (run.extents == 1 && matches!(run.content, Content::Bytes(_))).then_some(Print(hash))
    }

    /// Of zeros, in the real grain.
    #[must_use]
    pub fn of_zero_bytes() -> Print {
        Print::of_bytes(&ZEROS[..EXTENT_BYTES as usize])
    }

    /// Of zeros, in the extent grain.
    #[must_use]
    pub fn of_zero_version() -> Print {
        Print([0; 16])
    }
}

impl std::fmt::Display for Print {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0[..8] == [0xff; 8] {
            let version: [u8; 8] = std::array::from_fn(|at| self.0[8 + at]);
            return write!(f, "version {}", u64::from_le_bytes(version));
        }
        for byte in &self.0[..6] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

fn hash(bytes: &[u8]) -> [u8; 16] {
    xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes()
}

/// The hash that the fact of a write has to carry: of all its bytes; of none where it was a discard.
pub(crate) fn run_hash(content: &Content) -> [u8; 16] {
    match content {
        Content::Bytes(bytes) => hash(bytes),
        Content::Zero | Content::Version { .. } => [0; 16],
    }
}
