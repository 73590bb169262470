//! Recordings that come packed, as they are published: gzip (RFC 1952, several members one after the other) and zstd (frames one after
//! the other). What they unpack to is bounded; checksums are held to what they say.

use std::io::Read;

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use crate::units::show_size;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Other forms of packing, by which they are named.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
    (b"7z\xbc\xaf", "7-Zip"),
];

/// Why a recording cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpackable {
    /// It is packed in a way that is not read.
    Unknown(&'static str),
    /// It is broken.
    Broken {
        /// Which form it has.
        form: &'static str,
        /// What is wrong.
        why: String,
    },
    /// It comes to more than the bound, in bytes.
    TooLarge(u64),
}

/// What is wrong, to stand behind the name of the recording.
impl std::fmt::Display for Unpackable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unpackable::Unknown(form) => write!(f, "is packed as {form}"),
            Unpackable::Broken { form, why } => write!(f, "is broken {form}: {why}"),
            Unpackable::TooLarge(most) => {
                let most = show_size(*most);
                write!(f, "unpacks to more than {most}, the most that is read")
            }
        }
    }
}

/// The bytes of a recording: unpacked, where it is packed; at most `max` of them.
///
/// # Errors
/// Why there are none.
pub fn unpack(bytes: Vec<u8>, max: u64) -> Result<Vec<u8>, Unpackable> {
    if bytes.starts_with(GZIP) {
        return gunzip(&bytes, max);
    }
    if bytes.starts_with(ZSTD) {
        return unzstd(&bytes, max);
    }
    match OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, form)) => Err(Unpackable::Unknown(form)),
        None => Ok(bytes),
    }
}

fn unzstd(bytes: &[u8], max: u64) -> Result<Vec<u8>, Unpackable> {
    let broken = |error: std::io::Error| Unpackable::Broken {
        form: "zstd",
        why: error.to_string(),
    };
    let mut out = Vec::new();
    let frames = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
    frames.take(max + 1).read_to_end(&mut out).map_err(broken)?;
    bounded(out, max)
}

fn bounded(out: Vec<u8>, max: u64) -> Result<Vec<u8>, Unpackable> {
    if out.len() as u64 > max {
        return Err(Unpackable::TooLarge(max));
    }
    Ok(out)
}

fn gunzip(bytes: &[u8], max: u64) -> Result<Vec<u8>, Unpackable> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        rest = member(rest, &mut out, max)?;
        if out.len() as u64 > max {
            return Err(Unpackable::TooLarge(max));
        }
        // Zeros may fill the last block of a tape.
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(out);
        }
    }
}

fn broken(why: &str) -> Unpackable {
    Unpackable::Broken {
        form: "gzip",
        why: why.to_owned(),
    }
}

/// Unpacks a member; gives what follows it. Stops where `out` passes `max`.
fn member<'a>(bytes: &'a [u8], out: &mut Vec<u8>, max: u64) -> Result<&'a [u8], Unpackable> {
    let mut rest = after_header(bytes)?;
    let begin = out.len();
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let result = inflate(&mut state, rest, &mut buffer, MZFlush::None);
        rest = &rest[result.bytes_consumed..];
        out.extend_from_slice(&buffer[..result.bytes_written]);
        if out.len() as u64 > max {
            return Ok(&[]);
        }
        match result.status {
            Ok(MZStatus::StreamEnd) => break,
            Ok(_) if result.bytes_consumed + result.bytes_written > 0 => {}
            _ if rest.is_empty() => return Err(broken("it ends in the middle")),
            _ => return Err(broken("its compressed data is damaged")),
        }
    }
    let (trailer, rest) = rest
        .split_at_checked(8)
        .ok_or_else(|| broken("it ends in the middle"))?;
    let number = |at: usize| u32::from_le_bytes([trailer[at], trailer[at + 1], trailer[at + 2], trailer[at + 3]]);
    let unpacked = &out[begin..];
    if number(0) != crc32fast::hash(unpacked) || number(4) != unpacked.len() as u32 {
        return Err(broken("its checksum says other than its data"));
    }
    Ok(rest)
}

