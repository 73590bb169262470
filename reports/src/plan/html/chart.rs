//! A chart over places in a row (hours, days, bandwidths, components): lines and columns, limits across, and a stripe a place to hover over.

use std::fmt::Write as _;

use crate::chart::scale::{Scale, Unit};
use crate::chart::{COLOURS, Figure, LEFT, RIGHT, Table, escape, legend};
use crate::plan::units::Kind;

const TOP: f64 = 12.0;
const BOTTOM: f64 = 232.0;
const HEIGHT: f64 = 276.0;
/// A limit so many times higher than all that is drawn is drawn at the edge: on its scale nothing could be read.
const LIMIT_TIMES: u64 = 4;
const DAY_MS: u64 = 86_400_000;
/// Of its place a group of columns takes so much.
const COLUMNS_SHARE: f64 = 0.7;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Line,
    Columns,
}

/// A series: a value a place.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub name: String,
    pub mark: Mark,
    pub values: Vec<Option<u64>>,
}

/// A chart.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub id: &'static str,
    pub title: String,
    pub note: String,
    /// What the places are.
    pub axis: String,
    /// The places, in full.
    pub places: Vec<String>,
    /// Labels below: a place and its short name.
    pub ticks: Vec<(usize, String)>,
    pub kind: Kind,
    pub series: Vec<Series>,
    pub limits: Vec<(String, u64)>,
}

fn unit(kind: Kind) -> Unit {
    match kind {
        Kind::Bytes | Kind::BytesPerDay | Kind::BytesPerSecond => Unit::Bytes,
        Kind::BitsPerSecond => Unit::BitsPerSecond,
        Kind::Milliseconds => Unit::Duration,
        _ => Unit::Count,
    }
}

impl Chart {
    /// The greatest value that has an end.
    fn highest(&self) -> u64 {
        let values = self
            .series
            .iter()
            .flat_map(|series| series.values.iter().flatten().copied());
        values.filter(|value| !self.kind.never(*value)).max().unwrap_or(0)
    }

    /// Whether a value has no end.
    fn endless(&self) -> bool {
        let mut values = self.series.iter().flat_map(|series| series.values.iter().flatten());
        values.any(|value| self.kind.never(*value))
    }

    fn beyond(&self, limit: u64) -> bool {
        let highest = self.highest();
        highest > 0 && limit / LIMIT_TIMES > highest && !self.endless()
    }

    /// Seconds and money are drawn in a unit of their own: milliseconds, and whole units of the currency.
    fn drawn(&self, value: u64) -> u64 {
        match self.kind {
            Kind::Money => value.div_ceil(1_000_000),
            _ => value,
        }
    }

    /// A label at the left: days where a time is that long.
    fn tick(&self, unit: Unit, value: u64) -> String {
        if (unit == Unit::Duration && value >= 2 * DAY_MS) || self.kind == Kind::Thousandths {
            self.kind.human(value)
        } else {
            unit.tick(value)
        }
    }

    fn x(&self, place: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * place / self.places.len().max(1) as f64
    }

