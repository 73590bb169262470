use super::*;
use crate::estate::Vm;
use crate::estate::samples::{disk, vm};

fn estate() -> Estate {
    let vm = Vm {
        host: Some("esx-1".to_owned()),
        ..vm("sql-01", vec![disk("os"), disk("data")])
    };
    Estate { vms: vec![vm] }
}

/// A file with this in it, as a trace of a disk.
fn trace(place: &str, format: &str, text: &[u8]) -> (tempfile::NamedTempFile, Trace) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let trace = format!("{place}={format}:{}", file.path().display()).parse();
    (file, trace.unwrap())
}

/// FILETIME has ticks of 100 ns: 600 million are a minute. Two writes of 6,000 sectors in the first minute, none in the second, one of 512
/// bytes in the third; a read counts nowhere, also where it comes first.
const MSR: &str = "1000000000,sql,0,Read,0,4096,1\n\
                   1200000000,sql,0,Write,0,3072000,1\n\
                   1500000000,sql,0,Write,4096,3072000,1\n\
                   2400000000,sql,0,Write,8192,512,1\n";

#[test]
fn a_trace_becomes_bytes_and_writes_by_the_minute() {
    let (_file, trace) = trace("sql-01.data", "msr", MSR.as_bytes());
    let (profile, problems) = take(&estate(), None, std::slice::from_ref(&trace)).unwrap();
    assert!(problems.is_empty());
    assert_eq!((profile.step_seconds, profile.steps), (60, 3));
    let series = &profile.vms[0][1];
    // 6,144,000 bytes in 60 s, and 512; two writes are 3.33 hundredths a second.
    assert_eq!(series.written, [102_400, 0, 9]);
    assert_eq!(series.write_iops, [3, 0, 2]);
    assert!(series.read_iops.is_empty());
    assert_eq!(profile.vms[0][0], Series::default(), "it is of one disk");
    // The plan takes them for counters.
    let plan = crate::recommend::recommend(&estate(), Some(&profile), &crate::options::Options::default()).unwrap();
    assert_eq!(plan.summary.profiled_seconds.value, 180);
    assert!(plan.bandwidths[0].always.unwrap().value > 0);
}

#[test]
fn formats_devices_and_packing_are_those_of_scenarios() {
    let fio = "fio version 3 iolog\n0 /dev/sda add\n0 /dev/sda open\n1000 /dev/sda write 0 4096\n61001000 /dev/sda write 4096 8192\n";
    let blkparse = "8,0 1 1 0.000000000 10 Q W 0 + 8 [a]\n8,0 1 2 60.000000000 10 Q W 8 + 16 [a]\n";
    let two = "1000,a,0,Write,0,4096,1\n1000,b,1,Write,0,8192,1\n";
    for (format, text, written) in [
        ("fio", fio, vec![68, 137]),
        ("blkparse", blkparse, vec![68, 137]),
        ("msr", two, vec![205]),
        ("msr[b.1]", two, vec![137]),
    ] {
        for packed in [text.as_bytes().to_vec(), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
            let (_file, trace) = trace("esx-1/sql-01.os", format, &packed);
            let (profile, _) = take(&estate(), None, &[trace]).unwrap();
            assert_eq!(profile.vms[0][0].written, written, "{format}");
        }
    }
}

#[test]
fn beside_counters_it_has_their_steps_and_their_end() {
    let counted = Profile {
        start_seconds: 0,
        step_seconds: 30,
        steps: 4,
        vms: vec![vec![
            Series {
                written: vec![1; 4],
                ..Series::default()
            },
            Series::default(),
        ]],
    };
    let (_file, data) = trace("sql-01.data", "msr", MSR.as_bytes());
    let (profile, problems) = take(&estate(), Some(counted.clone()), &[data]).unwrap();
    // The third minute, at 120 s, is past the end; the two writes are 30 s apart.
    assert_eq!(profile.vms[0][1].written, [102_400, 102_400, 0, 0]);
    assert_eq!(problems.warnings(), 1);
    assert!(
        problems.to_string().contains("5 steps of 30 s, the counters for 4"),
        "{problems}"
    );
    // A shorter one leaves steps without a counter.
    let (_file, short) = trace("sql-01.data", "msr", b"1000,sql,0,Write,0,3072000,1\n");
    let (profile, problems) = take(&estate(), Some(counted.clone()), &[short]).unwrap();
    assert_eq!(profile.vms[0][1].written, [102_400, ABSENT, ABSENT, ABSENT]);
    assert!(problems.is_empty());
    let (_file, os) = trace("sql-01.os", "msr", MSR.as_bytes());
    let problems = take(&estate(), Some(counted), &[os]).unwrap_err().to_string();
    assert!(problems.contains("sql-01.os has counters already"), "{problems}");
}

