//! Bugs that are planted on purpose, so that the prover can be seen to speak.
//!
//! A check that never fired has not been trusted yet. Each plant is a bug of a kind that a real implementation could have, put in at the
//! one place where it would be made; [`planted`] asks for it there. Without the feature `planted-bugs`, which no release has, it is
//! constantly false and nothing of a plant is left in the program. With it, a process can be given one plant, before its run begins
//! (`plant`); the tests that run every plant name the law that has to find it.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A process server acknowledges a batch before it is durable in its cache.
    AckBeforeDurable,
    /// The vault grants an epoch before its target fences those before it.
    GrantBeforeFence,
    /// A process server stops sending to its target, and says nothing.
    ProcessServerHangs,
    /// A file of the cache that a power cut has torn is taken for whole, as far as it can be read.
    TornRecordAccepted,
    /// A compressed chunk is marked as stored raw.
    RawFlagWrong,
    /// "Latest" takes the point before the newest, in silence.
    OlderPointTaken,
    /// Loss is counted a tenth too small.
    LossTooSmall,
    /// RPO is counted a tenth too small.
    RpoTooSmall,
    /// A link is 5 % faster than its rate.
    LinkTooFast,
    /// A link has no latency.
    LinkWithoutLatency,
    /// Connections begin with the largest window that there is.
    LinkWithoutSlowStart,
    /// A link that is cut goes on.
    LinkOpenWhileCut,
    /// A link's code panics when it is to say what it carried.
    LinkPanics,
    /// Recovery points are kept for half of their retention.
    RetentionHalved,
    /// Every seal uses the same nonce.
    NonceConstant,
    /// Nothing is encrypted.
    NothingEncrypted,
    /// A seal binds nothing of what goes with it in clear.
    AssociatedDataUnbound,
    /// An app-consistent point is marked without asking the guest to quiesce.
    NoQuiesce,
    /// A piece of a copy overwrites what is newer.
    PieceOverwritesNewer,
    /// A group's coordinator lets each member go on as soon as it has marked.
    ReleaseBeforeAllMarked,
    /// A group's coordinator does not ask whether all hold still.
    SharedWithoutAsking,
    /// A member of a group does not hold acknowledgements.
    ForgetsToHold,
    /// A database says that it is quiet, and has in memory what is not on its disk.
    BuffersNotWritten,
}

impl Plant {
    /// All of them: name, and what it does.
    pub const ALL: [(Plant, &'static str, &'static str); 23] = [
        (
            Plant::AckBeforeDurable,
            "ack-before-durable",
            "a process server acknowledges a batch before it is durable in its cache",
        ),
        (
            Plant::GrantBeforeFence,
            "grant-before-fence",
            "the vault grants an epoch before its target fences those before it",
        ),
        (
            Plant::ProcessServerHangs,
            "process-server-hangs",
            "a process server stops sending to its target, and says nothing",
        ),
        (
            Plant::TornRecordAccepted,
            "torn-record-accepted",
            "a file of the cache that a power cut has torn is taken for whole",
        ),
        (
            Plant::RawFlagWrong,
            "raw-flag-wrong",
            "a compressed chunk is marked as stored raw",
        ),
        (
            Plant::OlderPointTaken,
            "older-point-taken",
            "\"latest\" takes the point before the newest, in silence",
        ),
        (
            Plant::LossTooSmall,
            "loss-too-small",
            "loss is counted a tenth too small",
        ),
        (Plant::RpoTooSmall, "rpo-too-small", "RPO is counted a tenth too small"),
        (
            Plant::LinkTooFast,
            "link-too-fast",
            "a link is 5 % faster than its rate",
        ),
        (
            Plant::LinkWithoutLatency,
            "link-without-latency",
            "a link has no latency",
        ),
        (
            Plant::LinkWithoutSlowStart,
            "link-without-slow-start",
            "connections begin with the largest window that there is",
        ),
        (
            Plant::LinkOpenWhileCut,
            "link-open-while-cut",
            "a link that is cut goes on",
        ),
        (
            Plant::LinkPanics,
            "link-panics",
            "a link's code panics when it is to say what it carried",
        ),
        (
            Plant::RetentionHalved,
            "retention-halved",
            "recovery points are kept for half of their retention",
        ),
        (Plant::NonceConstant, "nonce-constant", "every seal uses the same nonce"),
        (Plant::NothingEncrypted, "nothing-encrypted", "nothing is encrypted"),
        (
            Plant::AssociatedDataUnbound,
            "associated-data-unbound",
            "a seal binds nothing of what goes with it in clear",
        ),
        (
            Plant::NoQuiesce,
            "no-quiesce",
            "an app-consistent point is marked without asking the guest to quiesce",
        ),
        (
            Plant::PieceOverwritesNewer,
            "piece-overwrites-newer",
            "a piece of a copy overwrites what is newer",
        ),
        (
            Plant::ReleaseBeforeAllMarked,
            "release-before-all-marked",
            "a group's coordinator lets each member go on as soon as it has marked",
        ),
        (
            Plant::SharedWithoutAsking,
            "shared-without-asking",
            "a group's coordinator does not ask whether all hold still",
        ),
        (
            Plant::ForgetsToHold,
            "forgets-to-hold",
            "a member of a group does not hold acknowledgements",
        ),
        (
            Plant::BuffersNotWritten,
            "buffers-not-written",
            "a database says that it is quiet, and has in memory what is not on its disk",
        ),
    ];
}

#[cfg(feature = "planted-bugs")]
static PLANTED: std::sync::OnceLock<Plant> = std::sync::OnceLock::new();

/// Plants the bug of this name in this process, for good.
///
/// # Errors
/// Where there is none of that name (the message lists those that there are), or one is planted already.
#[cfg(feature = "planted-bugs")]
pub fn plant(name: &str) -> Result<(), String> {
    let known = Plant::ALL.iter().find(|(_, known, _)| *known == name);
    let Some((plant, ..)) = known else {
        let names: Vec<&str> = Plant::ALL.iter().map(|(_, name, _)| *name).collect();
        return Err(format!(
            "there is no bug `{name}` to plant; there are {}",
            names.join(", ")
        ));
    };
    PLANTED
        .set(*plant)
        .map_err(|_| "one bug is planted in this process already".to_owned())
}

/// Whether this bug is planted in this process.
#[cfg(feature = "planted-bugs")]
#[must_use]
pub fn planted(plant: Plant) -> bool {
    PLANTED.get() == Some(&plant)
}

/// Whether this bug is planted in this process: never, without the feature `planted-bugs`.
#[cfg(not(feature = "planted-bugs"))]
#[must_use]
#[inline(always)]
pub const fn planted(_plant: Plant) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plants_have_names_of_their_own() {
        let names: std::collections::BTreeSet<&str> = Plant::ALL.iter().map(|(_, name, _)| *name).collect();
        assert_eq!(names.len(), Plant::ALL.len());
    }
}
