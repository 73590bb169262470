use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_completed_run_is_kept_unless_forced() {
    let keep = folder();
    let path = keep.path().join("run");
    let run = RunDirectory::named(&path, false, &[]).unwrap();
    run.complete(b"{}").unwrap();
    drop(run);
    let error = RunDirectory::named(&path, false, &[]).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("--force"), "{error}");
    assert_eq!(fs::read(path.join(RECORD)).unwrap(), b"{}");
    let run = RunDirectory::named(&path, true, &[]).unwrap();
    assert!(!run.path().join(RECORD).exists(), "the new run is not complete");
    let replaced = run.replaced().unwrap().to_owned();
    assert_eq!(
        fs::read(replaced.join(RECORD)).unwrap(),
        b"{}",
        "a run that is stopped takes nothing away"
    );
    run.complete(b"{\"new\":1}").unwrap();
    assert!(!replaced.exists());
    assert_eq!(fs::read(path.join(RECORD)).unwrap(), b"{\"new\":1}");
}

#[test]
fn a_forced_run_removes_what_the_old_one_wrote_and_nothing_else() {
    let keep = folder();
    let path = keep.path().join("run");
    let run = RunDirectory::named(&path, false, &[]).unwrap();
    let disks = run.disks().unwrap();
    fs::write(disks.join("vm1-os.vhd"), "ours").unwrap();
    fs::write(disks.join("mine.vhd"), "mine").unwrap();
    fs::write(keep.path().join("outside.vhd"), "mine").unwrap();
    let record = br#"{"disks":[{"file":"disks/vm1-os.vhd"},{"file":null},{"file":"../outside.vhd"}],"more":[1]}"#;
    run.complete(record).unwrap();
    drop(run);
    let run = RunDirectory::named(&path, true, &[]).unwrap();
    let replaced = run.replaced().unwrap().to_owned();
    run.complete(b"{}").unwrap();
    let left: Vec<_> = fs::read_dir(replaced.join(DISKS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["mine.vhd"]);
    assert_eq!(fs::read_dir(&replaced).unwrap().count(), 1, "only that folder is left");
    assert!(keep.path().join("outside.vhd").exists());
}

#[test]
fn an_unfinished_run_is_moved_aside() {
    let keep = folder();
    let path = keep.path().join("run");
    for number in 1..=3 {
        let run = RunDirectory::named(&path, false, &[]).unwrap();
        let expected = (number > 1).then(|| keep.path().join(format!("run.partial-{}", number - 1)));
        assert_eq!(run.moved_aside(), expected.as_deref());
    }
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let keep = folder();
    fs::write(keep.path().join("thesis.txt"), "mine").unwrap();
    let error = RunDirectory::named(keep.path(), false, &[]).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("--force"), "{error}");
    assert_eq!(fs::read_dir(keep.path()).unwrap().count(), 1);
    drop(RunDirectory::named(keep.path(), true, &[]).unwrap());
    assert_eq!(fs::read(keep.path().join("thesis.txt")).unwrap(), b"mine");
}

#[test]
fn an_empty_folder_is_used() {
    let keep = folder();
    let run = RunDirectory::named(keep.path(), false, &[]).unwrap();
    assert_eq!(run.path(), keep.path());
}

#[test]
fn a_path_below_a_file_is_the_machines_failure() {
    let keep = folder();
    let file = keep.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(
        !RunDirectory::named(&file.join("run"), false, &[])
            .unwrap_err()
            .is_input()
    );
    assert!(RunDirectory::named(&file, true, &[]).unwrap_err().is_input());
}

#[test]
fn without_a_name_the_next_number_is_taken() {
    let keep = folder();
    for expected in ["drill-seed7", "drill-seed7-2", "drill-seed7-3"] {
        let run = RunDirectory::numbered(keep.path(), "drill", 7, false, &[]).unwrap();
        assert_eq!(run.path(), keep.path().join(expected));
        let first = keep.path().join("drill-seed7");
        let passed_over = (expected != "drill-seed7").then(|| format!("{} holds a completed run", first.display()));
        assert_eq!(run.passed_over(), passed_over.as_deref());
        run.complete(b"{}").unwrap();
    }
}

#[test]
fn a_folder_that_another_run_writes_is_left_alone() {
    let keep = folder();
    let path = keep.path().join("run");
    let _running = RunDirectory::named(&path, false, &[]).unwrap();
    assert!(matches!(
        RunDirectory::named(&path, true, &[]),
        Err(DirectoryError::Unusable { .. })
    ));
}

#[test]
fn a_folder_that_holds_what_the_run_reads_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("run");
    let image = folder.join(DISKS).join("a.vhd");
    let scenario = folder.join("mine/scenario.toml");
    let link = out.path().join("link.vhd");
    let make = |complete: bool| {
        let _ = fs::remove_dir_all(&folder);
        let run = RunDirectory::named(&folder, false, &[]).unwrap();
        run.disks().unwrap();
        fs::create_dir_all(folder.join("mine")).unwrap();
        fs::write(&image, b"disk").unwrap();
        fs::write(&scenario, b"plan").unwrap();
        if complete {
            run.complete(b"{}").unwrap();
        }
    };
    std::os::unix::fs::symlink(&image, &link).unwrap();
    for complete in [true, false] {
        make(complete);
        for input in [&image, &scenario, &link] {
            let inputs = [out.path().join("elsewhere"), input.clone()];
            let error = RunDirectory::named(&folder, true, &inputs).unwrap_err();
            assert!(error.is_input());
            let text = error.to_string();
            assert!(
                text.contains(&input.display().to_string()) && text.contains("--out"),
                "{text}"
            );
            assert_eq!(fs::read(&image).unwrap(), b"disk");
        }
        let elsewhere = [out.path().to_owned()];
        assert!(RunDirectory::named(&folder, true, &elsewhere).is_ok());
    }
    // A folder of somebody else's keeps what a run does not write.
    make(true);
    fs::remove_file(folder.join(RUN.marker)).unwrap();
    assert!(RunDirectory::named(&folder, true, std::slice::from_ref(&image)).is_err());
    assert!(RunDirectory::named(&folder, true, &[folder.join(RECORD)]).is_err());
    assert!(RunDirectory::named(&folder, true, std::slice::from_ref(&scenario)).is_ok());
    assert_eq!(fs::read(&scenario).unwrap(), b"plan");
}
