//! Every constant that shapes a result stands in the model (`actors/src/model/constants.rs`): this reads the sources and refuses any other
//! numeric constant that is not listed here with what it is instead.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms whose code shapes results.
const ROOMS: [&str; 3] = ["actors/src", "sim/src", "datapath/src"];

/// Numbers that are told apart by their names: kinds of request of an actor, kinds of record, sides of a form.
const WORDS: &str = "a word of a form, told apart from others";
const FORM: &str = "the form of a file or frame";
const UNIT: &str = "a unit of counting";
const MEMORY: &str = "bounds memory or work of the real machine; no result depends on it";
const SAMPLE: &str = "how much of what passes the prover looks at, for the sake of its time";
const PORT: &str = "a port, as the table of flows names it (facts §1.2)";

/// File, constants in it, and what they are.
const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    ("actors/src/messages.rs", &["PORT_MANAGEMENT"], PORT),
    ("actors/src/messages/replication.rs", &["PORT_REPLICATION"], PORT),
    ("actors/src/messages/segments.rs", &["PORT_MASTER_TARGET"], PORT),
    (
        "actors/src/messages/installation.rs",
        &["PORT_PUSH_WINDOWS", "PORT_PUSH_LINUX"],
        PORT,
    ),
    ("actors/src/messages/application.rs", &["PORT_APPLICATION"], PORT),
    ("actors/src/messages/group.rs", &["PORT_GROUP"], PORT),
    ("actors/src/service/groups.rs", &["KEPT"], MEMORY),
    ("actors/src/replica_keeper.rs", &["JOB"], WORDS),
    (
        "actors/src/spec.rs",
        &["MIN"],
        "a unit of the default policy, which a scenario's keys have anyway",
    ),
    ("actors/src/agent/copying.rs", &["MILLION"], UNIT),
    ("actors/src/replica_keeper/merging.rs", &["HOUR"], UNIT),
    (
        "actors/src/replica_keeper/merging.rs",
        &["COUNTERS"],
        "numbers that are set aside at a time; there are 2^64",
    ),
    (
        "actors/src/nouns/throttle.rs",
        &["HOUR", "DAY_HOURS", "WEEK_HOURS", "SECOND"],
        UNIT,
    ),
    ("actors/src/process_server/health.rs", &["MILLION"], UNIT),
    ("actors/src/process_server/intake.rs", &["TAIL_BYTES"], FORM),
    (
        "actors/src/process_server/delivery.rs",
        &["HANGS_AFTER"],
        "of a planted bug",
    ),
    ("actors/src/storage/segment_store/index.rs", &["ENTRY_HEAD"], FORM),
    (
        "actors/src/guest.rs",
        &["RESERVE"],
        "numbers that are set aside at a time; there are 2^64",
    ),
    ("actors/src/spec.rs", &["SUPERBLOCKS"], FORM),
    (
        "actors/src/guest/database/format.rs",
        &["BLOCK", "LOG_HEAD", "TRANSFER", "PER_BLOCK"],
        FORM,
    ),
    (
        "actors/src/guest/database.rs",
        &["AMOUNT_MAX"],
        "what a transaction moves at the most: no size and no time depends on it",
    ),
    ("actors/src/session.rs", &["SECOND"], UNIT),
    ("actors/src/workload/spread.rs", &["ONE", "EIGHTHS"], UNIT),
    ("actors/src/workload/profiled.rs", &["SECOND", "HUNDREDTHS"], UNIT),
    (
        "actors/src/workload/profiled.rs",
        &["CHUNKS_A_WRITE"],
        "what one request of a controller takes, as the largest size that a scenario may name",
    ),
    ("actors/src/workload/synthetic.rs", &["SECOND", "HOUR"], UNIT),
    (
        "actors/src/workload/synthetic.rs",
        &["BURSTS"],
        "the number of a stream of draws",
    ),
    ("sim/src/compute.rs", &["WAITING_PER_THREAD"], MEMORY),
    (
        "sim/src/metrics/over_time.rs",
        &["PER_OCTAVE_BITS", "PER_OCTAVE"],
        "how finely a distribution is kept: within 0.4 %",
    ),
    ("sim/src/metrics/collector.rs", &["REFUSALS_KEPT"], MEMORY),
    ("sim/src/metrics.rs", &["ALERTS_KEPT"], MEMORY),
    ("sim/src/disks/spill.rs", &["SMALLEST"], MEMORY),
    (
        "sim/src/disks/names.rs",
        &["ONES", "NONE"],
        "looks at sixteen bytes at a time; says that there is no file",
    ),
    ("datapath/src/rows.rs", &["FULL"], MEMORY),
    ("sim/src/world/handle.rs", &["UNSEEN", "ASKED", "ENTRIES"], MEMORY),
    ("sim/src/invariants.rs", &["FINDINGS_KEPT", "FINDINGS_OF_A_LAW"], MEMORY),
    ("sim/src/event_log.rs", &["BLOCK_BYTES", "LAST_EVENTS"], MEMORY),
    (
        "sim/src/queue/later.rs",
        &["ROW_BITS", "ROWS"],
        "in which of its places the queue keeps an entry; the order in which entries come does not depend on it",
    ),
    ("datapath/src/segment.rs", &["FRONTS"], "powers of ten"),
    (
        "sim/src/event_log/records.rs",
        &["TIER_FACT", "TIER_FRAME", "NO_ACTOR", "NO_PAYLOAD"],
        WORDS,
    ),
    (
        "sim/src/event_log/records.rs",
        &["HEAD_BYTES", "FRAME_BYTES", "LENGTH_BYTES"],
        FORM,
    ),
    ("sim/src/event_log/records.rs", &["RECORD_BYTES_MAX"], MEMORY),
    (
        "sim/src/oracle/alerts.rs",
        &["LOOKS", "LOOKS_AFTER_OUTAGE"],
        "how long a law waits before it says that an alert did not come",
    ),
    ("sim/src/oracle/alerts.rs", &["KEPT"], MEMORY),
    (
        "sim/src/network/turmoil.rs",
        &["PORT"],
        "the one port that turmoil's hosts use among themselves",
    ),
    ("sim/src/network/turmoil.rs", &["CAPACITY"], MEMORY),
    ("sim/src/network/wire.rs", &["HEADER", "LONGEST"], FORM),
    (
        "sim/src/network/wire.rs",
        &["SYN", "SYN_ACK", "DATA", "FIN", "RESET"],
        WORDS,
    ),
    ("sim/src/faults/spec.rs", &["MILLION"], UNIT),
    (
        "sim/src/invariants/process_servers_say_how_they_are.rs",
        &["PROCESSORS_OFF"],
        "how far a figure may be off that goes by a drifting clock",
    ),
    ("sim/src/invariants/points_are_kept.rs", &["HOUR"], UNIT),
    ("sim/src/invariants/bound.rs", &["SECOND"], UNIT),
    ("sim/src/invariants/links_take_their_time.rs", &["BYTE"], UNIT),
    ("sim/src/invariants/nonces_never_repeat.rs", &["RANGES_KEPT"], MEMORY),
    (
        "sim/src/invariants/nonces_never_repeat.rs",
        &["SEALED_CHUNK_BYTES"],
        FORM,
    ),
    ("sim/src/oracle/history.rs", &["COMPACT_FROM"], MEMORY),
    (
        "sim/src/oracle/reader.rs",
        &["TAG_BYTES", "ROW_BYTES", "HASH_BYTES"],
        FORM,
    ),
    (
        "sim/src/oracle/reader.rs",
        &["CANARY_BYTES", "CANARY_EVERY"],
        "how plaintext is looked for in what is stored",
    ),
    ("sim/src/oracle/reader.rs", &["PARALLEL_FROM"], MEMORY),
    ("sim/src/oracle/reader/recent.rs", &["KEPT_BYTES"], MEMORY),
    ("sim/src/oracle/figures.rs", &["KEPT"], MEMORY),
    ("sim/src/oracle/writes.rs", &["FLUSHES_KEPT"], MEMORY),
    ("sim/src/oracle/restoring.rs", &["PRUNED_FOR_ONE"], SAMPLE),
    (
        "sim/src/secrets.rs",
        &["WRITES_FOR_ONE", "WRITTEN_AT_A_TIME", "GATHERED"],
        SAMPLE,
    ),
    (
        "sim/src/secrets/finder.rs",
        &[
            "STRETCH_BYTES",
            "WORD_BYTES",
            "STEP",
            "WORDS_AT_A_TIME",
            "BITS",
            "BITS_LOG2",
            "DIFFERENT",
        ],
        "what is looked for, and how it is found; of bytes in memory",
    ),
    (
        "sim/src/invariants/points_can_be_restored.rs",
        &["NAMED"],
        "how many a text names",
    ),
    (
        "sim/src/oracle/guest.rs",
        &["KEPT_UNPROTECTED", "KEPT_PROTECTED"],
        MEMORY,
    ),
    (
        "sim/src/oracle/compare.rs",
        &["BLOCK_EXTENTS", "RESULTS_AT_A_TIME", "PARALLEL_FROM", "DESCRIBED"],
        MEMORY,
    ),
    ("sim/src/link/tcp_model.rs", &["BIT_NANOSECONDS", "WINDOW_BITS"], UNIT),
    ("sim/src/link/fair.rs", &["UNIT_BITS", "REBASED"], UNIT),
    ("sim/src/link/fair.rs", &["CONNECTIONS_LOOKED_AT", "FLOWS_KEPT"], MEMORY),
    ("sim/src/invariants/links_take_their_time.rs", &["FRACTION_BITS"], UNIT),
    (
        "sim/src/link.rs",
        &["USE_INTERVAL"],
        "how finely the use of a link is told",
    ),
    ("datapath/src/journal/encoding.rs", &["RECORD_HEADER_BYTES"], FORM),
    (
        "datapath/src/journal/encoding.rs",
        &[
            "CHANGE",
            "SUMMARY",
            "COPY",
            "COPY_SUMMARY",
            "ZERO",
            "BYTES",
            "VERSION",
            "SIZES",
        ],
        WORDS,
    ),
    ("datapath/src/journal.rs", &["VERSION", "HEADER_BYTES"], FORM),
    ("datapath/src/image.rs", &["DISK_BYTES_MAX"], MEMORY),
    ("datapath/src/image/output.rs", &["PIECE_EXTENTS", "EXTENT"], MEMORY),
    ("datapath/src/image/output.rs", &["VHD_STEP_BYTES"], FORM),
    ("datapath/src/image/qcow2.rs", &["OFFSET_MASK", "COMPRESSED"], FORM),
    ("datapath/src/image/qcow2.rs", &["TOLD_BYTES", "L1_BYTES_MAX"], MEMORY),
    ("datapath/src/image/vmdk.rs", &["DESCRIPTOR_BYTES_MAX"], MEMORY),
    (
        "datapath/src/image/vhd.rs",
        &["FOOTER_BYTES", "FIXED", "DYNAMIC", "NO_BLOCK", "GEOMETRY_SECTORS_MAX"],
        FORM,
    ),
    (
        "datapath/src/image/vmdk/sparse.rs",
        &["AT_END", "FLAG_ZERO_GRAINS", "FLAG_COMPRESSED", "FLAG_MARKERS"],
        FORM,
    ),
    ("datapath/src/image/raw.rs", &["TOLD_BYTES"], MEMORY),
    ("datapath/src/content/generated.rs", &["LINE_BYTES"], FORM),
    (
        "datapath/src/units.rs",
        &[
            "ZERO",
            "NEVER",
            "SECTOR_BYTES",
            "EXTENT_BYTES",
            "CHUNK_EXTENTS",
            "CHUNK_BYTES",
        ],
        UNIT,
    ),
    ("datapath/src/volume/groups.rs", &["GROUP", "SECTION"], MEMORY),
    ("datapath/src/volume/pages.rs", &["LEFT_TO_OTHERS"], MEMORY),
    ("datapath/src/segment/sealed.rs", &["ROW_BYTES", "AROUND_BYTES"], FORM),
    ("datapath/src/segment/sealed.rs", &["ZERO", "RAW", "ZSTD"], WORDS),
    ("datapath/src/segment/modelled.rs", &["HASH_BYTES"], FORM),
    ("datapath/src/seal.rs", &["SEAL_BYTES"], FORM),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a room of the house")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if name.ends_with(".rs") && !matches!(name, "tests.rs" | "testing.rs" | "constants.rs") {
            found.push(path);
        }
    }
}

