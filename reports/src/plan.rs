//! The reports of a plan: one page, one spreadsheet, one JSON file, its tables as CSV, and the text on a terminal.
//!
//! All of them show the same figures, made once ([`figures`](mod@figures), [`tables`](mod@tables)). Their folder goes by the rules of a run
//! directory ([`crate::run_directory`]): marked as ours, written beside the name and renamed, complete when `plan.json` is there.
//!
//! Names of machines come from outside. On the page they are escaped, in the spreadsheet they are text and never formulas, in CSV what a
//! spreadsheet would take for a formula gets an apostrophe before it ([`comma`]), on the terminal control characters are replaced.

mod certainty;
pub mod comma;
pub mod figures;
mod finding;
pub mod html;
pub mod human;
#[cfg(test)]
mod samples;
pub mod schema;
mod sensitivity;
#[cfg(feature = "spreadsheet")]
pub mod spreadsheet;
pub mod tables;
pub mod units;
mod words;

use std::path::{Path, PathBuf};

use planning::plan::Plan;
use serde::Serialize;

pub use self::finding::tried;
pub use self::html::html;
pub use self::human::human;
pub use self::schema::schema;
use crate::run_directory::{DirectoryError, Layout, RunDirectory};

/// The version of `plan.json`'s format.
pub const FORMAT: u32 = 3;
/// The plan; written last.
pub const PLAN: &str = "plan.json";
/// The page.
pub const PAGE: &str = "plan.html";
/// The spreadsheet.
pub const SPREADSHEET: &str = "plan.xlsx";
/// The folder of tables.
pub const TABLES: &str = "tables";

/// A plan's folder.
pub static LAYOUT: Layout = Layout {
    holds: "plan",
    marker: ".firedrill-plan",
    marker_text: "A plan directory of firedrill. It is complete when plan.json is there.\n",
    record: PLAN,
    files: &[
        PLAN,
        PAGE,
        SPREADSHEET,
        "tables/summary.csv",
        "tables/recommendations.csv",
        "tables/placement.csv",
        "tables/compatible_machines.csv",
        "tables/incompatible_machines.csv",
        "tables/cost.csv",
        "tables/what_if_days.csv",
        "tables/bandwidths.csv",
        "tables/what_if.csv",
        "tables/sensitivity.csv",
        "tables/proof.csv",
        "tables/find.csv",
        "tables/initial_replication.csv",
        "tables/initial_replication_batches.csv",
        "tables/recovery.csv",
        "tables/failback.csv",
        "tables/servers.csv",
        "tables/storage_accounts.csv",
        "tables/notes.csv",
        "tables/cost_of_machines.csv",
        "tables/what_if_hours.csv",
        "tables/outages.csv",
        "tables/assumptions.csv",
        "tables/constants.csv",
        "tables/band.csv",
        "tables/figures.csv",
    ],
    free: None,
    folders: &[TABLES],
};

/// A report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder cannot be used, or a file in it cannot be written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The spreadsheet cannot hold the plan.
    #[cfg(feature = "spreadsheet")]
    #[error("plan.xlsx cannot be made: {0}")]
    Spreadsheet(#[from] rust_xlsxwriter::XlsxError),
    /// A table cannot be written.
    #[error("a table cannot be made: {0}")]
    Table(#[from] csv::Error),
    /// The plan cannot be written.
    #[error("plan.json cannot be made: {0}")]
    Json(#[from] serde_json::Error),
}

/// What `plan.json` holds.
#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    firedrill: &'static str,
    plan: &'a Plan,
}

/// `plan.json`: the plan as it is, with the version of the format and of the product. It follows [`schema()`].
///
/// # Errors
/// None that a plan has; serde's are passed on.
pub fn json(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    let document = Document {
        format: FORMAT,
        firedrill: env!("CARGO_PKG_VERSION"),
        plan,
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}

/// Takes a folder for the reports of a plan that reads `inputs`: an empty or new one, or one of an earlier plan that did not end (it is
/// moved aside to `DIR.partial-N`) or, with `force`, that is to be replaced.
///
/// # Errors
/// The folder is taken, or cannot be made.
pub fn folder(path: &Path, force: bool, inputs: &[PathBuf]) -> Result<RunDirectory, DirectoryError> {
    RunDirectory::of(&LAYOUT, path, force, inputs)
}

/// Writes all reports of a plan, `plan.json` last, and gives their files.
///
/// # Errors
/// [`ReportError`] where a file cannot be made or written.
pub fn write(directory: &RunDirectory, plan: &Plan) -> Result<Vec<PathBuf>, ReportError> {
    let mut files = Vec::new();
    for table in tables::tables(plan) {
        let name = format!("{TABLES}/{}.csv", table.name);
        files.push(directory.write(&name, &comma::csv(&table)?)?);
    }
    #[cfg(feature = "spreadsheet")]
    files.push(directory.write(SPREADSHEET, &spreadsheet::spreadsheet(plan)?)?);
    files.push(directory.write(PAGE, html(plan).as_bytes())?);
    files.push(directory.complete(&json(plan)?)?);
    Ok(files)
}

#[cfg(test)]
mod tests;
