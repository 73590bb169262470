//! What a bad file is answered with: each case of `tests/bad` is a small scenario with one thing wrong (or several at once).

use std::path::Path;

use scenarios::{Blame, Options, load, load_text};

/// Loads with the folder's place in a checkout kept out of the text.
fn answer(name: &str, options: &Options) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let path = folder.join(name);
    match load(&path, options) {
        Ok(_) => "no problem".to_owned(),
        Err(error) => {
            assert_eq!(error.blame, Blame::Input);
            error.rendered.replace(&format!("{}/", folder.display()), "")
        }
    }
}

macro_rules! bad {
    ($($test:ident: $file:literal)*) => {
        $(#[test]
        fn $test() {
            insta::assert_snapshot!(answer($file, &Options::default()));
        })*
    };
}

bad! {
    a_misspelt_key_is_shown: "misspelt-key.toml"
    what_is_in_the_way_of_an_expectation_during_a_fault_is_shown: "during-in-the-way.toml"
    what_is_in_the_way_of_a_part_of_a_fault_is_shown: "between-in-the-way.toml"
    throttles_that_the_product_does_not_take_are_shown: "throttles.toml"
    a_wrong_unit_is_shown: "wrong-unit.toml"
    a_unit_that_could_be_bits_or_bytes_is_refused: "bits-or-bytes.toml"
    a_step_that_names_no_machine_is_shown: "unknown-vm.toml"
    a_link_to_no_site_is_shown: "unknown-site.toml"
    an_unknown_action_is_shown: "unknown-action.toml"
    a_step_that_waits_for_a_later_one_is_shown: "later-step.toml"
    a_disk_larger_than_allowed_names_the_rule: "disk-too-large.toml"
    an_image_that_is_not_there_is_shown: "missing-image.toml"
    an_image_of_no_bytes_is_shown: "empty-image.toml"
    a_name_that_azure_refuses_names_the_rule: "vm-name.toml"
    all_problems_are_told_at_once: "several-at-once.toml"
    broken_syntax_is_shown: "not-toml.toml"
    an_expectation_of_nothing_is_shown: "empty-expectation.toml"
    a_broken_line_of_a_recording_is_shown: "broken-trace.toml"
    a_recording_past_the_disks_end_says_how_to_fit_it: "trace-past-the-end.toml"
    wrong_lines_of_counters_are_shown: "wrong-counters.toml"
    a_file_that_has_no_counters_is_shown: "no-counters.toml"
    counters_of_no_such_machine_or_disk_are_shown: "counters-of-nobody.toml"
    a_part_of_counters_that_has_no_step_is_shown: "counters-of-no-time.toml"
    counters_of_more_than_a_disk_takes_are_shown: "counters-past-all-disks.toml"
    counters_of_a_group_name_their_machine: "counters-of-a-group.toml"
    two_machines_of_one_name_are_shown: "twice.toml"
    what_is_in_the_way_of_databases_is_shown: "databases-in-the-way.toml"
    what_is_in_the_way_of_recovery_plans_is_shown: "recovery-plans-in-the-way.toml"
    a_condition_about_no_fault_is_shown: "unknown-fault.toml"
    a_condition_about_the_beginning_of_no_fault_is_shown: "unknown-fault-began.toml"
    a_fault_that_is_named_as_a_step_is_shown: "fault-is-no-step.toml"
    a_fault_and_a_step_that_wait_for_each_other_are_shown: "fault-and-step-wait-for-each-other.toml"
    faults_that_wait_for_each_other_are_shown: "fault-waits-for-itself.toml"
    a_step_that_a_fault_keeps_past_the_end_is_shown: "step-waits-through-a-fault.toml"
    faults_that_begin_after_the_end_are_shown: "faults-past-the-end.toml"
    a_power_loss_of_nothing_is_shown: "power-loss-of-nothing.toml"
    a_power_loss_of_no_site_is_shown: "power-loss-of-no-site.toml"
    a_changed_segment_of_no_disk_is_shown: "segment-of-no-disk.toml"
    faults_of_no_sense_are_shown_with_what_is_accepted: "faults-of-no-sense.toml"
    a_fault_that_ends_with_no_condition_is_shown: "until-a-time.toml"
    a_fault_that_may_miss_perhaps_is_shown: "may-miss-perhaps.toml"
    what_is_in_the_way_of_a_sweep_is_shown: "chaos-in-the-way.toml"
}

// What can never happen.
bad! {
    a_step_after_the_end_is_shown_beside_the_duration: "at-past-the-end.toml"
    a_step_that_waits_past_the_end_is_shown_once: "waits-past-the-end.toml"
    a_state_that_no_step_brings_about_is_shown: "state-that-never-comes.toml"
    a_step_that_comes_after_itself_is_shown_with_what_it_waits_for: "after-itself.toml"
    a_step_that_waits_for_its_own_doing_is_shown: "its-own-doing.toml"
    points_that_the_policy_does_not_make_are_shown: "too-many-points.toml"
    a_server_that_never_registers_is_shown: "never-registered.toml"
    a_plan_that_protects_nothing_is_shown: "nothing-protected.toml"
    a_plan_whose_protection_is_to_be_refused_protects_nothing: "only-refused.toml"
    a_bound_without_a_unit_is_shown: "caught-up-in-a-number.toml"
    an_expectation_with_nothing_to_look_at_is_shown: "nothing-to-look-at.toml"
    an_expectation_of_points_that_are_never_made_is_shown: "points-that-are-never-made.toml"
    a_scenario_without_a_machine_is_shown: "no-machine.toml"
    a_step_a_condition_and_an_expectation_about_nobody_are_shown: "step-about-nobody.toml"
}

