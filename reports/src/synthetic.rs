//! An account made up for tests: two machines, a failover, a test, a missed expectation.

use actors::facts::{Severity, StepOutcome};
use actors::model::Era;
use actors::nouns::{FailoverKind, ItemState};
use datapath::replica::Consistency;
use datapath::{DiskId, Grain, SimTime, VmId, WriteSeq};
use sim::findings::{Finding, FindingClass, Nanoseconds};
use sim::metrics::*;
use sim::spec::NetworkKind;

use crate::account::{Account, DiskFile, RpoThreshold};
use crate::names::{LinkName, Names, StepName};
use scenarios::expect::Outcome;
use scenarios::laws::lost_below;

fn at(seconds: u64) -> SimTime {
    SimTime(seconds * 1_000_000_000)
}

fn machine(vm: u32, name: &str) -> VmResult {
    let rpo = Percentiles {
        over_ms: 1_800_000,
        p50_ms: 152_000,
        p99_ms: 331_000 + u64::from(vm) * 500,
        max_ms: 342_000 + u64::from(vm) * 500,
    };
    VmResult {
        vm: VmId(vm),
        name: name.into(),
        rpo: Some(rpo),
        true_rpo: Some(rpo),
        rpo_series: (0..6)
            .map(|i| RpoStretch {
                from: at(600 + i * 300),
                to: at(900 + i * 300),
                low_ms: 12_000,
                high_ms: 312_000,
                true_high_ms: 312_000,
            })
            .collect(),
        states: vec![
            (at(60), ItemState::EnableInProgress),
            (at(120), ItemState::InitialReplication),
            (at(600), ItemState::Protected),
            (at(2460), ItemState::FailoverInProgress),
            (at(2700), ItemState::FailoverCommitPending),
        ],
        failovers: vec![FailoverResult {
            kind: FailoverKind::Unplanned,
            decision_ms: Some(60_000),
            started: at(2460),
            point_chosen: Some(at(2480)),
            disks_ready: Some(at(2560)),
            group_began: None,
            powered_on: Some(at(2600)),
            workload_up: Some(at(2690)),
            committed: None,
            point: Some((1, 7)),
            lost: Some(Lost {
                ms: 43_500,
                writes: 812,
                bytes: 3_325_952,
            }),
        }],
        points: vec![PointResult {
            protection: 1,
            point: 7,
            seq: WriteSeq(9000),
            consistency: Consistency::Crash,
            marked: at(2340),
            marked_source: at(2340),
            stored: Some(at(2352)),
            processed: Some(at(2360)),
            pruned: None,
            verified: true,
        }],
        copies: vec![CopyResult {
            disk: DiskId { vm: VmId(vm), index: 0 },
            protection: 1,
            by_checksum: false,
            started: at(120),
            ended: Some(at(590)),
            bytes: 1 << 30,
            processed_bytes: 1 << 30,
            sent_bytes: 300 << 20,
            matched_bytes: 0,
            skipped_bytes: 724 << 20,
        }],
        dark: vec![(at(2400), at(2600))],
        tests: vec![(at(1500), Some(at(1800)))],
        backlog: backlog(1),
        writes: 9812,
        written_bytes: 9812 * 4096,
    }
}

/// What waits of so many machines that all do the same.
fn backlog(machines: u64) -> Vec<BacklogSample> {
    (0..60)
        .map(|i| BacklogSample {
            at: at(600 + i * 30),
            source_bytes: machines * ((i % 7) << 20),
            process_server_bytes: machines * ((i % 5) << 20),
            target_bytes: machines * ((i % 10) << 21),
        })
        .collect()
}

/// A drill in which `db` loses more than was expected.
pub(crate) fn drill() -> Account {
    fleet(&["web", "db"])
}

