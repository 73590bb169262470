//! Anybody's image goes through replication and comes back identical; `qemu-img` is the judge.

use crate::common::{folder, pass, raw_image, tool};

fn comes_back(format: &str, options: &[&str], bytes: u64) {
    let out = folder();
    let raw = out.path().join("disk.raw");
    raw_image(&raw, bytes, bytes ^ 77);
    let source = out.path().join(format!("source.{format}"));
    let (raw_s, source_s) = (raw.to_str().expect("UTF-8"), source.to_str().expect("UTF-8"));
    let mut arguments = vec!["convert", "-f", "raw", "-O", format];
    arguments.extend_from_slice(options);
    arguments.extend_from_slice(&[raw_s, source_s]);
    tool("qemu-img", &arguments);
    let run_folder = out.path().join("run");
    let run = pass(
        "scenarios/one-disk.toml",
        &run_folder,
        &["--disk", &format!("vm1.os={source_s}")],
    );
    let recovered = run_folder.join("disks/vm1-os.vhd");
    tool(
        "qemu-img",
        &[
            "compare",
            "-f",
            format,
            "-F",
            "vpc",
            source_s,
            recovered.to_str().expect("UTF-8"),
        ],
    );
    assert_eq!(run["disks"][0]["verified"], true);
    let image_bytes = bytes.next_multiple_of(1 << 20);
    let figure = |key: &str| run["disks"][0][key].as_u64();
    assert_eq!(figure("bytes"), Some(bytes));
    assert_eq!(figure("image_bytes"), Some(image_bytes));
    assert_eq!(figure("file_bytes"), Some(image_bytes + 512));
    assert_eq!(std::fs::metadata(&recovered).expect("there").len(), image_bytes + 512);
    let info = tool(
        "qemu-img",
        &[
            "info",
            "--output",
            "json",
            "-f",
            "vpc",
            recovered.to_str().expect("UTF-8"),
        ],
    );
    assert!(info.contains(&format!("\"virtual-size\": {image_bytes}")), "{info}");
}

#[test]
fn a_raw_image_with_holes_comes_back() {
    comes_back("raw", &[], 64 << 20);
}

#[test]
fn a_qcow2_whose_size_is_no_multiple_of_a_mebibyte_comes_back() {
    comes_back("qcow2", &[], (65 << 20) + 3 * 512);
}

#[test]
fn a_sparse_vmdk_comes_back() {
    comes_back("vmdk", &["-o", "subformat=monolithicSparse"], (96 << 20) + (64 << 10));
}

#[test]
fn a_stream_optimized_vmdk_comes_back() {
    comes_back("vmdk", &["-o", "subformat=streamOptimized"], 64 << 20);
}

#[test]
fn both_networks_recover_the_same_bytes() {
    let out = folder();
    let hashes = ["event", "turmoil"].map(|network| {
        let run = pass(
            "scenarios/one-disk.toml",
            &out.path().join(network),
            &["--network", network],
        );
        assert_eq!(run["network"], network);
        let hash = run["disks"][0]["blake3"].as_str().expect("a hash").to_owned();
        assert_eq!(hash.len(), 64, "{hash}");
        hash
    });
    assert_eq!(hashes[0], hashes[1]);
}
