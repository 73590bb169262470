//! Small plots one below the other, over one time axis: what would hide itself in one plot is drawn apart.

use std::fmt::Write as _;

use super::lines::Lines;
use super::scale::{Scale, Unit};
use super::{COLOURS, Figure, LEFT, RIGHT, SIMULATED, Table, escape, time_axis};

const TOP: f64 = 8.0;
/// Height of a panel's title.
const TITLE: f64 = 22.0;
/// Height of its plot.
const PLOT: f64 = 84.0;
/// Space below it.
const GAP: f64 = 10.0;

/// Plots one below the other.
#[derive(Debug, Clone)]
pub struct Panels {
    /// The figure's name on the page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub note: String,
    /// The end of the time axis.
    pub until: u64,
    /// The plots; their own titles stand above them. Series of the same number have the same colour in all.
    pub plots: Vec<Lines>,
    /// What the colours mean, by the number of a series.
    pub colours: Vec<String>,
}

impl Panels {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Figure {
        let x = Scale::exact(Unit::Clock, 0, self.until, LEFT, RIGHT, 10);
        let mut out = String::new();
        let mut top = TOP;
        for (number, plot) in self.plots.iter().enumerate() {
            let (from, to) = (top + TITLE, top + TITLE + PLOT);
            let _ = writeln!(
                out,
                "<text class=\"head\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>",
                top + TITLE - 7.0,
                escape(&plot.title)
            );
            if number + 1 == self.plots.len() {
                time_axis(&mut out, &x, from, to, SIMULATED);
            } else {
                for &tick in &x.ticks {
                    let at = x.at(tick);
                    let _ = writeln!(
                        out,
                        "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>"
                    );
                }
            }
            plot.plot(&mut out, &x, (from, to), 3);
            top = to + GAP;
        }
        let mut legend: Vec<(String, String)> = (0..)
            .zip(&self.colours)
            .map(|(index, name): (usize, _)| (format!("s{}", index % COLOURS), name.clone()))
            .collect();
        let limits = self
            .plots
            .iter()
            .flat_map(|plot| plot.limits.iter().map(|limit| plot.limit_words(limit)));
        for limit in limits {
            let entry = ("limit".to_owned(), limit);
            if !legend.contains(&entry) {
                legend.push(entry);
            }
        }
        Figure {
            id: self.id,
            title: self.title.clone(),
            note: self.note.clone(),
            height: top + 34.0,
            drawing: out,
            legend,
            table: self.table(),
        }
    }

    /// The numbers of all plots, one after the other.
    fn table(&self) -> Table {
        let mut all = Table {
            head: vec!["of".into(), "from".into()],
            rows: Vec::new(),
        };
        all.head.extend(self.colours.iter().cloned());
        for plot in &self.plots {
            all.rows.extend(plot.table().rows.into_iter().map(|row| {
                let mut with_name = vec![plot.title.clone()];
                with_name.extend(row);
                with_name
            }));
        }
        all
    }
}
