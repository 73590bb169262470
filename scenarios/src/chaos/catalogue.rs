//! The fault catalogue: what can happen to an estate, by name, with where it is documented, what is to be seen then, and what puts it right.
//!
//! Two kinds of entry. What physics does to any component is a kind of `[[fault]]`; nobody documents it for one product. What the product's
//! documentation names (facts §6) has its name, code, symptom and remedy from there, and is written as a part of a scenario
//! (`documented/NAME.toml`): what happens, what is done about it, and as `[[expect]]` and as steps that are to be refused or to fail, what is to be
//! seen of it. Behind the small office ([`OFFICE`]) it is a whole scenario that passes; a test runs each, and runs it again without what happens,
//! when nothing of that may be seen. Rows of the documentation whose component or step is not there yet are listed too, and say so.

mod rows;

use std::path::PathBuf;

pub use rows::DOCUMENTED;

use crate::diagnose::ScenarioError;
use crate::expect;
use crate::keys::{self, word_of};
use crate::model::Ending;
use crate::read::{Options, load_text};

/// The estate in which the documented faults are shown: `scenarios/small-office.toml`.
pub const OFFICE: &str = include_str!("../../small-office.toml");

/// A row of the product's documentation.
#[derive(Debug, Clone, Copy)]
pub struct Documented {
    /// Its name here.
    pub name: &'static str,
    /// The product's codes, where there are any.
    pub code: &'static str,
    /// Its row in the facts, §6.
    pub row: &'static str,
    /// What happens.
    pub does: &'static str,
    /// How it is shown; none where what it strikes is no part of the product so far.
    pub shown: Option<Shown>,
}

/// How a row is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Whom it strikes.
    pub strikes: &'static str,
    /// What is to be seen; of our own model where the documentation says nothing.
    pub symptom: &'static str,
    /// Whether the symptom is documented.
    pub is_documented: bool,
    /// What puts it right.
    pub remedy: &'static str,
    /// What stands behind [`OFFICE`]: first the table that makes it happen, then what is done, then what is to be seen.
    pub example: &'static str,
}

impl Documented {
    /// The kind of `[[fault]]` that it is made of; none where steps or writes make it.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        let fault = self.shown?.example.strip_prefix("[[fault]]")?;
        let (_, after) = fault.split_once("kind = \"")?;
        let (word, _) = after.split_once('"')?;
        Some(word)
    }

    /// A whole scenario that shows it; none where what it strikes is no part of the product so far.
    #[must_use]
    pub fn scenario(&self) -> Option<String> {
        let Shown { symptom, example, .. } = self.shown?;
        // A scenario is named as its file.
        let office = OFFICE.replace("name = \"small-office\"", &format!("name = \"{}\"", self.name));
        let told = format!("# What happens: {}.\n# What is to be seen: {symptom}.\n\n", self.does);
        Some(format!("{office}\n{told}{example}"))
    }

    /// What asserts that it is seen, and put right: each expectation and each step that is not to be done, in words, in the order of the file.
    ///
    /// # Errors
    /// The scenario is none; a test reads each.
    pub fn asserts(&self) -> Result<Vec<String>, ScenarioError> {
        let Some(text) = self.scenario() else {
            return Ok(Vec::new());
        };
        let scenario = load_text(
            &text,
            &PathBuf::from(format!("{}.toml", self.name)),
            &Options::default(),
        )?;
        let office = OFFICE.lines().count();
        let is_own = |line: u32| line as usize > office;
        let names = |vms: &[usize]| {
            let names: Vec<&str> = vms.iter().map(|vm| scenario.vms[*vm].name.as_str()).collect();
            names.join(", ")
        };
        let steps = scenario.steps.iter().filter(|step| is_own(step.line.0));
        let steps = steps.filter(|step| step.expected.ending != Ending::Done).map(|step| {
            let ending = word_of(step.expected.ending).unwrap_or_default();
            let because = step
                .expected
                .reason
                .iter()
                .map(|reason| format!(", because of \"{reason}\""));
            format!(
                "{}: {} is {ending}{}",
                names(&step.vms),
                step.word,
                because.collect::<String>()
            )
        });
        let expects = scenario.expects.iter().filter(|expect| is_own(expect.line.0));
        let expects = expects.map(|expect| format!("{}: {}", names(&expect.vms), expect::words(expect)));
        Ok(steps.chain(expects).collect())
    }
}

/// The kinds of `[[fault]]`: word, what it does, its keys.
pub fn kinds() -> impl Iterator<Item = &'static keys::Variant> {
    let variants = keys::FAULT
        .variants
        .as_ref()
        .map_or(&[] as &[keys::Variant], |variants| variants.of);
    variants.iter()
}

/// The documented row of a name.
#[must_use]
pub fn documented(name: &str) -> Option<&'static Documented> {
    DOCUMENTED
        .iter()
        .find(|row| row.name == name || row.row.eq_ignore_ascii_case(name))
}