// Names.
bad! {
    two_disks_of_one_file_are_shown: "one-file-for-two-disks.toml"
    two_recoveries_of_one_file_are_shown: "one-file-for-two-recoveries.toml"
    machines_that_differ_in_case_only_are_shown: "names-differ-in-case.toml"
    a_machine_of_a_servers_name_is_shown: "name-of-a-server.toml"
    a_machine_of_a_links_or_a_sites_name_is_shown: "name-of-a-link.toml"
    a_name_of_3_000_characters_is_shown_cut: "endless-name.toml"
    a_control_character_in_a_name_is_shown_as_text: "control-in-a-name.toml"
    a_name_of_two_lines_is_shown: "two-lines-in-a-name.toml"
}

// What has no end, or no measure.
bad! {
    a_rate_that_no_disk_takes_is_shown: "endless-rate.toml"
    a_burst_that_no_disk_takes_is_shown: "endless-burst.toml"
    more_machines_than_are_run_are_shown: "too-many-machines.toml"
    more_disks_than_are_run_are_shown: "too-many-disks.toml"
    more_servers_than_are_run_are_shown: "too-many-servers.toml"
    a_request_past_all_disks_is_shown: "endless-offset.toml"
    a_time_past_all_clocks_is_shown: "endless-time.toml"
    a_recording_packed_otherwise_is_named: "packed-otherwise.toml"
    a_recording_without_end_is_not_read: "recording-without-end.toml"
}

#[test]
fn the_file_that_all_others_are_made_from_is_right() {
    assert_eq!(answer("good.toml", &Options::default()), "no problem");
}

#[test]
fn a_flag_is_shown_as_it_was_given() {
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let options = Options {
        set: vec![
            set("policy.retention", "100 h"),
            set("link.intrnet.rate", "1 Mbit/s"),
            set("vm.vm1.boot", "soon"),
        ],
        disks: vec![(
            "vm1.oss".to_owned(),
            Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"),
        )],
        ..Options::default()
    };
    let text = answer("good.toml", &options).replace(env!("CARGO_MANIFEST_DIR"), "(folder)");
    insta::assert_snapshot!(text);
}

#[test]
fn a_flag_changes_what_the_file_says() {
    let options = Options {
        set: vec![
            ("policy.retention".to_owned(), "1 h".to_owned()),
            ("link.internet.rate".to_owned(), "\"20 Mbit/s\"".to_owned()),
        ],
        ..Options::default()
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/good.toml");
    let scenario = load(&path, &options).unwrap();
    assert_eq!(scenario.policy.retention, 3_600_000_000_000);
    assert_eq!(scenario.links[0].bits_per_second, 20_000_000);
}

#[test]
fn an_empty_file_and_a_missing_one_are_told_apart() {
    let options = Options::default();
    let empty = load_text(" \n", Path::new("empty.toml"), &options).err().unwrap();
    assert!(empty.rendered.contains("empty.toml: the file is empty"));
    let missing = load(Path::new("no/such.toml"), &options).err().unwrap();
    assert_eq!(missing.blame, Blame::Input);
    assert!(missing.rendered.contains("no/such.toml"));
}

#[test]
fn a_file_that_is_no_scenario_gives_one_problem() {
    let read = |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    for (name, said) in [
        ("Cargo.toml", "no scenario file"),
        ("README.md", "is this a scenario file?"),
    ] {
        let error = load_text(&read(name), Path::new(name), &Options::default())
            .err()
            .unwrap();
        assert_eq!(error.rendered.matches("error:").count(), 1, "{}", error.rendered);
        assert!(error.rendered.contains(said), "{}", error.rendered);
    }
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = include_str!("bad/good.toml");

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = load_text(&text, Path::new("any.toml"), &Options::default());
        }

        #[test]
        fn no_scenario_with_a_hole_in_it_panics(from in 0..GOOD.len(), len in 0_usize..60, put in "[a-z0-9=\"\\[\\]{}, \n]{0,12}") {
            let end = (from + len).min(GOOD.len());
            let text = format!("{}{put}{}", &GOOD[..from], &GOOD[end..]);
            let _ = load_text(&text, Path::new("any.toml"), &Options::default());
        }

        #[test]
        fn no_flag_panics(key in "[a-z0-9._]{0,30}", value in ".{0,20}") {
            let options = Options { set: vec![(key, value)], ..Options::default() };
            let _ = load_text(GOOD, Path::new("any.toml"), &options);
        }
    }
}
