//! JUnit's XML, as every CI reads it: a suite for a sweep, a case for each law and expectation, failed where it was broken, skipped where nothing
//! was looked at.

use std::fmt::Write;

use crate::chart::escape;

/// A case of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub ending: Ending,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It held.
    Passed,
    /// It counts neither way, and why.
    Skipped(String),
    /// What went wrong: in short, and at length.
    Failed(String, String),
}

/// A suite as a whole document; `seconds` is what it took.
#[must_use]
pub fn junit(suite: &str, seconds: f64, cases: &[Case]) -> String {
    let count = |is: fn(&Ending) -> bool| cases.iter().filter(|case| is(&case.ending)).count();
    let failures = count(|ending| matches!(ending, Ending::Failed(..)));
    let skipped = count(|ending| matches!(ending, Ending::Skipped(_)));
    let name = escaped(suite);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\" time=\"{seconds:.1}\">\n",
        cases.len()
    );
    for case in cases {
        let _ = write!(
            text,
            "    <testcase classname=\"{name}\" name=\"{}\"",
            escaped(&case.name)
        );
        match &case.ending {
            Ending::Passed => text.push_str("/>\n"),
            Ending::Skipped(why) => {
                let _ = writeln!(
                    text,
                    ">\n      <skipped message=\"{}\"/>\n    </testcase>",
                    escaped(why)
                );
            }
            Ending::Failed(short, long) => {
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
            ending: Ending::Failed("\"short\" & so on".to_owned(), "first\nsecond\u{1b}".to_owned()),
        };
        let held = Case {
            name: "held".to_owned(),
            ending: Ending::Passed,
        };
        let known = Case {
            name: "known".to_owned(),
            ending: Ending::Skipped("until <then>".to_owned()),
        };
        let text = junit("sweep", 2.0, &[broken, held, known]);
        assert!(
            text.contains("tests=\"3\" failures=\"1\" skipped=\"1\" time=\"2.0\""),
            "{text}"
        );
        assert!(text.contains("<skipped message=\"until &lt;then&gt;\"/>"), "{text}");
        assert!(text.contains("name=\"a&lt;b\""), "{text}");
        assert!(
            text.contains("message=\"&quot;short&quot; &amp; so on\">first&#10;second</failure>"),
            "{text}"
        );
        assert!(text.contains("name=\"held\"/>"), "{text}");
    }
}
