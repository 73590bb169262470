//! Compute: jobs cost simulated time on a machine's cores, and are really done on a pool of threads.
//!
//! A machine's cores take jobs in the order of asking, each as soon as one is free; since a job's cost is known when it is taken, so is
//! the moment at which it completes. The cost depends on the kind of work, the bytes that go in and the class of machine, never on
//! what comes out or on how many threads did it. The work begins on the pool when the job is taken; the world waits for it only when
//! its completion is the next entry. The number of results that wait is bounded: past that, work begins when it is needed.
//!
//! The costs are the model's ([`actors::model::Compute`]). They were measured on one core of the machine that the project was built on, with
//! 64 KiB blocks of real file systems: zstd level 1 compresses 285 MB/s and AES-256-GCM seals 1,500 MB/s, so both one after the other come to 240 MB/s; decompression runs at
//! 740 MB/s and opening at 1,500, together 490; BLAKE3 at 2,200. That core is the reference (1,000 per mille).

use std::any::Any;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use actors::model::Compute;
use actors::ports::{Output, Task, Work};
use datapath::SimTime;
use datapath::segment::Worker;

use crate::run::RunError;

/// Results that may wait for their completion, per thread.
const WAITING_PER_THREAD: usize = 16;

/// Input bytes per second on the reference core; `None` for what is not work.
#[must_use]
pub fn bytes_per_second(model: &Compute, work: Work) -> Option<u64> {
    match work {
        Work::CompressAndSeal => Some(model.compress_and_seal),
        Work::OpenAndDecompress => Some(model.open_and_decompress),
        Work::Checksum => Some(model.checksum),
        Work::Wait => None,
    }
}

/// Nanoseconds that a job takes on a core, rounded up.
#[must_use]
pub fn cost(model: &Compute, work: Work, input_bytes: u64, speed_per_mille: u32) -> u64 {
    match bytes_per_second(model, work) {
        None => input_bytes,
        Some(rate) => {
            let work = u128::from(input_bytes) * 1_000_000_000 * 1_000;
            let speed = u128::from(rate.max(1)) * u128::from(speed_per_mille.max(1));
            u64::try_from(work.div_ceil(speed)).unwrap_or(u64::MAX)
        }
    }
}

/// The cores of a machine: when each is free.
#[derive(Debug, Default)]
pub struct Cores {
    busy_until: BinaryHeap<std::cmp::Reverse<SimTime>>,
    /// What all jobs cost that were taken.
    taken: u64,
}

impl Cores {
    /// Takes a job that costs so much and returns when it completes.
    pub fn take(&mut self, cores: u32, now: SimTime, cost: u64) -> SimTime {
        let begin = if self.busy_until.len() < cores.max(1) as usize {
            now
        } else {
            self.busy_until
                .pop()
                .map_or(now, |std::cmp::Reverse(free)| free.max(now))
        };
        let end = begin.after(cost);
        self.busy_until.push(std::cmp::Reverse(end));
        self.taken += cost;
        end
    }

    /// How long the cores have been at work up to now, all together: what jobs cost, less what is still to be done of them.
    #[must_use]
    pub fn worked(&self, now: SimTime) -> u64 {
        let ahead: u64 = self.busy_until.iter().map(|end| end.0.since(now)).sum();
        self.taken.saturating_sub(ahead)
    }

    /// The machine lost its power.
    pub fn power_cut(&mut self) {
        self.busy_until.clear();
        self.taken = 0;
    }
}

type Done = Box<dyn Any + Send>;

enum State {
    /// Not begun.
    Waiting(Task),
    /// On the pool.
    Begun(Receiver<Result<Done, String>>),
}

struct Threads {
    pool: rayon::ThreadPool,
    workers: Arc<Vec<Mutex<Worker>>>,
}

/// The pool on which work is really done.
pub struct Pool {
    threads: Option<Threads>,
    own: Worker,
    jobs: BTreeMap<u64, State>,
    next: u64,
    begun: usize,
    bound: usize,
}

