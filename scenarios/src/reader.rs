//! Reads a table of the tree: every key is known to the catalogue ([`crate::keys`]), every value has a kind, a range and perhaps a default
//! there, and whatever is wrong goes into the diagnosis while reading goes on.

mod values;

use crate::diagnose::{At, Diagnosis, Located, Problem, did_you_mean, list, nearest};
use crate::input::NAME_MAX;
use crate::keys::{Default, Key, Kind, Section, Variant, Words, words_of};
use crate::tree::{Node, Table, Value};
use crate::units::WrongUnit;

use values::expected;
pub use values::{Bytes, Factor, FromNode, Nanos, Share, TimeOfDay};

/// Why a text cannot be anybody's name.
#[must_use]
pub fn wrong_name(name: &str) -> Option<String> {
    let len = name.chars().count();
    if name.trim().is_empty() {
        Some("empty".to_owned())
    } else if len > NAME_MAX {
        Some(format!("{len} characters"))
    } else {
        let control = name.chars().find(|c| c.is_control())?;
        Some(format!("holds {}", control.escape_default()))
    }
}

/// A table that is being read.
pub struct Reader<'a> {
    diagnosis: &'a Diagnosis,
    section: &'static Section,
    /// Which of its variants, where it has some and says so.
    variant: Option<&'static Variant>,
    table: &'a Table,
    /// The table's own place (its header).
    pub at: At,
}

impl<'a> Reader<'a> {
    /// Begins to read a table; keys that its section doesn't have, or not with the word that it says, are noted at once.
    #[must_use]
    pub fn open(diagnosis: &'a Diagnosis, section: &'static Section, table: &'a Table, at: At) -> Reader<'a> {
        let variant = variant_of(section, table);
        let reader = Reader {
            diagnosis,
            section,
            variant,
            table,
            at,
        };
        let known = section.names();
        for (name, at, _) in &table.entries {
            if !known.contains(&name.as_str()) {
                diagnosis.push(
                    Problem::new(*at, format!("unknown key `{name}` in {}", section.title), "unknown")
                        .help(did_you_mean(name, known.iter().copied()))
                        .help(format!("{} takes {}", section.title, list(reader.takes()))),
                );
            } else if let Some(variant) = variant
                && section.keys_of(Some(variant)).all(|key| key.name != name)
            {
                reader.no_meaning(variant, name, *at);
            }
        }
        reader
    }

    /// The keys that it takes with its word.
    fn takes(&self) -> Vec<&'static str> {
        match self.variant {
            Some(variant) => self.section.keys_of(Some(variant)).map(|key| key.name).collect(),
            None => self.section.names(),
        }
    }

    fn no_meaning(&self, variant: &'static Variant, name: &str, at: At) {
        /// So many words that do have the key are named.
        const NAMED_MAX: usize = 4;
        let word = variant.word;
        let own = variant.keys.iter().map(|key| key.name);
        let takes = match variant.keys.is_empty() {
            true => format!("`{word}` takes nothing more"),
            false => format!("`{word}` takes {}", list(own)),
        };
        let mut problem = Problem::new(at, format!("`{word}` has no `{name}`"), "no meaning here").help(takes);
        if let Some(variants) = &self.section.variants {
            let has = |of: &&Variant| of.keys.iter().any(|key| key.name == name);
            let having: Vec<&str> = variants.of.iter().filter(has).map(|of| of.word).collect();
            if having.len() <= NAMED_MAX {
                problem = problem.help(format!("`{name}` is of {}", list(having)));
            }
        }
        self.diagnosis.push(problem);
    }

    /// Opens a node as a table; notes a problem where it is none.
    #[must_use]
    pub fn of_node(diagnosis: &'a Diagnosis, section: &'static Section, node: &'a Node) -> Option<Reader<'a>> {
        match &node.value {
            Value::Table(table) => Some(Reader::open(diagnosis, section, table, node.at)),
            other => {
                diagnosis.push(
                    Problem::new(
                        node.at,
                        format!("{} is a table", section.title),
                        format!("this is {}", other.kind()),
                    )
                    .help(format!("it takes {}", list(section.names()))),
                );
                None
            }
        }
    }

    /// The diagnosis.
    #[must_use]
    pub fn diagnosis(&self) -> &'a Diagnosis {
        self.diagnosis
    }

    /// Whether the table can have a key at all.
    #[must_use]
    pub fn takes_key(&self, key: &str) -> bool {
        self.takes().contains(&key)
    }

