//! No key leaves a run: not in the event log with every frame in it, not in the record, the page or the summary.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{firedrill, folder, root};
use actors::spec::ComponentSpec;

/// What proves somebody's right in the world of a scenario: the vault's registration key and the passphrases' fingerprints.
fn proofs(scenario: &str) -> BTreeSet<u64> {
    let options = scenarios::Options::default();
    let scenario = scenarios::load(&root().join(scenario), &options).expect("the scenario is good");
    let built = scenarios::build::build(&scenario, &options).expect("its world can be built");
    let components = built.world.machines.iter().flat_map(|machine| &machine.components);
    components
        .filter_map(|component| match component {
            ComponentSpec::Service(service) => Some(service.registration_key),
            ComponentSpec::ConfigurationServer(server) => Some(server.passphrase),
            _ => None,
        })
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    out
}

/// How bytes may be written.
fn encodings(bytes: &[u8]) -> [String; 5] {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = |between: &str| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(between);
    [hex.to_uppercase(), hex, base64(bytes), list(","), list(", ")]
}

/// The files of a run directory. What is in its folders are disks, whose content is the guests' own.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("the run directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let mut bytes = std::fs::read(&path).expect("a file");
        if path.extension().is_some_and(|e| e == "zst") {
            bytes = zstd::decode_all(bytes.as_slice()).expect("a compressed log");
        }
        (path.display().to_string(), bytes)
    };
    paths.filter(|path| path.is_file()).map(read).collect()
}

#[test]
fn no_output_holds_a_key_in_any_encoding() {
    let vault_key: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(83).wrapping_add(201)).collect();
    let out = folder();
    let key = out.path().join("key");
    std::fs::write(&key, &vault_key).expect("a key");
    for (scenario, network) in [
        ("scenarios/journey.toml", "event"),
        ("scenarios/one-disk.toml", "turmoil"),
    ] {
        let proofs = proofs(scenario);
        assert!(proofs.len() >= 2, "there is something to look for");
        let mut sought = encodings(&vault_key).to_vec();
        for proof in proofs {
            sought.push(proof.to_string());
            sought.push(format!("{proof:x}"));
            sought.extend(encodings(&proof.to_be_bytes()));
            sought.extend(encodings(&proof.to_le_bytes()));
        }
        let run = out.path().join(network);
        let folder = run.to_str().expect("UTF-8");
        let key = key.to_str().expect("UTF-8");
        let arguments = [
            "run",
            scenario,
            "--trace",
            "--network",
            network,
            "--vault-key",
            key,
            "--out",
            folder,
        ];
        let output = firedrill(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut texts = vec![
            ("stdout".to_owned(), output.stdout),
            ("stderr".to_owned(), output.stderr),
        ];
        texts.extend(files(&run));
        let (_, log) = texts
            .iter()
            .find(|(name, _)| name.contains("events.jsonl"))
            .expect("an event log");
        let log = String::from_utf8_lossy(log);
        assert!(
            log.contains("\"Register\":") && log.contains("\"key\":\"withheld\""),
            "frames are traced"
        );
        for (name, text) in &texts {
            let text = String::from_utf8_lossy(text);
            for what in &sought {
                assert!(!text.contains(what), "{name} holds {what}");
            }
        }
    }
}
