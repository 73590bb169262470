//! What is wrong with an input: where, what was found there, what is accepted.

use std::fmt;

/// Problems of one severity that are kept; the others are counted.
pub const KEPT: usize = 50;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The input cannot be planned with.
    Error,
    /// The input is taken; the planner should know.
    Warning,
}

/// Something about an input that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the caller named it.
    pub file: Box<str>,
    /// The sheet of a workbook.
    pub sheet: Option<&'static str>,
    /// The row: its first line in the file, from 1 on. None where it is about the whole file.
    pub line: Option<u64>,
    /// The column by its name.
    pub column: Option<Box<str>>,
    /// What was found, as a clause: `"8 bananas" is no size`.
    pub found: Box<str>,
    /// What is accepted there instead.
    pub accepted: Option<Box<str>>,
}

impl Problem {
    /// An error about a whole file.
    #[must_use]
    pub fn error(file: &str, found: impl Into<Box<str>>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.into(),
            sheet: None,
            line: None,
            column: None,
            found: found.into(),
            accepted: None,
        }
    }

    /// A warning about a whole file.
    #[must_use]
    pub fn warning(file: &str, found: impl Into<Box<str>>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(file, found)
        }
    }

    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same, of a row.
    #[must_use]
    pub fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same, of a sheet.
    #[must_use]
    pub fn in_sheet(mut self, sheet: &'static str) -> Self {
        self.sheet = Some(sheet);
        self
    }

    /// The same, of a column.
    #[must_use]
    pub fn column(mut self, name: impl Into<Box<str>>) -> Self {
        self.column = Some(name.into());
        self
    }

    /// The same, with what is accepted.
    #[must_use]
    pub fn accepted(mut self, what: impl Into<Box<str>>) -> Self {
        self.accepted = Some(what.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some(sheet) = self.sheet {
            write!(out, ":{sheet}")?;
        }
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        out.write_str(": ")?;
        if self.severity == Severity::Warning {
            out.write_str("warning: ")?;
        }
        if let Some(column) = &self.column {
            write!(out, "column {column:?}: ")?;
        }
        out.write_str(&self.found)?;
        match &self.accepted {
            Some(accepted) => write!(out, "; accepted: {accepted}"),
            None => Ok(()),
        }
    }
}

/// All problems of an input, in the order in which they were found: the first [`KEPT`] of each severity, the others as a number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    kept: Vec<Problem>,
    errors: u64,
    warnings: u64,
}

impl Problems {
    /// Takes one more.
    pub fn push(&mut self, problem: Problem) {
        let count = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= KEPT as u64 {
            self.kept.push(problem);
        }
    }

    /// Takes those of another list after its own.
    pub fn append(&mut self, other: Self) {
        let (mut errors, mut warnings) = (other.errors, other.warnings);
        for problem in other.kept {
            match problem.severity {
                Severity::Error => errors -= 1,
                Severity::Warning => warnings -= 1,
            }
            self.push(problem);
        }
        self.errors += errors;
        self.warnings += warnings;
    }

    /// Counts the rows of all of them from another line on: `by` lines stand before.
    pub(crate) fn shift(&mut self, by: u64) {
        for problem in &mut self.kept {
            problem.line = problem.line.map(|line| line + by);
        }
    }

    /// Those that were kept.
    #[must_use]
    pub fn kept(&self) -> &[Problem] {
        &self.kept
    }

    /// How many errors there are, kept or not.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// How many warnings there are, kept or not.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.warnings
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.errors == 0 && self.warnings == 0
    }
}

impl fmt::Display for Problems {
    /// A line each, and a line that counts those that were not kept.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.kept {
            writeln!(out, "{problem}")?;
        }
        for (count, what) in [(self.errors, "errors"), (self.warnings, "warnings")] {
            if count > KEPT as u64 {
                writeln!(out, "and {} more {what}", count - KEPT as u64)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The name among `known` that `word` was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    crate::diagnose::nearest(word, known)
}

/// Text of a file as it may stand in a message: quoted, and cut where it gets long.
#[must_use]
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start:?}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_row_column_and_what_is_accepted() {
        let problem = Problem::error("estate.csv", "\"8 bananas\" is no size").at(4);
        let problem = problem.column("memory").accepted("16 GiB, 16384 MiB");
        assert_eq!(
            problem.to_string(),
            "estate.csv:4: column \"memory\": \"8 bananas\" is no size; accepted: 16 GiB, 16384 MiB"
        );
        let problem = Problem::warning("all.xlsx", "no such sheet").in_sheet("vDisk");
        assert_eq!(problem.to_string(), "all.xlsx:vDisk: warning: no such sheet");
    }

    #[test]
    fn the_first_fifty_are_kept_and_all_are_counted() {
        let mut problems = Problems::default();
        for line in 1..=60 {
            problems.push(Problem::error("a", "x").at(line));
        }
        problems.push(Problem::warning("a", "y"));
        assert_eq!(
            (problems.kept().len(), problems.errors(), problems.warnings()),
            (51, 60, 1)
        );
        let mut all = Problems::default();
        all.push(Problem::error("b", "z"));
        all.append(problems);
        assert_eq!((all.kept().len(), all.errors(), all.warnings()), (51, 61, 1));
        assert!(all.to_string().ends_with("and 11 more errors\n"));
        assert_eq!(all.kept().iter().filter(|p| p.severity == Severity::Warning).count(), 1);
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(quoted("web"), "\"web\"");
        assert!(quoted(&"ä".repeat(100)).chars().count() < 70);
    }
}
