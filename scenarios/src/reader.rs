//! Reads a table of the tree: every key is known to the catalogue ([`crate::keys`]), every value has a kind, and whatever is wrong
//! goes into the diagnosis while reading goes on.

use crate::diagnose::{At, Diagnosis, Located, Problem, did_you_mean, list, nearest};
use crate::input::NAME_MAX;
use crate::keys::Section;
use crate::tree::{Node, Table, Value};
use crate::units::{self, Rate, WrongUnit};

/// A kind of value.
pub trait FromNode: Sized {
    /// Reads it, or says what is wrong and what is accepted.
    fn from_node(node: &Node) -> Result<Self, WrongUnit>;
}

fn expected(node: &Node, what: &str) -> WrongUnit {
    WrongUnit {
        label: format!("this is {}", node.value.kind()),
        help: format!("accepted: {what}"),
    }
}

/// Nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nanos(pub u64);
/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);
/// Parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub u32);
/// Parts per thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(pub u32);
/// Seconds after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(pub u32);

fn with_unit<T>(node: &Node, example: &str, parse: impl Fn(&str) -> Result<T, WrongUnit>) -> Result<T, WrongUnit> {
    match &node.value {
        Value::Text(text) => parse(text),
        Value::Number(number) => Err(WrongUnit {
            label: "a number without a unit".to_owned(),
            help: parse("")
                .err()
                .map_or_else(String::new, |wrong| format!("write \"{number} …\": {}", wrong.help)),
        }),
        _ => Err(expected(node, example)),
    }
}

impl FromNode for Nanos {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a duration such as \"5 min\"", |text| {
            units::duration(text).map(Nanos)
        })
    }
}

impl FromNode for Bytes {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a size such as \"64 MiB\"", |text| units::size(text).map(Bytes))
    }
}

impl FromNode for Rate {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a rate such as \"100 Mbit/s\"", units::rate)
    }
}

impl FromNode for Share {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a share such as \"80 %\"", |text| units::share(text).map(Share))
    }
}

impl FromNode for Factor {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Number(number) => units::factor(number).map(Factor),
            _ => Err(expected(node, "a number such as 4 or 0.25")),
        }
    }
}

impl FromNode for TimeOfDay {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        let wrong = || WrongUnit {
            label: "not a time of day".to_owned(),
            help: "accepted: \"HH:MM\", from \"00:00\" to \"23:59\"".to_owned(),
        };
        let Value::Text(text) = &node.value else {
            return Err(wrong());
        };
        let (hours, minutes) = text.trim().split_once(':').ok_or_else(wrong)?;
        let number = |text: &str, below: u32| {
            (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<u32>().ok())
                .flatten()
                .filter(|number| *number < below)
        };
        match (number(hours, 24), number(minutes, 60)) {
            (Some(hours), Some(minutes)) => Ok(TimeOfDay(hours * 3600 + minutes * 60)),
            _ => Err(wrong()),
        }
    }
}

impl FromNode for String {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Text(text) => match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
                None => Ok(text.clone()),
                Some(control) => Err(WrongUnit {
                    label: format!("a control character, {}", control.escape_default()),
                    help: "accepted: text without control characters other than line breaks and tabs".to_owned(),
                }),
            },
            _ => Err(expected(node, "a string in quotes")),
        }
    }
}

impl FromNode for bool {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(expected(node, "true or false, without quotes")),
        }
    }
}

impl FromNode for u64 {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Number(number) => number.replace('_', "").parse().map_err(|_| WrongUnit {
                label: "not a whole number from 0".to_owned(),
                help: "accepted: a whole number such as 3".to_owned(),
            }),
            _ => Err(expected(node, "a whole number such as 3, without quotes")),
        }
    }
}

impl FromNode for u32 {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        u64::from_node(node).and_then(|number| {
            u32::try_from(number).map_err(|_| WrongUnit {
                label: "too large".to_owned(),
                help: format!("accepted: a whole number up to {}", u32::MAX),
            })
        })
    }
}

impl FromNode for Node {
    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        Ok(node.clone())
    }
}

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
    table: &'a Table,
    /// The table's own place (its header).
    pub at: At,
}

