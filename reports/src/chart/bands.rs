//! Bands over time: a row per machine with a band per state, and numbered marks across them for what the operator did.

use std::fmt::Write as _;

use super::scale::{Scale, Unit};
use super::{Figure, LEFT, RIGHT, Table, escape, fitted, time_axis};

const TOP: f64 = 12.0;
const ROW: f64 = 30.0;
const BAND: f64 = 20.0;
/// Height of a thin band below a row's bands.
const BELOW: f64 = 4.0;
/// Between two lines of a hatching.
const HATCH: f64 = 5.0;
/// Height of the numbers of marks.
const MARKS: f64 = 20.0;
/// Numbers that would be closer than this are written as one range.
const MARKS_APART: f64 = 44.0;
/// About what a character of a label takes.
const CHARACTER: f64 = 6.6;

/// A band.
#[derive(Debug, Clone)]
pub struct Band {
    /// Start, in milliseconds of simulated time.
    pub from: u64,
    /// End.
    pub to: u64,
    /// What it says.
    pub name: String,
    /// Its colour's class.
    pub class: String,
}

/// A row of bands.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its bands.
    pub bands: Vec<Band>,
    /// Hatched stretches on top of them, in the paper's colour.
    pub hatched: Vec<Band>,
    /// Thin bands below them.
    pub below: Vec<Band>,
}

/// A moment marked across all rows, by its number in a table.
#[derive(Debug, Clone)]
pub struct Mark {
    /// When, in milliseconds of simulated time.
    pub at: u64,
    /// What happened.
    pub name: String,
}

/// A chart of bands.
#[derive(Debug, Clone)]
pub struct Bands {
    /// The figure's name on the page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub note: String,
    /// What the time axis shows.
    pub axis: &'static str,
    /// The end of the time axis.
    pub until: u64,
    /// Moments, in order of time; they are numbered from 1.
    pub marks: Vec<Mark>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Name of the rows' column in the table.
    pub head: String,
    /// Legend: class and name.
    pub legend: Vec<(String, String)>,
}

impl Bands {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Figure {
        let first = if self.marks.is_empty() { TOP } else { TOP + MARKS };
        let bottom = first + ROW * self.rows.len().max(1) as f64;
        let x = Scale::exact(Unit::Clock, 0, self.until, LEFT, RIGHT, 10);
        let mut out = String::new();
        time_axis(&mut out, &x, first, bottom, self.axis);
        self.marks(&mut out, &x, first, bottom);
        for (index, row) in self.rows.iter().enumerate() {
            let top = first + ROW * index as f64 + (ROW - BAND) / 2.0;
            let _ = writeln!(
                out,
                "<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}<title>{}</title></text>",
                LEFT - 8.0,
                top + BAND / 2.0 + 4.0,
                escape(&fitted(&row.name, 12)),
                escape(&row.name)
            );
            for band in &row.bands {
                let (from, to) = (x.at(band.from), x.at(band.to));
                let width = (to - from).max(2.0);
                let hover = format!("{}, {}", row.name, words(band));
                let _ = writeln!(
                    out,
                    "<rect class=\"band {}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAND}\" rx=\"2\">\
                     <title>{}</title></rect>",
                    band.class,
                    escape(&hover)
                );
                let text = band.name.chars().count() as f64 * CHARACTER + 8.0;
                // Hatching goes over it, and nobody could read it.
                let mut hatched = row.hatched.iter().map(|over| (x.at(over.from), x.at(over.to)));
                let covered = hatched.any(|(begins, ends)| begins < from + text && from < ends);
                if text < width && !covered {
                    let _ = writeln!(
                        out,
                        "<text class=\"on\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                        from + 5.0,
                        top + BAND / 2.0 + 4.0,
                        escape(&band.name)
                    );
                }
            }
            for band in &row.hatched {
                hatch(&mut out, &row.name, band, (x.at(band.from), x.at(band.to)), top);
            }
            for band in &row.below {
                let (from, to) = (x.at(band.from), x.at(band.to));
                let _ = writeln!(
                    out,
                    "<rect class=\"band {}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BELOW}\">\
                     <title>{}</title></rect>",
                    band.class,
                    top + BAND + 1.0,
                    (to - from).max(2.0),
                    escape(&format!("{}, {}", row.name, words(band)))
                );
            }
        }
        Figure {
            id: self.id,
            title: self.title.clone(),
            note: self.note.clone(),
            height: bottom + 44.0,
            drawing: out,
            legend: self.legend.clone(),
            table: self.table(),
        }
    }

