//! A plan's tables as CSV: raw figures, units in the header, `never` for a time without an end, empty for what is not known.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, also in quotes. Names come
//! from outside, so text that begins so gets an apostrophe before it. Figures never begin so.

use super::tables::{Cell, Table};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

fn harmless(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A table as CSV.
///
/// # Errors
/// None that a writer into memory has; they are passed on all the same.
pub fn csv(table: &Table) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(super::tables::Column::header))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => harmless(text),
            Cell::Figure(value, kind) => kind.raw(*value),
        }))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;
    use crate::plan::tables::tables;

    #[test]
    fn a_name_is_no_formula() {
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(name), format!("'{name}"));
        }
        assert_eq!(harmless("web-01"), "web-01");
    }

    #[test]
    fn a_table_reads_back_as_it_is() {
        for table in tables(&samples::hostile()) {
            let text = csv(&table).unwrap();
            let mut reader = csv::Reader::from_reader(text.as_slice());
            assert_eq!(reader.headers().unwrap().len(), table.columns.len());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            assert_eq!(rows.len(), table.rows.len(), "{}", table.name);
            for (read, row) in rows.iter().zip(&table.rows) {
                for (read, cell) in read.iter().zip(row) {
                    assert!(!read.starts_with(FORMULA), "{}: {read}", table.name);
                    let expected = match cell {
                        Cell::Empty => String::new(),
                        Cell::Text(text) => text.clone(),
                        Cell::Figure(value, kind) => kind.raw(*value),
                    };
                    assert_eq!(read.strip_prefix('\'').unwrap_or(read), expected, "{}", table.name);
                }
            }
        }
    }
}
