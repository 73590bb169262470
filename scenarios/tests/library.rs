//! Every scenario of the library, and every regression, is read and built.

use std::path::Path;

use scenarios::chaos::atlas::{Loss, destroys};
use scenarios::{Options, build, load};

use crate::shipped::library;

#[test]
fn every_scenario_is_read_and_built() {
    for path in library() {
        let options = Options::default();
        let scenario = load(&path, &options).unwrap_or_else(|error| panic!("{error}"));
        let built = build(&scenario, &options).unwrap();
        assert_eq!(built.world.steps as usize, built.plan.steps.len());
        assert_eq!(
            Some(scenario.name.as_str()),
            path.file_stem().and_then(|name| name.to_str())
        );
    }
}

#[test]
fn the_reference_in_the_readme_is_that_of_the_keys() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(
        readme.contains(scenarios::keys::reference().trim_end()),
        "the reference has changed: cargo run -p firedrill-scenarios --example reference"
    );
}

#[test]
fn every_documented_fault_is_a_scenario_that_is_read() {
    let rows = scenarios::chaos::catalogue::DOCUMENTED;
    assert_eq!(rows.len(), 42, "as many as the documentation has");
    for (number, row) in (1..).zip(rows) {
        assert_eq!(row.row, format!("F{number}"));
        let Some(text) = row.scenario() else { continue };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{}.toml", row.name));
        let scenario = scenarios::load_text(&text, &path, &Options::default());
        let scenario = scenario.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        assert_eq!(scenario.name, row.name);
        assert_eq!(
            scenario.faults.first().map(|fault| fault.word),
            row.kind(),
            "{}",
            row.name
        );
    }
}

/// Kinds that are named are drawn where what they destroy is nowhere else, unless the file says that they are not.
#[test]
fn what_cannot_be_survived_is_drawn_only_where_losses_are_meant() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("chaos/lies.toml");
    let at_storage = |losses: &str| {
        let options = Options {
            set: vec![("chaos.losses".to_owned(), losses.to_owned())],
            ..Options::default()
        };
        let scenario = scenarios::load(&path, &options).unwrap();
        let drawn = (1..=200).flat_map(|seed| scenarios::chaos::draw(&scenario, seed).scenario.faults);
        let lies = drawn.filter(|fault| ["flush-lies", "write-lost", "write-misdirected"].contains(&fault.word));
        let (there, elsewhere): (Vec<_>, Vec<_>) =
            lies.partition(|fault| destroys(&scenario, &fault.what) == Some(Loss::StoredPoints));
        assert!(elsewhere.len() > 200, "{} elsewhere", elsewhere.len());
        there.len()
    };
    assert_eq!(at_storage("false"), 0);
    assert!(at_storage("true") > 50);
}