    /// Lines across, and their numbers above: neighbours without room for a number each share one.
    fn marks(&self, out: &mut String, x: &Scale, top: f64, bottom: f64) {
        let mut shared: Vec<(f64, usize, usize)> = Vec::new();
        for (index, mark) in self.marks.iter().enumerate() {
            let at = x.at(mark.at);
            let _ = writeln!(
                out,
                "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
                top - 4.0
            );
            // A number begins at its line; the last ones end with the plot.
            let at = at.min(x.end - MARKS_APART);
            match shared.last_mut() {
                Some((from, _, last)) if at - *from < MARKS_APART => *last = index,
                _ => shared.push((at, index, index)),
            }
        }
        for (at, from, to) in shared {
            let number = if from == to {
                format!("{}", from + 1)
            } else {
                format!("{}–{}", from + 1, to + 1)
            };
            let names: Vec<String> = (from..=to)
                .map(|index| {
                    let mark = &self.marks[index];
                    format!(
                        "{}. {}, {}",
                        index + 1,
                        mark.name,
                        Unit::Clock.words(mark.at / 1000 * 1000)
                    )
                })
                .collect();
            let _ = writeln!(
                out,
                "<text class=\"mark\" x=\"{at:.1}\" y=\"{:.1}\">{number}<title>{}</title></text>",
                top - 8.0,
                escape(&names.join("\n"))
            );
        }
    }

    fn table(&self) -> Table {
        let rows = self.rows.iter().flat_map(|row| {
            row.bands.iter().chain(&row.hatched).chain(&row.below).map(|band| {
                vec![
                    row.name.clone(),
                    band.name.clone(),
                    Unit::Clock.words(band.from),
                    Unit::Clock.words(band.to),
                    Unit::Duration.words(band.to - band.from),
                ]
            })
        });
        Table {
            head: vec![
                self.head.clone(),
                "what".into(),
                "from".into(),
                "to".into(),
                "for".into(),
            ],
            rows: rows.collect(),
        }
    }
}

/// Slanted lines over a band: what is below can still be read.
fn hatch(out: &mut String, row: &str, band: &Band, (from, to): (f64, f64), top: f64) {
    let mut path = String::new();
    let mut x = from;
    while x < to {
        // From the band's lower edge upwards, as far as the stretch goes.
        let rise = BAND.min(to - x);
        let _ = write!(path, "M{x:.1} {:.1}l{rise:.1} {:.1}", top + BAND, -rise);
        x += HATCH;
    }
    let hover = escape(&format!("{row}, {}", words(band)));
    let _ = writeln!(
        out,
        "<path class=\"hatch\" d=\"{path}\"/><rect class=\"hover\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAND}\">\
         <title>{hover}</title></rect>",
        (to - from).max(2.0)
    );
}

fn words(band: &Band) -> String {
    format!(
        "{}: {} to {} ({})",
        band.name,
        Unit::Clock.words(band.from),
        Unit::Clock.words(band.to),
        Unit::Duration.words(band.to.saturating_sub(band.from))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_where_it_can_be_read() {
        let band = |from, to| Band {
            from,
            to,
            name: "failover in progress".into(),
            class: "s5".into(),
        };
        let drawn = |hatched: Vec<Band>| {
            let row = Row {
                name: "web".into(),
                bands: vec![band(0, 1_000_000)],
                hatched,
                below: Vec::new(),
            };
            let chart = Bands {
                id: "states",
                title: String::new(),
                note: String::new(),
                axis: crate::chart::SIMULATED,
                until: 1_000_000,
                marks: Vec::new(),
                rows: vec![row],
                head: "machine".into(),
                legend: Vec::new(),
            };
            chart.draw().drawing.contains("class=\"on\"")
        };
        assert!(drawn(Vec::new()));
        assert!(drawn(vec![band(900_000, 1_000_000)]), "hatched where no name is");
        assert!(!drawn(vec![band(0, 1_000_000)]));
        assert!(!drawn(vec![band(10_000, 20_000)]));
    }
}
