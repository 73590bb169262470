//! Seeds that earned their place: the first that met a goal, or found something. They run before all others, in every sweep that is given the list.
//!
//! The list is a text that lives beside the scenario: a line for each seed, with why it is there behind `#`. It is bounded: what found something
//! stays longest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scenarios::chaos::Swept;

use super::keeping::write_whole;
use crate::failure::Failure;

/// Seeds that are kept.
const KEPT_MAX: usize = 256;
/// How a reason begins that is a finding.
const FOUND: &str = "found ";
const MET: &str = "met ";

/// A list of seeds.
pub(super) struct Corpus {
    path: PathBuf,
    /// Each with why it is kept, in the order of the list.
    lines: Vec<(u64, String)>,
}

impl Corpus {
    /// Reads a list; one that is not there is empty.
    ///
    /// # Errors
    /// It cannot be read, or is no list of seeds.
    pub(super) fn read(path: &Path) -> Result<Corpus, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::Input(format!("cannot read {}: {error}", path.display()))),
        };
        let mut lines: Vec<(u64, String)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (seed, why) = line.split_once('#').unwrap_or((line, ""));
            let seed = seed.trim();
            if seed.is_empty() {
                continue;
            }
            let seed: u64 = seed.parse().map_err(|_| {
                Failure::Input(format!(
                    "{}:{number}: `{seed}` is no seed; a line is a whole number, and why it is kept behind `#`",
                    path.display()
                ))
            })?;
            if lines.iter().all(|(known, _)| *known != seed) {
                lines.push((seed, why.trim().to_owned()));
            }
        }
        Ok(Corpus {
            path: path.to_owned(),
            lines,
        })
    }

    /// The seeds, in their order.
    pub(super) fn seeds(&self) -> Vec<u64> {
        self.lines.iter().map(|(seed, _)| *seed).collect()
    }

    /// Takes in what a sweep met and found for the first time, and writes the list.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn learn(&self, swept: &Swept) -> Result<(), Failure> {
        let mut lines = self.lines.clone();
        let mut new: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let found = swept.findings.iter();
        let found = found.filter_map(|(identity, (_, seeds, _))| Some((*seeds.first()?, format!("{FOUND}{identity}"))));
        let met = swept
            .first_met
            .iter()
            // Reasons stand beside each other with `; ` between them.
            .map(|(goal, seed)| (*seed, format!("{MET}{}", goal.replace(';', ","))));
        for (seed, why) in found.chain(met) {
            if lines
                .iter()
                .all(|(_, known)| known.split("; ").all(|known| known != why))
            {
                new.entry(seed).or_default().push(why);
            }
        }
        for (seed, why) in new {
            let why = why.join("; ");
            match lines.iter_mut().find(|(known, _)| *known == seed) {
                Some((_, known)) if known.is_empty() => *known = why,
                Some((_, known)) => *known = format!("{known}; {why}"),
                None => lines.push((seed, why)),
            }
        }
        while lines.len() > KEPT_MAX {
            let is_goal = |why: &String| why.split("; ").all(|why| !why.starts_with(FOUND));
            let goal = lines.iter().position(|(_, why)| is_goal(why));
            lines.remove(goal.unwrap_or(0));
        }
        if lines == self.lines {
            return Ok(());
        }
        let line = |(seed, why): &(u64, String)| match why.is_empty() {
            true => format!("{seed}\n"),
            false => format!("{seed}  # {why}\n"),
        };
        write_whole(&self.path, &lines.iter().map(line).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::findings::FindingClass;

    #[test]
    fn a_list_keeps_what_was_new_once_and_what_was_found_longest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.seeds");
        std::fs::write(&path, "# mine\n7 # by hand\n\n7\n9\n").expect("written");
        let corpus = Corpus::read(&path).expect("a list");
        assert_eq!(corpus.seeds(), [7, 9]);
        let mut swept = Swept::default();
        swept.first_met.insert("a goal".to_owned(), 12);
        let identity = "points-in-order/vm/processed-twice".parse().expect("an identity");
        swept
            .findings
            .insert(identity, (FindingClass::Invariant, vec![9, 30], String::new()));
        corpus.learn(&swept).expect("written");
        let text = std::fs::read_to_string(&path).expect("read");
        let wanted = "7  # by hand\n9  # found points-in-order/vm/processed-twice\n12  # met a goal\n";
        assert_eq!(text, wanted);
        Corpus::read(&path).expect("a list").learn(&swept).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), wanted, "nothing is new");
        for goal in 0..400 {
            swept.first_met.insert(format!("goal {goal}"), 1_000 + goal);
        }
        Corpus::read(&path).expect("a list").learn(&swept).expect("written");
        let kept = Corpus::read(&path).expect("a list").seeds();
        assert_eq!(kept.len(), KEPT_MAX);
        assert!(kept.contains(&9), "what found something stays");
        std::fs::write(&path, "7\nseven\n").expect("written");
        let wrong = Corpus::read(&path).err().expect("no list").text(false);
        assert!(wrong.contains("mine.seeds:2: `seven` is no seed"), "{wrong}");
    }
}