    /// What the catalogue says of a key.
    fn known(&self, key: &str) -> &'static Key {
        let known = self.section.key(key, self.variant);
        known.unwrap_or_else(|| panic!("{key} is not in the catalogue of {}", self.section.title))
    }

    /// The node of a key; none where it has no meaning here, for which there is a problem already.
    #[must_use]
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        let _ = self.known(key);
        self.table.get(key).filter(|_| self.takes_key(key))
    }

    /// The place of a key's name, or of the table where it has no such key.
    #[must_use]
    pub fn key_at(&self, key: &str) -> At {
        self.table
            .entries
            .iter()
            .find(|(name, _, _)| name == key)
            .map_or(self.at, |(_, at, _)| *at)
    }

    /// A value, if the key is there and the value is right. One that is out of its range is told, and taken all the same.
    #[must_use]
    pub fn get<T: FromNode>(&self, key: &str) -> Option<Located<T>> {
        let kind = &self.known(key).kind;
        debug_assert!(holds::<T>(kind), "{key} of {} is of another kind", self.section.title);
        self.read(key, self.node(key)?)
    }

    /// A value, or the default of the catalogue where the key is not there or its value is wrong.
    #[must_use]
    pub fn value<T: FromNode>(&self, key: &str) -> T {
        self.get(key).map_or_else(|| self.default(key), |located| located.value)
    }

    /// What the catalogue says for a key that is left out.
    fn default<T: FromNode>(&self, key: &str) -> T {
        default_of(self.known(key))
    }

    /// Whether an unknown key of this table was probably meant to be this one: what is said of that key is enough.
    #[must_use]
    pub fn misspelt(&self, key: &str) -> bool {
        let known = self.section.names();
        self.table
            .entries
            .iter()
            .any(|(name, _, _)| !known.contains(&name.as_str()) && nearest(name, known.iter().copied()) == Some(key))
    }

    /// Whether a key is there, or was meant to be.
    #[must_use]
    pub fn is_meant(&self, key: &str) -> bool {
        self.node(key).is_some() || self.misspelt(key)
    }

    /// Notes that a key has to be there, where it is not.
    pub fn need(&self, key: &str) {
        if !self.is_meant(key) {
            let meaning = self.known(key).meaning;
            self.diagnosis.push(
                Problem::new(
                    self.at,
                    format!("{} needs `{key}`", self.section.title),
                    "it is missing here",
                )
                .help(format!("`{key}`: {meaning}")),
            );
        }
    }

    /// A value that has to be there.
    #[must_use]
    pub fn required<T: FromNode>(&self, key: &str) -> Option<Located<T>> {
        debug_assert_eq!(
            self.known(key).default,
            Default::Needed,
            "{key} of {}",
            self.section.title
        );
        self.need(key);
        self.get(key)
    }

    /// A name: of one line, and not endless. One that is wrong is told, and taken all the same, so that what refers to it is not told too.
    #[must_use]
    pub fn name(&self, key: &str) -> Option<Located<String>> {
        if self.known(key).default == Default::Needed {
            self.need(key);
        }
        let name = self.get::<String>(key)?;
        if let Some(why) = wrong_name(&name.value) {
            self.diagnosis.push(
                Problem::new(name.at, format!("this is no name for {}", self.section.title), why)
                    .help(format!("accepted: 1 to {NAME_MAX} characters in one line")),
            );
        }
        Some(name)
    }

    /// One of the words of a type.
    #[must_use]
    pub fn word<T: Words>(&self, key: &str) -> Option<Located<T>> {
        let text: Located<String> = self.read(key, self.node(key)?)?;
        self.word_of(key, &text)
    }

    /// One of the words of a type, or the default of the catalogue.
    #[must_use]
    pub fn word_or_default<T: Words>(&self, key: &str) -> T {
        let default = || {
            let Default::Value(text) = self.known(key).default else {
                panic!("{key} of {} has no default", self.section.title);
            };
            let word = T::WORDS.iter().find(|(word, _)| *word == text);
            word.expect("a default is one of the words").1
        };
        self.word(key).map_or_else(default, |word| word.value)
    }

    /// The words of a type in a list, or one of them.
    #[must_use]
    pub fn words<T: Words>(&self, key: &str) -> Vec<T> {
        let texts = self.one_or_more::<String>(key);
        let words = texts.iter().filter_map(|text| self.word_of(key, text));
        words.map(|word| word.value).collect()
    }

    fn word_of<T: Words>(&self, key: &str, text: &Located<String>) -> Option<Located<T>> {
        let found = T::WORDS.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            self.no_word(key, text, &words_of::<T>());
        }
        found.map(|(_, value)| Located::new(*value, text.at))
    }

    fn no_word(&self, key: &str, text: &Located<String>, words: &[&'static str]) {
        self.diagnosis.push(
            Problem::new(text.at, format!("`{}` is no value of `{key}`", text.value), "unknown")
                .help(did_you_mean(&text.value, words.iter().copied()))
                .help(format!("accepted: {}", list(words.iter().copied()))),
        );
    }

    /// The variant that the table has to say it is; a problem where it doesn't, or says a word that there is not.
    #[must_use]
    pub fn need_variant(&self) -> Option<&'static Variant> {
        let variants = self.section.variants.as_ref()?;
        self.need(variants.by);
        let text = self.get::<String>(variants.by)?;
        if self.variant.is_none() {
            let words: Vec<&str> = variants.of.iter().map(|variant| variant.word).collect();
            self.no_word(variants.by, &text, &words);
        }
        self.variant
    }

    /// One value or a list of them; empty where the key is not there.
    #[must_use]
    pub fn one_or_more<T: FromNode>(&self, key: &str) -> Vec<Located<T>> {
        match self.node(key) {
            None => Vec::new(),
            Some(Node {
                value: Value::Array(items),
                ..
            }) => items.iter().filter_map(|item| self.read(key, item)).collect(),
            Some(node) => self.read(key, node).into_iter().collect(),
        }
    }

    /// Whether a key is there with an empty list.
    #[must_use]
    pub fn is_empty_list(&self, key: &str) -> bool {
        matches!(self.node(key), Some(Node { value: Value::Array(items), .. }) if items.is_empty())
    }

    /// The tables of a list of tables (`[[key]]`); one table alone is taken as a list of one.
    #[must_use]
    pub fn tables(&self, key: &str) -> Vec<Reader<'a>> {
        let Kind::Tables(section) = self.known(key).kind else {
            panic!("{key} of {} holds no tables", self.section.title);
        };
        let section = section();
        match self.node(key) {
            None => Vec::new(),
            Some(Node {
                value: Value::Array(items),
                ..
            }) => items
                .iter()
                .filter_map(|item| Reader::of_node(self.diagnosis, section, item))
                .collect(),
            Some(node) => {
                if matches!(node.value, Value::Table(_)) && section.title.starts_with("`[[") {
                    self.diagnosis.push(
                        Problem::new(
                            self.key_at(key),
                            format!("{} is written with two brackets", section.title),
                            "one table here",
                        )
                        .help(format!("there can be several: write {}", section.title)),
                    );
                }
                Reader::of_node(self.diagnosis, section, node).into_iter().collect()
            }
        }
    }

    /// A single table.
    #[must_use]
    pub fn table(&self, key: &str) -> Option<Reader<'a>> {
        let Kind::Table(section) = self.known(key).kind else {
            panic!("{key} of {} holds no table", self.section.title);
        };
        self.node(key)
            .and_then(|node| Reader::of_node(self.diagnosis, section(), node))
    }

    /// The weights of an open table (names are the user's).
    #[must_use]
    pub fn weights(&self, key: &str) -> Vec<(Located<String>, Located<u32>)> {
        match self.node(key) {
            None => Vec::new(),
            Some(Node {
                value: Value::Table(table),
                ..
            }) => table
                .entries
                .iter()
                .filter_map(|(name, at, node)| Some((Located::new(name.clone(), *at), self.read(key, node)?)))
                .collect(),
            Some(node) => {
                self.wrong(key, node, &expected(node, "a table in braces"));
                Vec::new()
            }
        }
    }

    /// Reads a node as the value of a key, or as one of several; its range is that of the key.
    #[must_use]
    pub fn read<T: FromNode>(&self, key: &str, node: &Node) -> Option<Located<T>> {
        match T::from_node(node) {
            Ok(value) => {
                if let Some((limit, within)) = self.known(key).kind.passed(node) {
                    self.diagnosis
                        .push(Problem::new(node.at, limit.wrong, within).help(limit.help));
                }
                Some(Located::new(value, node.at))
            }
            Err(wrong) => {
                self.wrong(key, node, &wrong);
                None
            }
        }
    }

    fn wrong(&self, key: &str, node: &Node, wrong: &WrongUnit) {
        self.diagnosis.push(
            Problem::new(
                node.at,
                format!("wrong value for `{key}` in {}", self.section.title),
                wrong.label.clone(),
            )
            .help(wrong.help.clone()),
        );
    }

    /// Notes that a key has no meaning here.
    pub fn forbid(&self, key: &str, why: &str) {
        if self.node(key).is_some() {
            self.diagnosis.push(Problem::new(
                self.key_at(key),
                format!("`{key}` has no meaning here"),
                why,
            ));
        }
    }
}

