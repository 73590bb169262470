//! The catalogue as a JSON Schema (draft 2020-12), for editors and other programs that know TOML and not us.
//!
//! It is built as a value: the catalogue is data, and derives on types, as schemars has them, would say each key a second time. It says what
//! a file looks like: tables, keys, words, how values with units are written, which numbers are too small or too large. What depends on
//! more than one value, and how much a value with a unit may be, the reader says.

use serde_json::{Map, Value, json};

use super::{ALL, Choice, Default, Key, Kind, ROOT, Section, Variant};
use crate::tree::Value as Written;
use crate::units;

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut definitions = Map::new();
    for section in ALL.iter().filter(|section| section.id != ROOT.id) {
        definitions.insert(section.id.to_owned(), object(section));
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of firedrill",
    });
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, object(&ROOT)) {
        schema.extend(root);
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

fn object(section: &'static Section) -> Value {
    let mut properties = Map::new();
    for name in section.names() {
        let of: Vec<&Key> = section.keys_of(None).filter(|key| key.name == name).collect();
        // What several variants have is said in each of them.
        let said = match of.as_slice() {
            [only] => property(only),
            several => json!({ "description": meanings(several) }),
        };
        properties.insert(name.to_owned(), said);
    }
    let mut object = json!({
        "type": "object",
        "description": section.about,
        "properties": properties,
        "additionalProperties": false,
    });
    let mut all = Vec::new();
    if let Some(variants) = &section.variants {
        all.extend(
            variants
                .of
                .iter()
                .map(|variant| of_variant(section, variants.by, variant)),
        );
    }
    if let Value::Object(object) = &mut object {
        let required = needed(section.keys.iter().chain(section.more));
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        all.extend(section.choice.map(choice));
        if !all.is_empty() {
            object.insert("allOf".to_owned(), json!(all));
        }
    }
    object
}

fn meanings(keys: &[&Key]) -> String {
    let mut meanings: Vec<&str> = Vec::new();
    for key in keys {
        if !meanings.contains(&key.meaning) {
            meanings.push(key.meaning);
        }
    }
    meanings.join("; ")
}

fn needed<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<&'static str> {
    keys.filter(|key| key.default == Default::Needed)
        .map(|key| key.name)
        .collect()
}

/// With this word, these keys.
fn of_variant(section: &'static Section, by: &str, variant: &'static Variant) -> Value {
    let mut condition = json!({ "properties": { by: { "const": variant.word } } });
    let is_default = section
        .default_variant()
        .is_some_and(|default| std::ptr::eq(default, variant));
    if !is_default {
        condition["required"] = json!([by]);
    }
    let names: Vec<&str> = section.keys_of(Some(variant)).map(|key| key.name).collect();
    let properties: Map<String, Value> = variant
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let mut then = json!({ "properties": properties, "propertyNames": { "enum": names } });
    let required = needed(variant.keys.iter());
    if !required.is_empty() {
        then["required"] = json!(required);
    }
    if let Some(of) = variant.choice {
        then["allOf"] = json!([choice(of)]);
    }
    json!({ "if": condition, "then": then })
}

fn choice(choice: Choice) -> Value {
    let (how, keys) = match choice {
        Choice::Exactly(keys) => ("oneOf", keys),
        Choice::AtLeast(keys) => ("anyOf", keys),
    };
    let each: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    json!({ how: each })
}

fn property(key: &Key) -> Value {
    let mut value = of_kind(&key.kind);
    if let Value::Object(value) = &mut value {
        let within = match key.kind.within() {
            within if within.is_empty() => String::new(),
            within => format!("; {within}"),
        };
        let default = match key.default {
            Default::Absent(then) => format!(" (left out: {then})"),
            Default::Needed | Default::Value(_) => String::new(),
        };
        value.insert(
            "description".to_owned(),
            json!(format!("{}{within}{default}", key.meaning)),
        );
        if let Default::Value(text) = key.default {
            value.insert("default".to_owned(), default_of(&key.kind, text));
        }
    }
    value
}

fn default_of(kind: &Kind, text: &str) -> Value {
    match kind.node(text).value {
        Written::Bool(value) => json!(value),
        Written::Number(number) => serde_json::from_str(&number).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text | Kind::Path | Kind::Reference(_) => json!({ "type": "string" }),
        Kind::Name(rule) => json!({ "type": "string", "pattern": rule.pattern() }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Yes => json!({ "const": true }),
        Kind::Whole(range) => {
            let mut value = json!({ "type": "integer", "minimum": range.least.map_or(0, |limit| limit.value) });
            if let Some(most) = range.most {
                value["maximum"] = json!(most.value);
            }
            value
        }
        Kind::Factor(range) => {
            let mut value = json!({ "type": "number", "minimum": 0 });
            if let Some(least) = range.least {
                // In thousandths, of which only whole ones can be written.
                value["minimum"] = thousandths(least.value);
            }
            value
        }
        Kind::Duration(_) => json!({ "type": "string", "pattern": units::duration_pattern() }),
        Kind::Size(_) => json!({ "type": "string", "pattern": units::size_pattern() }),
        Kind::Rate(_) => json!({ "type": "string", "pattern": units::rate_pattern() }),
        Kind::Share(_) => json!({ "type": "string", "pattern": units::share_pattern() }),
        Kind::TimeOfDay => json!({ "type": "string", "pattern": r"^\s*([01][0-9]|2[0-3]):[0-5][0-9]\s*$" }),
        Kind::Throttle => json!({ "type": "string", "pattern": units::throttle_pattern() }),
        Kind::Compressibility(classes) => json!({ "anyOf": [
            { "enum": classes() },
            { "type": "string", "pattern": units::ratio_pattern() },
        ] }),
        Kind::Word(words) => json!({ "enum": words() }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(of_kind).collect::<Vec<_>>() }),
        Kind::List(kind, len) => {
            let mut value = json!({ "type": "array", "items": of_kind(kind) });
            if let Some(len) = len {
                value["minItems"] = json!(len);
                value["maxItems"] = json!(len);
            }
            value
        }
        Kind::OneOrMore(kind) => json!({ "anyOf": [of_kind(kind), { "type": "array", "items": of_kind(kind) }] }),
        Kind::Weights(kind) => json!({
            "type": "object",
            "propertyNames": of_kind(kind),
            "additionalProperties": { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        }),
        Kind::Table(section) => json!({ "$ref": format!("#/$defs/{}", section().id) }),
        Kind::Tables(section) => json!({
            "type": "array",
            "items": { "$ref": format!("#/$defs/{}", section().id) },
        }),
    }
}

fn thousandths(value: u64) -> Value {
    serde_json::from_str(&units::write_factor(u32::try_from(value).unwrap_or(u32::MAX))).unwrap_or_else(|_| json!(0))
}
