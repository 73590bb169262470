//! **An epoch is granted once its target refuses all before it, on both ways.**
//!
//! The world shows the fences that the target has on its disk.
//!
//! Why it holds: two sealers with the same key must never both be taken in, for they would use the same nonces, and the older would
//! replace what the newer has stored. Reference: design §2, epochs; ARCHITECTURE, "Epochs".

use datapath::DiskId;

crate::law! {
    "fenced-before-granted", "an epoch is granted once its target refuses all epochs before it";

    FenceTooLow of disk { disk: DiskId, epoch: u32, fence: u32 } =>
        "epoch {epoch} of {disk} was granted while its target still took in epochs from {fence} on";
    NoFence of disk { disk: DiskId, epoch: u32 } => "epoch {epoch} of {disk} was granted, and its target has no fence";
}

/// Checks a grant: the lowest epoch of the disk that its target takes in (none where it has no fence).
#[must_use]
pub fn check(disk: DiskId, epoch: u32, fence: Option<u32>) -> Vec<Broken> {
    match fence {
        Some(fence) if fence >= epoch => Vec::new(),
        Some(fence) => vec![Broken::FenceTooLow { disk, epoch, fence }],
        None => vec![Broken::NoFence { disk, epoch }],
    }
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

    #[test]
    fn a_grant_before_the_fence_is_found() {
        assert!(check(DISK, 2, Some(2)).is_empty());
        assert!(check(DISK, 2, Some(3)).is_empty());
        assert_eq!(check(DISK, 2, Some(1)).len(), 1);
        assert_eq!(check(DISK, 1, None).len(), 1);
    }
}
