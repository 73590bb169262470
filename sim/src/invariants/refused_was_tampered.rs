//! **A stored segment is refused only where somebody tampered with storage.**
//!
//! Why it holds: what is acknowledged is durable, sealed once and never changed; so a segment that does not open, or is not there, was
//! changed from outside (a fault), or the product or its model broke it. Then it is not the plan that failed.
//! Reference: design §2, "Seal"; facts §6.

crate::law! {
    "refused-was-tampered", "no stored segment is refused unless a fault changed one of that disk's segments";

    RefusedUntouched { segment: String, reason: String } =>
        "segment {segment} was refused ({reason}), and nobody had tampered with that disk's segments";
}

/// Checks a refusal; `tampered`: a fault that changes a segment of the same disk had begun before.
#[must_use]
pub fn check(name: &str, why: &str, tampered: bool) -> Vec<Broken> {
    match tampered {
        true => Vec::new(),
        false => vec![Broken::RefusedUntouched {
            segment: name.to_owned(),
            reason: why.to_owned(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_an_attack_is_found() {
        assert!(check("vm0/disk0/batch-00000001", "a chunk was changed", true).is_empty());
        assert_eq!(check("vm0/disk0/batch-00000001", "it is cut off", false).len(), 1);
    }
}
