//! `events.jsonl`: the facts of a run, one JSON object a line, with names where facts carry numbers.
//!
//! Times are simulated time and the ordinal that counts facts and frames, so that two runs compare as they are. Past a size the
//! file is written as zstd, from its first line, if it is wanted whatever came of the run. If it is wanted only where something was
//! found, what comes after that size is no longer written, for a fleet's day would spend a seventh of its time on it: the last facts are
//! kept, and follow the first at the end, or the file is dropped. The run can be repeated with all of them. Frames appear only where the
//! run was asked to trace them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use actors::facts::Fact;
use actors::messages::Body;
use actors::nouns::ActorId;
use datapath::SimTime;
use serde::{Serialize, Serializer};

use crate::named::Named;
use crate::names::Names;
use crate::run_directory::{EVENTS, EVENTS_COMPRESSED};

/// A plain file holds no more than this.
pub const PLAIN_BYTES_MAX: u64 = 16 << 20;
/// One of the fastest: a fleet's log is written while the run waits, and lines of JSON compress well at any level.
const COMPRESSION_LEVEL: i32 = -3;
/// Facts at the end of a large run that are kept in case something is found: as many as lie close to the processor.
const LAST_LINES: usize = 10_000;
/// So many bytes of lines make a zstd frame of their own: faster than one long stream, and what a killed run leaves can be read.
const FRAME_BYTES: usize = 1 << 20;

/// A time as a person reads it.
struct Shown(SimTime);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
struct FactLine<'a> {
    t_ns: u64,
    t: Shown,
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Cow<'a, str>>,
    fact: Named<'a, Fact>,
}

#[derive(Serialize)]
struct FrameLine<'a> {
    t_ns: u64,
    t: Shown,
    n: u64,
    actor: Cow<'a, str>,
    frame: Named<'a, Body>,
    payload_bytes: u64,
}

/// Stands for events that were not kept.
#[derive(Serialize)]
struct LeftOut {
    left_out: u64,
}

/// When events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// However many they are.
    Always,
    /// Where they are few; where they are many the first and the last, if something was found.
    WhereFound,
    /// Not at all.
    Never,
}

enum Target {
    Plain(BufWriter<File>),
    Compressed(Frames),
    /// The plain file is full: the last facts, oldest first.
    Kept(VecDeque<(SimTime, u64, Option<ActorId>, Fact)>),
    Nothing,
}

/// A file of zstd frames, one after the other.
struct Frames {
    file: File,
    compressor: zstd::bulk::Compressor<'static>,
    lines: Vec<u8>,
    frame: Vec<u8>,
}

impl Frames {
    fn of(file: File) -> io::Result<Frames> {
        Ok(Frames {
            file,
            compressor: zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?,
            lines: Vec::with_capacity(FRAME_BYTES),
            frame: Vec::new(),
        })
    }

    fn flush_frame(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.frame.resize(zstd::zstd_safe::compress_bound(self.lines.len()), 0);
        let size = self.compressor.compress_to_buffer(&self.lines, &mut self.frame[..])?;
        self.lines.clear();
        self.file.write_all(&self.frame[..size])
    }
}

impl Write for Frames {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(lines);
        if self.lines.len() >= FRAME_BYTES {
            self.flush_frame()?;
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_frame()?;
        self.file.flush()
    }
}

/// Writes events.
pub struct EventWriter {
    folder: PathBuf,
    target: Target,
    wanted: Wanted,
    line: Vec<u8>,
    lines: u64,
    /// Of them, those that filled the plain file.
    first_lines: u64,
    kept_max: usize,
    plain_bytes: u64,
    plain_bytes_max: u64,
}