    pub(super) fn draw(&self) -> Figure {
        let endless = self.endless();
        if self.highest() == 0 && !endless {
            let note = format!("{} There is nothing to draw: all of it is 0.", self.note);
            return Figure::without_drawing(self.id, &self.title, note);
        }
        let unit = unit(self.kind);
        let drawn = |value: u64| self.drawn(value);
        let limits = self.limits.iter().filter(|(_, limit)| !self.beyond(*limit));
        let highest = limits
            .map(|(_, limit)| *limit)
            .chain([self.highest()])
            .max()
            .unwrap_or(0);
        // What has no end is drawn at the top, where no value with an end lies.
        let highest = if endless {
            highest.max(1).saturating_mul(2)
        } else {
            highest
        };
        let y = Scale::from_zero(unit, drawn(highest), BOTTOM, TOP, 5);
        let mut out = String::new();
        for &tick in &y.ticks {
            let at = y.at(tick);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                escape(&self.tick(unit, tick))
            );
        }
        for (place, label) in &self.ticks {
            let at = self.x(*place as f64 + 0.5);
            let _ = writeln!(
                out,
                "<text class=\"tick mid\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                BOTTOM + 16.0,
                escape(label)
            );
        }
        let _ = writeln!(
            out,
            "<text class=\"axis mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 34.0,
            escape(&self.axis)
        );
        for (index, series) in self.series.iter().enumerate() {
            match series.mark {
                Mark::Line => self.line(&mut out, index, series, &y),
                Mark::Columns => self.columns(&mut out, index, series, &y),
            }
        }
        self.draw_limits(&mut out, &y);
        self.stripes(&mut out);
        let limits = self.limits.iter().map(|limit| self.limit_words(limit));
        let legend = legend(self.series.iter().map(|series| series.name.clone()), limits);
        Figure {
            id: self.id,
            title: self.title.clone(),
            note: if endless {
                format!("{} At the top: without an end.", self.note)
            } else {
                self.note.clone()
            },
            height: HEIGHT,
            drawing: out,
            legend,
            table: self.table(),
        }
    }

    fn limit_words(&self, (name, value): &(String, u64)) -> String {
        let beyond = if self.beyond(*value) { " (beyond the scale)" } else { "" };
        format!("{name}: {}{beyond}", self.kind.human(*value))
    }

    fn draw_limits(&self, out: &mut String, y: &Scale) {
        for limit in &self.limits {
            let at = y.at(self.drawn(limit.1));
            let _ = writeln!(
                out,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
            );
            if self.beyond(limit.1) {
                let _ = writeln!(
                    out,
                    "<text class=\"limit end\" x=\"{:.1}\" y=\"{:.1}\">↑ {}</text>",
                    RIGHT - 4.0,
                    at + 14.0,
                    escape(&self.kind.human(limit.1))
                );
            }
        }
    }

    fn line(&self, out: &mut String, index: usize, series: &Series, y: &Scale) {
        let mut path = String::new();
        let mut pen = false;
        for (place, value) in series.values.iter().enumerate() {
            let Some(value) = value else {
                pen = false;
                continue;
            };
            let letter = if pen { 'L' } else { 'M' };
            let _ = write!(
                path,
                "{letter}{:.1} {:.1}",
                self.x(place as f64 + 0.5),
                y.at(self.drawn(*value))
            );
            pen = true;
        }
        let class = index % COLOURS;
        let _ = writeln!(out, "<path class=\"line s{class}\" d=\"{path}\"/>");
    }

    fn columns(&self, out: &mut String, index: usize, series: &Series, y: &Scale) {
        let group = self
            .series
            .iter()
            .filter(|one| one.mark == Mark::Columns)
            .count()
            .max(1) as f64;
        let before = self.series[..index]
            .iter()
            .filter(|one| one.mark == Mark::Columns)
            .count() as f64;
        let width = (RIGHT - LEFT) / self.places.len().max(1) as f64 * COLUMNS_SHARE / group;
        let mut path = String::new();
        for (place, value) in series.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let left = self.x(place as f64 + (1.0 - COLUMNS_SHARE) / 2.0) + width * before;
            let top = y.at(self.drawn(*value));
            let _ = write!(path, "M{left:.1} {BOTTOM}V{top:.1}h{width:.1}V{BOTTOM}Z");
        }
        let class = index % COLOURS;
        let _ = writeln!(out, "<path class=\"area s{class}\" d=\"{path}\"/>");
    }

    fn said(&self, value: Option<u64>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| self.kind.human(value))
    }

    /// A stripe for each place, with all that is there.
    fn stripes(&self, out: &mut String) {
        let width = (RIGHT - LEFT) / self.places.len().max(1) as f64;
        for (place, name) in self.places.iter().enumerate() {
            let mut words = name.clone();
            for series in &self.series {
                let value = series.values.get(place).copied().flatten();
                let _ = write!(words, "\n{}: {}", series.name, self.said(value));
            }
            for (name, limit) in &self.limits {
                let _ = write!(words, "\n{name}: {}", self.kind.human(*limit));
            }
            let _ = writeln!(
                out,
                "<rect class=\"hover\" x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                self.x(place as f64),
                BOTTOM - TOP,
                escape(&words)
            );
        }
    }

    fn table(&self) -> Table {
        let mut head = vec![self.axis.clone()];
        head.extend(self.series.iter().map(|series| series.name.clone()));
        let rows = self.places.iter().enumerate().map(|(place, name)| {
            let values = self
                .series
                .iter()
                .map(|series| self.said(series.values.get(place).copied().flatten()));
            std::iter::once(name.clone()).chain(values).collect()
        });
        Table {
            head,
            rows: rows.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use planning::queue::NEVER;

    use super::*;

    fn chart(values: &[Option<u64>]) -> Chart {
        Chart {
            id: "rpo",
            title: "RPO".to_owned(),
            note: "A note.".to_owned(),
            axis: "hour".to_owned(),
            places: (0..values.len()).map(|place| format!("hour {place}")).collect(),
            ticks: Vec::new(),
            kind: Kind::Milliseconds,
            series: vec![Series {
                name: "RPO".to_owned(),
                mark: Mark::Line,
                values: values.to_vec(),
            }],
            limits: vec![("wanted".to_owned(), 900_000)],
        }
    }

    #[test]
    fn what_has_no_end_lies_above_all_that_has_one() {
        let figure = chart(&[Some(60_000), Some(NEVER), None]).draw();
        // 15 of 30 min are half of the height; the line goes to the top and stops.
        assert!(
            figure.drawing.contains("y1=\"122.0\" y2=\"122.0\"/>"),
            "{}",
            figure.drawing
        );
        assert!(figure.drawing.contains("L517.0 12.0\""), "{}", figure.drawing);
        assert!(figure.drawing.contains("hour 1\nRPO: without an end\nwanted: 15 min"));
        assert!(figure.note.ends_with("At the top: without an end."));
    }

    #[test]
    fn a_limit_far_above_and_a_chart_of_nothing_say_so() {
        let figure = chart(&[Some(60_000), Some(1_000)]).draw();
        assert!(
            figure
                .legend
                .iter()
                .any(|(_, name)| name == "wanted: 15 min (beyond the scale)")
        );
        let nothing = chart(&[Some(0), Some(0)]).draw();
        assert!(nothing.drawing.is_empty() && nothing.note.contains("all of it is 0"));
    }
}
