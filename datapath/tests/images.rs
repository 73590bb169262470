//! Images against `qemu-img`, which nobody here wrote: what it makes is read as it means it.

#![allow(clippy::unwrap_used)] // a test that cannot prepare itself fails

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datapath::image::{self, Format, ImageError, Source, Watch, Watched};
use datapath::volume::{PageStore, Volume};
use datapath::{Class, Content, DiskId, Extent, Grain, Run, VmId, WriteSeq};

const MIB: u64 = 1 << 20;
const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());
/// No multiple of 1 MiB, of a cluster, of an extent or of a VHD's cylinder.
const BYTES: u64 = 64 * MIB + 3 * 512;

fn qemu_img(arguments: &[&str]) -> String {
    let out = Command::new("qemu-img")
        .args(arguments)
        .output()
        .expect("qemu-img is there");
    assert!(
        out.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A disk with holes, with content that compresses and content that does not, up to its last sector.
fn make_raw(folder: &Path, bytes: u64) -> PathBuf {
    let path = folder.join("source.raw");
    let file = File::create(&path).unwrap();
    file.set_len(bytes).unwrap();
    let disk = DiskId { vm: VmId(0), index: 0 };
    let mut page = vec![0; 4096];
    for extent in (0..bytes / 4096).filter(|e| e / 100 % 3 != 1) {
        let random = if extent / 1000 % 2 == 0 { 4096 } else { 300 };
        datapath::content::generated(5, disk, Extent(extent), WriteSeq(1), random, &mut page);
        file.write_all_at(&page, extent * 4096).unwrap();
    }
    file.write_all_at(&[0xee; 512], bytes - 512).unwrap();
    path
}

fn convert(raw: &Path, name: &str, options: &[&str]) -> PathBuf {
    let out = raw.with_file_name(name);
    let mut arguments = vec!["convert", "-f", "raw"];
    arguments.extend(options);
    arguments.extend([raw.to_str().unwrap(), out.to_str().unwrap()]);
    qemu_img(&arguments);
    out
}

/// Reads a whole image in pieces that fit no format's units.
fn read_all(path: &Path) -> Vec<u8> {
    let source = image::open(path).unwrap_or_else(|e| panic!("{e}"));
    let bytes = source.bytes() as usize;
    let mut all = Vec::new();
    while all.len() < bytes {
        let (at, piece) = (all.len(), 777_777.min(bytes - all.len()));
        source.read_to(at as u64, piece, &mut all).unwrap();
        assert_eq!(all.len(), at + piece);
    }
    all
}

fn refusal(path: &Path) -> String {
    match image::open(path).err() {
        Some(ImageError::Unusable { why, .. }) => why,
        other => panic!("{}: not refused as unusable: {other:?}", path.display()),
    }
}

#[test]
fn every_format_reads_as_the_disk_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), BYTES);
    let content = fs::read(&raw).unwrap();
    let sparse_at_most = BYTES * 3 / 4;
    let cases: &[(&str, &[&str])] = &[
        ("plain.qcow2", &["-O", "qcow2"]),
        ("packed.qcow2", &["-c", "-O", "qcow2"]),
        ("small-clusters.qcow2", &["-O", "qcow2", "-o", "cluster_size=4k"]),
        ("old.qcow2", &["-O", "qcow2", "-o", "compat=0.10"]),
        ("metadata.qcow2", &["-O", "qcow2", "-o", "preallocation=metadata"]),
        ("sparse.vmdk", &["-O", "vmdk", "-o", "subformat=monolithicSparse"]),
        ("stream.vmdk", &["-O", "vmdk", "-o", "subformat=streamOptimized"]),
        ("flat.vmdk", &["-O", "vmdk", "-o", "subformat=monolithicFlat"]),
        ("split.vmdk", &["-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"]),
        ("split-flat.vmdk", &["-O", "vmdk", "-o", "subformat=twoGbMaxExtentFlat"]),
        ("fixed.vhd", &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]),
        ("dynamic.vhd", &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
        ("geometry.vhd", &["-O", "vpc", "-o", "subformat=fixed"]),
    ];
    for (name, options) in cases {
        let path = convert(&raw, name, options);
        // A VHD sized by its geometry may be larger than what it was made from; the rest is zeros.
        let all = read_all(&path);
        assert!(all.len() >= content.len(), "{name}: {} bytes", all.len());
        if *name != "geometry.vhd" {
            assert_eq!(all.len(), content.len(), "{name}");
        }
        let differs = all
            .iter()
            .zip(content.iter().chain(std::iter::repeat(&0)))
            .position(|(a, b)| a != b);
        assert_eq!(differs, None, "{name}: first byte that differs");
        let allocated: u64 = image::open(&path).unwrap().allocated().iter().map(|(_, len)| len).sum();
        assert!(
            allocated < sparse_at_most,
            "{name}: {allocated} bytes count as allocated"
        );
    }
    assert_eq!(read_all(&raw), content);
}

