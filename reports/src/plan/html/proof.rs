//! The proof on the page: whether it held, and what was found.

use std::fmt::Write as _;

use planning::plan::Plan;

use crate::chart::escape;
use crate::plan::words::proof;

/// The section; nothing where nothing was proven.
pub(super) fn section(out: &mut String, plan: &Plan) {
    let Some(of) = &plan.proof else { return };
    let (class, verdict) = match of.held {
        true => ("pass", "Held"),
        false => ("fail", "Not held"),
    };
    let _ = writeln!(
        out,
        "<section id=\"proven\"><h2>Proof by simulation</h2><p class=\"answer {class}\">{verdict}</p>\n<p class=\"said\">{}</p>",
        escape(&proof(of))
    );
    if !of.findings.is_empty() {
        out.push_str("<ul>");
        for finding in &of.findings {
            let _ = write!(out, "<li>{}</li>", escape(finding));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("<p class=\"note\">Machine by machine in the table <a href=\"#proof\">Arithmetic beside simulation</a>.</p></section>\n");
}
