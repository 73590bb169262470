//! **An epoch is granted once its target refuses all before it, on both ways.**
//!
//! The world shows the fences that the target has on its disk.
//!
//! Why it holds: two sealers with the same key must never both be taken in, for they would use the same nonces, and the older would
//! replace what the newer has stored. Reference: design §2, epochs; ARCHITECTURE, "Epochs".

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "fenced-before-granted",
    statement: "an epoch is granted once its target refuses all epochs before it",
};

/// Checks a grant: the lowest epoch of the disk that its target takes in (none where it has no fence).
#[must_use]
pub fn check(disk: &str, epoch: u32, fence: Option<u32>) -> Vec<String> {
    match fence {
        Some(fence) if fence >= epoch => Vec::new(),
        Some(fence) => vec![format!(
            "epoch {epoch} of {disk} was granted while its target still took in epochs from {fence} on"
        )],
        None => vec![format!(
            "epoch {epoch} of {disk} was granted, and its target has no fence"
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_before_the_fence_is_found() {
        assert!(check("d", 2, Some(2)).is_empty());
        assert!(check("d", 2, Some(3)).is_empty());
        assert_eq!(check("d", 2, Some(1)).len(), 1);
        assert_eq!(check("d", 1, None).len(), 1);
    }
}
