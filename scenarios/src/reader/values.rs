//! Types of value, and how each is read from a node.

use actors::nouns::Throttle;

use crate::keys::Kind;
use crate::tree::{Node, Value};
use crate::units::{self, Rate, WrongUnit};

/// A type of value.
pub trait FromNode: Sized {
    /// Whether it is what keys of a kind hold.
    fn fits(kind: &Kind) -> bool;
    /// Reads it, or says what is wrong and what is accepted.
    fn from_node(node: &Node) -> Result<Self, WrongUnit>;
}

pub(super) fn expected(node: &Node, what: &str) -> WrongUnit {
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
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Duration(_))
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a duration such as \"5 min\"", |text| {
            units::duration(text).map(Nanos)
        })
    }
}

impl FromNode for Bytes {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Size(_))
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a size such as \"64 MiB\"", |text| units::size(text).map(Bytes))
    }
}

impl FromNode for Rate {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Rate(_))
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a rate such as \"100 Mbit/s\"", units::rate)
    }
}

impl FromNode for Share {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Share(_))
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        with_unit(node, "a share such as \"80 %\"", |text| units::share(text).map(Share))
    }
}

impl FromNode for Factor {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Factor(_))
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Number(number) => units::factor(number).map(Factor),
            _ => Err(expected(node, "a number such as 4 or 0.25")),
        }
    }
}

impl FromNode for Throttle {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Throttle)
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Text(text) => units::throttle(text),
            _ => Err(expected(node, "a throttle such as \"mon-fri 8-18=20Mbit/s\"")),
        }
    }
}

impl FromNode for TimeOfDay {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::TimeOfDay)
    }

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
    fn fits(kind: &Kind) -> bool {
        matches!(
            kind,
            Kind::Text | Kind::Name(_) | Kind::Path | Kind::Reference(_) | Kind::Word(_) | Kind::Compressibility(_)
        )
    }

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
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Flag | Kind::Yes)
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        match &node.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(expected(node, "true or false, without quotes")),
        }
    }
}

impl FromNode for u64 {
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Whole(_))
    }

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
    fn fits(kind: &Kind) -> bool {
        matches!(kind, Kind::Whole(_))
    }

    fn from_node(node: &Node) -> Result<Self, WrongUnit> {
        u64::from_node(node).and_then(|number| {
            u32::try_from(number).map_err(|_| WrongUnit {
                label: "too large".to_owned(),
                help: format!("accepted: a whole number up to {}", u32::MAX),
            })
        })
    }
}
