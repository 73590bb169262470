//! Bugs that are planted on purpose, so that the prover can be seen to speak.
//!
//! A check that never fired has not been trusted yet. Each plant is a bug of a kind that a real implementation could have, put in at the
//! one place where it would be made; [`planted`] asks for it there. Without the feature `planted-bugs`, which no release has, it is
//! constantly false and nothing of a plant is left in the program. With it, a process can be given one plant, before its run begins
//! (`plant`); `docs/plants.md` says what finds each.

/// Each bug once: its name in code, its name for people, and what it does.
macro_rules! plants {
    ($($plant:ident $name:literal $what:literal;)+) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Plant {
            $(#[doc = $what] $plant,)+
        }

        impl Plant {
            /// All of them: name, and what it does.
            pub const ALL: &[(Plant, &'static str, &'static str)] = &[$((Plant::$plant, $name, $what),)+];
        }
    };
}

plants! {
    AckBeforeDurable "ack-before-durable"
        "a process server acknowledges a batch before it is durable in its cache";
    GrantBeforeFence "grant-before-fence"
        "the vault grants an epoch before its target fences those before it";
    ProcessServerHangs "process-server-hangs"
        "a process server stops sending to its target, and says nothing";
    TornRecordAccepted "torn-record-accepted"
        "a file of the cache that a power cut has torn is taken for whole";
    RawFlagWrong "raw-flag-wrong"
        "a compressed chunk is marked as stored raw";
    OlderPointTaken "older-point-taken"
        "\"latest\" takes the point before the newest, in silence";
    LossTooSmall "loss-too-small"
        "loss is counted a tenth too small";
    RpoTooSmall "rpo-too-small"
        "RPO is counted a tenth too small";
    LinkTooFast "link-too-fast"
        "a link is 5 % faster than its rate";
    LinkWithoutLatency "link-without-latency"
        "a link has no latency";
    LinkWithoutSlowStart "link-without-slow-start"
        "connections begin with the largest window that there is";
    LinkOpenWhileCut "link-open-while-cut"
        "a link that is cut goes on";
    LinkPanics "link-panics"
        "a link's code panics when it is to say what it carried";
    RetentionHalved "retention-halved"
        "recovery points are kept for half of their retention";
    NonceConstant "nonce-constant"
        "every seal uses the same nonce";
    NothingEncrypted "nothing-encrypted"
        "nothing is encrypted";
    AssociatedDataUnbound "associated-data-unbound"
        "a seal binds nothing of what goes with it in clear";
    NoQuiesce "no-quiesce"
        "an app-consistent point is marked without asking the guest to quiesce";
    PieceOverwritesNewer "piece-overwrites-newer"
        "a piece of a copy overwrites what is newer";
    ReleaseBeforeAllMarked "release-before-all-marked"
        "a group's coordinator lets each member go on as soon as it has marked";
    SharedWithoutAsking "shared-without-asking"
        "a group's coordinator does not ask whether all hold still";
    ForgetsToHold "forgets-to-hold"
        "a member of a group does not hold acknowledgements";
    BuffersNotWritten "buffers-not-written"
        "a database says that it is quiet, and has in memory what is not on its disk";
    MarkAWriteEarly "mark-a-write-early"
        "a recovery point is marked one write before what the guest had written";
    MarkAWriteLate "mark-a-write-late"
        "a recovery point is marked one write after what the guest had written";
    LowWaterEarly "low-water-early"
        "the journal lets go of what was sent and not acknowledged";
    CacheForgottenEarly "cache-forgotten-early"
        "a process server forgets a batch once it is sealed";
    FenceNotChecked "fence-not-checked"
        "storage takes in what a fenced sealer sealed";
    TagBeforeSegments "tag-before-segments"
        "a batch's tag is sent and stored before its segments";
    HoldLetsOneThrough "hold-lets-one-through"
        "a member of a group acknowledges one write while it holds";
    HoldVoteLies "hold-vote-lies"
        "a member that held no longer says that it does";
    TalksOutsideItsGroup "talks-outside-its-group"
        "a member of a group connects to who is none, on the group's port";
    PinIgnored "pin-ignored"
        "a recovery point that a failover needs is removed";
    RetentionForgotten "retention-forgotten"
        "recovery points are never removed";
    MergeInWrongOrder "merge-in-wrong-order"
        "batches are merged with the older over the newer";
    ChecksumTrusted "checksum-trusted"
        "a resynchronization takes every second piece for equal";
    ZeroSkipped "zero-skipped"
        "zeros are not written over what is there";
    TornPieceTaken "torn-piece-taken"
        "a piece of a copy that a power cut has torn in storage is taken for whole";
    PieceOfCopyLost "piece-of-copy-lost"
        "a copy ends with its last piece left out";
    JobHangs "job-hangs"
        "the service's job for a failover never goes on after its disks are there";
    WindowLeaks "window-leaks"
        "what is answered for is still counted as under way";
    SessionStaysLost "session-stays-lost"
        "a connection that is lost is not made again";
    AlertNeverComes "alert-never-comes"
        "that the RPO passed the policy's threshold is not told";
    AlertWithoutCause "alert-without-cause"
        "that the RPO passed the policy's threshold is told though it did not";
    EpochKept "epoch-kept"
        "a process server that restarts seals with the first epoch again";
    PointProcessedTwice "point-processed-twice"
        "a recovery point is processed a second time";
    NewerDiskRecovered "newer-disk-recovered"
        "a failover brings back one disk of a machine as it is after the point";
    GroupBeforeItsTurn "group-before-its-turn"
        "a recovery plan starts all its groups at once";
    CheckPassesUnasked "check-passes-unasked"
        "a recovery plan calls a machine recovered before it has answered";
    CacheLevelUntold "cache-level-untold"
        "a process server does not tell that its cache has been short for long";
    NeverThrottled "never-throttled"
        "a process server whose cache runs full throttles nobody";
    ThrottleIgnored "throttle-ignored"
        "a process server uploads as if it had no throttle";
    StateSkipped "state-skipped"
        "a machine is said to be protected before its first copy";
    KeyInFile "key-in-file"
        "a process server writes the vault's key down beside what it serves";
    KeyInFrame "key-in-frame"
        "a process server sends the vault's key along with segments";
    PlaintextStored "plaintext-stored"
        "whoever opens a batch leaves some of it in a file beside the replica";
    SegmentDroppedEarly "segment-dropped-early"
        "what is folded into a replica's base is dropped from storage, and the base is not written down";
    SessionMadeLate "session-made-late"
        "a connection that is lost is made again ten minutes later";
    MarkByOtherClock "mark-by-other-clock"
        "a mark bears another clock's time than its machine's";
    LinkWithoutLoss "link-without-loss"
        "a link loses nothing";
    FlushNeverLies "flush-never-lies"
        "a disk that is to lie about its flushes does not";
    DiskLosesFlushed "disk-loses-flushed"
        "a power cut takes what was flushed last";
    OracleLooksAway "oracle-looks-away"
        "the oracle judges every second recovery point";
    UnseededDraw "unseeded-draw"
        "one stream of randomness is drawn from outside: another in each process, and each time";
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
