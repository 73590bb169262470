//! The model of TCP against real TCP: each row of `measure/tcp/measured.tsv` is run as a world of two machines and a link, and the table
//! in `LINKS.md` is what comes of it.

use std::collections::BTreeSet;
use std::rc::Rc;

use actors::messages::management;
use actors::nouns::MachineId;
use actors::ports::{Input, NetEvent};
use datapath::{Blob, SimTime};

use crate::run::run_with;
use crate::spec::NetworkKind;
use crate::testing::{Facts, Maker, Notes, note, options, pair, toy, toys};

const MEASURED: &str = include_str!("../../measure/tcp/measured.tsv");
const PAGE: &str = include_str!("../../LINKS.md");
const SECOND: u64 = 1_000_000_000;
/// What the measuring machine itself takes for a transfer, at most.
const OWN_TIME: u64 = 2_000_000;

/// Rows that are further off than the rest, and why they are is told in `LINKS.md`: round trip in ms, Mbit/s, bytes, per cent.
const FURTHER_OFF: [(u64, u64, u64, u64); 2] = [(1, 1_000, 50_000_000, 10), (100, 1_000, 50_000_000, 15)];

/// A row: times in nanoseconds.
struct Row {
    algorithm: String,
    round_trip_ms: u64,
    rate_mbit: u64,
    loss_per_million: u32,
    bytes: u64,
    /// Sorted.
    times: Vec<u64>,
}

impl Row {
    fn of(line: &str) -> Row {
        let mut fields = line.split('\t');
        let mut of_row = fields.next().unwrap().split(':');
        let algorithm = of_row.next().unwrap().to_owned();
        let numbers: Vec<u64> = of_row.map(|number| number.parse().unwrap()).collect();
        let mut times: Vec<u64> = fields.map(nanoseconds).collect();
        times.sort_unstable();
        Row {
            algorithm,
            round_trip_ms: numbers[0],
            rate_mbit: numbers[1],
            loss_per_million: numbers[2] as u32,
            bytes: numbers[3],
            times,
        }
    }

    /// The time below which so many quarters of the runs are.
    fn quartile(&self, quarters: usize) -> u64 {
        self.times[(self.times.len() - 1) * quarters / 4]
    }

    fn median(&self) -> u64 {
        self.times[(self.times.len() - 1) / 2] / 2 + self.times[self.times.len() / 2] / 2
    }

    /// How long the world takes for it.
    fn ours(&self, network: NetworkKind, tick: u64) -> u64 {
        let notes = Notes::default();
        let bytes = self.bytes;
        let sender = toy(move |env, input| match input {
            Input::Started => {
                let _ = env.connect(MachineId(1), 7);
            }
            Input::Network(NetEvent::Opened { conn }) => {
                env.send_with(
                    conn,
                    management::Up::Heartbeat { answer: false },
                    Blob::modelled(vec![], bytes),
                );
            }
            _ => {}
        });
        let receiver: Maker = {
            let notes = Rc::clone(&notes);
            toy(move |env, input| match input {
                Input::Started => env.listen(7),
                Input::Network(NetEvent::Received { .. }) => note(&notes, env, "received"),
                _ => {}
            })
        };
        let mut spec = pair();
        spec.links[0].bits_per_second = self.rate_mbit * 1_000_000;
        spec.links[0].latency = self.round_trip_ms * 500_000;
        spec.links[0].loss_per_million = self.loss_per_million;
        spec.until = SimTime(self.times.last().unwrap() * 3);
        let mut options = options();
        (options.network, options.tick) = (network, tick);
        let ended = run_with(spec, &options, &mut Facts::default(), toys(vec![sender, receiver])).unwrap();
        assert_eq!(ended.broken, None);
        let notes = notes.borrow();
        notes.first().expect("the transfer ends within thrice its time").0
    }

    /// Whether a time is as near to what was measured as is promised.
    fn holds(&self, ours: u64) -> bool {
        let median = self.median();
        let key = (self.round_trip_ms, self.rate_mbit, self.bytes);
        let further = FURTHER_OFF
            .iter()
            .find(|(trip, rate, bytes, _)| (*trip, *rate, *bytes) == key)
            .map(|(.., per_cent)| *per_cent);
        let lossy = self.loss_per_million > 0;
        let per_cent = if lossy { 15 } else { further.unwrap_or(5) };
        let near = ours.abs_diff(median) <= (median * per_cent / 100).max(OWN_TIME);
        near || (lossy && (self.quartile(1)..=self.quartile(3)).contains(&ours))
    }

