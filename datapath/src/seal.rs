//! AES-256-GCM with nonces that cannot repeat: a nonce is an epoch (32 bits) that the vault grants once, and a counter
//! (64 bits) that the sealer moves. Each disk has a key of its own, derived from the vault's key.

use crate::units::DiskId;

/// The vault's key. Its bytes appear in no event, log, report or debug output; they are wiped on drop.
#[derive(Clone)]
pub struct VaultKey(#[allow(dead_code)] [u8; 32]);

impl VaultKey {
    /// From 32 bytes that the caller drew.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        VaultKey(bytes)
    }

    /// The public key for generated content: the same in every run, so that runs can be compared. It protects nothing.
    #[must_use]
    pub fn public_test_key() -> Self {
        todo!()
    }

    /// The key of one disk.
    #[must_use]
    pub fn disk_key(&self, _disk: DiskId) -> DiskKey {
        todo!()
    }
}

/// The key of one disk, ready to seal and open.
#[derive(Clone)]
pub struct DiskKey(());

/// An epoch that the vault granted to one sealer for one disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Epoch(pub u32);

/// The nonces of one epoch: a counter that only goes up.
#[derive(Debug)]
pub struct Nonces {
    /// The epoch.
    pub epoch: Epoch,
    /// The next counter.
    pub next: u64,
}
