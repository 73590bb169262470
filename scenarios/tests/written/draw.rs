//! Scenarios made in memory from numbers: all tables, all steps, all conditions, all workloads, all bounds.

use std::path::PathBuf;

use actors::model::{CONSTANTS, Era, Model};
use actors::nouns::FailoverKind;
use datapath::Grain;
use scenarios::Scenario;
use scenarios::keys::{CompressionLevel, Words};
use scenarios::model::{Accepted, Aside, Chaos, Compressibility, Goal, ImageFormat, Moment, Phase, Replay};

use super::applications::{application, database, recovery_plan, replication_groups};
use super::estate::{files, links, machines, servers};
use super::faults::{fault, step_waits};
use super::plan::{expect, journey, step};

pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const DAY: u64 = 86_400 * SECOND;
const STEPS: u64 = 40;

/// Numbers that decide.
pub(super) struct Draw {
    numbers: Vec<u64>,
    next: usize,
}

impl Draw {
    pub(super) fn number(&mut self) -> u64 {
        let number = self.numbers[self.next % self.numbers.len()];
        self.next += 1;
        number
    }

    pub(super) fn below(&mut self, count: u64) -> u64 {
        self.number() % count
    }

    pub(super) fn index(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }

    pub(super) fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.index(values.len())]
    }

    pub(super) fn word<T: Words>(&mut self) -> T {
        self.of(T::WORDS).1
    }

    /// Round durations and odd ones, below a day.
    pub(super) fn duration(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(1_440) * 60 * SECOND,
            1 => self.below(86_400) * SECOND,
            2 => self.below(86_400_000) * 1_000_000,
            _ => self.below(DAY),
        }
    }

    /// Round sizes and odd ones.
    pub(super) fn bytes(&mut self) -> u64 {
        match self.below(3) {
            0 => self.below(1_000) << 30,
            1 => self.below(1_000) * 1_000_000_000,
            _ => self.below(1 << 45),
        }
    }

    pub(super) fn rate(&mut self) -> u64 {
        match self.below(3) {
            0 => (1 + self.below(1_000)) * 1_000_000,
            1 => (1 + self.below(1_000)) * 12_500,
            _ => 1_000 + self.below(1 << 40),
        }
    }

    /// Some of so many, in order, not none.
    pub(super) fn some(&mut self, count: usize) -> Vec<usize> {
        let all = self.flag();
        let chosen: Vec<usize> = (0..count).filter(|_| all || self.flag()).collect();
        if chosen.is_empty() {
            vec![self.index(count)]
        } else {
            chosen
        }
    }

    pub(super) fn text(&mut self) -> String {
        let parts = [
            "a word",
            "\"quoted\"",
            "line\nline",
            "tab\t",
            "ü µ",
            "back\\slash",
            "'single'",
            "#",
            "'''",
            "",
        ];
        (0..1 + self.below(3)).map(|_| self.of(&parts)).collect()
    }

    pub(super) fn compressibility(&mut self) -> Compressibility {
        let hundredths = match self.flag() {
            true => self.of(&[220, 231, 228, 1050, 100]),
            false => 100 + self.below(9_901) as u32,
        };
        Compressibility::new(hundredths).expect("a ratio")
    }
}

/// Some constants otherwise than in their era; limits stay, and how fast disks are, since what else is drawn keeps to them.
fn model(draw: &mut Draw, era: Era) -> Model {
    let mut model = era.model();
    for _ in 0..draw.below(5) {
        let constant = &CONSTANTS[draw.index(CONSTANTS.len())];
        let (low, high) = (*constant.range.start(), *constant.range.end());
        if !matches!(constant.group, "limits" | "guest") {
            (constant.set)(&mut model, low + draw.below(high - low + 1));
        }
    }
    model
}

fn chaos(draw: &mut Draw) -> Chaos {
    let words = ["power-loss", "link-cut", "disk-rot", "clock-drift"];
    let from = draw.duration();
    Chaos {
        kinds: (0..draw.below(3)).map(|_| draw.of(&words)).collect(),
        losses: draw.flag(),
        most: 1 + draw.below(100),
        longest: 1_000_000 + draw.duration(),
        from,
        to: draw.flag().then(|| from + 1 + draw.duration()),
        constants: draw.flag(),
        points: draw.flag(),
    }
}