/// The numeric constants of a source: line and name. Its tests, which come last, are not looked at.
fn numbers(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in (1..).zip(&lines) {
        let is_of_tests = line.trim() == "#[cfg(test)]";
        // Where its tests are a file of their own, what comes after that is code.
        if is_of_tests && lines.get(number).is_some_and(|next| !next.trim_end().ends_with(';')) {
            break;
        }
        let Some((before, after)) = line.split_once("const ") else {
            continue;
        };
        let before = before.trim();
        let Some((name, kind)) = after.split_once(": ") else {
            continue;
        };
        let is_constant = (before.is_empty() || before.starts_with("pub"))
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let kind = kind.trim_start_matches(['&', '[', '(']);
        let numeric = [
            "u8", "u16", "u32", "u64", "u128", "usize", "i32", "i64", "i128", "f32", "f64", "Duration", "SimTime",
        ];
        let is_number = numeric.iter().any(|word| {
            kind.strip_prefix(word)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        });
        // A table of bytes is text.
        if is_constant && is_number && !(kind.starts_with("u8;") || kind.starts_with("u8]")) {
            found.push((number, name.to_owned()));
        }
    }
    found
}

/// Kinds of request that an actor gives its tokens: `const BEAT: u32 = 2;` in a file that makes tokens.
fn is_token(text: &str, line: usize, name: &str) -> bool {
    let line = text.lines().nth(line - 1).unwrap_or_default();
    text.contains("Token") && line.contains(&format!("const {name}: u32 = "))
}