/// The default of a table's key, for tables that are not there at all.
#[must_use]
pub fn default<T: FromNode>(section: &'static Section, key: &str) -> T {
    let known = section.key(key, None);
    default_of(known.unwrap_or_else(|| panic!("{key} is not in the catalogue of {}", section.title)))
}

fn default_of<T: FromNode>(key: &'static Key) -> T {
    let Default::Value(text) = key.default else {
        panic!("{} has no default", key.name);
    };
    T::from_node(&key.kind.node(text)).unwrap_or_else(|_| panic!("the default of {} is a value of its kind", key.name))
}

/// Whether a type reads values of a kind, or of one of the kinds that it is made of.
fn holds<T: FromNode>(kind: &Kind) -> bool {
    match kind {
        Kind::Either(kinds) => kinds.iter().any(holds::<T>),
        Kind::OneOrMore(kind) | Kind::List(kind, _) => holds::<T>(kind),
        kind => T::fits(kind),
    }
}

/// The variant that a table says it is, or is where it says nothing.
fn variant_of(section: &'static Section, table: &Table) -> Option<&'static Variant> {
    match table.get(section.variants.as_ref()?.by) {
        None => section.default_variant(),
        Some(Node {
            value: Value::Text(word),
            ..
        }) => section.variant(word),
        Some(_) => None,
    }
}
