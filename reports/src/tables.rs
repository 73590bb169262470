//! The long lists of a run as tables, a line each: recovery points, stretches of RPO, samples of backlog.
//!
//! Values are separated by commas, the first line names the columns: simulated nanoseconds (`_ns`), milliseconds (`_ms`), bytes. What did
//! not happen is empty. They are no part of the record, of which they would be all but a hundredth. A table that is large is written as
//! zstd.

use std::path::PathBuf;

use datapath::replica::Consistency;
use sim::metrics::{BacklogSample, PointResult, RpoStretch, VmResult};

use crate::account::Account;
use crate::run_directory::{
    BACKLOG, BACKLOG_COMPRESSED, DirectoryError, POINTS, POINTS_COMPRESSED, RPO, RPO_COMPRESSED, RunDirectory,
};

/// A plain file holds no more than this.
const PLAIN_BYTES_MAX: usize = 4 << 20;
const COMPRESSION_LEVEL: i32 = 1;

/// Writes a run's tables, and gives their files, relative to the directory.
///
/// # Errors
/// A file cannot be written.
pub fn write(directory: &RunDirectory, account: &Account) -> Result<Vec<PathBuf>, DirectoryError> {
    let tables = [
        (POINTS, POINTS_COMPRESSED, points(account)),
        (RPO, RPO_COMPRESSED, rpo(account)),
        (BACKLOG, BACKLOG_COMPRESSED, backlog(account)),
    ];
    let mut files = Vec::new();
    for (plain, compressed, text) in tables {
        let name = if text.len() > PLAIN_BYTES_MAX {
            directory.write_compressed(compressed, text.as_bytes(), COMPRESSION_LEVEL)?;
            compressed
        } else {
            directory.write(plain, text.as_bytes())?;
            plain
        };
        files.push(PathBuf::from(name));
    }
    Ok(files)
}

fn points(account: &Account) -> String {
    let columns =
        "vm,protection,point,seq,consistency,marked_ns,marked_source_ns,stored_ns,processed_ns,pruned_ns,verified";
    table(
        account,
        columns,
        |vm| &vm.points,
        |row, point: &PointResult| {
            row.number(u64::from(point.protection));
            row.number(point.point);
            row.number(point.seq.0);
            row.word(match point.consistency {
                Consistency::Crash => "crash",
                Consistency::App => "app",
            });
            row.number(point.marked.0);
            row.number(point.marked_source.0);
            row.maybe(point.stored.map(|at| at.0));
            row.maybe(point.processed.map(|at| at.0));
            row.maybe(point.pruned.map(|at| at.0));
            row.word(if point.verified { "true" } else { "false" });
        },
    )
}

fn rpo(account: &Account) -> String {
    let columns = "vm,from_ns,to_ns,low_ms,high_ms,true_high_ms";
    table(
        account,
        columns,
        |vm| &vm.rpo_series,
        |row, stretch: &RpoStretch| {
            let RpoStretch {
                from,
                to,
                low_ms,
                high_ms,
                true_high_ms,
            } = *stretch;
            row.numbers([from.0, to.0, low_ms, high_ms, true_high_ms]);
        },
    )
}

fn backlog(account: &Account) -> String {
    let columns = "vm,at_ns,source_bytes,process_server_bytes,target_bytes";
    table(
        account,
        columns,
        |vm| &vm.backlog,
        |row, sample: &BacklogSample| {
            row.numbers([
                sample.at.0,
                sample.source_bytes,
                sample.process_server_bytes,
                sample.target_bytes,
            ]);
        },
    )
}

/// A table of all machines' rows; a row begins with its machine's name.
fn table<T>(account: &Account, columns: &str, rows: fn(&VmResult) -> &Vec<T>, fill: fn(&mut Row<'_>, &T)) -> String {
    let mut out = format!("{columns}\n");
    for vm in &account.result.vms {
        for one in rows(vm) {
            out.push_str(&vm.name);
            fill(&mut Row(&mut out), one);
            out.push('\n');
        }
    }
    out
}

/// A row behind its machine's name. A fleet has a million: numbers go without formatting machinery.
struct Row<'a>(&'a mut String);

impl Row<'_> {
    fn word(&mut self, word: &str) {
        self.0.push(',');
        self.0.push_str(word);
    }

    fn number(&mut self, number: u64) {
        self.word(itoa::Buffer::new().format(number));
    }

    fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| self.number(number));
    }

    /// A value, or nothing where there is none.
    fn maybe(&mut self, number: Option<u64>) {
        match number {
            Some(number) => self.number(number),
            None => self.word(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_table_has_a_line_for_each_row_and_a_value_for_each_column() {
        let account = synthetic::drill();
        let rows = |of: fn(&VmResult) -> usize| account.result.vms.iter().map(of).sum::<usize>();
        for (text, rows) in [
            (points(&account), rows(|vm| vm.points.len())),
            (rpo(&account), rows(|vm| vm.rpo_series.len())),
            (backlog(&account), rows(|vm| vm.backlog.len())),
        ] {
            let columns = text.lines().next().unwrap().split(',').count();
            assert!(text.lines().all(|line| line.split(',').count() == columns), "{text}");
            assert_eq!(text.lines().count(), rows + 1, "{text}");
        }
        assert!(rows(|vm| vm.rpo_series.len()) > 0);
    }

    #[test]
    fn a_point_is_told_with_all_its_times() {
        let mut account = synthetic::drill();
        account.result.vms.truncate(1);
        account.result.vms[0].points = vec![PointResult {
            protection: 1,
            point: 7,
            seq: datapath::WriteSeq(42),
            consistency: Consistency::App,
            marked: datapath::SimTime(5),
            marked_source: datapath::SimTime(6),
            stored: Some(datapath::SimTime(8)),
            processed: None,
            pruned: None,
            verified: true,
        }];
        let name = account.result.vms[0].name.clone();
        assert_eq!(
            points(&account).lines().nth(1),
            Some(format!("{name},1,7,42,app,5,6,8,,,true").as_str())
        );
    }
}