#[test]
fn what_is_not_allocated_reads_as_zeros_and_the_ranges_are_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), BYTES);
    for (name, options) in [
        ("a.qcow2", ["-O", "qcow2"]),
        ("a.vmdk", ["-O", "vmdk"]),
        ("a.vhd", ["-O", "vpc"]),
    ] {
        let source = image::open(&convert(&raw, name, &options)).unwrap();
        let content = fs::read(&raw).unwrap();
        let mut end = None;
        for (at, len) in source.allocated() {
            assert!(
                end.is_none_or(|e| e < *at) && *len > 0,
                "{name}: ranges are in order and not adjacent"
            );
            let hole = &content[(end.unwrap_or(0) as usize).min(content.len())..(*at as usize).min(content.len())];
            assert!(
                hole.iter().all(|b| *b == 0),
                "{name}: what is skipped before {at} is zeros"
            );
            end = Some(at + len);
        }
    }
}

#[test]
fn what_is_allocated_follows_from_the_content_and_not_from_the_files_holes_or_format() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), BYTES);
    let content = fs::read(&raw).unwrap();
    let dense = folder.path().join("dense.raw");
    fs::write(&dense, &content).unwrap();
    let sparse = folder.path().join("sparse.raw");
    let file = File::create(&sparse).unwrap();
    file.set_len(content.len() as u64).unwrap();
    for (number, page) in content.chunks(4096).enumerate() {
        if page.iter().any(|byte| *byte != 0) {
            file.write_all_at(page, number as u64 * 4096).unwrap();
        }
    }
    let allocated = |path: &Path| image::open(path).unwrap().allocated().to_vec();
    let (of_dense, of_sparse) = (allocated(&dense), allocated(&sparse));
    assert_eq!(of_dense, of_sparse);
    let used: u64 = of_dense.iter().map(|(_, len)| len).sum();
    assert!(used > 0 && used < content.len() as u64, "{used} of {}", content.len());
    assert_eq!(of_dense, allocated(&raw));
    // Nor from the format, or from what was put aside for it beforehand.
    for (name, options) in [
        ("a.qcow2", &["-O", "qcow2"][..]),
        ("metadata.qcow2", &["-O", "qcow2", "-o", "preallocation=metadata"]),
        ("full.qcow2", &["-O", "qcow2", "-o", "preallocation=full"]),
        ("sparse.vmdk", &["-O", "vmdk", "-o", "subformat=monolithicSparse"]),
        ("flat.vmdk", &["-O", "vmdk", "-o", "subformat=monolithicFlat"]),
        ("fixed.vhd", &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]),
        ("dynamic.vhd", &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
    ] {
        assert_eq!(of_dense, allocated(&convert(&raw, name, options)), "{name}");
    }
}

#[test]
fn a_raw_image_is_padded_to_a_sector_and_its_zeros_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.raw");
    let file = File::create(&path).unwrap();
    file.write_all_at(b"end", 8 * MIB).unwrap();
    let source = image::open_as(&path, Format::Raw, &Watched::default()).unwrap();
    assert_eq!(source.bytes(), 8 * MIB + 512);
    let mut tail = Vec::new();
    source.read_to(8 * MIB, 1024, &mut tail).unwrap();
    assert_eq!(tail.len(), 1024);
    assert_eq!(&tail[..3], b"end");
    assert!(tail[3..].iter().all(|b| *b == 0), "past the end are zeros");
    let (at, _) = source.allocated()[0];
    assert!(at > 0, "the hole at the start is not allocated");
}

