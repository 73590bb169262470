//! The catalogue of keys of a scenario file. Each key is said once: name, kind with its range, default, meaning, and since when it is there.
//!
//! All else follows from it. The reader ([`crate::read`]) refuses what is not here, and takes ranges, defaults, suggestions and what it says
//! of a wrong value from here; the writer ([`crate::write`]) takes the order of the keys and leaves out what is the default; the reference
//! in `scenarios/README.md` ([`reference()`]) and the JSON Schema of `firedrill schema` ([`schema()`]) are made from it, and tests hold them to
//! it. A new key is a line here and the place that does it; a new table is a [`Section`] and a key of [`ROOT`].

use std::sync::LazyLock;

mod applications;
mod chaos;
mod estate;
mod expect;
mod faults;
mod goals;
mod kind;
mod machines;
mod model;
mod reference;
mod run;
mod schema;
mod steps;
mod words;
mod workload;

pub use applications::{APPLICATION, DATABASE, PLAN_ACTION, PLAN_GROUP, RECOVERY_PLAN, REPLICATION_GROUP, TIER};
pub use chaos::{ACCEPTED, CHAOS, REPLAY};
pub use estate::{CONFIGURATION_SERVER, LINK, MANAGEMENT_SERVER, MASTER_TARGET, PROCESS_SERVER, SITE, VCENTER};
pub use expect::EXPECT;
pub use faults::FAULT;
pub use goals::GOAL;
pub use kind::{Kind, Limit, NameRule, Range};
pub use machines::{DISK, GROUP, PROFILE, VM};
pub use model::{MODEL, group_of, written};
pub use reference::reference;
pub use run::{AZURE, OUTPUT, POLICY, ROOT, SCENARIO};
pub use schema::schema;
pub use steps::{CONDITION, STEP};
pub use words::{
    CompressionLevel, Day, Over, PlanActionWhen, PointWord, RunKind, Way, Words, Writes, word_of, words_of,
};
pub use workload::{BURST, LOCALITY, WORKLOAD};

/// The version that the first keys came with.
pub const FIRST: &str = "0.1";

/// A table of the file.
#[derive(Debug)]
pub struct Section {
    /// What it is called in the schema.
    pub id: &'static str,
    /// As it is written in the file.
    pub title: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its keys, in the order in which a person writes them.
    pub keys: &'static [Key],
    /// Keys that depend on the word of one of `keys`; a person writes them next.
    pub variants: Option<Variants>,
    /// The keys after those.
    pub more: &'static [Key],
    /// Keys of which some have to be there.
    pub choice: Option<Choice>,
}

/// What a table takes by the word of one of its keys.
#[derive(Debug)]
pub struct Variants {
    /// The key.
    pub by: &'static str,
    /// What each word takes.
    pub of: &'static [Variant],
}

/// What a table takes with one word.
#[derive(Debug)]
pub struct Variant {
    /// The word.
    pub word: &'static str,
    /// What it stands for.
    pub about: &'static str,
    /// Its own keys.
    pub keys: &'static [Key],
    /// Keys of which some have to be there.
    pub choice: Option<Choice>,
}

/// Keys of which some have to be there, though none of them has to.
#[derive(Debug, Clone, Copy)]
pub enum Choice {
    /// One of them, and no other.
    Exactly(&'static [&'static str]),
    /// One of them, or several.
    AtLeast(&'static [&'static str]),
}

/// A key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What is accepted.
    pub kind: Kind,
    /// What holds where it is left out.
    pub default: Default,
    /// What it means.
    pub meaning: &'static str,
    /// The version that it came with.
    pub since: &'static str,
}