/// What follows a member's header.
fn after_header(bytes: &[u8]) -> Result<&[u8], Unpackable> {
    const DEFLATE: u8 = 8;
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let short = || broken("it ends in the middle");
    let (header, mut rest) = bytes.split_at_checked(10).ok_or_else(short)?;
    if !header.starts_with(GZIP) {
        return Err(broken("what follows its data is no gzip"));
    }
    if header[2] != DEFLATE {
        return Err(broken("it is not compressed by deflate"));
    }
    let flags = header[3];
    if flags & EXTRA != 0 {
        let (len, after) = rest.split_at_checked(2).ok_or_else(short)?;
        let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
        rest = after.get(len..).ok_or_else(short)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or_else(short)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..).ok_or_else(short)?;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: u64 = 1 << 20;

    /// A member with all that a header may have.
    fn gzip(data: &[u8], flags: u8) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        if flags & 4 != 0 {
            out.extend([3, 0, 1, 2, 3]);
        }
        if flags & 8 != 0 {
            out.extend(b"hm_0.csv\0");
        }
        if flags & 16 != 0 {
            out.extend(b"a week\0");
        }
        if flags & 2 != 0 {
            out.extend([0, 0]);
        }
        out.extend(miniz_oxide::deflate::compress_to_vec(data, 6));
        out.extend(crc32fast::hash(data).to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out
    }

    #[test]
    fn text_stays_and_packed_text_is_unpacked() {
        let text = b"128166372016382155,hm,0,Write,4096,8192,413\n".repeat(5_000);
        assert_eq!(unpack(text.clone(), MAX).unwrap(), text);
        for flags in [0, 4, 8, 16, 2, 30] {
            assert_eq!(unpack(gzip(&text, flags), MAX).unwrap(), text);
        }
        let zstd = zstd::encode_all(&text[..], 3).unwrap();
        assert_eq!(unpack(zstd.clone(), MAX).unwrap(), text);
        // Several, one after the other, and zeros behind them.
        let twice = [text.clone(), text.clone()].concat();
        assert_eq!(unpack([zstd.clone(), zstd].concat(), MAX).unwrap(), twice);
        let members = [gzip(&text, 8), gzip(&text, 0), vec![0; 512]].concat();
        assert_eq!(unpack(members, MAX).unwrap(), twice);
        assert_eq!(unpack(gzip(b"", 0), MAX).unwrap(), b"");
    }

    #[test]
    fn what_unpacks_to_more_than_the_bound_is_refused() {
        let zeros = vec![0; 4 << 20];
        assert_eq!(unpack(gzip(&zeros, 0), MAX), Err(Unpackable::TooLarge(MAX)));
        let zstd = zstd::encode_all(&zeros[..], 3).unwrap();
        assert_eq!(unpack(zstd, MAX), Err(Unpackable::TooLarge(MAX)));
        assert_eq!(unpack(gzip(&zeros[..MAX as usize], 0), MAX).unwrap().len() as u64, MAX);
    }

    #[test]
    fn what_is_broken_or_packed_otherwise_is_named() {
        let good = gzip(&b"1,hm,0,Write,0,512,1\n".repeat(100), 8);
        let why = |bytes: Vec<u8>| match unpack(bytes, MAX) {
            Err(Unpackable::Broken { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(good[..good.len() - 9].to_vec()), "it ends in the middle");
        assert_eq!(why(good[..12].to_vec()), "it ends in the middle");
        let mut sum = good.clone();
        *sum.iter_mut().nth_back(6).unwrap() ^= 1;
        assert_eq!(why(sum), "its checksum says other than its data");
        assert_eq!(why([good, b"more".to_vec()].concat()), "it ends in the middle");
        assert_eq!(unpack(b"PK\x03\x04...".to_vec(), MAX), Err(Unpackable::Unknown("zip")));
        assert_eq!(unpack(b"BZh91AY".to_vec(), MAX), Err(Unpackable::Unknown("bzip2")));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), form in 0..3) {
            let start = [&[][..], &[0x1f, 0x8b, 8], ZSTD][form as usize];
            let _ = unpack([start, &bytes].concat(), 1 << 16);
        }
    }
}
