//! The log's records as they are encoded: to be compared, and to be shown.

use std::fmt;
use std::io::{self, Read};

use actors::messages::Body;
use actors::nouns::ActorId;
use datapath::SimTime;

pub(super) const TIER_FACT: u8 = 1;
pub(super) const TIER_FRAME: u8 = 2;
pub(super) const NO_ACTOR: u32 = u32::MAX;
pub(super) const NO_PAYLOAD: u64 = u64::MAX;
/// Tier, time, ordinal, actor.
const HEAD_BYTES: usize = 21;
/// What a frame has beside: receiver's machine, port, connection, payload.
const FRAME_BYTES: usize = 22;
const LENGTH_BYTES: usize = 4;
/// No record is longer: what says so was never a log.
const RECORD_BYTES_MAX: usize = 1 << 30;

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// When.
    pub at: SimTime,
    /// Facts and frames counted from 0.
    pub ordinal: u64,
    content_at: usize,
}

impl<'a> Record<'a> {
    /// The record that bytes begin with; none where they do not hold it whole.
    #[must_use]
    pub fn first(bytes: &'a [u8]) -> Option<Record<'a>> {
        let content_at = match bytes.first()? {
            &TIER_FRAME => HEAD_BYTES + FRAME_BYTES + LENGTH_BYTES,
            _ => HEAD_BYTES + LENGTH_BYTES,
        };
        let length = number(bytes, content_at - LENGTH_BYTES, LENGTH_BYTES)?;
        let end = content_at.checked_add(usize::try_from(length).ok()?)?;
        Some(Record {
            bytes: bytes.get(..end)?,
            at: SimTime(number(bytes, 1, 8)?),
            ordinal: number(bytes, 9, 8)?,
            content_at,
        })
    }

    /// Whether it is a frame; else it is a fact.
    #[must_use]
    pub fn is_frame(&self) -> bool {
        self.bytes[0] == TIER_FRAME
    }

    fn number(&self, at: usize, len: usize) -> u64 {
        number(self.bytes, at, len).unwrap_or_default()
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actor = self.number(17, 4) as u32;
        let actor = name((actor != NO_ACTOR).then_some(ActorId(actor)));
        write!(f, "{} #{} {actor}", self.at, self.ordinal)?;
        let content = &self.bytes[self.content_at..];
        if !self.is_frame() {
            // Facts are tagged by name, which this encoding can write and not read back: the name comes first.
            return match postcard::take_from_bytes::<String>(content) {
                Ok((name, rest)) => write!(f, ": {name} ({} bytes)", rest.len()),
                Err(error) => write!(f, ": a fact without a name ({error})"),
            };
        }
        let [machine, port, conn, payload] =
            [(0, 4), (4, 2), (6, 8), (14, 8)].map(|(at, len)| self.number(HEAD_BYTES + at, len));
        let payload = if payload == NO_PAYLOAD { 0 } else { payload };
        write!(f, " -> machine {machine} port {port} connection {conn}: ")?;
        match postcard::from_bytes::<Body>(content) {
            Ok(body) => write!(f, "{body:?} + {payload} bytes"),
            Err(error) => write!(f, "a body that cannot be read back ({error}) + {payload} bytes"),
        }
    }
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut number = [0u8; 8];
    number[..len].copy_from_slice(bytes.get(at..at + len)?);
    Some(u64::from_le_bytes(number))
}

pub(super) fn name(actor: Option<ActorId>) -> String {
    actor.map_or_else(|| "world".to_owned(), |actor| format!("actor {}", actor.0))
}

/// The records of a stretch of the log that begins with one.
pub fn of(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let record = Record::first(bytes)?;
        bytes = &bytes[record.bytes.len()..];
        Some(record)
    })
}

/// Reads the next record of a log into a buffer; false at its end.
///
/// # Errors
/// The log cannot be read, or ends within a record.
pub fn read(log: &mut impl Read, record: &mut Vec<u8>) -> io::Result<bool> {
    record.clear();
    record.resize(1, 0);
    if log.read(record)? == 0 {
        return Ok(false);
    }
    let head = match record[0] {
        TIER_FACT => HEAD_BYTES + LENGTH_BYTES,
        TIER_FRAME => HEAD_BYTES + FRAME_BYTES + LENGTH_BYTES,
        tier => {
            let why = format!("no record of an event log begins with {tier}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
    };
    record.resize(head, 0);
    log.read_exact(&mut record[1..])?;
    let length = number(record, head - LENGTH_BYTES, LENGTH_BYTES).unwrap_or_default() as usize;
    if length > RECORD_BYTES_MAX {
        let why = format!("a record of {length} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    record.resize(head + length, 0);
    log.read_exact(&mut record[head..])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_log_is_refused_and_what_is_cut_off_too() {
        let mut record = Vec::new();
        assert!(!read(&mut [].as_slice(), &mut record).unwrap());
        assert!(read(&mut [7].as_slice(), &mut record).is_err());
        assert!(read(&mut [TIER_FACT; 10].as_slice(), &mut record).is_err());
        let endless = [TIER_FACT; HEAD_BYTES]
            .into_iter()
            .chain([0xff; 4])
            .collect::<Vec<u8>>();
        assert!(read(&mut endless.as_slice(), &mut record).is_err());
        assert_eq!(Record::first(&[TIER_FRAME; 30]), None);
    }
}
