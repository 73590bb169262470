//! The reference of the scenario file, as it stands in `scenarios/README.md`.

use std::fmt::Write;

use super::{ALL, Choice, Default, FIRST, Key, Section};

/// The reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for section in ALL.iter() {
        let _ = write!(text, "### {}\n\n{}", section.title, section.about);
        text.push_str(&chosen(section.choice));
        text.push_str("\n\n");
        match &section.variants {
            None => plain_table(&mut text, section),
            Some(variants) => {
                let _ = write!(text, "| `{}` | takes | what it is |\n|---|---|---|\n", variants.by);
                for variant in variants.of {
                    let takes: Vec<String> = variant.keys.iter().map(|key| format!("`{}`", key.name)).collect();
                    let about = format!("{}{}", variant.about, chosen(variant.choice));
                    let _ = writeln!(text, "| `{}` | {} | {about} |", variant.word, takes.join(", "));
                }
                text.push('\n');
                variants_table(&mut text, section);
            }
        }
        text.push('\n');
    }
    text
}

/// Which of several keys have to be there.
fn chosen(choice: Option<Choice>) -> String {
    let names = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match choice {
        None => String::new(),
        Some(Choice::Exactly(keys)) => format!(" Exactly one is there of {}.", names(keys)),
        Some(Choice::AtLeast(keys)) => format!(" At least one is there of {}.", names(keys)),
    }
}

fn plain_table(text: &mut String, section: &'static Section) {
    text.push_str("| key | accepts | default | meaning |\n|---|---|---|---|\n");
    for key in section.keys_of(None) {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            key.name,
            key.kind.accepts(),
            default(key),
            meaning(key)
        );
    }
}

/// A key that is the same in several variants stands in one line.
fn variants_table(text: &mut String, section: &'static Section) {
    let variants = section.variants.as_ref().map_or(&[] as &[_], |variants| variants.of);
    let own = |key: &Key| -> Vec<&str> {
        let same = |other: &Key| (other.name, other.default, other.meaning) == (key.name, key.default, key.meaning);
        let having = variants.iter().filter(|variant| variant.keys.iter().any(same));
        having.map(|variant| variant.word).collect()
    };
    text.push_str("| key | of | accepts | default | meaning |\n|---|---|---|---|---|\n");
    let mut seen: Vec<(&str, Default, &str)> = Vec::new();
    for key in section.keys_of(None) {
        let identity = (key.name, key.default, key.meaning);
        if seen.contains(&identity) {
            continue;
        }
        seen.push(identity);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            key.name,
            match own(key) {
                of if of.is_empty() => "all".to_owned(),
                of => of.join(", "),
            },
            key.kind.accepts(),
            default(key),
            meaning(key)
        );
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Default::Needed => "(needed)".to_owned(),
        Default::Value(text) => key.kind.quoted(text),
        Default::Absent(then) => then.to_owned(),
    }
}

fn meaning(key: &Key) -> String {
    match key.since {
        FIRST => key.meaning.to_owned(),
        since => format!("{} (since {since})", key.meaning),
    }
}
