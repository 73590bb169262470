//! `firedrill faults`: the catalogue of what can happen, for a person.

use std::fmt::Write;

use scenarios::chaos::catalogue::{DOCUMENTED, Documented, documented, kinds};
use scenarios::diagnose::did_you_mean;
use scenarios::keys::{FAULT, Variant};

use crate::failure::Failure;

/// A line for each entry.
pub fn list() -> String {
    let mut text = String::from(
        "What physics does to any component, as `kind` of a [[fault]]; nobody documents it for one product\n\n",
    );
    for kind in kinds() {
        let _ = writeln!(text, "  {:<30}{}", kind.word, kind.about);
    }
    text.push_str("\nWhat the product's documentation names (facts section 6), and the kind that it is made of\n\n");
    for row in DOCUMENTED.iter().filter(|row| row.shown.is_some()) {
        let _ = writeln!(
            text,
            "  {:<30}{}{} ({}, {})",
            row.name,
            row.does,
            coded(row),
            row.row,
            row.kind().unwrap_or("no kind of its own")
        );
    }
    text.push_str("\nDocumented, and not here yet: they come with the rest of the product, which so far has nothing that they strike\n\n");
    for row in DOCUMENTED.iter().filter(|row| row.shown.is_none()) {
        let _ = writeln!(text, "  {:<30}{}{} ({})", row.name, row.does, coded(row), row.row);
    }
    text.push_str("\nfiredrill faults NAME says more of one.\n");
    text
}

fn coded(row: &Documented) -> String {
    match row.code {
        "" => String::new(),
        code => format!("; code {code}"),
    }
}

/// All about one entry.
///
/// # Errors
/// There is none of that name.
pub fn about(name: &str) -> Result<String, Failure> {
    let kind = |word: &str| kinds().find(|kind| kind.word == word);
    if let Some(kind) = kind(name) {
        let of: Vec<&Documented> = DOCUMENTED.iter().filter(|row| row.kind() == Some(name)).collect();
        let mut text = format!("{name}: {}\n\n", kind.about);
        text.push_str(&keys_of(kind));
        for row in &of {
            let _ = writeln!(text, "\nDocumented as {}: firedrill faults {}", row.row, row.name);
        }
        if let Some((row, shown)) = of.iter().find_map(|row| Some((row, row.shown?))) {
            let fault = shown.example.split("\n\n").next().unwrap_or_default();
            let _ = write!(text, "\nAs {} has it:\n\n{fault}\n", row.name);
        }
        return Ok(text);
    }
    let Some(row) = documented(name) else {
        let names = kinds()
            .map(|kind| kind.word)
            .chain(DOCUMENTED.iter().map(|row| row.name));
        let names: Vec<&str> = names.collect();
        let meant = match did_you_mean(name, names.iter().copied()) {
            meant if meant.is_empty() => meant,
            meant => format!(" {meant}"),
        };
        return Err(Failure::Input(format!(
            "there is no fault `{name}`;{meant} there are {}",
            names.join(", ")
        )));
    };
    let mut text = format!(
        "{}: {}{} (facts section 6, {})\n",
        row.name,
        row.does,
        coded(row),
        row.row
    );
    let Some(shown) = row.shown else {
        text.push_str(
            "\nNot here yet: it comes with the rest of the product, which so far has nothing that it strikes.\n",
        );
        return Ok(text);
    };
    let whose = if shown.is_documented {
        "documented"
    } else {
        "our model, none is documented"
    };
    let _ = write!(
        text,
        "\nStrikes: {}\nSymptom ({whose}): {}\nRemedy: {}\n\nAsserted by\n\n",
        shown.strikes, shown.symptom, shown.remedy
    );
    let asserts = row.asserts().map_err(|error| Failure::Input(error.to_string()))?;
    for assert in asserts {
        let _ = writeln!(text, "  {assert}");
    }
    let _ = write!(
        text,
        "\nWritten, behind the estate of scenarios/small-office.toml\n\n{}\nThe whole of it, and to run it: firedrill faults {} --scenario > {1}.toml; firedrill run {1}.toml\n",
        shown.example, row.name
    );
    if let Some(kind) = row.kind().and_then(kind) {
        let _ = write!(text, "\nIt is a `{}`: {}\n\n{}", kind.word, kind.about, keys_of(kind));
    }
    Ok(text)
}

/// The whole scenario that shows one.
///
/// # Errors
/// There is none of that name, or none that has a scenario.
pub fn scenario(name: &str) -> Result<String, Failure> {
    let row = documented(name).ok_or_else(|| {
        let shown = DOCUMENTED.iter().filter(|row| row.shown.is_some()).map(|row| row.name);
        let shown = shown.collect::<Vec<_>>().join(", ");
        Failure::Input(format!(
            "there is no documented fault `{name}` with a scenario; there are {shown}"
        ))
    })?;
    row.scenario()
        .ok_or_else(|| Failure::Input(format!("`{}` is not here yet, so no scenario shows it", row.name)))
}

/// The keys that a kind takes, and those of every fault.
fn keys_of(kind: &'static Variant) -> String {
    let mut text = String::new();
    for key in kind.keys.iter().chain(FAULT.more) {
        let _ = writeln!(text, "  {:<12}{}: {}", key.name, key.kind.accepts(), key.meaning);
    }
    text
}
