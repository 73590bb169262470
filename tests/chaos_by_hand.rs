//! Power and link cuts at any moment, out and home: the first of the schedules of `scenarios/chaos-by-hand/` end clean. The others, and
//! those that their generator writes for later seeds, are run by `.ci/full`.

mod common;

use common::{folder, pass, root};

#[test]
fn schedules_of_cuts_end_clean() {
    let out = folder();
    for seed in 1..=12 {
        let scenario = format!("scenarios/chaos-by-hand/chaos-{seed:03}.toml");
        let seed = seed.to_string();
        let run = pass(&scenario, &out.path().join(&seed), &["--seed", &seed]);
        assert_eq!(
            run["recovery_points"]["made"], run["recovery_points"]["verified"],
            "{scenario}"
        );
    }
}

#[test]
fn there_are_fifty_of_them() {
    let files = std::fs::read_dir(root().join("scenarios/chaos-by-hand")).expect("the folder");
    let toml = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|ending| ending == "toml");
    assert_eq!(files.map(|file| file.expect("a file")).filter(toml).count(), 50);
}
