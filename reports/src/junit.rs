//! JUnit's XML, as every CI reads it: a suite for a sweep, a case for each law that looked, failed where it was broken.

use std::fmt::Write;

use crate::chart::escape;

/// A case of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What went wrong, if something did: in short, and at length.
    pub failure: Option<(String, String)>,
}

/// A suite as a whole document; `seconds` is what it took.
#[must_use]
pub fn junit(suite: &str, seconds: f64, cases: &[Case]) -> String {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let name = escaped(suite);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" time=\"{seconds:.1}\">\n",
        cases.len()
    );
    for case in cases {
        let _ = write!(
            text,
            "    <testcase classname=\"{name}\" name=\"{}\"",
            escaped(&case.name)
        );
        match &case.failure {
            None => text.push_str("/>\n"),
            Some((short, long)) => {
                let _ = writeln!(
                    text,
                    ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(short),
                    escaped(long)
                );
            }
        }
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// As XML takes it, in text and in attributes, where a line's end has to be written out; what XML has no place for is left out.
fn escaped(text: &str) -> String {
    let kept: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    escape(&kept).replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_law_is_a_failed_case_and_nothing_leaves_its_place() {
        let broken = Case {
            name: "a<b".to_owned(),
            failure: Some(("\"short\" & so on".to_owned(), "first\nsecond\u{1b}".to_owned())),
        };
        let held = Case {
            name: "held".to_owned(),
            failure: None,
        };
        let text = junit("sweep", 2.0, &[broken, held]);
        assert!(text.contains("tests=\"2\" failures=\"1\" time=\"2.0\""), "{text}");
        assert!(text.contains("name=\"a&lt;b\""), "{text}");
        assert!(
            text.contains("message=\"&quot;short&quot; &amp; so on\">first&#10;second</failure>"),
            "{text}"
        );
        assert!(text.contains("name=\"held\"/>"), "{text}");
    }
}
