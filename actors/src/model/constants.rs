//! Every constant of the model, by component: name, unit, value, range, source, meaning.

use serde::{Deserialize, Serialize};

use super::{Constant, Unit};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Writes down a struct for each group, the model that holds them, and the list of all constants.
macro_rules! model {
    ($( #[doc = $about:literal] $group:ident: $Group:ident {
        $( $name:ident: $unit:ident = $value:expr, $low:expr => $high:expr, $source:literal, $meaning:literal; )*
    } )*) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $Group {
                $(
                    #[doc = concat!($meaning, " (", $source, ").")]
                    pub $name: u64,
                )*
            }

            impl Default for $Group {
                fn default() -> $Group {
                    $Group { $( $name: $value, )* }
                }
            }
        )*

        /// All constants that shape a result, by component.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Model {
            $(
                #[doc = $about]
                pub $group: $Group,
            )*
        }

        /// The groups of constants: name and what each is about.
        pub const GROUPS: &[(&str, &str)] = &[$( (stringify!($group), $about), )*];

        /// All constants, group by group.
        pub static CONSTANTS: &[Constant] = &[
            $($(
                Constant {
                    group: stringify!($group),
                    name: stringify!($name),
                    unit: Unit::$unit,
                    range: $low..=$high,
                    meaning: $meaning,
                    source: $source,
                    get: |model| model.$group.$name,
                    set: |model, value| model.$group.$name = value,
                },
            )*)*
        ];
    };
}