#[test]
fn a_file_that_is_not_what_it_is_called_is_refused_unless_it_is_said_to_be_raw() {
    let folder = tempfile::tempdir().unwrap();
    let as_raw = |path: &Path| image::open_as(path, Format::Raw, &Watched::default()).unwrap();
    for name in ["a.vmdk", "a.QCOW2", "a.vhd", "a.vdi", "a.vhdx"] {
        let path = folder.path().join(name);
        fs::write(&path, vec![7; 4096]).unwrap();
        let why = refusal(&path);
        assert!(why.contains("by its name") && why.contains("raw:"), "{why}");
        assert_eq!(as_raw(&path).bytes(), 4096);
    }
    let odd = folder.path().join("odd.img");
    fs::write(&odd, vec![7; 4097]).unwrap();
    let why = refusal(&odd);
    assert!(why.contains("4097 bytes") && why.contains("raw:"), "{why}");
    assert_eq!(as_raw(&odd).bytes(), 4096 + 512);
    // What is an image of a format is read as one under any name, and as its bytes where it is said to be raw.
    let qcow2 = convert(&make_raw(folder.path(), MIB), "disk.img", &["-O", "qcow2"]);
    assert_eq!(image::open(&qcow2).unwrap().bytes(), MIB);
    let mut head = Vec::new();
    as_raw(&qcow2).read_to(0, 4, &mut head).unwrap();
    assert_eq!(head, b"QFI\xfb");
}

/// Stops after so many questions.
struct Stopper {
    left: AtomicU64,
    read: AtomicU64,
}

impl Watch for Stopper {
    fn opening(&self, _image: &Path, read: u64, of: u64) {
        assert!(read <= of, "{read} of {of}");
        self.read.fetch_max(read, Ordering::Relaxed);
    }
    fn stops(&self) -> bool {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }
}

#[test]
fn whoever_follows_the_reading_hears_how_far_it_is_and_can_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), BYTES);
    let opened = |path: &Path, left: u64| {
        let left = AtomicU64::new(left);
        let stopper = Arc::new(Stopper {
            left,
            read: AtomicU64::new(0),
        });
        let opened = image::open_as(path, Format::ByContent, &Watched::by(stopper.clone()));
        (opened, stopper.read.load(Ordering::Relaxed))
    };
    let (whole, read) = opened(&raw, u64::MAX);
    assert!(read > MIB && read <= BYTES, "{read} bytes were read");
    assert!(whole.is_ok());
    assert!(matches!(opened(&raw, 3).0, Err(ImageError::Stopped)));
    for (name, options) in [("a.qcow2", ["-O", "qcow2"]), ("a.vmdk", ["-O", "vmdk"])] {
        let image = convert(&raw, name, &options);
        assert!(matches!(opened(&image, 0).0, Err(ImageError::Stopped)), "{name}");
        let source = opened(&image, 1000).0.unwrap();
        let mut piece = Vec::new();
        while source.read_to(0, 512, &mut piece).is_ok() {}
        assert!(
            matches!(source.read_to(0, 512, &mut piece), Err(ImageError::Stopped)),
            "{name}"
        );
    }
    let out = folder.path().join("out.vhd");
    let stopped = image::write_vhd(&volume(&raw), &out, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(ImageError::Stopped)));
    assert!(!out.exists());
}

