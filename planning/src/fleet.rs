//! The estate on its process servers, and what these hold back: arithmetic of our own model, where the vendor gives a table and no curve.
//!
//! A machine has one process server (facts §3.2). Machines are spread by what they write, the heaviest first, each to the server with the
//! least. Each server is a queue before the links: it passes on what the table's largest row carries in a day, evenly. What it passes on
//! waits in the one queue of the links. A delay is that at the server and that on the links when it has passed, exact to a step.
//!
//! A server that is lost passes nothing on until an operator has moved its machines: the time that is asked, and before it the time until
//! the loss can be seen. What lay in its cache and was not uploaded is gone with it, so it is copied again from the sources: it leaves the
//! links' queue and comes back when the machines are moved.
//!
//! The cache of a server holds its part of the links' queue (by what its machines send over the whole window), until less of its disk is
//! free than the share below which the product throttles; what does not fit waits at the sources. Where it waits changes no delay.

use std::cmp::Reverse;

use crate::demand::Totals;
use crate::demand::scaled;
use crate::outages::busiest;
use crate::queue::{Arrivals, NEVER, Outcome, run};
use crate::recommend::Work;
use crate::service::{Outage, Service};
use crate::sizing::{ServerSize, process_servers};

const MILLION: u128 = 1_000_000;
const DAY_SECONDS: u64 = 86_400;
const NANOSECONDS: u64 = 1_000_000_000;

/// A process server with its machines.
pub(crate) struct Server {
    /// What its machines write and send.
    totals: Totals,
    /// What they send over the window, without growth, in bytes.
    sent: u128,
    /// Machines as the vendor's tables count them.
    machines: u64,
}

/// All process servers.
pub(crate) struct Fleet {
    servers: Vec<Server>,
    /// The size of each of them.
    pub size: ServerSize,
    /// Seconds until the loss of one can be seen: `configuration_server.lost_after` of the model.
    seen_after: u64,
    /// Millionths of a cache below which the product throttles when no more are free: `process_server.throttled_below` of the model.
    throttled_below: u64,
}