model! {
    #[doc = "The Mobility service."]
    agent: Agent {
        start_time: Time = 30 * SECOND, SECOND => HOUR, "our model; facts §1.7 allow up to 15 min", "From power to its registration: so long, and up to as long again, drawn by machine";
        look_every: Time = 60 * SECOND, SECOND => HOUR, "our model", "Between two looks at what waits in its journal, while that changes";
        heartbeat: Time = 5 * MINUTE, SECOND => HOUR, "our model: three that are missed are the 15 min of facts §1.7", "Between two signs of life to the configuration server";
        answered_every: Count = 1, 1 => 1_000, "our model", "Every so many signs of life one is to be answered";
        flush_after: Time = SECOND, MILLISECOND => MINUTE, "our model", "A change is durable in the journal after so long at the latest";
        cut_after: Time = 30 * SECOND, SECOND => HOUR, "our model", "What waits so long is cut into a batch; not in the aggregate grain";
        batch: Size = 64 * MIB, 64 * KIB => GIB, "our model", "A batch is cut when so much waits, and never more than a quarter of the journal";
        aggregate_batch: Size = 256 * MIB, 64 * KIB => TIB, "our model", "The same in the aggregate grain";
        window: Size = 8 * MIB, 64 * KIB => GIB, "our model: fills 10 Gbit/s at 5 ms", "Unacknowledged bytes towards the process server";
        journal_file: Size = 16 * MIB, 64 * KIB => GIB, "our model", "A file of the change journal, and never more than a quarter of it";
        part: Size = MIB, 4 * KIB => 64 * MIB, "our model", "What one frame of a batch carries";
        aggregate_part: Size = GIB, 4 * KIB => TIB, "our model", "The same in the aggregate grain";
        read: Size = 8 * MIB, 4 * KIB => GIB, "our model", "What a copy asks the disk to read at a time: pieces of it are sent together";
        piece: Size = MIB, 4 * KIB => 64 * MIB, "our model", "What is sent at a time of a disk that is copied";
        aggregate_piece: Size = GIB, 4 * KIB => TIB, "our model", "The same in the aggregate grain";
        check: Size = 16 * MIB, 64 * KIB => GIB, "our model", "What checksums are asked for at a time";
        checks: Count = 2, 1 => 64, "our model", "Questions for checksums that are under way at a time";
        files: Size = 64 * MIB, MIB => GIB, "our model", "Room beside the journal for its small files";
    }
    #[doc = "A process server."]
    process_server: ProcessServer {
        heartbeat: Time = 60 * SECOND, SECOND => HOUR, "our model", "Between two signs of life to the configuration server";
        answered_every: Count = 5, 1 => 1_000, "our model", "Every so many signs of life one is to be answered";
        window: Size = 32 * MIB, 64 * KIB => GIB, "our model: fills 10 Gbit/s at 25 ms", "Unacknowledged bytes towards the target, all machines together";
        copies: Count = 3, 1 => 1_000, "facts §1.3", "Disks that are copied at a time";
        jobs: Count = 16, 1 => 1_024, "our model", "Jobs of sealing that are under way at a time";
        retry_after: Time = 30 * SECOND, SECOND => HOUR, "our model", "What the target put off is sent again after so long";
        throttled_below: Share = 200_000, 1_000 => 900_000, "facts §1.6 (20 %)", "Where less of the cache is free, all its machines are throttled";
        upload_threads: Count = 4, 1 => 32, "facts §3.7", "Threads that upload for a machine";
        upload: Size = MIB, 4 * KIB => GIB, "our model: as a piece of a copy", "Of small batches and pieces, what a thread uploads together";
        look_every: Time = 5 * MINUTE, SECOND => HOUR, "facts §1.6", "Between two looks at its own health";
        told_after: Time = 15 * MINUTE, SECOND => DAY, "facts §1.6 (text of 2019)", "A cache or processors past a level for so long are told of";
        cache_warning: Share = 300_000, 1_000 => 1_000_000, "facts §1.6 (text of 2019)", "Less of the cache free is a warning";
        cache_critical: Share = 250_000, 1_000 => 1_000_000, "facts §1.6 (text of 2019)", "Less of the cache free is critical";
        processor_warning: Share = 800_000, 1_000 => 1_000_000, "facts §1.6 (text of 2019)", "More of its processors at work is a warning";
        processor_critical: Share = 950_000, 1_000 => 1_000_000, "facts §1.6 (text of 2019)", "More of its processors at work is critical";
        upload_warning: Time = 30 * MINUTE, SECOND => DAY, "facts §1.6 (text of 2019)", "What takes longer to upload than this is a warning";
        upload_critical: Time = 45 * MINUTE, SECOND => DAY, "facts §1.6 (text of 2019)", "What takes longer to upload than this is critical";
        batch_share: Share = 250_000, 1_000 => 1_000_000, "our model", "Of the cache, what a batch is cut to";
        alert_every: Time = 15 * MINUTE, SECOND => DAY, "our model", "A full cache is told of again after so long";
        place_kept: Time = 15 * MINUTE, MINUTE => DAY, "our model", "What it knows of a machine that is silent is kept for so long";
        discovery_every: Time = 15 * MINUTE, SECOND => DAY, "facts §1.7", "Between two looks at vCenter";
        push_patience: Time = 5 * MINUTE, SECOND => DAY, "our model", "A push installation that does not answer is given up after so long";
    }
    #[doc = "The configuration server."]
    configuration_server: ConfigurationServer {
        heartbeat: Time = 60 * SECOND, SECOND => HOUR, "our model", "Between two questions to the service for a sign of life";
        lost_after: Time = 15 * MINUTE, MINUTE => DAY, "our model, after facts §1.7", "A component that is silent for so long is taken for lost";
        look_every: Time = 5 * MINUTE, SECOND => HOUR, "our model", "Between two looks at who is lost";
    }
    #[doc = "A master target."]
    master_target: MasterTarget {
        heartbeat: Time = 60 * SECOND, SECOND => HOUR, "our model", "Between two signs of life to the configuration server";
        answered_every: Count = 5, 1 => 1_000, "our model", "Every so many signs of life one is to be answered";
        drops: Count = 64, 1 => 100_000, "our model", "Segments that wait to be dropped until a checkpoint is written without a point";
    }
    #[doc = "The Site Recovery service and Azure's machines."]
    azure: Azure {
        cores: Count = 16, 1 => 1_024, "our model", "Cores of each of Azure's services";
        disk_rate: ByteRate = 2_500_000_000, 1_000_000 => 1_000_000_000_000, "our model: faster than one machine sends", "How fast a storage account takes in";
        fabric_rate: BitRate = 100_000_000_000, 1_000_000 => 10_000_000_000_000, "our model", "Azure's own network between its services";
        fabric_latency: Time = 500_000, 1 => SECOND, "our model", "Its latency, one way";
        stage_patience: Time = 30 * MINUTE, MINUTE => 7 * DAY, "facts §1.7 (a refresh takes up to 30 min)", "A stage of a job that does not come true fails after so long";
        registration_patience: Time = 15 * MINUTE, MINUTE => DAY, "facts §1.7", "An agent has so long to register after its machine booted";
        shutdown_patience: Time = 10 * MINUTE, SECOND => DAY, "our model", "A failover waits for the source's shutdown and its last changes for so long each";
        lost_patience: Time = 2 * MINUTE, SECOND => DAY, "our model", "A component that is taken for lost is waited for for so long";
        resynchronize_first: Time = 30 * SECOND, SECOND => DAY, "our model", "The second resynchronization in a row without a recovery point waits so long";
        resynchronize_longest: Time = 16 * MINUTE, SECOND => DAY, "our model", "The wait doubles each time, up to so long";
        resynchronize_alert: Count = 3, 1 => 100, "our model", "After so many without a point an alert says so";
        look_every: Time = MINUTE, SECOND => HOUR, "our model", "Between two looks at RPO and retention";
        no_point_after: Time = HOUR, MINUTE => 7 * DAY, "our model, after the alert of facts §6 between Azure's regions (60 min)", "An alert where a machine has had no recovery point for so long";
        boot_again: Time = MINUTE, SECOND => DAY, "our model", "A machine that is refused is asked for again after so long";
        boot_patience: Time = 10 * MINUTE, SECOND => DAY, "our model", "One that Azure has refused for so long makes its job fail";
        sent_with_tag: Size = 256 * MIB, 0 => TIB, "our model: a full batch of either grain", "Batches are sent to the service with their tags, unasked, while so much of them at the most is on its way";
        opened_at_a_time: Count = 16, 1 => 1_024, "our model", "Batches that are opened at a time, for a machine";
        merged: Size = 64 * MIB, MIB => GIB, "our model", "Batches are merged up to this much of a disk";
        drops: Count = 64, 1 => 100_000, "our model", "Segments that wait to be dropped until a checkpoint is written without a point";
        check_again: Time = 5 * SECOND, MILLISECOND => HOUR, "our model", "A check of a recovery plan that was not answered is made again after so long";
    }
    #[doc = "vCenter and Azure compute: whoever switches machines."]
    hypervisor: Hypervisor {
        shutdown_patience: Time = 2 * MINUTE, SECOND => DAY, "our model", "A guest that does not shut down in so long is switched off";
    }
    #[doc = "A protected machine's operating system and hardware."]
    guest: Guest {
        cores: Count = 2, 1 => 1_024, "our model", "Cores";
        disk_rate: ByteRate = 200_000_000, 1_000_000 => 1_000_000_000_000, "our model: a small array of 10,000 rpm disks", "How fast its disks are written";
        write_latency: Time = 300_000, 1 => MINUTE, "our model: a controller with a cache", "From a request to the disk until it is carried out";
        freeze_longest: Time = 10 * SECOND, MILLISECOND => HOUR, "VSS: a freeze ends after 10 s", "Applications that are quiesced go on after so long at the latest";
        write_back_after: Time = 5 * SECOND, MILLISECOND => HOUR, "our model, after Linux (dirty_writeback_centisecs)", "What it has written is flushed after so long at the latest";
        services_stop: Time = 5 * SECOND, MILLISECOND => HOUR, "our model", "From the word to shut down to the last write";
        summary_every: Time = 6 * MINUTE, SECOND => DAY, "our model", "Aggregate grain: it tells of its writes so often, marks apart";
        summary_least: Time = 100 * MILLISECOND, MILLISECOND => HOUR, "our model", "Aggregate grain: and no two times closer together than this";
    }
    #[doc = "Any machine's disk."]
    disk: Disk {
        flush: Time = 500_000, 1 => SECOND, "our model: a controller with a cache", "What a flush takes beside writing what is unflushed";
        read: Time = 500_000, 1 => SECOND, "our model", "What a read of what is not in memory takes beside the reading";
        cache: Size = 64 * MIB, 4 * KIB => TIB, "our model", "Unflushed bytes that a virtual disk holds; what is older has reached it";
        retry_after: Time = 5 * SECOND, MILLISECOND => HOUR, "our model", "What a disk failed to do is asked of it again after so long";
        alert_every: Time = 15 * MINUTE, SECOND => DAY, "our model", "A disk that fails is told of again after so long";
    }
    #[doc = "Connections between components."]
    session: Session {
        connect_patience: Time = 15 * SECOND, SECOND => HOUR, "our model", "A connection that is neither opened nor refused is given up after so long";
        silence: Time = 30 * SECOND, SECOND => HOUR, "our model", "Where an answer is owed and nothing arrives for so long, the peer is taken for gone";
        slowest: ByteRate = 128 * KIB, 1 => GIB, "our model", "Bytes that must arrive before an answer prolong that, at this rate; at half of it after each connection that was given up, until answers show more";
        pause_first: Time = SECOND, MILLISECOND => HOUR, "our model", "The pause before the first new attempt, with up to half of it more";
        pause_longest: Time = 60 * SECOND, MILLISECOND => DAY, "our model", "It doubles up to so long";
        busy_first: Time = 4 * SECOND, MILLISECOND => HOUR, "our model", "What a peer that is busy refused is asked again after so long";
        busy_longest: Time = 2 * MINUTE, MILLISECOND => DAY, "our model", "That doubles up to so long, until the peer does something again";
        busy_alert: Time = 5 * MINUTE, SECOND => DAY, "our model", "A peer that has refused everything for so long is told of";
    }
    #[doc = "TCP on a link, as a Linux host with its defaults does it (measured: `sim/LINKS.md`)."]
    tcp: Tcp {
        segment: Size = 1_448, 1 => MIB, "an MTU of 1,500 less 20 of IPv4 and 32 of TCP with time stamps (RFC 7323)", "Bytes of the stream in a full segment";
        framing: Size = 66, 0 => 1_000, "Ethernet 14 (IEEE 802.3), IPv4 20 (RFC 791), TCP 32 (RFC 9293, RFC 7323)", "Bytes on the wire before each segment";
        initial_window: Count = 10, 1 => 1_000_000, "RFC 6928", "Segments that a connection may send before the first acknowledgement";
        maximum_window: Count = 1_950, 1 => 1_000_000, "measured, with tcp_rmem to 6 MiB and tcp_wmem to 4 MiB", "Segments that a connection has in flight at most";
        idle_restart: Time = 200 * MILLISECOND, 1 => HOUR, "RFC 2861; Linux TCP_RTO_MIN and tcp_slow_start_after_idle", "With a round trip, a timeout; after each without sending the window is halved, down to the initial one";
        reno_per_mille: Count = 1_500, 1 => 1_000_000, "3/2: Mathis et al. 1997; RFC 9438 §4.3", "The square of the segments in flight under loss, times the loss, in thousandths";
        cubic_scale_per_mille: Count = 400, 1 => 1_000_000, "RFC 9438 §5", "CUBIC's constant C, in thousandths";
        cubic_kept_per_mille: Count = 700, 1 => 999, "RFC 9438 §4.6", "What CUBIC leaves of its window after a loss, in thousandths";
        loss_stall: Time = 12 * MILLISECOND, 0 => MINUTE, "measured", "What a loss costs beside the smaller window";
        queue_per_mille: Count = 1_000, 0 => 1_000_000, "Villamizar and Song 1994; measured", "The queue before a link, in thousandths of what is in flight on it";
    }
    #[doc = "A site's own network, unless a link of kind lan says otherwise."]
    lan: Lan {
        rate: BitRate = 10_000_000_000, 1_000 => 10_000_000_000_000, "our model", "Its rate, each way";
        latency: Time = 100_000, 1 => SECOND, "our model", "Its latency, one way";
    }
    #[doc = "What work costs on a core of speed 1."]
    compute: Compute {
        compress_and_seal: ByteRate = 240_000_000, 1_000 => 1_000_000_000_000, "measured: zstd level 1 at 285 MB/s, then AES-256-GCM at 1,500 MB/s", "Fold, compress and seal";
        open_and_decompress: ByteRate = 490_000_000, 1_000 => 1_000_000_000_000, "measured: AES-256-GCM at 1,500 MB/s, then zstd at 740 MB/s", "Open and decompress";
        checksum: ByteRate = 2_200_000_000, 1_000 => 1_000_000_000_000, "measured: BLAKE3", "Checksum";
    }
    #[doc = "Which recovery points are kept."]
    retention: Retention {
        all: Time = 2 * HOUR, MINUTE => 30 * DAY, "facts §2.3", "Of the newest so long all points are kept";
        day: Time = DAY, HOUR => 365 * DAY, "facts §2.3", "A retention up to this is a short one";
        day_interval: Time = HOUR, MINUTE => 30 * DAY, "facts §2.3", "With a short one, a point is kept in each interval of so long";
        week: Time = 7 * DAY, HOUR => 365 * DAY, "facts §2.3", "Points up to this age are of the first week";
        week_interval: Time = 2 * HOUR, MINUTE => 30 * DAY, "facts §2.3", "With a longer one, a point is kept in each interval of so long in the first week";
        longer_interval: Time = 4 * HOUR, MINUTE => 30 * DAY, "facts §2.3", "And after it in each of so long";
    }
    #[doc = "Replication groups: recovery points that several machines share."]
    group: Group {
        mark_within: Time = 100 * MILLISECOND, 1 => MINUTE, "our model", "From the word to mark to the mark: up to so long, drawn by member";
        hold_longest: Time = 2 * SECOND, MILLISECOND => MINUTE, "our model", "A member holds acknowledgements for so long at the most";
        attempt_longest: Time = 15 * SECOND, MILLISECOND => HOUR, "our model: longer than a freeze", "The coordinator gives a point up after so long";
        grace: Time = 30 * SECOND, SECOND => HOUR, "our model", "A member that was not asked to mark for so long after its turn marks a point of its own";
        retry_after: Time = 30 * SECOND, SECOND => HOUR, "our model", "The record of a shared point is sent again after so long";
        alert_after: Count = 3, 1 => 1_000, "our model", "So many shared points in a row that come to nothing are an alert";
    }
    #[doc = "What the product allows."]
    limits: Limits {
        group_members: Count = 16, 2 => 1_024, "facts §2.4 (documented for Azure to Azure)", "Machines in a replication group";
        plan_groups: Count = 7, 1 => 1_000, "facts §4.2 (text of 2018)", "Groups of a recovery plan that start machines";
        plan_machines: Count = 100, 1 => 100_000, "facts §4.2 (text of 2019)", "Machines of a recovery plan";
        retention: Time = 72 * HOUR, HOUR => 365 * DAY, "facts §2.1 (standard storage)", "The longest retention";
        os_disk: Size = 2048 * GIB, GIB => 1024 * TIB, "facts §3.5", "The largest disk of an operating system";
        data_disk: Size = 4095 * GIB, GIB => 1024 * TIB, "facts §0.2, §3.5", "The largest data disk";
        data_disks: Count = 64, 1 => 1_024, "facts §3.5", "Disks of a machine";
        throttle_least: BitRate = 512_000, 1_000 => 1_000_000_000_000, "facts §3.7", "The smallest throttle of a process server";
        throttle_most: BitRate = 102_000_000, 1_000 => 1_000_000_000_000, "facts §0.2, §3.7", "The largest throttle of a process server";
        master_target_disks: Count = 60, 1 => 1_024, "facts §3.3", "Disks that a master target carries, its own included";
    }
    #[doc = "The failback policy, which cannot be edited."]
    failback_policy: FailbackPolicy {
        rpo_threshold: Time = 15 * MINUTE, MINUTE => DAY, "facts §2.1", "An alert where the RPO passes it";
        retention: Time = DAY, HOUR => 365 * DAY, "facts §2.1", "How long its recovery points are kept";
        crash_consistent_every: Time = 5 * MINUTE, SECOND => DAY, "our model: as everywhere", "Between crash-consistent points";
        app_consistent_every: Time = HOUR, SECOND => 7 * DAY, "facts §2.1", "Between app-consistent points";
    }
    #[doc = "The operator who runs the plan."]
    operator: Operator {
        look_every: Time = 2 * MINUTE, SECOND => DAY, "our model", "Asks again for what was not answered after so long";
    }
    #[doc = "The prover: how long the laws of liveness allow."]
    oracle: Oracle {
        grace: Time = 5 * MINUTE, SECOND => DAY, "our model", "What may pass though nothing stands in the way: retries, looks, rounds of a protocol";
        after_outage: Time = 10 * MINUTE, SECOND => DAY, "our model", "What may pass after an outage until all goes on";
        pause: Time = 5 * MINUTE, SECOND => DAY, "our model", "The pause between two marks where no policy says";
        turn: Size = 64 * MIB, 4 * KIB => TIB, "our model", "What another machine may send before it is one's turn";
        allowed_times: Count = 2, 1 => 100, "our model", "What is computed is allowed so many times over";
    }
}
