//! Kinds of value, their ranges, and how both are told.

use super::Section;
use crate::input::NAME_MAX;
use crate::reader::{Bytes, Factor, FromNode, Nanos, Share, TimeOfDay};
use crate::tree::{Node, Value};
use crate::units::{self, Rate};

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text.
    Text,
    /// The name of what the table is about.
    Name(NameRule),
    /// True or false.
    Flag,
    /// True, and nothing else.
    Yes,
    /// A whole number.
    Whole(Range),
    /// A duration; its range in nanoseconds.
    Duration(Range),
    /// A size; its range in bytes.
    Size(Range),
    /// A rate; its range in bits per second.
    Rate(Range),
    /// A share; its range in parts per million.
    Share(Range),
    /// A factor; its range in parts per thousand.
    Factor(Range),
    /// A time of day.
    TimeOfDay,
    /// What a process server may send in some hours of the week.
    Throttle,
    /// What content compresses to: one of these classes, or a ratio.
    Compressibility(fn() -> Vec<&'static str>),
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// Something else of the scenario, by name: of what.
    Reference(&'static str),
    /// A file, relative to the scenario file.
    Path,
    /// A value of one of these kinds.
    Either(&'static [Kind]),
    /// Values, and how many where that is fixed.
    List(&'static Kind, Option<usize>),
    /// A value, or a list of them.
    OneOrMore(&'static Kind),
    /// A table of the user's names, each with its weight; what the names are.
    Weights(&'static Kind),
    /// A table.
    Table(fn() -> &'static Section),
    /// Tables of a kind, one after the other.
    Tables(fn() -> &'static Section),
}

/// What a name is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// 1 to 100 characters in one line.
    Line,
    /// The same, fit to name a folder.
    Folder,
    /// The same with one run of `#`, or none.
    Numbered,
    /// A machine's: 1 to 63 letters, digits and hyphens.
    Machine,
    /// A group's: a machine's with one run of `#`.
    Machines,
    /// A disk's: letters, digits, hyphens and underscores.
    Disk,
}

/// From where to where a value is accepted, in the smallest unit of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Not less.
    pub least: Option<Limit>,
    /// Not more.
    pub most: Option<Limit>,
}

/// An end of a range.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The last value that is accepted.
    pub value: u64,
    /// What a value past it is.
    pub wrong: &'static str,
    /// What else is to be said of it, or empty.
    pub help: &'static str,
}

impl Range {
    /// Every value of the kind.
    pub const ANY: Range = Range {
        least: None,
        most: None,
    };
    /// Whole numbers that are counted with.
    pub const COUNT: Range = Range::ANY.upto(u32::MAX as u64, "too large", "");

    /// Not less than this.
    #[must_use]
    pub const fn from(mut self, value: u64, wrong: &'static str, help: &'static str) -> Range {
        self.least = Some(Limit { value, wrong, help });
        self
    }

    /// Not more than this.
    #[must_use]
    pub const fn upto(mut self, value: u64, wrong: &'static str, help: &'static str) -> Range {
        self.most = Some(Limit { value, wrong, help });
        self
    }

    /// The end that a value is past.
    #[must_use]
    pub fn passed(&self, value: u64) -> Option<Limit> {
        let below = self.least.filter(|limit| value < limit.value);
        below.or_else(|| self.most.filter(|limit| value > limit.value))
    }
}

impl Kind {
    /// Its range.
    #[must_use]
    pub fn range(&self) -> Option<&Range> {
        match self {
            Kind::Whole(range)
            | Kind::Duration(range)
            | Kind::Size(range)
            | Kind::Rate(range)
            | Kind::Share(range)
            | Kind::Factor(range) => Some(range),
            _ => None,
        }
    }

    /// The default's text as a node of a file.
    #[must_use]
    pub fn node(&self, text: &str) -> Node {
        let value = match self {
            Kind::Flag | Kind::Yes => Value::Bool(text == "true"),
            Kind::Whole(_) | Kind::Factor(_) => Value::Number(text.to_owned()),
            Kind::List(..) => Value::Array(Vec::new()),
            Kind::Either(kinds) => {
                if let Some(kind) = kinds.iter().find(|kind| kind.wrong(text).is_none()) {
                    return kind.node(text);
                }
                Value::Text(text.to_owned())
            }
            _ => Value::Text(text.to_owned()),
        };
        Node {
            at: crate::diagnose::At::default(),
            value,
        }
    }

    /// A value in the smallest unit, where it is of a kind that has a range.
    #[must_use]
    pub fn measure(&self, node: &Node) -> Option<u64> {
        match self {
            Kind::Whole(_) => u64::from_node(node).ok(),
            Kind::Duration(_) => Nanos::from_node(node).ok().map(|value| value.0),
            Kind::Size(_) => Bytes::from_node(node).ok().map(|value| value.0),
            Kind::Rate(_) => Rate::from_node(node).ok().map(Rate::bits_per_second),
            Kind::Share(_) => Share::from_node(node).ok().map(|value| u64::from(value.0)),
            Kind::Factor(_) => Factor::from_node(node).ok().map(|value| u64::from(value.0)),
            Kind::Either(kinds) => kinds.iter().find_map(|kind| kind.measure(node)),
            _ => None,
        }
    }

    /// The end of its range that a value is past, and the range in words.
    #[must_use]
    pub fn passed(&self, node: &Node) -> Option<(Limit, String)> {
        if let Kind::Either(kinds) = self {
            return kinds.iter().find_map(|kind| kind.passed(node));
        }
        let limit = self.range()?.passed(self.measure(node)?)?;
        Some((limit, self.within()))
    }

    /// Why a text is no value of the kind; none where it is one.
    #[must_use]
    pub fn wrong(&self, text: &str) -> Option<String> {
        let node = self.node(text);
        let words = |known: Vec<&'static str>| (!known.contains(&text)).then(|| "no such word".to_owned());
        match self {
            Kind::Word(known) | Kind::Compressibility(known) => words(known()),
            Kind::TimeOfDay => TimeOfDay::from_node(&node).err().map(|wrong| wrong.label),
            Kind::Throttle => units::throttle(text).err().map(|wrong| wrong.label),
            Kind::Either(kinds) => {
                let mut wrong = kinds.iter().map(|kind| kind.wrong(text));
                (!wrong.any(|wrong| wrong.is_none())).then(|| "of none of the kinds".to_owned())
            }
            kind if kind.range().is_some() => match (kind.measure(&node), kind.passed(&node)) {
                (None, _) => Some("cannot be read".to_owned()),
                (_, Some((limit, _))) => Some(limit.wrong.to_owned()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A default's text as it is written in a file.
    #[must_use]
    pub fn quoted(&self, text: &str) -> String {
        match self.node(text).value {
            Value::Text(text) => format!("\"{text}\""),
            _ => text.to_owned(),
        }
    }

    /// Whether two texts of the kind are one value.
    #[must_use]
    pub fn same(&self, left: &str, right: &str) -> bool {
        let measured = |text: &str| self.measure(&self.node(text));
        left == right || (measured(left).is_some() && measured(left) == measured(right))
    }

    /// Calls with each section that it holds.
    pub fn sections(&self, call: &mut impl FnMut(&'static Section)) {
        match self {
            Kind::Table(section) | Kind::Tables(section) => call(section()),
            Kind::OneOrMore(kind) | Kind::List(kind, _) => kind.sections(call),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| kind.sections(call)),
            _ => {}
        }
    }

    /// A value of it, as it is written.
    fn shown(&self, value: u64) -> String {
        let small = u32::try_from(value).unwrap_or(u32::MAX);
        match self {
            Kind::Duration(_) => units::write_duration(value),
            Kind::Size(_) => units::write_size(value),
            Kind::Rate(_) => units::write_bits_per_second(value),
            Kind::Share(_) => units::write_share(small),
            Kind::Factor(_) => units::write_factor(small),
            _ => value.to_string(),
        }
    }

    /// Its range in words; empty where every value is accepted.
    #[must_use]
    pub fn within(&self) -> String {
        let Some(Range { least, most }) = self.range() else {
            return String::new();
        };
        let shown = |limit: &Limit| self.shown(limit.value);
        // That a number is kept in 32 bits is no news for anybody who could write it by hand.
        let most = most.as_ref().filter(|limit| limit.value != u64::from(u32::MAX));
        match (least, most) {
            (None, None) => String::new(),
            (Some(least), None) if least.value == 1 && !matches!(self, Kind::Whole(_)) => "more than 0".to_owned(),
            (Some(least), None) => format!("at least {}", shown(least)),
            (None, Some(most)) => format!("at most {}", shown(most)),
            (Some(least), Some(most)) => format!("from {} to {}", shown(least), shown(most)),
        }
    }

    /// What is accepted, in words.
    #[must_use]
    pub fn accepts(&self) -> String {
        let ranged = |what: &str| match self.within() {
            within if within.is_empty() => what.to_owned(),
            within => format!("{what}, {within}"),
        };
        match self {
            Kind::Text => "string".to_owned(),
            Kind::Name(rule) => rule.accepts(),
            Kind::Flag => "true, false".to_owned(),
            Kind::Yes => "true".to_owned(),
            Kind::Whole(_) => ranged("whole number"),
            Kind::Duration(_) => ranged("duration"),
            Kind::Size(_) => ranged("size"),
            Kind::Rate(_) => ranged("rate"),
            Kind::Share(_) => ranged("share"),
            Kind::Factor(_) => ranged("factor"),
            Kind::TimeOfDay => "\"HH:MM\"".to_owned(),
            Kind::Throttle => "\"[DAYS ]FROM-TO=RATE\", as \"mon-fri 8-18=20Mbit/s\"".to_owned(),
            Kind::Compressibility(classes) => format!("{}, or a ratio such as \"2.5:1\"", classes().join(", ")),
            Kind::Word(words) => words().join(", "),
            Kind::Reference(what) => format!("name of {what}"),
            Kind::Path => "path, relative to the scenario file".to_owned(),
            Kind::Either(kinds) => kinds.iter().map(Kind::accepts).collect::<Vec<_>>().join(", or "),
            Kind::List(kind, None) => format!("list of {}", kind.accepts()),
            Kind::List(kind, Some(len)) => format!("list of {len}: {}", kind.accepts()),
            Kind::OneOrMore(kind) => format!("{}, or a list of them", kind.accepts()),
            Kind::Weights(kind) => format!("table of {} = weight", kind.accepts()),
            Kind::Table(section) => format!("table: {}", section().names().join(", ")),
            Kind::Tables(_) => "tables".to_owned(),
        }
    }
}

impl NameRule {
    fn accepts(self) -> String {
        match self {
            NameRule::Line => format!("1 to {NAME_MAX} characters in one line"),
            NameRule::Folder => format!("1 to {NAME_MAX} characters in one line, no slashes, no dot at the start"),
            NameRule::Numbered => {
                format!("1 to {NAME_MAX} characters in one line; with `count`, `#` in it becomes the number")
            }
            NameRule::Machine => "1 to 63 letters, digits and hyphens".to_owned(),
            NameRule::Machines => "the same as of a machine, with one run of #".to_owned(),
            NameRule::Disk => "letters, digits, hyphens and underscores".to_owned(),
        }
    }

    /// The names as a regular expression.
    #[must_use]
    pub fn pattern(self) -> String {
        match self {
            NameRule::Line | NameRule::Numbered => format!(r"^[^\u0000-\u001f\u007f-\u009f]{{1,{NAME_MAX}}}$"),
            NameRule::Folder => {
                let last = NAME_MAX - 1;
                format!(r"^[^\u0000-\u001f\u007f-\u009f./\\][^\u0000-\u001f\u007f-\u009f/\\]{{0,{last}}}$")
            }
            NameRule::Machine => r"^[A-Za-z0-9-]{1,63}$".to_owned(),
            NameRule::Machines => r"^[A-Za-z0-9-]*#+[A-Za-z0-9-]*$".to_owned(),
            NameRule::Disk => format!(r"^[A-Za-z0-9_-]{{1,{NAME_MAX}}}$"),
        }
    }
}