fn goals(draw: &mut Draw) -> Vec<Goal> {
    let count = draw.below(3);
    let goal = |number: u64| Goal {
        name: format!("goal {number}"),
        event: Moment::of(draw.of(&Moment::words())).expect("a word"),
        during: draw
            .flag()
            .then(|| Phase::of(draw.of(&Phase::words())).expect("a word")),
        line: Aside(0),
    };
    (0..count).map(goal).collect()
}

fn accepted(draw: &mut Draw) -> Vec<Accepted> {
    let count = draw.below(3);
    let one = |_| Accepted {
        finding: "points-in-order/vm/processed-twice".to_owned(),
        until: draw.of(&["2026-12-31", "2027-02-28"]).to_owned(),
        why: draw.text(),
    };
    (0..count).map(one).collect()
}

fn replay(draw: &mut Draw) -> Option<Replay> {
    draw.flag().then(|| Replay {
        seed: draw.number(),
        network: draw.word(),
        finding: "points-in-order/vm/processed-twice".to_owned(),
    })
}

/// A scenario, and the path of the file that it could be.
pub fn scenario(numbers: Vec<u64>) -> (Scenario, PathBuf) {
    let path = files().path.clone();
    let mut draw = Draw { numbers, next: 0 };
    let draw = &mut draw;
    let start_of_day = draw.below(1_440) as u32 * 60;
    let sites: Vec<String> = (0..1 + draw.below(3)).map(|number| format!("site {number}")).collect();
    let servers = servers(draw, sites.len());
    let (vms, groups) = machines(draw, sites.len(), &servers, start_of_day);
    let links = links(draw, sites.len());
    let era: Era = draw.word();
    let model = model(draw, era);
    let mut scenario = Scenario {
        path: Aside(path.clone()),
        inputs: Aside::default(),
        name: draw.of(&["drawn", "with space", "ünusual", "quote\"d"]).to_owned(),
        description: draw.text(),
        // Whatever is waited for has time.
        duration: 1_000 * DAY + draw.duration(),
        settle: draw.duration(),
        start_of_day,
        weekday: draw.word(),
        content: draw.word::<Grain>(),
        compression_level: match draw.below(20) as i32 {
            0 => draw.word::<CompressionLevel>().0,
            level => level,
        },
        output: scenarios::model::Output {
            disks: (0..draw.below(3)).map(|_| draw.word::<FailoverKind>()).collect(),
            format: draw.word::<ImageFormat>(),
        },
        policy: actors::nouns::Policy {
            name: draw.of(&["policy", "gold", "a b"]).to_owned(),
            rpo_threshold: draw.duration(),
            retention: draw.below(3 * DAY),
            crash_consistent_every: SECOND + draw.duration(),
            app_consistent_every: draw.duration(),
        },
        era,
        model,
        times: actors::spec::ServiceTimes {
            policy: draw.duration(),
            hydration: draw.duration(),
            create_machine: draw.duration(),
        },
        sites,
        links,
        servers,
        vms,
        groups: Aside(groups),
        replication_groups: Vec::new(),
        applications: Vec::new(),
        databases: Vec::new(),
        recovery_plans: Vec::new(),
        steps: Vec::new(),
        faults: Vec::new(),
        expects: Vec::new(),
        goals: goals(draw),
        chaos: chaos(draw),
        accepted: accepted(draw),
        replay: replay(draw),
        own_disks: Aside(false),
    };
    scenario.replication_groups = replication_groups(draw, scenario.vms.len());
    scenario.applications = (0..draw.below(3))
        .map(|number| application(draw, number, &scenario))
        .collect();
    for number in 0..draw.below(3) {
        database(draw, number, &mut scenario);
    }
    scenario.recovery_plans = (0..draw.below(3))
        .map(|number| recovery_plan(draw, number, &scenario))
        .collect();
    journey(&mut scenario);
    for _ in 0..STEPS {
        let step = step(draw, &scenario);
        scenario.steps.push(step);
    }
    scenario.faults = (0..draw.below(6))
        .map(|number| fault(draw, number, &scenario))
        .collect();
    step_waits(draw, &mut scenario);
    scenario.expects = (0..draw.below(6)).map(|_| expect(draw, &scenario)).collect();
    (scenario, path)
}
