//! Charts as inline SVG: axes with units, a legend, a title and a description, hover titles, and the numbers in a table below.
//!
//! Colours come from the page's style sheet by class (`s0`, `s1`, …), so that a chart follows light and dark.

pub mod bands;
pub mod lines;
pub mod panels;
pub mod scale;

use std::fmt::Write as _;

use crate::words;

/// Width of every chart's drawing, in its own units.
pub const WIDTH: f64 = 960.0;
/// Left edge of the plot, right of the labels.
pub const LEFT: f64 = 90.0;
/// Right edge of the plot.
pub const RIGHT: f64 = WIDTH - 16.0;
/// How many colours the style sheet has for series.
pub const COLOURS: usize = 8;

/// A legend: the class and the name of each series, in their order, and then of each limit.
#[must_use]
pub fn legend(series: impl Iterator<Item = String>, limits: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let series = (0..)
        .zip(series)
        .map(|(index, name): (usize, _)| (format!("s{}", index % COLOURS), name));
    series.chain(limits.map(|words| ("limit".to_owned(), words))).collect()
}

/// A longer cell is text, whatever it begins with (a hash).
const NUMBER_BYTES_MAX: usize = 16;
/// A longer cell is a sentence, which needs room on a narrow screen.
const TEXT_BYTES_MIN: usize = 40;
/// How cells begin that say that something did not go as it was to.
const FAILED: [&str; 5] = ["✗ ", "NOT VERIFIED", "refused: ", "failed: ", "not done"];
/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 64;

/// The numbers behind a chart.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Column heads.
    pub head: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As HTML; short cells that begin with a digit are aligned as numbers.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = String::from("<div class=\"scroll\"><table><thead><tr>");
        for (index, cell) in self.head.iter().enumerate() {
            // A head stands as the cells below it.
            let class = self
                .rows
                .first()
                .and_then(|row| row.get(index))
                .map(|cell| class(cell))
                .filter(|class| *class == NUMBER)
                .unwrap_or_default();
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escape(cell));
        }
        out.push_str("</tr></thead><tbody>");
        for row in &self.rows {
            out.push_str("<tr>");
            for cell in row {
                let _ = write!(out, "<td{}>{}</td>", class(cell), escape(cell));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }
}

/// The class of a number.
const NUMBER: &str = " class=\"n\"";

/// A cell's class: short ones that begin with a digit are numbers.
fn class(cell: &str) -> &'static str {
    let figure = cell.strip_prefix(words::UP_TO).unwrap_or(cell);
    if figure.len() <= NUMBER_BYTES_MAX && figure.starts_with(|c: char| c.is_ascii_digit()) {
        NUMBER
    } else if cell.len() == HASH_DIGITS && cell.bytes().all(|b| b.is_ascii_hexdigit()) {
        " class=\"hash\""
    } else if FAILED.iter().any(|start| cell.starts_with(start)) {
        " class=\"bad text\""
    } else if cell.len() > TEXT_BYTES_MIN {
        " class=\"text\""
    } else {
        ""
    }
}

/// A chart, drawn.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The name by which the page refers to it.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// How to read it, in a sentence.
    pub note: String,
    /// The drawing's height.
    pub height: f64,
    /// The drawing, without the outer element.
    pub drawing: String,
    /// Legend: class of colour and name.
    pub legend: Vec<(String, String)>,
    /// Its numbers.
    pub table: Table,
}

impl Figure {
    /// A figure with nothing to draw: its note says so, where an empty chart would leave the reader to guess.
    #[must_use]
    pub fn without_drawing(id: &'static str, title: &str, note: String) -> Figure {
        Figure {
            id,
            title: title.to_owned(),
            note,
            height: 0.0,
            drawing: String::new(),
            legend: Vec::new(),
            table: Table::default(),
        }
    }

    /// As HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let (id, title, note) = (self.id, escape(&self.title), escape(&self.note));
        let mut out = String::new();
        if self.drawing.is_empty() {
            let _ = writeln!(
                out,
                "<figure id=\"{id}\"><figcaption><h3>{title}</h3><p>{note}</p></figcaption></figure>"
            );
            return out;
        }
        let _ = write!(
            out,
            "<figure id=\"{id}\"><figcaption><h3>{title}</h3><p>{note}</p></figcaption>\n<ul class=\"legend\">"
        );
        for (class, name) in &self.legend {
            let _ = write!(out, "<li><i class=\"{class}\"></i>{}</li>", escape(name));
        }
        let _ = writeln!(
            out,
            "</ul>\n<div class=\"scroll\"><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{note}</desc>\n{}</svg></div>\n\
             <details><summary>The numbers</summary>{}</details></figure>",
            self.height,
            self.drawing,
            self.table.html()
        );
        out
    }
}

/// Text that is safe in HTML and SVG, in elements and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in HTML at all.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A text that fits `width_max` characters, shortened in its middle.
#[must_use]
pub fn fitted(text: &str, width_max: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= width_max {
        return text.to_owned();
    }
    let head = width_max.saturating_sub(1) * 2 / 3;
    let tail = width_max.saturating_sub(1) - head;
    let mut out: String = characters[..head].iter().collect();
    out.push('…');
    out.extend(&characters[characters.len() - tail..]);
    out
}

/// What a time axis of a run shows.
pub const SIMULATED: &str = "simulated time (h:min)";

/// The time axis at the bottom of a plot: ticks, labels, grid lines from `top` to `bottom`, and its name.
fn time_axis(out: &mut String, x: &scale::Scale, top: f64, bottom: f64, name: &str) {
    for &tick in &x.ticks {
        let at = x.at(tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>\
             <text class=\"tick mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            bottom + 16.0,
            x.unit.tick(tick)
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"axis mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        (x.start + x.end) / 2.0,
        bottom + 34.0,
        escape(name)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_stays_text() {
        assert_eq!(
            escape("<b a='1'>&\"\u{1}"),
            "&lt;b a=&#39;1&#39;&gt;&amp;&quot;\u{fffd}"
        );
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(fitted("short", 8), "short");
        assert_eq!(fitted("a-very-long-machine-name-17", 12), "a-very-…e-17");
        assert_eq!(fitted("a-very-long-machine-name-17", 12).chars().count(), 12);
    }
}
