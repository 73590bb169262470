//! **A process server says that it has a batch only once all of the batch would survive the loss of its power.**
//!
//! The world shows the files of the batch as they lie in the cache, with how much of each is durable; the process server does not.
//!
//! Why it holds: with this acknowledgement the agent lets go of what its journal held. Reference: design §2, "acknowledged means durable".

use crate::findings::Bytes;

crate::law! {
    "acknowledged-is-durable", "a batch is acknowledged once all of it is durable in the process server's cache";

    NotCached { batch: u64 } => "batch {batch} was acknowledged, and nothing of it is in the cache";
    NotDurable { batch: u64, file: String, durable: Bytes, bytes: Bytes } =>
        "batch {batch} was acknowledged when {durable} of {bytes} bytes of {file} were durable";
}

/// Checks a batch that is acknowledged: its files with their bytes and how many of those are durable.
#[must_use]
pub fn check(batch: u64, files: &[(String, u64, u64)]) -> Vec<Broken> {
    if files.is_empty() {
        return vec![Broken::NotCached { batch }];
    }
    let volatile = files.iter().filter(|(_, bytes, durable)| durable < bytes);
    let broken = |(file, bytes, durable): &(String, u64, u64)| Broken::NotDurable {
        batch,
        file: file.clone(),
        durable: Bytes(*durable),
        bytes: Bytes(*bytes),
    };
    volatile.map(broken).take(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_that_a_power_cut_would_break_is_found() {
        let file = |durable| ("part".to_owned(), 10, durable);
        assert!(check(1, &[file(10)]).is_empty());
        assert_eq!(check(1, &[file(10), file(9)]).len(), 1);
        assert_eq!(check(1, &[file(0), file(0)]).len(), 1, "one is enough to know");
        assert_eq!(check(1, &[]).len(), 1);
    }
}
