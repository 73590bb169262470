//! AES-256-GCM with nonces that cannot repeat: a nonce is an epoch (32 bits) that the vault grants once, and a counter
//! (64 bits) that the sealer moves. Each disk has keys of its own, derived from the vault's key: one for what process servers seal, one
//! for what is merged later by whoever keeps the replica. So the two never share a nonce, and each has its own epochs.
//!
//! The cipher stands behind one type of this file alone, so that a faster implementation can take its place.

use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use crate::plants::{Plant, planted};
use crate::units::DiskId;

/// Bytes that a seal adds to what it seals.
pub const SEAL_BYTES: usize = 16;

/// The vault's key. Its bytes appear in no event, log, report or debug output; they are wiped on drop.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

impl VaultKey {
    /// From 32 bytes that the caller drew.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        VaultKey(Zeroizing::new(bytes))
    }

    /// The public key for generated content: the same in every run, so that runs can be compared. It protects nothing.
    #[must_use]
    pub fn public_test_key() -> Self {
        VaultKey::new(*b"firedrill public test vault key.")
    }

    /// Its bytes, for whoever reads what is sealed with means of their own. They go nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The keys of one disk.
    #[must_use]
    pub fn disk_key(&self, disk: DiskId) -> DiskKey {
        let mut input = Zeroizing::new([0u8; 38]);
        input[..32].copy_from_slice(self.0.as_slice());
        input[32..36].copy_from_slice(&disk.vm.0.to_be_bytes());
        input[36..].copy_from_slice(&disk.index.to_be_bytes());
        let derived = |purpose| {
            let key = Zeroizing::new(blake3::derive_key(purpose, input.as_slice()));
            Cipher(Aes256Gcm::new(key.as_slice().try_into().expect("32 bytes")))
        };
        DiskKey(Arc::new(Ciphers {
            changes: derived("firedrill 2026 key of one disk"),
            merged: derived("firedrill 2026 key of one disk's merged segments"),
        }))
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(…)")
    }
}

/// The keys of one disk, ready to seal and open. A copy shares them: made ready they take kilobytes, and jobs come by the thousand.
#[derive(Clone)]
pub struct DiskKey(pub(crate) Arc<Ciphers>);

/// What a disk's segments are sealed with.
pub(crate) struct Ciphers {
    /// Batches and pieces of copies, which process servers seal.
    pub(crate) changes: Cipher,
    /// Batches that became one.
    pub(crate) merged: Cipher,
}

/// One key, ready to seal and open.
pub(crate) struct Cipher(Aes256Gcm);

impl fmt::Debug for DiskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskKey(…)")
    }
}

/// A seal did not open: the bytes, the associated data, the nonce or the key are not those it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl Cipher {
    /// Encrypts in place and returns the seal. The nonce must never have been used with this key.
    pub(crate) fn seal(&self, nonce: SealNonce, associated: &[u8], buffer: &mut [u8]) -> [u8; SEAL_BYTES] {
        if planted(Plant::NothingEncrypted) {
            return [0; SEAL_BYTES];
        }
        self.0
            .encrypt_inout_detached(&nonce.bytes(), bound(associated), buffer.into())
            .expect("a chunk is far below the cipher's limit of 64 GiB")
            .into()
    }

    /// Checks the seal and decrypts in place.
    pub(crate) fn open(
        &self,
        nonce: SealNonce,
        associated: &[u8],
        buffer: &mut [u8],
        seal: &[u8; SEAL_BYTES],
    ) -> Result<(), Broken> {
        if planted(Plant::NothingEncrypted) {
            return Ok(());
        }
        self.0
            .decrypt_inout_detached(&nonce.bytes(), bound(associated), buffer.into(), seal.into())
            .map_err(|_| Broken)
    }
}

/// What a seal binds.
fn bound(associated: &[u8]) -> &[u8] {
    if planted(Plant::AssociatedDataUnbound) {
        return &[];
    }
    associated
}