impl<'a> Reader<'a> {
    /// Begins to read a table; keys that its section doesn't have are noted at once.
    #[must_use]
    pub fn open(diagnosis: &'a Diagnosis, section: &'static Section, table: &'a Table, at: At) -> Reader<'a> {
        for (name, at, _) in &table.entries {
            let known = || section.keys.iter().map(|key| key.name);
            if known().all(|key| key != name) {
                diagnosis.push(
                    Problem::new(*at, format!("unknown key `{name}` in {}", section.title), "unknown")
                        .help(did_you_mean(name, known()))
                        .help(format!("{} takes {}", section.title, list(known()))),
                );
            }
        }
        Reader {
            diagnosis,
            section,
            table,
            at,
        }
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
                    .help(format!("it takes {}", list(section.keys.iter().map(|key| key.name)))),
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

    /// The node of a key.
    #[must_use]
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(
            self.section.keys.iter().any(|known| known.name == key),
            "{key} is not in the catalogue of {}",
            self.section.title
        );
        self.table.get(key)
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

    /// A value, if the key is there and the value is right.
    #[must_use]
    pub fn get<T: FromNode>(&self, key: &str) -> Option<Located<T>> {
        let node = self.node(key)?;
        self.read(key, node)
    }

    /// A value, or this where the key is not there.
    #[must_use]
    pub fn get_or<T: FromNode>(&self, key: &str, default: T) -> T {
        self.get(key).map_or(default, |located| located.value)
    }

    /// Whether an unknown key of this table was probably meant to be this one: what is said of that key is enough.
    #[must_use]
    pub fn misspelt(&self, key: &str) -> bool {
        let known = || self.section.keys.iter().map(|key| key.name);
        let unknown = |name: &str| known().all(|key| key != name);
        self.table
            .entries
            .iter()
            .any(|(name, _, _)| unknown(name) && nearest(name, known()) == Some(key))
    }

    /// A value that has to be there.
    #[must_use]
    pub fn required<T: FromNode>(&self, key: &str) -> Option<Located<T>> {
        if self.node(key).is_none() {
            if self.misspelt(key) {
                return None;
            }
            let meaning = self
                .section
                .keys
                .iter()
                .find(|known| known.name == key)
                .map_or("", |known| known.meaning);
            self.diagnosis.push(
                Problem::new(
                    self.at,
                    format!("{} needs `{key}`", self.section.title),
                    "it is missing here",
                )
                .help(format!("`{key}`: {meaning}")),
            );
            return None;
        }
        self.get(key)
    }

    /// A name that has to be there: of one line, and not endless. One that is wrong is told, and taken all the same, so that what refers to
    /// it is not told too.
    #[must_use]
    pub fn name(&self, key: &str) -> Option<Located<String>> {
        let name = self.required::<String>(key)?;
        if let Some(why) = wrong_name(&name.value) {
            self.diagnosis.push(
                Problem::new(name.at, format!("this is no name for {}", self.section.title), why)
                    .help(format!("accepted: 1 to {NAME_MAX} characters in one line")),
            );
        }
        Some(name)
    }

    /// One of several words.
    #[must_use]
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<Located<T>> {
        let text: Located<String> = self.get(key)?;
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, value)) => Some(Located::new(*value, text.at)),
            None => {
                self.diagnosis.push(
                    Problem::new(text.at, format!("`{}` is no value of `{key}`", text.value), "unknown")
                        .help(did_you_mean(&text.value, words.iter().map(|(word, _)| *word)))
                        .help(format!("accepted: {}", list(words.iter().map(|(word, _)| *word)))),
                );
                None
            }
        }
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

    /// The tables of a list of tables (`[[key]]`); one table alone is taken as a list of one.
    #[must_use]
    pub fn tables(&self, key: &str, section: &'static Section) -> Vec<Reader<'a>> {
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
    pub fn table(&self, key: &str, section: &'static Section) -> Option<Reader<'a>> {
        self.node(key)
            .and_then(|node| Reader::of_node(self.diagnosis, section, node))
    }

    /// The entries of an open table (names are the user's).
    #[must_use]
    pub fn open_table<T: FromNode>(&self, key: &str) -> Vec<(Located<String>, Located<T>)> {
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

    /// Reads a node as the value of a key.
    #[must_use]
    pub fn read<T: FromNode>(&self, key: &str, node: &Node) -> Option<Located<T>> {
        match T::from_node(node) {
            Ok(value) => Some(Located::new(value, node.at)),
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
    pub fn forbid(&self, keys: &[&str], why: &str) {
        for key in keys {
            if self.node(key).is_some() {
                self.diagnosis.push(Problem::new(
                    self.key_at(key),
                    format!("`{key}` has no meaning here"),
                    why,
                ));
            }
        }
    }
}
