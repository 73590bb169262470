//! A TOML text as a tree in which every key and value knows its place, with the command line's `--set` laid over it.

use toml::de::{DeTable, DeValue};

use crate::diagnose::{At, Diagnosis, Problem, did_you_mean, list};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its place.
    pub at: At,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer or decimal number, as written.
    Number(String),
    /// True or false.
    Bool(bool),
    /// A date or time, which no key takes.
    Date,
    /// An array.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Value {
    /// The kind, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Number(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Date => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// A table: its entries in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Name, place of the name, value.
    pub entries: Vec<(String, At, Node)>,
}

impl Table {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|(name, _, _)| name == key)
            .map(|(_, _, node)| node)
    }

    fn slot(&mut self, key: &str) -> Option<&mut Node> {
        self.entries
            .iter_mut()
            .find(|(name, _, _)| name == key)
            .map(|(_, _, node)| node)
    }
}

/// With more errors of syntax than this only the first is told.
const ERRORS_MAX: usize = 3;

/// Parses a text; syntax errors go into the diagnosis, and what could be read is returned.
#[must_use]
pub fn parse(diagnosis: &Diagnosis, source: u16, text: &str) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    // Of a text that is no TOML at all every line is wrong, and the first says as much as all.
    let shown = if errors.len() > ERRORS_MAX { 1 } else { errors.len() };
    for error in &errors[..shown] {
        let span = error.span().unwrap_or(0..0);
        let mut lines = error.message().lines();
        let title = lines.next().unwrap_or("not TOML").to_owned();
        diagnosis.push(
            Problem::new(at(source, &span), format!("not TOML: {title}"), "here")
                .help(lines.collect::<Vec<_>>().join(" "))
                .help(match errors.len() - shown {
                    0 => String::new(),
                    more => format!(
                        "{more} more errors of this kind follow: is this a scenario file? It is written in TOML"
                    ),
                }),
        );
    }
    convert_table(source, table.get_ref())
}

fn at(source: u16, span: &std::ops::Range<usize>) -> At {
    At {
        source,
        start: u32::try_from(span.start).unwrap_or(u32::MAX),
        end: u32::try_from(span.end).unwrap_or(u32::MAX),
    }
}

fn convert_table(source: u16, table: &DeTable<'_>) -> Table {
    let mut entries: Vec<(String, At, Node)> = table
        .iter()
        .map(|(key, value)| {
            let node = Node {
                at: at(source, &value.span()),
                value: convert(source, value.get_ref()),
            };
            (key.get_ref().to_string(), at(source, &key.span()), node)
        })
        .collect();
    entries.sort_by_key(|(_, at, _)| at.start);
    Table { entries }
}

fn convert(source: u16, value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(if number.radix() == 10 {
            number.as_str().to_owned()
        } else {
            i128::from_str_radix(number.as_str(), number.radix())
                .map(|number| number.to_string())
                .unwrap_or_default()
        }),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| Node {
                    at: at(source, &item.span()),
                    value: convert(source, item.get_ref()),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(source, table)),
    }
}

/// Lays a `--set KEY=VALUE` over the tree. The key's parts are joined by dots; in a list of tables a part is a `name`, or a number from 0.
/// The value is TOML, or else taken as a string.
pub fn set(diagnosis: &Diagnosis, root: &mut Table, key: &str, value: &str) {
    const FLAG: &str = "--set ";
    let text = format!("{FLAG}{key}={value}");
    let source = diagnosis.add("(command line)", text.clone());
    let key_at = at(source, &(FLAG.len()..FLAG.len() + key.len()));
    let value_at = at(source, &(FLAG.len() + key.len() + 1..text.len()));
    let mut node = read_value(value);
    place(&mut node, value_at);

    let parts: Vec<&str> = key.split('.').map(str::trim).collect();
    if parts.iter().any(|part| part.is_empty()) {
        diagnosis.push(
            Problem::new(key_at, "--set names no key", "a part of the key is empty")
                .help("it is used like --set policy.retention=\"1 h\" or --set link.internet.rate=\"20 Mbit/s\""),
        );
        return;
    }
    set_in_table(diagnosis, root, &parts, key_at, node);
}

fn read_value(value: &str) -> Node {
    let text = format!("value = {value}");
    let parsed = DeTable::parse(&text)
        .ok()
        .map(|table| convert_table(0, table.get_ref()))
        .filter(|table| table.entries.len() == 1)
        .and_then(|table| table.get("value").cloned());
    parsed.unwrap_or(Node {
        at: At::default(),
        value: Value::Text(value.to_owned()),
    })
}

fn place(node: &mut Node, at: At) {
    node.at = at;
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| place(item, at)),
        Value::Table(table) => {
            for (_, key_at, value) in &mut table.entries {
                *key_at = at;
                place(value, at);
            }
        }
        _ => {}
    }
}

fn set_in_table(diagnosis: &Diagnosis, table: &mut Table, parts: &[&str], key_at: At, node: Node) {
    let Some((part, rest)) = parts.split_first() else {
        return;
    };
    if rest.is_empty() {
        match table.slot(part) {
            Some(slot) => *slot = node,
            None => table.entries.push(((*part).to_owned(), key_at, node)),
        }
        return;
    }
    if table.get(part).is_none() {
        let empty = Node {
            at: key_at,
            value: Value::Table(Table::default()),
        };
        table.entries.push(((*part).to_owned(), key_at, empty));
    }
    let Some(slot) = table.slot(part) else { return };
    match &mut slot.value {
        Value::Table(inner) => set_in_table(diagnosis, inner, rest, key_at, node),
        Value::Array(items) => set_in_list(diagnosis, items, part, rest, key_at, node),
        other => diagnosis.push(Problem::new(
            key_at,
            format!("--set goes into `{part}`, which is {}", other.kind()),
            "not a table",
        )),
    }
}

fn set_in_list(diagnosis: &Diagnosis, items: &mut [Node], of: &str, parts: &[&str], key_at: At, node: Node) {
    let Some((which, rest)) = parts.split_first() else {
        return;
    };
    let name = |item: &Node| match &item.value {
        Value::Table(table) => table.get("name").map_or_else(String::new, |name| match &name.value {
            Value::Text(text) => text.clone(),
            _ => String::new(),
        }),
        _ => String::new(),
    };
    let names: Vec<String> = items.iter().map(name).collect();
    let place = names
        .iter()
        .position(|name| name == which)
        .or_else(|| which.parse().ok().filter(|index| *index < items.len()));
    let Some(index) = place else {
        let named = || names.iter().map(String::as_str).filter(|name| !name.is_empty());
        let number = match items.len() {
            0 | 1 => "the number 0".to_owned(),
            count => format!("a number from 0 to {}", count - 1),
        };
        diagnosis.push(
            Problem::new(key_at, format!("no `[[{of}]]` is called `{which}`"), "named here")
                .help(did_you_mean(which, named()))
                .help(match named().next() {
                    None => format!("none has a name; {number} works"),
                    Some(_) => format!("there are {}; {number} also works", list(named())),
                }),
        );
        return;
    };
    if rest.is_empty() {
        items[index] = node;
    } else if let Value::Table(inner) = &mut items[index].value {
        set_in_table(diagnosis, inner, rest, key_at, node);
    }
}
