//! The text: tables, their comments, the order of their keys.

use crate::keys::{Default, ROOT, Section, Variant};
use crate::tree::Value;

/// A line of a list longer than this is broken.
const LINE_MAX: usize = 100;

/// The file so far.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    /// Tables that had their comment.
    commented: Vec<String>,
}

impl Page {
    /// Adds a single table, unless it says nothing.
    pub(super) fn table(&mut self, name: &str, entries: &Entries) {
        if !entries.is_empty() {
            self.push(name, &format!("[{name}]"), entries);
        }
    }

    /// Adds one of several tables.
    pub(super) fn one_of(&mut self, name: &str, entries: &Entries) {
        self.push(name, &format!("[[{name}]]"), entries);
    }

    fn push(&mut self, name: &str, header: &str, entries: &Entries) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let meaning = ROOT.keys.iter().find(|key| key.name == name).map(|key| key.meaning);
        if let Some(meaning) = meaning.filter(|_| !self.commented.iter().any(|known| known == name)) {
            self.commented.push(name.to_owned());
            self.text.push_str(&format!("# {}.\n", sentence(meaning)));
        }
        self.text.push_str(&format!("{header}\n{}", entries.lines()));
    }

    /// The text.
    pub(super) fn text(self) -> String {
        self.text
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The keys of a table and their values.
pub(super) struct Entries {
    section: &'static Section,
    variant: Option<&'static Variant>,
    /// Names and values as TOML.
    values: Vec<(&'static str, String)>,
}

impl Entries {
    pub(super) fn new(section: &'static Section, variant: Option<&'static Variant>) -> Entries {
        Entries {
            section,
            variant,
            values: Vec::new(),
        }
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Puts a value, written as the catalogue writes defaults; one that is the default is left out.
    pub(super) fn put(&mut self, key: &'static str, text: &str) {
        let known = self.section.key(key, self.variant);
        debug_assert!(
            known.is_some(),
            "{key} is not in the catalogue of {}",
            self.section.title
        );
        let Some(known) = known else { return };
        let is_default = matches!(known.default, Default::Value(default) if known.kind.same(default, text));
        if !is_default {
            let value = match known.kind.node(text).value {
                Value::Text(text) => quoted(&text),
                _ => text.to_owned(),
            };
            self.values.push((known.name, value));
        }
    }

    /// Puts true, where that is not the default.
    pub(super) fn flag(&mut self, key: &'static str, value: bool) {
        self.put(key, if value { "true" } else { "false" });
    }

    /// Puts a value that is TOML already.
    pub(super) fn raw(&mut self, key: &'static str, value: String) {
        debug_assert!(self.section.key(key, self.variant).is_some(), "{key}");
        self.values.push((key, value));
    }

    /// Puts a list of texts, one alone without brackets; nothing where it is empty.
    pub(super) fn list<T: AsRef<str>>(&mut self, key: &'static str, texts: impl IntoIterator<Item = T>) {
        let texts: Vec<String> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
        match texts.as_slice() {
            [] => {}
            [only] => self.raw(key, only.clone()),
            several => self.raw(key, array(several)),
        }
    }

    /// In the order of the catalogue.
    fn ordered(&self) -> Vec<&(&'static str, String)> {
        let names: Vec<&str> = self.section.keys_of(self.variant).map(|key| key.name).collect();
        let mut values: Vec<&(&'static str, String)> = self.values.iter().collect();
        values.sort_by_key(|(name, _)| names.iter().position(|known| known == name));
        values
    }

    fn lines(&self) -> String {
        let line = |(key, value): &(&str, String)| format!("{key} = {value}\n");
        self.ordered().into_iter().map(line).collect()
    }

    /// As a table within a line.
    pub(super) fn inline(&self) -> String {
        let entry = |(key, value): &(&str, String)| format!("{key} = {value}");
        braces(&self.ordered().into_iter().map(entry).collect::<Vec<_>>())
    }
}

/// A table within a line.
pub(super) fn braces(entries: &[String]) -> String {
    match entries {
        [] => "{}".to_owned(),
        entries => format!("{{ {} }}", entries.join(", ")),
    }
}

/// A list, in one line or one to a line.
pub(super) fn array(items: &[String]) -> String {
    let line = format!("[{}]", items.join(", "));
    if line.chars().count() <= LINE_MAX {
        return line;
    }
    let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("[\n{lines}]")
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The key of an open table.
pub(super) fn key(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.bytes().all(bare) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::POLICY;

    #[test]
    fn a_table_is_in_the_order_of_the_catalogue_and_without_defaults() {
        let mut entries = Entries::new(&POLICY, None);
        entries.put("retention", "72 h");
        entries.put("crash_consistent_every", "300 s");
        entries.put("name", "gold \"plated\"");
        assert_eq!(entries.lines(), "name = 'gold \"plated\"'\nretention = \"72 h\"\n");
    }

    #[test]
    fn any_text_is_a_key() {
        for text in ["plain", "8 KiB", "a\"b\\c", "ü", "tab\t", ""] {
            let table: toml::Table = format!("{} = 1", key(text)).parse().unwrap();
            assert_eq!(table.keys().collect::<Vec<_>>(), [text]);
        }
    }
}