/// One nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SealNonce {
    pub(crate) epoch: Epoch,
    pub(crate) counter: u64,
}

impl SealNonce {
    fn bytes(self) -> Nonce<aes_gcm::aead::consts::U12> {
        let mut bytes = [0u8; 12];
        if planted(Plant::NonceConstant) {
            return bytes.into();
        }
        bytes[..4].copy_from_slice(&self.epoch.0.to_be_bytes());
        bytes[4..].copy_from_slice(&self.counter.to_be_bytes());
        bytes.into()
    }
}

/// An epoch that the vault granted to one sealer for one disk and one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Epoch(pub u32);

/// Counters that belong to one segment alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceRange {
    /// The epoch.
    pub epoch: Epoch,
    /// The first counter.
    pub first: u64,
    /// How many counters.
    pub count: u64,
}

/// The nonces of one epoch: a counter that only goes up. It lives in memory only: after a restart the sealer asks for a new epoch.
#[derive(Debug)]
pub struct Nonces {
    /// The epoch.
    pub epoch: Epoch,
    /// The next counter.
    pub next: u64,
}

impl Nonces {
    /// The nonces of a fresh epoch.
    #[must_use]
    pub fn new(epoch: Epoch) -> Nonces {
        Nonces { epoch, next: 0 }
    }

    /// Takes `count` counters, which nobody else will ever get.
    ///
    /// # Panics
    /// After 2^64 counters, which no machine lives to see.
    pub fn take(&mut self, count: u64) -> NonceRange {
        let first = self.next;
        self.next = first.checked_add(count).expect("2^64 nonces are not used up");
        NonceRange {
            epoch: self.epoch,
            first,
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::VmId;

    const DISK: DiskId = DiskId { vm: VmId(3), index: 1 };

    #[test]
    fn what_was_sealed_opens_only_with_everything_as_it_was() {
        let key = &VaultKey::public_test_key().disk_key(DISK).0.changes;
        let nonce = SealNonce {
            epoch: Epoch(2),
            counter: 9,
        };
        let mut bytes = *b"plain text";
        let seal = key.seal(nonce, b"header", &mut bytes);
        assert_ne!(&bytes, b"plain text");
        let sealed = bytes;
        key.open(nonce, b"header", &mut bytes, &seal).expect("as it was");
        assert_eq!(&bytes, b"plain text");
        let other = &VaultKey::new([1; 32]).disk_key(DISK).0.changes;
        let next = SealNonce { counter: 10, ..nonce };
        assert_eq!(key.open(nonce, b"Header", &mut sealed.clone(), &seal), Err(Broken));
        assert_eq!(key.open(next, b"header", &mut sealed.clone(), &seal), Err(Broken));
        assert_eq!(other.open(nonce, b"header", &mut sealed.clone(), &seal), Err(Broken));
    }

    #[test]
    fn each_disk_has_two_keys_of_its_own() {
        let vault = VaultKey::public_test_key();
        let nonce = SealNonce {
            epoch: Epoch(1),
            counter: 0,
        };
        let sealed = |cipher: &Cipher| {
            let mut bytes = [7u8; 32];
            cipher.seal(nonce, b"", &mut bytes);
            bytes
        };
        let (one, two) = (vault.disk_key(DISK), vault.disk_key(DiskId { index: 2, ..DISK }));
        let all = [&one.0.changes, &one.0.merged, &two.0.changes, &two.0.merged].map(sealed);
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), 4);
    }

    #[test]
    fn nothing_printed_shows_a_key() {
        let vault = VaultKey::new([0x41; 32]);
        assert_eq!(
            format!("{vault:?} {:?}", vault.disk_key(DISK)),
            "VaultKey(…) DiskKey(…)"
        );
    }

    #[test]
    fn no_counter_is_given_twice() {
        let mut nonces = Nonces::new(Epoch(5));
        let (a, b) = (nonces.take(3), nonces.take(4));
        assert_eq!((a.first, a.count, b.first, b.count), (0, 3, 3, 4));
    }
}