impl Fleet {
    /// Spreads the machines that count. `size`: that of each server, where it is known; else the smallest of the table that carries the
    /// largest share.
    pub fn new(work: &Work<'_>, count: u64, size: Option<ServerSize>) -> Self {
        let mut order: Vec<(usize, u64, u64)> = work
            .counted()
            .map(|(place, vm, demand, _)| (place, demand.mean_written, vm.disks.len() as u64))
            .collect();
        order.sort_by_key(|(place, written, _)| (Reverse(*written), *place));
        let count = usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        // Written bytes, machines, disks, and which machines.
        let mut loads = vec![(0_u64, 0_u64, 0_u64, vec![false; work.estate.vms.len()]); count];
        for (place, written, disks) in order {
            let least = loads.iter_mut().min_by_key(|load| (load.0, load.1));
            let Some(least) = least else { continue };
            least.0 = least.0.saturating_add(written);
            least.1 += 1;
            least.2 += disks;
            least.3[place] = true;
        }
        let servers: Vec<Server> = loads
            .into_iter()
            .map(|(_, machines, disks, chosen)| {
                let totals = work.sum(&chosen);
                let sent = totals.arrivals(0).bytes.iter().map(|bytes| u128::from(*bytes)).sum();
                Server {
                    totals,
                    sent,
                    machines: machines.max(disks.div_ceil(3)),
                }
            })
            .collect();
        let machines = servers.iter().map(|server| server.machines).max().unwrap_or(0);
        let daily = servers
            .iter()
            .map(|server| work.options.grown(server.totals.busiest_day_bytes()));
        let daily = daily.max().unwrap_or(0);
        let rows = process_servers();
        let carries = |row: &&ServerSize| u64::from(row.machines) >= machines && row.daily_change_bytes >= daily;
        let row = rows.iter().find(carries).unwrap_or(&rows[rows.len() - 1]);
        let model = &work.options.model;
        Self {
            servers,
            seen_after: model.configuration_server.lost_after / NANOSECONDS,
            throttled_below: model.process_server.throttled_below,
            size: size.unwrap_or_else(|| row.clone()),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.servers.len() as u64
    }

    /// How many carry more machines or changes than the largest row of the vendor's table. The factor is of what is written, in millionths.
    pub fn over(&self, factor: u128) -> u64 {
        let largest = largest();
        let over = |server: &&Server| {
            server.machines > u64::from(largest.machines)
                || scaled(server.totals.busiest_day_bytes(), factor) > largest.daily_change_bytes
        };
        self.servers.iter().filter(over).count() as u64
    }

    /// The part of the servers' cache that the product lets them fill, in bytes: above it replication is throttled.
    pub fn usable(&self, cache_bytes: Option<u64>) -> u64 {
        let used = MILLION.saturating_sub(u128::from(self.throttled_below));
        let cache = u128::from(cache_bytes.unwrap_or(self.size.cache_bytes));
        u64::try_from(cache * used / MILLION).unwrap_or(u64::MAX)
    }

    /// The shortest time without links after which a server's cache is filled as far as it may, in seconds, rounded down. After its end
    /// the window begins again. None where nothing is sent.
    pub fn holds_seconds(&self, usable: u64, factor: u128) -> Option<u64> {
        let holds = self.servers.iter().filter_map(|server| {
            let arrivals = server.totals.scaled(factor);
            shortest(&arrivals, usable)
        });
        holds.min()
    }

    /// What of the links' queue fits into no cache, in bytes: it waits at the sources.
    pub fn at_sources(&self, queued: u64, usable: u64) -> u64 {
        let all: u128 = self.servers.iter().map(|server| server.sent).sum();
        let waits =
            |server: &Server| (u128::from(queued) * server.sent / all.max(1)).saturating_sub(u128::from(usable));
        u64::try_from(self.servers.iter().map(waits).sum::<u128>()).unwrap_or(u64::MAX)
    }

    /// Sends what the estate writes through the process servers and the links. `bounded`: whether a server passes on no more than the table
    /// says. `lost`: so many seconds pass until the machines of the heaviest server, which is lost once, are moved.
    pub fn run(&self, factor: u128, service: &Service, bounded: bool, lost: Option<u64>) -> Through {
        let heaviest = (0..self.servers.len()).max_by_key(|at| (self.servers[*at].sent, Reverse(*at)));
        let mut held = Held::default();
        let mut sent: Option<Arrivals> = None;
        let mut loss = None;
        for (at, server) in self.servers.iter().enumerate() {
            let arrivals = server.totals.scaled(factor);
            let outage = lost
                .filter(|_| heaviest == Some(at))
                .and_then(|seconds| busiest(&arrivals, seconds.saturating_add(self.seen_after)));
            let passed = if bounded || outage.is_some() {
                let holds = server.pass(&arrivals, factor, bounded, outage, &mut held);
                let passed = holds.passed.clone();
                if outage.is_some() || holds.delays_ms.iter().any(|delay| *delay > 0) {
                    loss = outage.map(|outage| (outage, held.servers.len())).or(loss);
                    held.servers.push(holds);
                }
                passed
            } else {
                arrivals.bytes.clone()
            };
            sent = Some(match sent {
                None => Arrivals {
                    bytes: passed,
                    ..arrivals
                },
                Some(mut all) => {
                    all.bytes
                        .iter_mut()
                        .zip(passed)
                        .for_each(|(sum, more)| *sum = sum.saturating_add(more));
                    all
                }
            });
        }
        let mut sent = sent.unwrap_or_default();
        let again_bytes = loss.map_or(0, |(outage, server): (Outage, usize)| {
            let mut own = std::mem::take(&mut held.servers[server].passed);
            let again = copy_again(&mut sent, service, outage, &mut own, &mut held);
            held.servers[server].passed = own;
            again
        });
        let outcome = run(&sent, service);
        Through {
            queued_bytes: outcome.most_backlog_bytes(),
            outcome: held.with(outcome, &sent),
            sent,
            again_bytes,
        }
    }
}

/// What came of an estate's changes on their way.
pub(crate) struct Through {
    /// What went onto the links.
    pub sent: Arrivals,
    /// Delays and backlogs of the whole way.
    pub outcome: Outcome,
    /// The most that waited for the links.
    pub queued_bytes: u64,
    /// What was copied again since it lay in the cache of a server that was lost.
    pub again_bytes: u64,
}

fn largest() -> &'static ServerSize {
    let rows = process_servers();
    &rows[rows.len() - 1]
}