#[test]
fn an_image_whose_file_changes_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), 4 * MIB);
    for (name, options, part) in [
        ("a.qcow2", &["-O", "qcow2"][..], "a.qcow2"),
        ("a.vhd", &["-O", "vpc"], "a.vhd"),
        (
            "a.vmdk",
            &["-O", "vmdk", "-o", "subformat=monolithicFlat"],
            "a-flat.vmdk",
        ),
        ("b.vmdk", &["-O", "vmdk", "-o", "subformat=monolithicFlat"], "b.vmdk"),
    ] {
        let image = convert(&raw, name, options);
        let source = image::open(&image).unwrap();
        assert!(source.files().contains(&image.as_path()), "{name}");
        source.unchanged().unwrap();
        let part = folder.path().join(part);
        fs::OpenOptions::new()
            .append(true)
            .open(&part)
            .unwrap()
            .write_all(b"more")
            .unwrap();
        match source.unchanged() {
            Err(ImageError::Changed { path, .. }) => assert_eq!(path, part),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_disk_costs_what_is_used_of_it() {
    // Of 4 TiB one extent is used: whatever went through the rest would take longer than anybody waits.
    let folder = tempfile::tempdir().unwrap();
    let store = PageStore::new(16 * MIB);
    let mut volume = Volume::new(&store, Grain::Real, 4 << 40);
    let last = Extent(volume.extents() - 1);
    let run = Run {
        start: last,
        extents: 1,
        content: Content::Bytes(vec![7; 4096].into()),
    };
    volume.write(&run).unwrap();
    let mut steps = 0;
    let written = image::write_vhd(&volume, &folder.path().join("out.vhd"), &mut |_| {
        steps += 1;
        CONTINUE
    });
    assert_eq!(written.unwrap().image_bytes, 4 << 40);
    assert!(steps <= 3, "{steps} steps");
}

#[test]
fn a_truncated_image_is_refused_at_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), 6 * MIB + 512);
    let content = fs::read(&raw).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("plain.qcow2", &["-O", "qcow2"]),
        ("packed.qcow2", &["-c", "-O", "qcow2"]),
        ("sparse.vmdk", &["-O", "vmdk"]),
        ("stream.vmdk", &["-O", "vmdk", "-o", "subformat=streamOptimized"]),
        ("fixed.vhd", &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]),
        ("dynamic.vhd", &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
    ];
    for (name, options) in cases {
        let path = convert(&raw, name, options);
        let len = fs::metadata(&path).unwrap().len();
        let whole = fs::read(&path).unwrap();
        for keep in [10, 100, 600, len / 10, len / 2, len - 70_000, len - 4096, len - 1024] {
            fs::write(&path, &whole[..keep as usize]).unwrap();
            let refused = match image::open(&path) {
                // What only pads the end may be missing.
                Ok(_) => read_all(&path) == content,
                Err(ImageError::Unusable { why, .. }) => !why.is_empty(),
                Err(other) => panic!("{name} cut to {keep}: {other}"),
            };
            assert!(refused, "{name} of {len} bytes cut to {keep} is not refused");
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_is_no_whole_disk_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty"), b"").unwrap();
    assert!(refusal(&at("empty")).contains("empty"));
    assert!(refusal(&at("missing")).contains("no such file"));
    assert!(refusal(folder.path()).contains("folder"));

    qemu_img(&["create", "-q", "-f", "qcow2", at("zero.qcow2").to_str().unwrap(), "0"]);
    assert!(refusal(&at("zero.qcow2")).contains("0 bytes"));

    let base = make_raw(folder.path(), MIB);
    let child = at("child.qcow2");
    qemu_img(&[
        "create",
        "-q",
        "-f",
        "qcow2",
        "-b",
        base.to_str().unwrap(),
        "-F",
        "raw",
        child.to_str().unwrap(),
    ]);
    assert!(refusal(&child).contains("backing file"));

    let zstd = convert(
        &base,
        "zstd.qcow2",
        &["-c", "-O", "qcow2", "-o", "compression_type=zstd"],
    );
    assert!(refusal(&zstd).contains("deflate"));
    let extended = convert(&base, "extended.qcow2", &["-O", "qcow2", "-o", "extended_l2=on"]);
    assert!(refusal(&extended).contains("subclusters"));
    assert!(refusal(&convert(&base, "a.vhdx", &["-O", "vhdx"])).contains("VHDX"));
    assert!(refusal(&convert(&base, "a.vdi", &["-O", "vdi"])).contains("VDI"));

    let vhd = convert(&base, "bad.vhd", &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]);
    let mut bytes = fs::read(&vhd).unwrap();
    let footer = bytes.len() - 512;
    bytes[footer + 50] ^= 1;
    fs::write(&vhd, bytes).unwrap();
    assert!(refusal(&vhd).contains("checksum"));

    let escape = at("escape.vmdk");
    fs::write(
        &escape,
        "# Disk DescriptorFile\nparentCID=ffffffff\nRW 8 FLAT \"../secret\" 0\n",
    )
    .unwrap();
    assert!(refusal(&escape).contains("beside the descriptor"));
}

