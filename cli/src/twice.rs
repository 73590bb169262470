//! `firedrill run --twice`: one run in two processes, whose event logs are compared record by record while both go on.
//!
//! The processes write their logs' own encoding to pipes; both are read in step, so that neither gets ahead of the other by more than a pipe
//! holds, and the first difference ends both. What is compared is what the digest is of: facts and frames, all of them.

use std::collections::VecDeque;
use std::io::{BufReader, Read as _, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::SimTime;
use scenarios::Built;
use sim::event_log::records::{self, Record};
use sim::run::Observer;
use sim::spec::RunOptions;

use crate::arguments::RunArguments;
use crate::failure::{Failure, INPUT, INVARIANT, PASS};
use crate::interrupt::Interrupts;
use crate::output;
use crate::progress;

/// Records that are shown before the first difference.
const BEFORE: usize = 5;
/// And from it on.
const AFTER: usize = 3;
/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;
/// So many records are between two looks at interrupts and progress.
const LOOK_EVERY: u64 = 4_096;

/// Runs a scenario for the sake of its log, which goes to the output.
pub fn log(built: Built, options: &RunOptions, interrupts: &Interrupts) -> Result<u8, Failure> {
    let mut eyes = Logger {
        out: std::io::BufWriter::with_capacity(BUFFER, std::io::stdout().lock()),
        records: Vec::new(),
        texts: VecDeque::new(),
        failed: None,
        interrupts,
    };
    let options = RunOptions {
        encoded: true,
        ..options.clone()
    };
    let ended = sim::run::run(built.world, &options, &mut eyes);
    interrupts.check()?;
    eyes.write();
    let failed = eyes.failed.or_else(|| eyes.out.flush().err());
    if let Some(error) = failed {
        return Err(Failure::Machine(format!("cannot write the event log: {error}")));
    }
    let ended = ended.map_err(|error| Failure::Machine(error.to_string()))?;
    Ok(if ended.broken.is_some() { INVARIANT } else { PASS })
}

/// Writes records, and behind each fact its text: the log's own encoding names a fact, and does not give it back.
struct Logger<'a, W> {
    out: W,
    /// Records that are not written, for the texts of their facts are to come.
    records: Vec<u8>,
    texts: VecDeque<String>,
    failed: Option<std::io::Error>,
    interrupts: &'a Interrupts,
}

impl<W: Write> Logger<'_, W> {
    fn write(&mut self) {
        let records = std::mem::take(&mut self.records);
        for record in records::of(&records) {
            let mut written = self.out.write_all(record.bytes);
            if !record.is_frame() {
                let text = self.texts.pop_front().unwrap_or_default();
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                written = written
                    .and_then(|()| self.out.write_all(&length.to_le_bytes()))
                    .and_then(|()| self.out.write_all(text.as_bytes()));
            }
            if let (Err(error), None) = (written, &self.failed) {
                self.failed = Some(error);
            }
        }
    }
}

impl<W: Write> Observer for Logger<'_, W> {
    fn fact(&mut self, at: SimTime, ordinal: u64, actor: Option<ActorId>, fact: &Fact, _: Option<Evidence>) {
        let actor = actor.map_or_else(|| "world".to_owned(), |actor| format!("actor {}", actor.0));
        self.texts.push_back(format!("{at} #{ordinal} {actor}: {fact:?}"));
    }

    fn encoded(&mut self, records: &[u8]) {
        if self.failed.is_none() {
            self.write();
            self.records.extend_from_slice(records);
        }
    }

    fn interrupted(&self) -> bool {
        self.failed.is_some() || self.interrupts.came()
    }
}

/// One of the two processes, and its log as far as it was read.
struct Side {
    number: u32,
    child: Child,
    log: BufReader<ChildStdout>,
    line: Line,
}

/// A record, and what it says where it is a fact.
#[derive(Clone, Default)]
struct Line {
    record: Vec<u8>,
    text: Vec<u8>,
}

impl Line {
    fn shown(&self) -> String {
        match Record::first(&self.record) {
            Some(record) if record.is_frame() => format!("  {record}\n"),
            _ => format!("  {}\n", String::from_utf8_lossy(&self.text)),
        }
    }
}