    /// Its line in the table.
    fn line(&self, ours: u64) -> String {
        let seconds = |time: u64| format!("{}.{:03}", time / SECOND, time % SECOND / 1_000_000);
        let off = (i128::from(ours) - i128::from(self.median())) * 1_000 / i128::from(self.median());
        let sign = if off < 0 { '-' } else { '+' };
        let off = off.unsigned_abs();
        let scatter = if self.loss_per_million > 0 {
            format!(" ({} to {})", seconds(self.quartile(1)), seconds(self.quartile(3)))
        } else {
            String::new()
        };
        let loss = match self.loss_per_million {
            0 => "none".to_owned(),
            loss => format!("{}.{:02} %", loss / 10_000, loss % 10_000 / 100),
        };
        format!(
            "| {} ms | {} Mbit/s | {loss} | {} | {}{scatter} | {} | {sign}{}.{} % |",
            self.round_trip_ms,
            self.rate_mbit,
            grouped(self.bytes),
            seconds(self.median()),
            seconds(ours),
            off / 10,
            off % 10
        )
    }
}

fn nanoseconds(seconds: &str) -> u64 {
    let (whole, part) = seconds.split_once('.').unwrap();
    assert_eq!(part.len(), 4);
    whole.parse::<u64>().unwrap() * SECOND + part.parse::<u64>().unwrap() * 100_000
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Rows that the model is held to: Linux's default. Reno's stand in the page for comparison.
fn rows() -> impl Iterator<Item = Row> {
    MEASURED.lines().map(Row::of).filter(|row| row.algorithm == "cubic")
}

#[test]
fn transfers_take_the_time_that_real_tcp_takes_and_the_page_says_so() {
    let (mut off, mut lines) = (Vec::new(), Vec::new());
    for row in rows() {
        let ours = row.ours(NetworkKind::Event, 10_000_000);
        let line = row.line(ours);
        if !row.holds(ours) {
            off.push(line.clone());
        }
        lines.push(line);
    }
    assert!(off.is_empty(), "too far from what was measured:\n{}", off.join("\n"));
    let told: BTreeSet<&str> = PAGE.lines().collect();
    let table = lines.join("\n");
    assert!(
        lines.iter().all(|line| told.contains(line.as_str())),
        "LINKS.md has another table than\n{table}"
    );
    let rows_told = PAGE.lines().filter(|line| line.contains(" Mbit/s |")).count();
    assert_eq!(rows_told, lines.len(), "LINKS.md has rows that were not measured");
}

#[test]
fn both_networks_take_the_same_time_within_turmoils_ticks() {
    let tick = 1_000_000;
    let some = [
        (10, 100, 0, 65_536),
        (40, 100, 0, 50_000_000),
        (100, 1_000, 0, 1_000_000),
        (40, 100, 1_000, 1_000_000),
    ];
    for row in rows() {
        let key = (row.round_trip_ms, row.rate_mbit, row.loss_per_million, row.bytes);
        if some.contains(&key) {
            let (event, turmoil) = (row.ours(NetworkKind::Event, tick), row.ours(NetworkKind::Turmoil, tick));
            // A tick for each of the hops of three packets: the request to connect, its answer, and the transfer.
            assert!(event.abs_diff(turmoil) <= 9 * tick, "{key:?}: {event} and {turmoil}");
        }
    }
}

#[test]
fn a_row_that_is_off_is_found() {
    let row = |times: &str| Row::of(&format!("cubic:40:100:{times}"));
    let steady = row("0:1000\t1.0000\t1.0000\t1.0000");
    assert!(steady.holds(1_049_000_000) && steady.holds(951_000_000));
    assert!(!steady.holds(1_051_000_000) && !steady.holds(949_000_000));
    let lossy = row("1000:1000\t1.0000\t2.0000\t3.0000\t4.0000\t5.0000");
    assert!(lossy.holds(2 * SECOND) && lossy.holds(4 * SECOND));
    assert!(!lossy.holds(1_900_000_000) && !lossy.holds(4_100_000_000));
}