impl Server {
    /// What it passes on in each step. The table bounds what is written; what that comes to on the links is told by where in the queue it
    /// stands.
    fn pass(&self, arrivals: &Arrivals, factor: u128, bounded: bool, outage: Option<Outage>, held: &mut Held) -> Holds {
        let step = u64::from(arrivals.step_seconds.max(1));
        let written = Arrivals {
            bytes: self
                .totals
                .written
                .iter()
                .map(|rate| scaled(rate.saturating_mul(step), factor))
                .collect(),
            start_seconds: arrivals.start_seconds,
            step_seconds: arrivals.step_seconds,
        };
        let most = largest().daily_change_bytes.saturating_mul(8) / DAY_SECONDS;
        let service = Service {
            outages: outage.into_iter().collect(),
            // Faster than any estate: it is never in the way.
            ..Service::constant(if bounded { most } else { u64::MAX >> 24 })
        };
        let outcome = run(&written, &service);
        let mut passed = Vec::with_capacity(arrivals.bytes.len());
        // How far the head of the queue is: within which step, and how many of its written and sent bytes are gone.
        let (mut at, mut gone_written, mut gone_sent) = (0_usize, 0_u64, 0_u64);
        let mut before = 0_u64;
        for (come, after) in written.bytes.iter().zip(&outcome.backlog_bytes) {
            let mut served = (before + come).saturating_sub(*after);
            before = *after;
            let mut sent = 0_u64;
            while at <= passed.len()
                && let (Some(of), Some(as_sent)) = (written.bytes.get(at), arrivals.bytes.get(at))
            {
                let left = of - gone_written;
                if served >= left {
                    served -= left;
                    sent += as_sent - gone_sent;
                    (at, gone_written, gone_sent) = (at + 1, 0, 0);
                } else {
                    gone_written += served;
                    let through = u128::from(*as_sent) * u128::from(gone_written) / u128::from((*of).max(1));
                    let through = u64::try_from(through).unwrap_or(u64::MAX);
                    sent += through - gone_sent;
                    gone_sent = through;
                    break;
                }
            }
            passed.push(sent);
            held.wait(passed.len() - 1, of_links(&arrivals.bytes, &written.bytes, at, *after));
        }
        Holds {
            own: arrivals.bytes.clone(),
            passed,
            delays_ms: outcome.delays_ms,
        }
    }
}

/// What waits at a server, as it goes over the links: by the mean of what is there.
fn of_links(sent: &[u64], written: &[u64], at: usize, waits: u64) -> u64 {
    if waits == 0 {
        return 0;
    }
    let (sent, written) = (
        sent.get(at).copied().unwrap_or(0),
        written.get(at).copied().unwrap_or(0),
    );
    u64::try_from(u128::from(waits) * u128::from(sent) / u128::from(written.max(1))).unwrap_or(u64::MAX)
}

/// A server that holds something back: what its machines sent in each step, and what of it went onto the links.
struct Holds {
    own: Vec<u64>,
    passed: Vec<u64>,
    /// How long it holds what comes in each step, in milliseconds.
    delays_ms: Vec<u64>,
}

/// What servers hold back.
#[derive(Default)]
struct Held {
    servers: Vec<Holds>,
    /// What waits at all of them at each step's end.
    bytes: Vec<u64>,
}

impl Held {
    fn wait(&mut self, step: usize, sent: u64) {
        self.bytes.resize(self.bytes.len().max(step + 1), 0);
        self.bytes[step] = self.bytes[step].saturating_add(sent);
    }

    /// Delays of the whole way: of each server what comes first goes first, there and on the links.
    fn with(self, links: Outcome, sent: &Arrivals) -> Outcome {
        let mut delays_ms = links.delays_ms.clone();
        for server in &self.servers {
            server.delay(&links, sent, &mut delays_ms);
        }
        let waits = (0..links.backlog_bytes.len()).map(|step| self.bytes.get(step).copied().unwrap_or(0));
        let backlog_bytes = links
            .backlog_bytes
            .iter()
            .zip(waits)
            .map(|(links, held)| links.saturating_add(held))
            .collect();
        Outcome {
            delays_ms,
            end_delays_ms: links.end_delays_ms,
            backlog_bytes,
        }
    }
}

impl Holds {
    /// Takes the delays of its first and last byte of each step into those of the links. Within a step the links' delay moves evenly.
    fn delay(&self, links: &Outcome, sent: &Arrivals, delays_ms: &mut [u64]) {
        let step_ms = u64::from(sent.step_seconds.max(1)) * 1_000;
        let end = |step: usize| step.checked_sub(1).map_or(0, |before| links.end_delays_ms[before]);
        // The step in which the byte after so many goes onto the links, and how much had gone before that step.
        let (mut at, mut gone) = (0_usize, 0_u128);
        let mut come = 0_u128;
        for (step, own) in self.own.iter().enumerate().filter(|(_, own)| **own > 0) {
            for (byte, arrived) in [(come, step as u64), (come + u128::from(*own) - 1, step as u64 + 1)] {
                while let Some(passed) = self.passed.get(at).filter(|passed| gone + u128::from(**passed) <= byte) {
                    gone += u128::from(*passed);
                    at += 1;
                }
                let arrived_ms = arrived * step_ms;
                let delay = match self.passed.get(at) {
                    Some(passed) => {
                        // Of its step so much has gone by then, in thousandths.
                        let part = (byte - gone) * 1_000 / u128::from((*passed).max(1));
                        let part = u64::try_from(part).unwrap_or(1_000);
                        let (before, after) = (end(at), end(at + 1));
                        if before == NEVER || after == NEVER {
                            NEVER
                        } else {
                            let waits = (before * (1_000 - part) + after * part) / 1_000;
                            (at as u64 * step_ms + step_ms * part / 1_000).saturating_sub(arrived_ms) + waits
                        }
                    }
                    // It is at the server yet when the window ends.
                    None => match (self.delays_ms[step], end(links.end_delays_ms.len())) {
                        (NEVER, _) | (_, NEVER) => NEVER,
                        (held, waits) => held.saturating_add(waits),
                    },
                };
                // Where nothing is held it comes and goes in the same moment.
                let delay = if self.delays_ms[step] == 0 && at <= step {
                    0
                } else {
                    delay
                };
                delays_ms[step] = delays_ms[step].max(delay);
            }
            come += u128::from(*own);
        }
    }
}

