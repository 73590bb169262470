//! `events.jsonl`: the facts of a run, one JSON object a line, with names where facts carry numbers.
//!
//! Times are simulated time and the ordinal that counts facts and frames, so that two runs compare as they are. Past a size the
//! file is written as zstd, from its first line. Frames appear only where the run was asked to trace them.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use actors::facts::Fact;
use actors::messages::Body;
use actors::ports::ActorId;
use datapath::SimTime;
use serde::{Serialize, Serializer};

use crate::named::Named;
use crate::names::Names;
use crate::run_directory::{EVENTS, EVENTS_COMPRESSED};

/// A plain file holds no more than this.
pub const PLAIN_BYTES_MAX: u64 = 16 << 20;
/// One of the fastest: a fleet's log is written while the run waits, and lines of JSON compress well at any level.
const COMPRESSION_LEVEL: i32 = -3;
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

enum Target {
    Plain(BufWriter<File>),
    Compressed(Frames),
}

/// A file of zstd frames, one after the other.
struct Frames {
    file: File,
    compressor: zstd::bulk::Compressor<'static>,
    lines: Vec<u8>,
    frame: Vec<u8>,
}

impl Frames {
    fn create(path: &Path) -> io::Result<Frames> {
        Ok(Frames {
            file: File::create(path)?,
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
    line: Vec<u8>,
    lines: u64,
    plain_bytes: u64,
    plain_bytes_max: u64,
}

impl EventWriter {
    /// Begins the file in a folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(folder: &Path, plain_bytes_max: u64) -> io::Result<EventWriter> {
        Ok(EventWriter {
            folder: folder.to_owned(),
            target: Target::Plain(BufWriter::with_capacity(1 << 18, File::create(folder.join(EVENTS))?)),
            line: Vec::with_capacity(1024),
            lines: 0,
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
        self.put(&FactLine {
            t_ns: at.0,
            t: Shown(at),
            n: ordinal,
            actor: actor.map(|actor| names.actor(actor)),
            fact: Named { value: fact, names },
        })
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
        self.put(&FrameLine {
            t_ns: at.0,
            t: Shown(at),
            n: ordinal,
            actor: names.actor(actor),
            frame: Named { value: body, names },
            payload_bytes,
        })
    }

    /// Lines written.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    fn put<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        self.lines += 1;
        let len = self.line.len() as u64;
        if matches!(self.target, Target::Plain(_)) && self.plain_bytes + len > self.plain_bytes_max {
            self.compress()?;
        }
        match &mut self.target {
            Target::Plain(file) => {
                self.plain_bytes += len;
                file.write_all(&self.line)
            }
            Target::Compressed(file) => file.write_all(&self.line),
        }
    }

    /// Goes on as zstd with all that was written.
    fn compress(&mut self) -> io::Result<()> {
        if let Target::Plain(file) = &mut self.target {
            file.flush()?;
        }
        let plain = self.folder.join(EVENTS);
        let mut frames = Frames::create(&self.folder.join(EVENTS_COMPRESSED))?;
        io::copy(&mut File::open(&plain)?, &mut frames)?;
        self.target = Target::Compressed(frames);
        fs::remove_file(plain)
    }

    /// Ends the file and says where it is.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> io::Result<PathBuf> {
        match self.target {
            Target::Plain(mut file) => {
                file.flush()?;
                Ok(self.folder.join(EVENTS))
            }
            Target::Compressed(mut frames) => {
                frames.flush()?;
                Ok(self.folder.join(EVENTS_COMPRESSED))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::facts::ItemState;
    use datapath::VmId;

    fn write(folder: &Path, max: u64) -> PathBuf {
        let names = Names {
            vms: vec!["web".into()],
            actors: vec!["portal/operator".into()],
            ..Names::default()
        };
        let mut events = EventWriter::create(folder, max).unwrap();
        let fact = Fact::State {
            vm: VmId(0),
            state: ItemState::Protected,
        };
        for n in 0..100 {
            let at = SimTime(723_456_000_000 + n);
            events.fact(&names, at, n, Some(ActorId(0)), &fact).unwrap();
        }
        assert_eq!(events.lines(), 100);
        events.finish().unwrap()
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
}
