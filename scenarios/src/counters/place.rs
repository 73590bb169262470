//! Where a line of counters is, for a picture of it.

use super::line::{Fields, split};
use super::text;

/// A line of a file, with its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub line: u64,
    /// Its text.
    pub text: String,
    /// The names of the file's columns.
    columns: Vec<String>,
    separator: u8,
}

impl Place {
    /// The lines with these numbers that a file has, in their order.
    #[must_use]
    pub fn of(bytes: &[u8], lines: &[u64]) -> Vec<Self> {
        let mut wanted = lines.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut wanted = wanted.into_iter().peekable();
        let mut header: Option<(u8, Vec<String>)> = None;
        let mut found = Vec::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if wanted.peek().is_none() {
                break;
            }
            if header.is_some() && wanted.peek() != Some(&number) {
                continue;
            }
            let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            if header.is_none() && !text::is_silent(&text) {
                let separator = text::separator(&text);
                let columns = cells(&text, separator).into_iter();
                let plain = |(from, to): (usize, usize)| {
                    text.get(from..to)
                        .unwrap_or_default()
                        .trim_matches(['"', ' ', '\u{feff}'])
                        .to_owned()
                };
                header = Some((separator, columns.map(plain).collect()));
            }
            if wanted.next_if_eq(&number).is_some() {
                let (separator, columns) = header.clone().unwrap_or((b',', Vec::new()));
                found.push(Self {
                    line: number,
                    text,
                    columns,
                    separator,
                });
            }
        }
        found
    }

    /// From where to where a column's cell goes in the text, in bytes; the whole line where there is no such column.
    #[must_use]
    pub fn cell(&self, column: Option<&str>) -> (usize, usize) {
        let whole = (0, self.text.len());
        let Some(at) = column.and_then(|column| self.columns.iter().position(|name| name == column)) else {
            return whole;
        };
        cells(&self.text, self.separator).get(at).copied().unwrap_or(whole)
    }
}

/// Where the cells of a line are.
fn cells(line: &str, separator: u8) -> Vec<(usize, usize)> {
    let mut fields = Fields::default();
    split(line.as_bytes(), separator, &mut fields);
    (0..fields.count()).map(|at| fields.place(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_by_its_column() {
        let file = b"# a comment\ntime;\"vm\";written_bytes\r\n1;\"a;b\";x\n2;c\n";
        let places = Place::of(file, &[4, 3, 9, 3]);
        assert_eq!(places.len(), 2);
        let cell = |place: &Place, column| {
            let (from, to) = place.cell(column);
            place.text[from..to].to_owned()
        };
        assert_eq!((places[0].line, places[1].line), (3, 4));
        assert_eq!(cell(&places[0], Some("vm")), "\"a;b\"");
        assert_eq!(cell(&places[0], Some("written_bytes")), "x");
        // Neither a column nor a cell that is not there.
        assert_eq!(cell(&places[0], Some("disk")), "1;\"a;b\";x");
        assert_eq!(cell(&places[1], Some("written_bytes")), "2;c");
        assert_eq!(cell(&places[1], None), "2;c");
    }
}