/// The shortest time in which so much arrives, in seconds, rounded down to steps; the window begins again after its end. None where nothing
/// arrives.
fn shortest(arrivals: &Arrivals, bytes: u64) -> Option<u64> {
    let step = u64::from(arrivals.step_seconds.max(1));
    let all: u128 = arrivals.bytes.iter().map(|bytes| u128::from(*bytes)).sum();
    if all == 0 {
        return None;
    }
    let (rounds, rest) = (u128::from(bytes) / all, u128::from(bytes) % all);
    let steps = arrivals.bytes.len();
    let (mut sum, mut to, mut least) = (0_u128, 0_usize, steps);
    for from in 0..steps {
        while sum + u128::from(arrivals.bytes[to % steps]) <= rest && to - from < steps {
            sum += u128::from(arrivals.bytes[to % steps]);
            to += 1;
        }
        least = least.min(to - from);
        if to > from {
            sum -= u128::from(arrivals.bytes[from]);
        } else {
            to = from + 1;
        }
    }
    let rounds = u64::try_from(rounds).unwrap_or(u64::MAX);
    Some(
        rounds
            .saturating_mul(arrivals.seconds())
            .saturating_add(least as u64 * step),
    )
}

/// Takes what of a server waits for the links when it is lost out of their queue, and puts it behind the end of its outage. Gives its bytes.
fn copy_again(sent: &mut Arrivals, service: &Service, outage: Outage, own: &mut [u64], held: &mut Held) -> u64 {
    let step = u64::from(sent.step_seconds.max(1));
    let place = |second: u64| usize::try_from(second / step).unwrap_or(usize::MAX);
    let lost = place(outage.from).min(sent.bytes.len());
    let Some(before) = lost.checked_sub(1) else { return 0 };
    let mut queued = u128::from(run(sent, service).backlog_bytes[before]);
    let back = place(outage.to).min(sent.bytes.len().saturating_sub(1));
    let mut again = 0_u64;
    for at in (0..lost).rev() {
        if queued == 0 {
            break;
        }
        let arrived = u128::from(sent.bytes[at]);
        let waits = arrived.min(queued);
        // Of the oldest step a part may be through.
        let of = u128::from(own[at]) * waits / arrived.max(1);
        let of = u64::try_from(of).unwrap_or(u64::MAX).min(own[at]);
        queued -= waits;
        sent.bytes[at] -= of;
        own[at] -= of;
        again = again.saturating_add(of);
    }
    for waits in lost..back {
        held.wait(waits, again);
    }
    for bytes in [&mut sent.bytes[..], own] {
        if let Some(then) = bytes.get_mut(back) {
            *then = then.saturating_add(again);
        }
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(bytes: &[u64]) -> Arrivals {
        Arrivals {
            start_seconds: 0,
            step_seconds: 60,
            bytes: bytes.to_vec(),
        }
    }

    /// By hand, and over the end of the window: 5, 9, 2 and 6 are 22 in four steps.
    #[test]
    fn a_cache_is_filled_first_where_most_arrives() {
        let window = arrivals(&[3, 1, 4, 1, 5, 9, 2, 6]);
        for (bytes, steps) in [
            (8, 0),
            (9, 1),
            (13, 1),
            (14, 2),
            (22, 4),
            (30, 7),
            (31, 8),
            (31 + 9, 9),
            (62, 16),
        ] {
            assert_eq!(shortest(&window, bytes), Some(steps * 60), "{bytes}");
        }
        assert_eq!(shortest(&arrivals(&[0, 0]), 5), None);
    }
}