#[test]
fn no_byte_of_a_table_makes_reading_panic() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), MIB);
    for (name, options) in [
        ("f.qcow2", ["-O", "qcow2"]),
        ("f.vmdk", ["-O", "vmdk"]),
        ("f.vhd", ["-O", "vpc"]),
    ] {
        let path = convert(&raw, name, &options);
        let whole = fs::read(&path).unwrap();
        for at in (0..2048).chain((2048..whole.len().min(400_000)).step_by(997)) {
            for value in [0u8, 0xff, whole[at] ^ 0x10] {
                let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
                file.write_all_at(&[value], at as u64).unwrap();
                if let Ok(source) = image::open(&path) {
                    let mut piece = Vec::new();
                    let _ = source.read_to(0, 8192, &mut piece);
                    let _ = source.read_to(source.bytes().saturating_sub(4096), 8192, &mut piece);
                }
                file.write_all_at(&whole[at..=at], at as u64).unwrap();
            }
        }
    }
}

/// A volume over an image, with some of it written over: what a recovered disk is.
fn volume(source: &Path) -> Volume {
    let store = PageStore::new(16 * MIB);
    Volume::from_image(&store, Grain::Real, image::open(source).unwrap(), Class(0)).unwrap()
}

fn compare(a: (&str, &Path), b: (&str, &Path)) {
    let said = qemu_img(&[
        "compare",
        "-f",
        a.0,
        "-F",
        b.0,
        a.1.to_str().unwrap(),
        b.1.to_str().unwrap(),
    ]);
    assert!(said.contains("Images are identical"), "{said}");
}

#[test]
fn what_is_written_is_identical_to_what_was_read_and_sparse() {
    for bytes in [BYTES, 64 * MIB, 512, 2 * MIB + 512, 129 * MIB - 512] {
        let folder = tempfile::tempdir().unwrap();
        let raw = make_raw(folder.path(), bytes);
        let qcow2 = convert(&raw, "in.qcow2", &["-O", "qcow2"]);
        let volume = volume(&qcow2);
        let (vhd, out) = (folder.path().join("out.vhd"), folder.path().join("out.raw"));
        let mut heard = Vec::new();
        let written = image::write_vhd(&volume, &vhd, &mut |done| {
            heard.push(done);
            CONTINUE
        })
        .unwrap();
        assert!(
            heard.is_sorted() && heard.last() == Some(&bytes),
            "progress ends at the disk's size"
        );
        let as_raw = image::write_raw(&volume, &out, &mut |_| CONTINUE).unwrap();
        assert_eq!((as_raw.image_bytes, as_raw.file_bytes), (bytes, bytes));
        assert_eq!((written.bytes, written.blake3), (bytes, as_raw.blake3));
        let mut of_each = blake3::Hasher::new();
        for mib in fs::read(&raw).unwrap().chunks(MIB as usize) {
            of_each.update(blake3::hash(mib).as_bytes());
        }
        assert_eq!(&written.blake3, of_each.finalize().as_bytes());
        compare(("qcow2", &qcow2), ("vpc", &vhd));
        compare(("raw", &raw), ("raw", &out));
        assert_eq!(fs::metadata(&out).unwrap().len(), bytes);
        // And it is read back by ourselves.
        let (back, content) = (read_all(&vhd), fs::read(&raw).unwrap());
        assert!(back[..content.len()] == content && back[content.len()..].iter().all(|byte| *byte == 0));
        if bytes >= BYTES {
            use std::os::unix::fs::MetadataExt;
            let used = fs::metadata(&vhd).unwrap().blocks() * 512;
            assert!(
                used < bytes * 3 / 4,
                "{used} bytes of {bytes} are used: the file is not sparse"
            );
        }
    }
}

