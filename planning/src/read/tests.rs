use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::estate::template;

fn input<'a>(name: &str, bytes: &'a [u8]) -> Input<'a> {
    Input {
        name: name.to_owned(),
        reader: Box::new(bytes),
    }
}

fn counters() -> String {
    let mut text = "time,vm,disk,written_bytes\n".to_owned();
    for time in [0, 60, 120] {
        for (vm, disk) in [
            ("dc01", "os"),
            ("web01", "os"),
            ("web01", "content"),
            ("sql01", "os"),
            ("sql01", "data"),
            ("sql01", "log"),
        ] {
            text.push_str(&format!("{time},{vm},{disk},6000\n"));
        }
    }
    text
}

fn gzip(text: &str) -> Vec<u8> {
    // Two members, as when files are put together.
    let (one, two) = text.split_at(text.len() / 2);
    [one, two]
        .into_iter()
        .flat_map(|part| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part.as_bytes()).unwrap();
            encoder.finish().unwrap()
        })
        .collect()
}

#[test]
fn each_kind_is_told_by_its_content_compressed_or_not() {
    let (estate, counters) = (template(), counters());
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (estate, counters) in [
        (estate.clone().into_bytes(), counters.clone().into_bytes()),
        (gzip(&estate), zstd(&counters)),
        (zstd(&estate), gzip(&counters)),
    ] {
        // In any order, whatever their names.
        let read = read_inputs(vec![input("a", &counters), input("b", &estate)]).unwrap();
        assert!(read.warnings.is_empty(), "{}", read.warnings);
        assert_eq!(read.estate.vms.len(), 3);
        assert_eq!(read.profile.unwrap().vms[2][2].written, [100; 3]);
    }
}

#[test]
fn files_are_read_by_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let (estate, missing) = (folder.path().join("estate.csv"), folder.path().join("none.csv"));
    std::fs::write(&estate, template()).unwrap();
    let inputs = read(std::slice::from_ref(&estate)).unwrap();
    assert_eq!((inputs.estate.vms.len(), inputs.profile), (3, None));
    let problems = read(&[estate.clone(), missing]).unwrap_err();
    assert!(
        problems.to_string().starts_with("none.csv: it cannot be opened: "),
        "{problems}"
    );
    // The same machines twice.
    let problems = read(&[estate.clone(), estate]).unwrap_err();
    assert_eq!(problems.errors(), 3);
    assert!(
        problems.to_string().contains("\"dc01\" is in another file already"),
        "{problems}"
    );
    assert!(read(&[]).is_err());
}

#[test]
fn what_is_none_of_them_is_an_error_that_says_what_is() {
    for bytes in [
        &b"\x7fELF\x02\x01\0\0"[..],
        b"Hello, here is my estate.",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"{\"vms\": []}",
    ] {
        let problems = read_inputs(vec![input("x", bytes)]).unwrap_err();
        let told = problems.to_string();
        assert!(problems.errors() == 1 && told.contains("accepted: "), "{told}");
    }
    let problems = read_inputs(vec![input("x", b"")]).unwrap_err();
    assert!(problems.to_string().contains("x: the file is empty"), "{problems}");
    let mut broken = gzip(&template());
    broken.truncate(300);
    let problems = read_inputs(vec![input("x.gz", &broken)]).unwrap_err();
    assert!(problems.to_string().contains("x.gz: it cannot be read"), "{problems}");
}

#[test]
fn errors_of_an_estate_are_told_before_its_counters_are_read() {
    let problems = read_inputs(vec![
        input("c", counters().as_bytes()),
        input("e", b"vm,os,cores,memory,size\na,Debian 9,1,1,x\n"),
    ]);
    let told = problems.unwrap_err().to_string();
    assert!(
        told.starts_with("e:2: column \"size\"") && !told.contains("c:"),
        "{told}"
    );
}

#[test]
fn counters_alone_make_an_estate() {
    let inputs = read_inputs(vec![input("c", counters().as_bytes())]).unwrap();
    assert_eq!((inputs.estate.vms.len(), inputs.warnings.warnings()), (3, 1));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), magic in 0..4_usize) {
        let mut all = [&b""[..], b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"][magic].to_vec();
        all.extend(bytes);
        let _ = read_inputs(vec![input("x", &all)]);
    }
}