impl EventWriter {
    /// Begins the file in a folder, where events may be wanted.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(folder: &Path, wanted: Wanted) -> io::Result<EventWriter> {
        EventWriter::with_plain_bytes(folder, wanted, PLAIN_BYTES_MAX)
    }

    fn with_plain_bytes(folder: &Path, wanted: Wanted, plain_bytes_max: u64) -> io::Result<EventWriter> {
        let target = match wanted {
            Wanted::Never => Target::Nothing,
            _ => Target::Plain(BufWriter::with_capacity(1 << 18, File::create(folder.join(EVENTS))?)),
        };
        Ok(EventWriter {
            folder: folder.to_owned(),
            target,
            wanted,
            line: Vec::with_capacity(1024),
            lines: 0,
            first_lines: 0,
            kept_max: LAST_LINES,
            plain_bytes: 0,
            plain_bytes_max,
        })
    }

    /// Writes a fact.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn fact(
        &mut self,
        names: &Names,
        at: SimTime,
        ordinal: u64,
        actor: Option<ActorId>,
        fact: &Fact,
    ) -> io::Result<()> {
        self.lines += 1;
        match &mut self.target {
            Target::Nothing => Ok(()),
            Target::Kept(last) => {
                if last.len() == self.kept_max {
                    last.pop_front();
                }
                last.push_back((at, ordinal, actor, fact.clone()));
                Ok(())
            }
            _ => self.put(&FactLine {
                t_ns: at.0,
                t: Shown(at),
                n: ordinal,
                actor: actor.map(|actor| names.actor(actor)),
                fact: Named { value: fact, names },
            }),
        }
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn frame(
        &mut self,
        names: &Names,
        at: SimTime,
        ordinal: u64,
        actor: ActorId,
        body: &Body,
        payload_bytes: u64,
    ) -> io::Result<()> {
        self.lines += 1;
        match &mut self.target {
            Target::Nothing | Target::Kept(_) => Ok(()),
            _ => self.put(&FrameLine {
                t_ns: at.0,
                t: Shown(at),
                n: ordinal,
                actor: names.actor(actor),
                frame: Named { value: body, names },
                payload_bytes,
            }),
        }
    }

    /// Facts and frames of the run, written or not.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    fn put<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        let len = self.line.len() as u64;
        if let Target::Plain(file) = &mut self.target
            && self.plain_bytes + len > self.plain_bytes_max
        {
            file.write_all(&self.line)?;
            return self.is_large();
        }
        match &mut self.target {
            Target::Plain(file) => {
                self.plain_bytes += len;
                file.write_all(&self.line)
            }
            Target::Compressed(file) => file.write_all(&self.line),
            Target::Kept(_) | Target::Nothing => Ok(()),
        }
    }

    /// The plain file is full.
    fn is_large(&mut self) -> io::Result<()> {
        if let Target::Plain(file) = &mut self.target {
            file.flush()?;
        }
        self.target = match self.wanted {
            Wanted::Always => Target::Compressed(self.compressed()?),
            _ => {
                self.first_lines = self.lines;
                Target::Kept(VecDeque::new())
            }
        };
        Ok(())
    }

    /// Goes on as zstd with all that the plain file holds, and removes it.
    fn compressed(&self) -> io::Result<Frames> {
        let plain = self.folder.join(EVENTS);
        let mut frames = Frames::of(File::create(self.folder.join(EVENTS_COMPRESSED))?)?;
        io::copy(&mut File::open(&plain)?, &mut frames)?;
        fs::remove_file(plain)?;
        Ok(frames)
    }

    /// Ends the file of a run in which something was found, or nothing, and says where it is; none where none is wanted.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self, names: &Names, found: bool) -> io::Result<Option<PathBuf>> {
        if let Target::Kept(_) = &self.target {
            if !found {
                fs::remove_file(self.folder.join(EVENTS))?;
                return Ok(None);
            }
            self.write_kept(names)?;
        }
        match self.target {
            Target::Plain(mut file) => {
                file.flush()?;
                Ok(Some(self.folder.join(EVENTS)))
            }
            Target::Compressed(mut frames) => {
                frames.flush()?;
                Ok(Some(self.folder.join(EVENTS_COMPRESSED)))
            }
            Target::Kept(_) | Target::Nothing => Ok(None),
        }
    }

    /// What was kept is wanted after all: it follows the first lines, with a line that counts those in between.
    fn write_kept(&mut self, names: &Names) -> io::Result<()> {
        let plain = File::options().append(true).open(self.folder.join(EVENTS))?;
        let target = Target::Plain(BufWriter::new(plain));
        let Target::Kept(last) = std::mem::replace(&mut self.target, target) else {
            return Ok(());
        };
        self.plain_bytes_max = u64::MAX;
        let lines = self.lines;
        let left_out = lines - self.first_lines - last.len() as u64;
        if left_out > 0 {
            self.put(&LeftOut { left_out })?;
        }
        for (at, ordinal, actor, fact) in &last {
            self.fact(names, *at, *ordinal, *actor, fact)?;
        }
        self.lines = lines;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::nouns::ItemState;
    use datapath::VmId;

    fn write(folder: &Path, max: u64) -> PathBuf {
        write_as(folder, max, Wanted::Always, false).unwrap()
    }

    fn write_as(folder: &Path, max: u64, wanted: Wanted, found: bool) -> Option<PathBuf> {
        let names = Names {
            vms: vec!["web".into()],
            actors: vec!["portal/operator".into()],
            ..Names::default()
        };
        let mut events = EventWriter::with_plain_bytes(folder, wanted, max).unwrap();
        let fact = Fact::State {
            vm: VmId(0),
            state: ItemState::Protected,
        };
        for n in 0..100 {
            let at = SimTime(723_456_000_000 + n);
            events.fact(&names, at, n, Some(ActorId(0)), &fact).unwrap();
        }
        assert_eq!(events.lines(), 100);
        events.finish(&names, found).unwrap()
    }

    #[test]
    fn a_line_says_when_who_and_what_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), PLAIN_BYTES_MAX);
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"t_ns":723456000000,"t":"00:12:03.456","n":0,"actor":"portal/operator","fact":{"fact":"state","vm":"web","state":"protected"}}"#
        );
    }

    #[test]
    fn a_large_log_is_compressed_and_holds_the_same_lines() {
        let folder = tempfile::tempdir().unwrap();
        let plain = fs::read(write(folder.path(), PLAIN_BYTES_MAX)).unwrap();
        for max in [0, 200, plain.len() as u64 - 1] {
            let path = write(folder.path(), max);
            assert!(path.ends_with(EVENTS_COMPRESSED));
            assert!(!folder.path().join(EVENTS).exists());
            assert_eq!(zstd::decode_all(File::open(path).unwrap()).unwrap(), plain);
        }
        assert!(write(folder.path(), plain.len() as u64).ends_with(EVENTS));
    }

    #[test]
    fn of_a_large_log_the_first_and_the_last_are_written_where_something_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let plain = fs::read(write(folder.path(), PLAIN_BYTES_MAX)).unwrap();
        for max in [0, 200, plain.len() as u64 - 1] {
            let kept = write_as(folder.path(), max, Wanted::WhereFound, true).unwrap();
            assert_eq!(fs::read(&kept).unwrap(), plain, "nothing had to be left out");
            fs::remove_file(kept).unwrap();
            assert_eq!(write_as(folder.path(), max, Wanted::WhereFound, false), None);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of it");
        }
        let small = write_as(folder.path(), plain.len() as u64, Wanted::WhereFound, false);
        assert_eq!(fs::read(small.unwrap()).unwrap(), plain);
        fs::remove_file(folder.path().join(EVENTS)).unwrap();
        assert_eq!(write_as(folder.path(), PLAIN_BYTES_MAX, Wanted::Never, true), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_left_out_of_a_large_log_is_counted_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let names = Names::default();
        let mut events = EventWriter::with_plain_bytes(folder.path(), Wanted::WhereFound, 0).unwrap();
        events.kept_max = 10;
        let fact = Fact::TestCleaned { vm: VmId(0) };
        for n in 0..100 {
            events.fact(&names, SimTime(n), n, None, &fact).unwrap();
        }
        assert_eq!(events.lines(), 100);
        let text = fs::read_to_string(events.finish(&names, true).unwrap().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "the one that filled the file, a count, the last ten");
        assert_eq!(lines[1], r#"{"left_out":89}"#);
        assert!(
            lines[2].contains(r#""n":90,"#) && lines[11].contains(r#""n":99,"#),
            "{text}"
        );
    }
}