#[test]
fn what_is_wrong_is_told_by_file_line_and_what_is_accepted() {
    for (place, format, text, words) in [
        (
            "sql-01.log",
            "msr",
            MSR,
            "sql-01 has no disk \"log\"; accepted: os, data",
        ),
        (
            "web.os",
            "msr",
            MSR,
            "the estate has no machine \"web\"; accepted: a machine of the estate",
        ),
        (
            "sql-01.os",
            "msr[c.0]",
            MSR,
            "it has no write of the device \"c.0\"; accepted: ",
        ),
        ("sql-01.os", "msr", "", "it has no write; accepted: a trace with writes"),
        (
            "sql-01.os",
            "msr",
            "PK\u{3}\u{4}",
            "it is packed as zip; accepted: text",
        ),
        (
            "sql-01.os",
            "msr",
            "a\0",
            "it is no text: its byte 2 is 0; accepted: text",
        ),
        (
            "sql-01.os",
            "msr",
            "128166372000000000,web,0,Write,0,4096,100\n178166372000000000,web,0,Write,0,4096,100\n",
            "its last request is more than 400 days after its first; accepted: a trace of at most that time",
        ),
    ] {
        let (_file, trace) = trace(place, format, text.as_bytes());
        let problems = take(&estate(), None, &[trace]).unwrap_err().to_string();
        assert!(problems.contains(words), "{problems}");
    }
    let broken = MSR.replace("Write,8192", "Wrote,8192");
    let (file, wrong) = trace("sql-01.os", "msr", broken.as_bytes());
    let problems = take(&estate(), None, &[wrong]).unwrap_err().to_string();
    let begins = format!("{}:4: column \"byte 18\": ", file.path().display());
    assert!(problems.starts_with(&begins), "{problems}");
    assert!(
        problems.contains("accepted: a line is Timestamp,Hostname"),
        "{problems}"
    );
    let (_file, first) = trace("sql-01.os", "msr", MSR.as_bytes());
    let problems = take(&estate(), None, &[first.clone(), first]).unwrap_err().to_string();
    assert!(problems.contains("sql-01.os has a trace already"), "{problems}");
    let none: Trace = "sql-01.os=msr:/nowhere/at/all".parse().unwrap();
    let problems = take(&estate(), None, &[none]).unwrap_err().to_string();
    assert!(
        problems.starts_with("/nowhere/at/all: it cannot be read: "),
        "{problems}"
    );
}

#[test]
fn a_trace_names_its_disk_its_format_and_its_file() {
    let read: Trace = "esx-1/a.b.data=fio[/dev/sda]:dir/x:y.log".parse().unwrap();
    assert_eq!((read.vm.as_str(), read.disk.as_str()), ("esx-1/a.b", "data"));
    assert_eq!((read.format, read.device.as_deref()), (Format::Fio, Some("/dev/sda")));
    assert_eq!(read.file, PathBuf::from("dir/x:y.log"));
    for (text, words) in [
        ("trace.csv", "no disk is named"),
        ("a=msr:x", "\"a\" names no disk of a machine"),
        (".b=msr:x", "names no disk"),
        ("a.b=x", "no format is named"),
        ("a.b=vhd:x", "\"vhd\" is no format"),
        ("a.b=msr:", "a name is empty"),
        ("a.b=msr[]:x", "a name is empty"),
    ] {
        let wrong = text.parse::<Trace>().unwrap_err();
        assert!(wrong.starts_with(words) || wrong.contains(words), "{wrong}");
        assert!(wrong.ends_with("FORMAT one of msr, fio, blkparse"), "{wrong}");
    }
}