#[test]
fn no_constant_that_shapes_a_result_stands_outside_the_model() {
    let (mut strangers, mut used) = (Vec::new(), vec![false; ELSEWHERE.len()]);
    for room in ROOMS {
        let mut files = Vec::new();
        sources(&root().join(room), &mut files);
        assert!(files.len() > 10, "{room} has its files");
        for file in files {
            let text = fs::read_to_string(&file).expect("a source");
            let short = file.strip_prefix(root()).expect("below the root").display().to_string();
            for (line, name) in numbers(&text) {
                let mut listed = ELSEWHERE.iter().zip(used.iter_mut());
                let known = listed.find(|((path, names, _), _)| *path == short && names.contains(&name.as_str()));
                match known {
                    Some((_, used)) => *used = true,
                    None if room == "actors/src" && is_token(&text, line, &name) => {}
                    None => strangers.push(format!("{short}:{line}: {name}")),
                }
            }
        }
    }
    assert!(
        strangers.is_empty(),
        "constants outside actors/src/model/constants.rs; put them there, or say in tests/constants.rs what they are:\n{}",
        strangers.join("\n")
    );
    let unused = ELSEWHERE.iter().zip(&used).filter(|(_, used)| !**used);
    let unused: Vec<&str> = unused.map(|((path, ..), _)| *path).collect();
    assert!(unused.is_empty(), "listed and not there any more: {unused:?}");
}

#[test]
fn a_constant_is_seen() {
    let text = "/// How long.\npub(crate) const WAIT: u64 = 5;\nconst NAME: &str = \"a\";\nconst MAGIC: &[u8; 4] = b\"abcd\";\n\
                #[cfg(test)]\nmod tests;\nconst TABLE: [(u64, u32); 2] = [];\n#[cfg(test)]\nmod tests {\nconst HIDDEN: u64 = 1;\n";
    assert_eq!(numbers(text), [(2, "WAIT".to_owned()), (7, "TABLE".to_owned())]);
}