/// The same with machines of these names.
pub(crate) fn fleet(vms: &[&str]) -> Account {
    let disk = DiskId { vm: VmId(1), index: 0 };
    let steps = [
        ("create-vault", None),
        ("enable-replication", Some("web")),
        ("power-off esx1", None),
        ("failover", Some("db")),
    ];
    Account {
        scenario: "small-drill".into(),
        description: "Two machines <and> a disaster.".into(),
        command: "firedrill run scenarios/small-drill.toml --seed 7".into(),
        seed: 7,
        network: NetworkKind::Event,
        result: RunResult {
            content: Grain::Real,
            ended: at(2700),
            facts: 20_123,
            checks: vec![CheckCount {
                invariant: "recovered-disk".into(),
                statement: "A recovered disk is what the guest had written at its point.".into(),
                checked: 9,
                violated: 0,
            }],
            recovery_points: PointTotals {
                waiting: 0,
                superseded: 0,
                marked: 15,
                stored: 15,
                made: 14,
                verified: 14,
                pruned: 2,
            },
            point_lag: Some(Spread {
                count: 15,
                p50_ms: 12_000,
                p99_ms: 42_000,
                max_ms: 42_500,
            }),
            vms: (0..).zip(vms).map(|(vm, name)| machine(vm, name)).collect(),
            backlog: backlog(vms.len() as u64),
            disks: vec![RecoveredDisk {
                at: at(2560),
                vm: VmId(1),
                disk,
                kind: FailoverKind::Unplanned,
                protection: 1,
                point: 7,
                bytes: 1 << 30,
                blake3: Some("ab".repeat(32)),
                verified: true,
            }],
            links: vec![LinkResult {
                link: 0,
                name: "internet".into(),
                back: false,
                bits_per_second: 100_000_000,
                bytes: 500 << 20,
                series: (0..45)
                    .map(|i| LinkSample {
                        from: at(i * 60),
                        to: at(i * 60 + 60),
                        bytes: ((i % 9) * 80) << 20,
                    })
                    .collect(),
            }],
            steps: (0..)
                .zip([10, 60, 2400, 2460])
                .map(|(step, start)| StepResult {
                    step,
                    started: at(start),
                    ended: Some(at(start + 5)),
                    outcome: StepOutcome::Done,
                })
                .collect(),
            groups: Vec::new(),
            process_servers: Vec::new(),
            recovery_plans: Vec::new(),
            databases: Vec::new(),
            faults: Vec::new(),
            goals: Vec::new(),
            alerts: vec![AlertResult {
                at: at(2410),
                vm: Some(VmId(0)),
                severity: Severity::Critical,
                code: String::new(),
                text: "No heartbeat from the Mobility service for 15 min.".into(),
            }],
            alerts_raised: 1,
            alerts_critical: 1,
            unfinished: vec![Unfinished {
                vm: Some(VmId(1)),
                since: at(2690),
                what: "point 9 is stored and not processed".into(),
            }],
            refusals: vec![],
            findings: vec![Finding::new(
                FindingClass::Expectation,
                at(2560),
                VmId(1),
                &lost_below::Broken::OverBound {
                    machine: "db".into(),
                    reached: Nanoseconds(43_500_000_000),
                    bound: Nanoseconds(30_000_000_000),
                    line: 70,
                },
            )],
            findings_dropped: 0,
        },
        expectations: vec![
            Outcome {
                text: "RPO stays below 15 min".into(),
                line: 69,
                machines: 2,
                broken: 0,
                figure: Some("at most 5 min 42 s".into()),
            },
            Outcome {
                text: "less than 30 s lost".into(),
                line: 70,
                machines: 2,
                broken: 1,
                figure: Some("at most 43 s".into()),
            },
        ],
        rpo_threshold: RpoThreshold {
            policy: "daily".into(),
            ms: 900_000,
        },
        era: Era::default(),
        differs: Vec::new(),
        digest: [0x5a; 32],
        entries: 1_234_567,
        events: 20_123,
        wall_ms: 4_321,
        stored_bytes: 612_345_678,
        time_up: false,
        names: Names {
            vms: vms.iter().map(|&name| name.to_owned()).collect(),
            disks: vms.iter().map(|_| vec!["os".to_owned()]).collect(),
            machines: vec!["esx1".into()],
            actors: vec![],
            links: vec![LinkName {
                name: "internet".into(),
                bits_per_second: 100_000_000,
            }],
            steps: (0..)
                .zip(steps)
                .map(|(number, (text, vm))| StepName {
                    text: text.to_owned(),
                    step: number,
                    vm: vm.map(str::to_owned),
                    ..StepName::default()
                })
                .collect(),
        },
        disk_files: vec![DiskFile {
            at: at(2560),
            disk,
            kind: FailoverKind::Unplanned,
            file: "disks/db-os.vhd".into(),
            blake3: "ab".repeat(32),
            bytes: (64 << 20) - 512,
            image_bytes: 64 << 20,
            file_bytes: (64 << 20) + 512,
        }],
        directory: "runs/small-drill-seed7".into(),
        tables: vec!["points.csv".into(), "rpo.csv".into(), "backlog.csv".into()],
        events_file: Some("events.jsonl".into()),
        version: "0.1.0".into(),
    }
}
