//! `[model]`: made from the model of constants itself ([`actors::model::CONSTANTS`]), which says of each its unit, range, value and source.

use std::sync::LazyLock;

use actors::model::{CONSTANTS, Constant, Era, GROUPS, Model, Unit};

use super::{Default, Key, Kind, Range, Section, words_of};
use crate::units::{write_bits_per_second, write_bytes_per_second, write_duration, write_share, write_size};

/// The table and those of its groups, which live as long as the program.
static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| GROUPS.iter().map(group).collect());

/// `[model]`.
pub static MODEL: LazyLock<Section> = LazyLock::new(|| {
    let mut keys = vec![Key::or(
        "era",
        Kind::Word(words_of::<Era>),
        "2017 classic",
        "the generation of the product whose figures the constants begin with",
    )];
    let tables = GROUPS.iter().zip(TABLES);
    keys.extend(tables.map(|((name, about), table)| Key::absent(name, Kind::Table(table), "its era's", about)));
    Section::plain(
        "model",
        "`[model]`",
        "Every time, size, rate and limit that shapes a result. A constant is set in the table of its group, or on the command line with \
         `--set model.agent.cut_after=\"10 s\"`. A run's record names what differs from its era.",
        keys.leak(),
    )
});

/// The section of a group, by its place; functions, since a key holds one without anything captured.
static TABLES: [fn() -> &'static Section; GROUPS.len()] = [
    nth::<0>, nth::<1>, nth::<2>, nth::<3>, nth::<4>, nth::<5>, nth::<6>, nth::<7>, nth::<8>, nth::<9>, nth::<10>,
    nth::<11>, nth::<12>, nth::<13>, nth::<14>, nth::<15>, nth::<16>, nth::<17>,
];

fn nth<const N: usize>() -> &'static Section {
    &SECTIONS[N]
}

/// The sections of all groups, in their order.
pub(super) fn groups() -> impl Iterator<Item = &'static Section> {
    SECTIONS.iter()
}

/// The section of a group.
#[must_use]
pub fn group_of(name: &str) -> Option<&'static Section> {
    let place = GROUPS.iter().position(|(group, _)| *group == name)?;
    SECTIONS.get(place)
}

fn group((name, about): &(&'static str, &'static str)) -> Section {
    let of_group = CONSTANTS.iter().filter(|constant| constant.group == *name);
    let keys: Vec<Key> = of_group.map(key).collect();
    let (id, title) = (format!("model-{name}"), format!("`[model.{name}]`"));
    Section::plain(id.leak(), title.leak(), about, keys.leak())
}

fn key(constant: &Constant) -> Key {
    let value = written(constant.unit, (constant.get)(&Model::default()));
    let meaning = format!("{} ({})", constant.meaning, constant.source);
    Key::with(
        constant.name,
        kind(constant),
        Default::Absent(value.leak()),
        meaning.leak(),
    )
}

fn kind(constant: &Constant) -> Kind {
    let (low, high) = (*constant.range.start(), *constant.range.end());
    let times = if constant.unit == Unit::ByteRate { 8 } else { 1 };
    let from = Range::ANY.from(low.saturating_mul(times), "out of its range", "");
    // There is no share above all of it.
    let range = match (constant.unit, high) {
        (Unit::Share, 1_000_000..) => from,
        _ => from.upto(high.saturating_mul(times), "out of its range", ""),
    };
    match constant.unit {
        Unit::Time => Kind::Duration(range),
        Unit::Size => Kind::Size(range),
        Unit::BitRate | Unit::ByteRate => Kind::Rate(range),
        Unit::Count => Kind::Whole(range),
        Unit::Share => Kind::Share(range),
    }
}

/// A value of a constant, as a scenario has it.
#[must_use]
pub fn written(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Time => write_duration(value),
        Unit::Size => write_size(value),
        Unit::BitRate => write_bits_per_second(value),
        Unit::ByteRate => write_bytes_per_second(value),
        Unit::Count => value.to_string(),
        Unit::Share => write_share(u32::try_from(value).unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_table() {
        for ((name, _), table) in GROUPS.iter().zip(TABLES) {
            assert_eq!(table().id, format!("model-{name}"));
        }
    }
}
