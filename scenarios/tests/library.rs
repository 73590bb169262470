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
