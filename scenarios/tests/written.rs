//! What is written reads back as the same scenario: every one of the library, and any that is made in memory.

mod applications;
mod draw;
mod estate;
mod faults;
mod plan;

use std::path::Path;

use crate::shipped::library;
use actors::nouns::FailoverKind;
use proptest::prelude::*;
use scenarios::model::{Condition, Which};
use scenarios::{Options, Scenario, load, load_text, write};

/// Reads a text as the file beside `path`.
fn read(text: &str, path: &Path) -> Result<Scenario, String> {
    load_text(text, path, &Options::default()).map_err(|error| format!("{error}\n{text}"))
}

/// Where two scenarios differ; `None` where they are the same.
fn difference(left: &Scenario, right: &Scenario) -> Option<String> {
    let steps = left.steps.iter().zip(&right.steps).find(|(left, right)| left != right);
    let vms = left.vms.iter().zip(&right.vms).find(|(left, right)| left != right);
    if left == right {
        return None;
    }
    Some(format!(
        "steps: {steps:?}\nmachine: {:?}\nservers: {:?}\nlinks: {:?}\nexpects: {:?}",
        vms.map(|(left, right)| (&left.name, &left.workload, &right.workload)),
        (left.servers != right.servers).then_some((&left.servers, &right.servers)),
        (left.links != right.links).then_some((&left.links, &right.links)),
        (left.expects != right.expects).then_some((&left.expects, &right.expects)),
    ))
}

#[test]
fn every_scenario_of_the_library_is_read_written_and_read_again_the_same() {
    for path in library() {
        let scenario = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        let text = write(&scenario, path.parent().unwrap()).unwrap();
        let again = read(&text, &path).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(difference(&scenario, &again), None, "{}\n{text}", path.display());
        let twice = write(&again, path.parent().unwrap()).unwrap();
        assert_eq!(text, twice, "{}", path.display());
    }
}

#[test]
fn a_group_is_written_as_a_group() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fleet.toml");
    let scenario = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let text = write(&scenario, path.parent().unwrap()).unwrap();
    assert!(text.contains("[[group]]") && !text.contains("[[vm]]"), "{text}");
    assert!(text.lines().count() < 350, "{text}");
}

#[test]
fn a_scenario_is_written_as_a_person_would() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("journey.toml");
    let scenario = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    insta::assert_snapshot!(write(&scenario, path.parent().unwrap()).unwrap());
}

#[test]
fn a_machine_that_is_no_longer_what_its_group_says_is_written_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fleet-failover.toml");
    let mut scenario = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    scenario.vms[500].boot += 1;
    let text = write(&scenario, path.parent().unwrap()).unwrap();
    assert!(text.contains("[[vm]]") && !text.contains("[[group]]"));
    let again = read(&text, &path).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(difference(&scenario, &again), None);
}

#[test]
fn a_file_elsewhere_names_images_and_recordings_from_the_root() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("grains.toml");
    let scenario = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let elsewhere = Path::new("/somewhere/else");
    let text = write(&scenario, elsewhere).unwrap();
    assert!(
        text.contains(&format!("file = \"{}/", env!("CARGO_MANIFEST_DIR"))),
        "{text}"
    );
    let again = read(&text, &elsewhere.join("grains.toml")).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(difference(&scenario, &again), None);
}

#[test]
fn what_no_file_says_is_not_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("journey.toml");
    let scenario = || load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let why = |change: &dyn Fn(&mut Scenario)| {
        let mut changed = scenario();
        change(&mut changed);
        write(&changed, Path::new("")).unwrap_err().to_string()
    };
    let nameless = why(&|scenario| {
        scenario.steps[0].name = None;
        scenario.steps[3].begin = vec![Condition::Step(0, Which::These(Vec::new()))];
    });
    assert!(nameless.contains("has no name"), "{nameless}");
    assert!(why(&|scenario| scenario.links[0].joins.clear()).contains("joins nothing"));
    assert!(why(&|scenario| scenario.start_of_day += 1).contains("time of day"));
    assert!(why(&|scenario| scenario.servers[0].roles.vcenter = true).contains("no kind of server"));
    assert!(why(&|scenario| scenario.steps[3].begin = vec![Condition::ServerRegistered(99)]).contains("no server 99"));
}

#[test]
fn what_differs_is_not_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("journey.toml");
    let scenario = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut other = scenario.clone();
    other.output.disks.push(FailoverKind::Test);
    assert!(difference(&scenario, &other).is_some());
    let mut elsewhere = scenario.clone();
    elsewhere.steps[0].line.0 += 1;
    assert_eq!(difference(&scenario, &elsewhere), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_scenario_is_written_and_read_back_the_same(numbers in prop::collection::vec(any::<u64>(), 1_500)) {
        let (scenario, path) = draw::scenario(numbers);
        let text = write(&scenario, path.parent().unwrap()).map_err(|why| TestCaseError::fail(why.to_string()))?;
        let again = read(&text, &path).map_err(TestCaseError::fail)?;
        prop_assert_eq!(difference(&scenario, &again), None, "{}", text);
        prop_assert_eq!(text, write(&again, path.parent().unwrap()).unwrap());
    }
}
