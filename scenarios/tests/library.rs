//! Every scenario of the library, and every regression, is read and built.

mod shipped;

use std::path::Path;

use scenarios::{Options, build, load};
use shipped::library;

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
fn every_documented_fault_is_written_as_the_catalogue_shows_it() {
    let path = library().into_iter().find(|path| path.ends_with("journey.toml"));
    let path = path.expect("the journey");
    let journey = std::fs::read_to_string(&path).unwrap();
    let rows = scenarios::chaos::catalogue::DOCUMENTED;
    assert_eq!(rows.len(), 42, "as many as the documentation has");
    for (number, row) in (1..).zip(rows) {
        assert_eq!(row.row, format!("F{number}"));
        let Some(example) = row.example else { continue };
        let text = format!("{journey}\n{example}");
        let scenario = scenarios::load_text(&text, &path, &Options::default());
        let scenario = scenario.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        assert_eq!(
            scenario.faults.last().map(|fault| fault.word),
            row.kind(),
            "{}",
            row.name
        );
    }
}