/// Runs a scenario in two processes and compares their logs.
pub fn twice(arguments: &RunArguments, interrupts: &Interrupts) -> Result<u8, Failure> {
    let mut sides = [Side::start(1)?, Side::start(2)?];
    let mut before: VecDeque<Line> = VecDeque::new();
    let (mut records, mut at) = (0_u64, SimTime::ZERO);
    let line = progress::line();
    let same = loop {
        let [first, second] = &mut sides;
        let more = (first.next()?, second.next()?);
        if more != (true, true) || first.line.record != second.line.record {
            break more == (false, false);
        }
        records += 1;
        if let Some(record) = Record::first(&first.line.record) {
            at = record.at;
        }
        if before.len() == BEFORE {
            before.pop_front();
        }
        before.push_back(first.line.clone());
        if records.is_multiple_of(LOOK_EVERY) {
            if let Some(line) = &line {
                line.set_message(format!("both at {at}, {records} records the same"));
            }
            if interrupts.came() {
                sides.iter_mut().for_each(Side::end);
                return Err(interrupts.failure());
            }
        }
    };
    if let Some(line) = line {
        line.finish_and_clear();
    }
    // They hear of it too, and end where they are.
    interrupts.check()?;
    if !same {
        for side in sides.iter_mut().filter(|side| side.line.record.is_empty()) {
            side.ended()?;
        }
        let told = difference(&mut sides, &before, records)?;
        sides.iter_mut().for_each(Side::end);
        output::print(&told)?;
        return Ok(INVARIANT);
    }
    let [first, second] = &mut sides;
    let (code, other) = (first.ended()?, second.ended()?);
    if code != other {
        output::print(&format!(
            "the logs are the same, and the processes ended differently: with exit codes {code} and {other}\n"
        ))?;
        return Ok(INVARIANT);
    }
    match (records, code) {
        (0, PASS) => return Err(Failure::Machine("no process has written a log".to_owned())),
        // What is wrong with the scenario the first has said.
        (0, _) => {}
        _ => output::print(&format!(
            "{}: the same in two processes: {records} records (facts and frames), to {at}\n",
            arguments.scenario.display()
        ))?,
    }
    Ok(code)
}

/// The first difference, with what came before it and what comes after it on each side.
fn difference(sides: &mut [Side; 2], before: &VecDeque<Line>, records: u64) -> Result<String, Failure> {
    let mut told = format!("NOT the same: the logs differ after {records} records\n\nbefore it, in both\n");
    before.iter().for_each(|line| told += &line.shown());
    for side in sides {
        told += &format!("\nprocess {}\n", side.number);
        for _ in 0..AFTER {
            if side.line.record.is_empty() {
                told += "  the log ends\n";
                break;
            }
            told += &side.line.shown();
            side.next()?;
        }
    }
    Ok(told)
}

impl Side {
    /// Starts the same command again, for its log; of two that say the same wrong thing, the first is heard.
    fn start(number: u32) -> Result<Side, Failure> {
        let failed = |error| Failure::Machine(format!("cannot start process {number}: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let arguments = std::env::args_os().skip(2).filter(|argument| argument != "--twice");
        let mut child = Command::new(program)
            .args(["run", "--encoded-log"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(if number == 1 { Stdio::inherit() } else { Stdio::null() })
            .spawn()
            .map_err(failed)?;
        let log = child
            .stdout
            .take()
            .ok_or_else(|| Failure::Machine(format!("process {number} has no output")))?;
        Ok(Side {
            number,
            child,
            log: BufReader::with_capacity(BUFFER, log),
            line: Line::default(),
        })
    }

    /// Reads its next record; false at the log's end.
    fn next(&mut self) -> Result<bool, Failure> {
        let read = records::read(&mut self.log, &mut self.line.record);
        let cut_off = |error| Failure::Machine(format!("cannot read the log of a process: {error}"));
        let more = read.map_err(cut_off)?;
        let line = &mut self.line;
        line.text.clear();
        if !more {
            line.record.clear();
        } else if Record::first(&line.record).is_some_and(|record| !record.is_frame()) {
            let mut read = || -> std::io::Result<()> {
                let mut length = [0; 4];
                self.log.read_exact(&mut length)?;
                let length = u64::from(u32::from_le_bytes(length));
                (&mut self.log).take(length).read_to_end(&mut line.text)?;
                Ok(())
            };
            read().map_err(cut_off)?;
        }
        Ok(more)
    }

    /// Its exit code, where its log is complete with it.
    fn ended(&mut self) -> Result<u8, Failure> {
        let number = self.number;
        let ended = self.child.wait();
        let ended = ended.map_err(|error| Failure::Machine(format!("cannot wait for process {number}: {error}")))?;
        let mut complete = [PASS, INVARIANT, INPUT].into_iter();
        let code = complete.find(|code| ended.code() == Some(i32::from(*code)));
        code.ok_or_else(|| {
            let how = ended
                .code()
                .map_or_else(|| "by a signal".to_owned(), |code| format!("with exit code {code}"));
            Failure::Machine(format!("process {number} ended {how}, before its log was complete"))
        })
    }

    /// Ends it, wherever it is.
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.end();
    }
}