/// Neither a whole MiB nor a whole cylinder: what a reader takes from the geometry would be less.
#[test]
fn a_vhd_is_whole_mebibytes_and_no_reader_cuts_it_short() {
    for bytes in [MIB - 512, 64 * MIB + 512, 1_100_001_792] {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("source.raw");
        let file = File::create(&raw).unwrap();
        file.set_len(bytes).unwrap();
        file.write_all_at(&[0xee; 512], bytes - 512).unwrap();
        let vhd = folder.path().join("out.vhd");
        let written = image::write_vhd(&volume(&raw), &vhd, &mut |_| CONTINUE).unwrap();
        let rounded = bytes.next_multiple_of(MIB);
        assert_eq!((written.bytes, written.image_bytes), (bytes, rounded));
        assert_eq!(written.file_bytes, rounded + 512);
        assert_eq!(fs::metadata(&vhd).unwrap().len(), rounded + 512);
        let info = qemu_img(&["info", "--output", "json", "-f", "vpc", vhd.to_str().unwrap()]);
        assert!(info.contains(&format!("\"virtual-size\": {rounded}")), "{info}");
        compare(("raw", &raw), ("vpc", &vhd));
        assert_eq!(image::open(&vhd).unwrap().bytes(), rounded);
        // QEMU before version 10 believes the bytes of few creators only; Windows is the one that all versions know.
        let mut footer = [0; 512];
        File::open(&vhd).unwrap().read_exact_at(&mut footer, rounded).unwrap();
        assert_eq!(&footer[28..32], b"win ");
        let number = |at: usize, len: usize| footer[at..at + len].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        assert_eq!(
            (number(40, 8), number(48, 8)),
            (rounded, rounded),
            "original and current size"
        );
        let by_geometry = number(56, 2) * number(58, 1) * number(59, 1) * 512;
        assert!(by_geometry < rounded, "the case shows nothing: its geometry is exact");
    }
}

#[test]
fn what_was_written_over_the_image_is_in_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), BYTES);
    let mut volume = volume(&raw);
    let mut expected = fs::read(&raw).unwrap();
    let last = volume.extents() - 1;
    for (start, extents, content) in [
        (0u64, 3u32, Content::Zero),
        (1000, 2, Content::Bytes(vec![7; 8192].into())),
        (120, 1, Content::Bytes(vec![0; 4096].into())),
        (last, 1, Content::Bytes([vec![9; 1536], vec![0; 2560]].concat().into())),
    ] {
        let from = start as usize * 4096;
        let to = (from + extents as usize * 4096).min(expected.len());
        match &content {
            Content::Bytes(bytes) => expected[from..to].copy_from_slice(&bytes[..to - from]),
            _ => expected[from..to].fill(0),
        }
        let start = Extent(start);
        volume
            .write(&Run {
                start,
                extents,
                content,
            })
            .unwrap();
    }
    let (vhd, reference) = (folder.path().join("out.vhd"), folder.path().join("expected.raw"));
    image::write_vhd(&volume, &vhd, &mut |_| CONTINUE).unwrap();
    fs::write(&reference, expected).unwrap();
    compare(("raw", &reference), ("vpc", &vhd));
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let raw = make_raw(folder.path(), MIB);
    let missing = folder.path().join("nowhere/out.vhd");
    assert!(matches!(
        image::write_vhd(&volume(&raw), &missing, &mut |_| CONTINUE),
        Err(ImageError::Machine { .. })
    ));
    let store = PageStore::new(MIB);
    let mut modelled = Volume::new(&store, Grain::Extent, MIB);
    let content = Content::Version {
        version: WriteSeq(1),
        class: Class(0),
    };
    let start = Extent(0);
    modelled
        .write(&Run {
            start,
            extents: 1,
            content,
        })
        .unwrap();
    assert!(image::write_raw(&modelled, &folder.path().join("modelled.raw"), &mut |_| CONTINUE).is_err());
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["source.raw"]);
}

#[test]
fn a_generated_disk_reads_the_same_in_any_pieces() {
    let disk = DiskId { vm: VmId(2), index: 1 };
    let source = image::Generated::new(MIB + 512, 700_000, 900, 11, disk);
    let len = (MIB + 4096) as usize;
    let mut whole = Vec::new();
    source.read_to(0, len, &mut whole).unwrap();
    assert!(
        whole[700_000..].iter().all(|b| *b == 0),
        "behind the used part are zeros"
    );
    let mut pieces = Vec::new();
    while pieces.len() < len {
        let piece = 10_001.min(len - pieces.len());
        source.read_to(pieces.len() as u64, piece, &mut pieces).unwrap();
    }
    assert!(pieces == whole);
    let mut page = [0; 4096];
    datapath::content::generated(11, disk, Extent(3), WriteSeq::START, 900, &mut page);
    assert_eq!(page, whole[3 * 4096..4 * 4096]);
}