/// What holds where a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// Nothing: it has to be there.
    Needed,
    /// This value, as its kind is written (without quotes).
    Value(&'static str),
    /// No value that could be written; what happens then, in words.
    Absent(&'static str),
}

impl Key {
    /// A key that has to be there.
    const fn needed(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
        Key::with(name, kind, Default::Needed, meaning)
    }

    /// A key with a default.
    const fn or(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
        Key::with(name, kind, Default::Value(default), meaning)
    }

    /// A key that can be left out.
    const fn absent(name: &'static str, kind: Kind, then: &'static str, meaning: &'static str) -> Key {
        Key::with(name, kind, Default::Absent(then), meaning)
    }

    const fn with(name: &'static str, kind: Kind, default: Default, meaning: &'static str) -> Key {
        Key {
            name,
            kind,
            default,
            meaning,
            since: FIRST,
        }
    }
}

impl Section {
    /// A table whose keys depend on nothing.
    const fn plain(id: &'static str, title: &'static str, about: &'static str, keys: &'static [Key]) -> Section {
        Section {
            id,
            title,
            about,
            keys,
            variants: None,
            more: &[],
            choice: None,
        }
    }

    /// The variant of a word.
    #[must_use]
    pub fn variant(&self, word: &str) -> Option<&'static Variant> {
        let variants = self.variants.as_ref()?;
        variants.of.iter().find(|variant| variant.word == word)
    }

    /// The variant of a table that says nothing of which it is.
    #[must_use]
    pub fn default_variant(&self) -> Option<&'static Variant> {
        let by = self.variants.as_ref()?.by;
        let key = self.keys.iter().find(|key| key.name == by)?;
        match key.default {
            Default::Value(word) => self.variant(word),
            Default::Needed | Default::Absent(_) => None,
        }
    }

    /// The keys of a variant, or of all, in their order; one that several variants have comes as often.
    pub fn keys_of(&self, variant: Option<&'static Variant>) -> impl Iterator<Item = &'static Key> + use<> {
        let all = self.variants.as_ref().map_or(&[] as &[Variant], |variants| variants.of);
        let of_all = if variant.is_none() { all } else { &[] };
        self.keys
            .iter()
            .chain(variant.into_iter().chain(of_all).flat_map(|variant| variant.keys))
            .chain(self.more)
    }

    /// The names of all keys, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for key in self.keys_of(None) {
            if !names.contains(&key.name) {
                names.push(key.name);
            }
        }
        names
    }

    /// A key by name: of a variant, or else of any.
    #[must_use]
    pub fn key(&self, name: &str, variant: Option<&'static Variant>) -> Option<&'static Key> {
        let of = |variant| self.keys_of(variant).find(|key| key.name == name);
        of(variant).or_else(|| of(None))
    }
}

/// All sections, in the order of the reference.
pub static ALL: LazyLock<Vec<&Section>> = LazyLock::new(|| {
    let before: &[&Section] = &[&ROOT, &SCENARIO, &OUTPUT, &POLICY, &AZURE];
    let after: &[&Section] = &[
        &SITE,
        &LINK,
        &MANAGEMENT_SERVER,
        &CONFIGURATION_SERVER,
        &PROCESS_SERVER,
        &MASTER_TARGET,
        &VCENTER,
        &VM,
        &GROUP,
        &PROFILE,
        &DISK,
        &WORKLOAD,
        &LOCALITY,
        &BURST,
        &REPLICATION_GROUP,
        &APPLICATION,
        &TIER,
        &DATABASE,
        &RECOVERY_PLAN,
        &PLAN_GROUP,
        &PLAN_ACTION,
        &STEP,
        &CONDITION,
        &FAULT,
        &EXPECT,
        &GOAL,
        &CHAOS,
        &ACCEPTED,
        &REPLAY,
    ];
    let model = std::iter::once(&*MODEL).chain(model::groups());
    before
        .iter()
        .copied()
        .chain(after.iter().copied())
        .chain(model)
        .collect()
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_kind_within_its_range() {
        for section in ALL.iter() {
            for key in section.keys_of(None) {
                if let Default::Value(text) = key.default {
                    let wrong = key.kind.wrong(text);
                    assert_eq!(wrong, None, "{} {}", section.title, key.name);
                }
            }
        }
    }

    #[test]
    fn a_name_stands_once_in_a_table_and_a_section_once_in_the_schema() {
        let mut ids = BTreeSet::new();
        for section in ALL.iter() {
            assert!(ids.insert(section.id), "{}", section.id);
            let variants = section
                .variants
                .as_ref()
                .map_or(&[] as &[Variant], |variants| variants.of);
            let of = variants.iter().map(Some).chain(variants.is_empty().then_some(None));
            for variant in of {
                let mut names = BTreeSet::new();
                for key in section.keys_of(variant) {
                    assert!(names.insert(key.name), "{} {}", section.title, key.name);
                }
            }
        }
    }

    #[test]
    fn every_table_that_a_key_holds_is_in_the_list_of_all() {
        for section in ALL.iter() {
            for key in section.keys_of(None) {
                key.kind.sections(&mut |inner| {
                    assert!(ALL.iter().any(|known| std::ptr::eq(*known, inner)), "{}", inner.title);
                });
            }
        }
    }
}
