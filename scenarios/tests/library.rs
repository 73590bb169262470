//! Every scenario of the library, and every regression, is read and built.

use std::path::{Path, PathBuf};

use scenarios::{Options, build, load};

fn library() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = [
        folder.to_owned(),
        folder.join("regressions"),
        folder.join("chaos-by-hand"),
    ]
    .iter()
    .flat_map(|folder| std::fs::read_dir(folder).expect("the folder"))
    .map(|entry| entry.expect("an entry").path())
    .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
    .filter(|path| path.file_name().is_some_and(|name| name != "Cargo.toml"))
    .collect();
    files.sort();
    files
}

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
