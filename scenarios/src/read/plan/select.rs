//! Machines by name, by pattern, or all.

use crate::diagnose::{Located, Problem, list};
use crate::read::Context;
use crate::read::vms::Vms;

/// The machines that names, patterns with `*`, or `all` stand for, each once, in the order of the file.
pub(super) fn select(context: &Context<'_>, vms: &Vms, names: &[Located<String>]) -> Vec<usize> {
    let known = vms.names();
    let mut chosen = vec![false; known.len()];
    for name in names {
        if name.value == "all" {
            chosen.fill(true);
        } else if name.value.contains('*') {
            let mut any = false;
            for (index, vm) in known.iter().enumerate() {
                if matches(&name.value, vm) {
                    chosen[index] = true;
                    any = true;
                }
            }
            if !any {
                context.diagnosis.push(
                    Problem::new(
                        name.at,
                        format!("no machine's name fits `{}`", name.value),
                        "named here",
                    )
                    .help(format!("there are {}", list(known.iter().copied()))),
                );
            }
        } else if let Some(index) = context.find("machine", name, &known) {
            chosen[index] = true;
        }
    }
    (0..known.len()).filter(|index| chosen[*index]).collect()
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, fits) in [
            ("app-*", "app-001", true),
            ("*-1", "app-1", true),
            ("a*p*1", "app-1", true),
            ("app", "app-1", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