impl Pool {
    /// A pool of so many threads; with none, all work is done where it is waited for.
    ///
    /// # Errors
    /// [`RunError::Machine`] where the threads cannot be had.
    pub fn new(threads: usize, compression_level: i32) -> Result<Pool, RunError> {
        let started = if threads == 0 {
            None
        } else {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|index| format!("work-{index}"))
                .build()
                .map_err(|error| RunError::Machine(format!("{threads} threads for jobs: {error}")))?;
            let workers = (0..threads)
                .map(|_| Mutex::new(Worker::new(compression_level)))
                .collect();
            Some(Threads {
                pool,
                workers: Arc::new(workers),
            })
        };
        Ok(Pool {
            threads: started,
            own: Worker::new(compression_level),
            jobs: BTreeMap::new(),
            next: 0,
            begun: 0,
            bound: threads * WAITING_PER_THREAD,
        })
    }

    /// Takes a job's work and begins it if there is room. The number is for [`Pool::finish`].
    pub fn begin(&mut self, run: Task) -> u64 {
        let number = self.next;
        self.next += 1;
        let state = match &self.threads {
            Some(threads) if self.begun < self.bound => {
                self.begun += 1;
                State::Begun(threads.spawn(run))
            }
            _ => State::Waiting(run),
        };
        self.jobs.insert(number, state);
        number
    }

    /// Waits for a job's result.
    ///
    /// # Errors
    /// The message, where the work panicked.
    pub fn finish(&mut self, number: u64) -> Result<Output, String> {
        let state = self.jobs.remove(&number).expect("a job completes once");
        let done = match state {
            State::Waiting(run) => done(run, &mut self.own),
            State::Begun(receiver) => {
                self.begun -= 1;
                self.begin_next();
                receiver
                    .recv()
                    .unwrap_or_else(|_| Err("the thread that did the work is gone".to_owned()))
            }
        };
        done.map(Output)
    }

    /// Does what takes no time, where one stands.
    pub fn here(&mut self, run: Task) -> Done {
        run(&mut self.own)
    }

    /// Drops a job whose machine lost its power.
    pub fn forget(&mut self, number: u64) {
        if let Some(State::Begun(_)) = self.jobs.remove(&number) {
            self.begun -= 1;
            self.begin_next();
        }
    }

    /// Begins the oldest job that waits for room.
    fn begin_next(&mut self) {
        let Some(threads) = &self.threads else {
            return;
        };
        for state in self.jobs.values_mut() {
            if self.begun >= self.bound {
                return;
            }
            if matches!(state, State::Waiting(_)) {
                let empty = State::Waiting(Box::new(|_| Box::new(())));
                if let State::Waiting(run) = std::mem::replace(state, empty) {
                    *state = State::Begun(threads.spawn(run));
                    self.begun += 1;
                }
            }
        }
    }
}

impl Threads {
    fn spawn(&self, run: Task) -> Receiver<Result<Done, String>> {
        let (sender, receiver) = sync_channel(1);
        let workers = Arc::clone(&self.workers);
        self.pool.spawn_fifo(move || {
            let index = rayon::current_thread_index().unwrap_or(0);
            let mut worker = workers[index].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            // Nobody waits where the machine lost its power meanwhile.
            let _ = sender.send(done(run, &mut worker));
        });
        receiver
    }
}

fn done(run: Task, worker: &mut Worker) -> Result<Done, String> {
    caught(|| run(worker)).map_err(|why| format!("a job panicked: {why}"))
}

/// What came of it, or the words of its panic.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        text.unwrap_or_else(|| "without a message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_costs_its_bytes_over_the_rate_of_its_machine() {
        assert_eq!(
            cost(&Compute::default(), Work::CompressAndSeal, 240_000_000, 1000),
            1_000_000_000
        );
        assert_eq!(
            cost(&Compute::default(), Work::CompressAndSeal, 240_000_000, 500),
            2_000_000_000
        );
        assert_eq!(cost(&Compute::default(), Work::Checksum, 1, 1000), 1);
        assert_eq!(cost(&Compute::default(), Work::Wait, 77, 1), 77);
    }

    #[test]
    fn so_many_jobs_run_at_a_time_as_there_are_cores() {
        let mut cores = Cores::default();
        let ends: Vec<u64> = [100, 50, 10, 10]
            .iter()
            .map(|cost| cores.take(2, SimTime(0), *cost).0)
            .collect();
        assert_eq!(ends, [100, 50, 60, 70]);
        assert_eq!(cores.take(2, SimTime(1000), 5), SimTime(1005));
    }

    #[test]
    fn results_are_those_of_their_jobs_with_any_number_of_threads() {
        for threads in [0, 1, 4] {
            let mut pool = Pool::new(threads, 1).unwrap();
            let numbers: Vec<u64> = (0..500u64)
                .map(|n| pool.begin(Box::new(move |_| Box::new(n * n))))
                .collect();
            for number in numbers.iter().rev().step_by(2) {
                assert_eq!(pool.finish(*number).unwrap().take::<u64>(), number * number);
            }
            for number in numbers.iter().skip(1).step_by(2) {
                if pool.jobs.contains_key(number) {
                    pool.forget(*number);
                }
            }
            let bad = pool.begin(Box::new(|_| panic!("out of tune")));
            assert_eq!(pool.finish(bad).unwrap_err(), "a job panicked: out of tune");
        }
    }
}
