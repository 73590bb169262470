//! An input cut into blocks at line ends.

use std::io::{Error, ErrorKind, Read, Result};

/// Bytes of a block, about.
pub(super) const BLOCK: usize = 4 << 20;

/// Whole lines of an input.
#[derive(Debug)]
pub(super) struct Block {
    /// The bytes; the last line of an input may lack its end.
    pub(super) bytes: Vec<u8>,
    /// Where what is to read begins: after the header, in the first block.
    pub(super) from: usize,
    /// The line there, of the first block of a file; 1 of the others.
    pub(super) first_line: u64,
}

impl Block {
    /// What is to read.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }
}

/// Gives an input as blocks.
pub(super) struct Blocks<'a> {
    reader: Box<dyn Read + Send + 'a>,
    /// The begin of a line that the last block did not end.
    left: Vec<u8>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    ended: bool,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(reader: Box<dyn Read + Send + 'a>) -> Self {
        Self {
            reader,
            left: Vec::new(),
            spare: Vec::new(),
            ended: false,
        }
    }

    /// The next block; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Block>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.append(&mut self.left);
        let wanted = BLOCK.saturating_sub(bytes.len());
        bytes.reserve(wanted);
        let read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut bytes)?;
        if read < wanted {
            self.ended = true;
        } else {
            let Some(end) = memchr::memrchr(b'\n', &bytes) else {
                let found = format!("no line ends within {} MiB", BLOCK >> 20);
                return Err(Error::new(ErrorKind::InvalidData, found));
            };
            self.left.extend_from_slice(&bytes[end + 1..]);
            bytes.truncate(end + 1);
        }
        let block = Block {
            bytes,
            from: 0,
            first_line: 1,
        };
        Ok((!block.bytes.is_empty()).then_some(block))
    }

    /// The next blocks, as many or fewer; none at the end.
    pub(super) fn round(&mut self, most: usize) -> Result<Vec<Block>> {
        let mut round = Vec::with_capacity(most);
        while round.len() < most {
            match self.next()? {
                Some(block) => round.push(block),
                None => break,
            }
        }
        Ok(round)
    }

    /// Takes buffers back, to use them again.
    pub(super) fn give_back(&mut self, round: Vec<Block>) {
        self.spare.extend(round.into_iter().map(|block| block.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_input_cut_at_line_ends() {
        let line = "a line of some length, as counters have it\n";
        let input = format!("{}the end", line.repeat(3 * BLOCK / line.len()));
        let mut blocks = Blocks::new(Box::new(input.as_bytes()));
        let mut all = Vec::new();
        let mut count = 0;
        while let Some(block) = blocks.next().unwrap() {
            let whole = block.bytes.ends_with(b"\n") || block.bytes.ends_with(b"the end");
            assert!(whole && block.bytes.len() <= BLOCK);
            all.extend_from_slice(&block.bytes);
            count += 1;
            blocks.give_back(vec![block]);
        }
        assert!(count >= 3 && all == input.as_bytes());
    }

    #[test]
    fn an_input_without_line_ends_is_an_error() {
        let input = vec![b'x'; BLOCK + 1];
        assert!(Blocks::new(Box::new(input.as_slice())).next().is_err());
    }
}
