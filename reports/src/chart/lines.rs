//! Lines or stacked areas over time, with limits drawn across.

use std::fmt::Write as _;

use super::scale::{Scale, Unit};
use super::{COLOURS, Figure, LEFT, RIGHT, SIMULATED, Table, escape, legend, time_axis};

/// Points of a series that are drawn; a longer one is thinned to the greatest of each stretch.
pub const POINTS_MAX: usize = 480;
/// Rows of a chart's table.
const ROWS_MAX: usize = 60;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 232.0;
const HEIGHT: f64 = 276.0;

/// A series: values at moments (milliseconds of simulated time), in order.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points. A `None` interrupts the line.
    pub points: Vec<(u64, Option<u64>)>,
}

/// A limit drawn across.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// So far above the values that it is drawn at the edge, with an arrow: on the scale the curve below it could not be read.
    pub beyond: bool,
}

/// How the series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each as a line.
    Lines,
    /// Each as steps: a value holds until the next.
    Steps,
    /// One on top of the other, as steps. All series share their moments.
    Stacked,
}

/// A chart of series over time.
#[derive(Debug, Clone)]
pub struct Lines {
    /// The figure's name on the page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub note: String,
    /// What the values are.
    pub unit: Unit,
    /// How they are drawn.
    pub kind: Kind,
    /// The end of the time axis.
    pub until: u64,
    /// The series.
    pub series: Vec<Series>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// The scale reaches at least so far.
    pub at_least: u64,
}

impl Lines {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Figure {
        let mut out = String::new();
        let x = Scale::exact(Unit::Clock, 0, self.until, LEFT, RIGHT, 10);
        time_axis(&mut out, &x, TOP, BOTTOM, SIMULATED);
        self.plot(&mut out, &x, (TOP, BOTTOM), 5);
        let limits = self.limits.iter().map(|limit| self.limit_words(limit));
        let legend = legend(self.series.iter().map(|series| series.name.clone()), limits);
        Figure {
            id: self.id,
            title: self.title.clone(),
            note: self.note.clone(),
            height: HEIGHT,
            drawing: out,
            legend,
            table: self.table(),
        }
    }

    /// The greatest value that is drawn, limits included.
    #[must_use]
    pub fn highest(&self) -> u64 {
        let highest = match self.kind {
            Kind::Stacked => stacks(&self.series).last().and_then(|top| top.iter().max().copied()),
            _ => self
                .series
                .iter()
                .flat_map(|s| s.points.iter().filter_map(|p| p.1))
                .max(),
        };
        let drawn = self.limits.iter().filter(|limit| !limit.beyond);
        let limit = drawn.map(|limit| limit.value).max();
        highest.max(limit).unwrap_or(0)
    }

    /// What a limit says.
    #[must_use]
    pub fn limit_words(&self, limit: &Limit) -> String {
        let beyond = if limit.beyond { " (beyond the scale)" } else { "" };
        format!("{}: {}{beyond}", limit.name, self.unit.tick(limit.value))
    }

    /// Draws values, their axis and limits, from `top` to `bottom` of a drawing.
    pub(super) fn plot(&self, out: &mut String, x: &Scale, (top, bottom): (f64, f64), ticks_max: u64) {
        // Stacked series share their moments, which thinning each for itself would lose.
        let points_max = if self.kind == Kind::Stacked {
            usize::MAX
        } else {
            POINTS_MAX
        };
        let series: Vec<Series> = self.series.iter().map(|s| thinned(s, points_max)).collect();
        let y = Scale::from_zero(self.unit, self.highest().max(self.at_least), bottom, top, ticks_max);
        for &tick in &y.ticks {
            let at = y.at(tick);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                escape(&self.unit.tick(tick))
            );
        }
        match self.kind {
            Kind::Stacked => self.areas(out, &series, x, &y),
            _ => self.paths(out, &series, x, &y),
        }
        for limit in &self.limits {
            let at = y.at(limit.value);
            let _ = writeln!(
                out,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"><title>{}</title></line>",
                escape(&self.limit_words(limit))
            );
            if limit.beyond {
                let _ = writeln!(
                    out,
                    "<text class=\"limit end\" x=\"{:.1}\" y=\"{:.1}\">↑ {}</text>",
                    RIGHT - 4.0,
                    at + 14.0,
                    escape(&self.unit.tick(limit.value))
                );
            }
        }
    }

    fn hover(&self, name: &str, at: u64, value: u64) -> String {
        escape(&format!(
            "{name}, {}: {}",
            Unit::Clock.words(at),
            self.unit.words(value)
        ))
    }

    fn paths(&self, out: &mut String, series: &[Series], x: &Scale, y: &Scale) {
        for (index, s) in series.iter().enumerate() {
            let mut path = String::new();
            let mut pen: Option<f64> = None;
            for &(at, value) in &s.points {
                let Some(value) = value else {
                    if let (Some(_), Kind::Steps) = (pen, self.kind) {
                        let _ = write!(path, "H{:.1}", x.at(at));
                    }
                    pen = None;
                    continue;
                };
                let (px, py) = (x.at(at), y.at(value));
                let _ = match (pen, self.kind) {
                    (None, _) => write!(path, "M{px:.1} {py:.1}"),
                    (Some(_), Kind::Steps) => write!(path, "H{px:.1}V{py:.1}"),
                    (Some(_), _) => write!(path, "L{px:.1} {py:.1}"),
                };
                pen = Some(py);
            }
            let class = format!("s{}", index % COLOURS);
            let _ = writeln!(
                out,
                "<path class=\"line {class}\" d=\"{path}\"><title>{}</title></path>",
                escape(&s.name)
            );
            // Something to hover over, where it doesn't crowd the page.
            for &(at, value) in thinned(s, ROWS_MAX).points.iter() {
                if let Some(value) = value {
                    let _ = writeln!(
                        out,
                        "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}</title></circle>",
                        x.at(at),
                        y.at(value),
                        self.hover(&s.name, at, value)
                    );
                }
            }
        }
    }
}

impl Lines {
    fn areas(&self, out: &mut String, series: &[Series], x: &Scale, y: &Scale) {
        let tops = stacks(series);
        let floor = vec![0; tops.first().map_or(0, Vec::len)];
        for (index, s) in series.iter().enumerate() {
            let below = if index == 0 { &floor } else { &tops[index - 1] };
            let above = &tops[index];
            let moments: Vec<u64> = s.points.iter().map(|p| p.0).collect();
            let ends = |i: usize| moments.get(i + 1).copied().unwrap_or(self.until);
            let mut path = String::new();
            for (i, &at) in moments.iter().enumerate() {
                let pen = if i == 0 { 'M' } else { 'L' };
                let (from, to, py) = (x.at(at), x.at(ends(i)), y.at(above[i]));
                let _ = write!(path, "{pen}{from:.1} {py:.1}H{to:.1}");
            }
            for (i, &at) in moments.iter().enumerate().rev() {
                let _ = write!(path, "L{:.1} {:.1}H{:.1}", x.at(ends(i)), y.at(below[i]), x.at(at));
            }
            if !path.is_empty() {
                path.push('Z');
            }
            let class = format!("s{}", index % COLOURS);
            let _ = writeln!(
                out,
                "<path class=\"area {class}\" d=\"{path}\"><title>{}</title></path>",
                escape(&s.name)
            );
        }
        // Columns to hover over: all series at a moment.
        let rows = self.rows();
        for (i, (at, values)) in rows.iter().enumerate() {
            let end = rows.get(i + 1).map_or(self.until, |next| next.0);
            let mut words = Unit::Clock.words(*at);
            for (s, value) in self.series.iter().zip(values) {
                let _ = write!(
                    words,
                    "\n{}: {}",
                    s.name,
                    value.map_or("–".into(), |v| self.unit.words(v))
                );
            }
            let _ = writeln!(
                out,
                "<rect class=\"hover\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                x.at(*at),
                y.end,
                (x.at(end) - x.at(*at)).max(1.0),
                y.start - y.end,
                escape(&words)
            );
        }
    }

    /// The table's rows: moments, and each series' greatest value from there to the next.
    fn rows(&self) -> Vec<(u64, Vec<Option<u64>>)> {
        let stretch = (self.until / ROWS_MAX as u64).max(1);
        let mut rows: std::collections::BTreeMap<u64, Vec<Option<u64>>> = std::collections::BTreeMap::new();
        for (index, s) in self.series.iter().enumerate() {
            for &(at, value) in &s.points {
                let row = rows
                    .entry((at / stretch).min(ROWS_MAX as u64 - 1))
                    .or_insert_with(|| vec![None; self.series.len()]);
                row[index] = row[index].max(value);
            }
        }
        rows.into_iter()
            .map(|(slot, values)| (slot * stretch, values))
            .collect()
    }

    pub(super) fn table(&self) -> Table {
        let mut head = vec!["from".to_owned()];
        head.extend(self.series.iter().map(|s| s.name.clone()));
        let rows = self.rows().into_iter().map(|(at, values)| {
            let mut row = vec![Unit::Clock.words(at / 1000 * 1000)];
            row.extend(values.iter().map(|v| v.map_or("–".into(), |v| self.unit.words(v))));
            row
        });
        Table {
            head,
            rows: rows.collect(),
        }
    }
}

/// Upper edges of stacked series.
fn stacks(series: &[Series]) -> Vec<Vec<u64>> {
    let moments = series.iter().map(|s| s.points.len()).min().unwrap_or(0);
    let mut sums = vec![0_u64; moments];
    series
        .iter()
        .map(|s| {
            for (sum, point) in sums.iter_mut().zip(&s.points) {
                *sum += point.1.unwrap_or(0);
            }
            sums.clone()
        })
        .collect()
}

/// A series of at most about `points_max` points: the greatest of each stretch, interruptions kept.
#[must_use]
pub fn thinned(series: &Series, points_max: usize) -> Series {
    if series.points.len() <= points_max {
        return series.clone();
    }
    let size = series.points.len().div_ceil(points_max);
    let points = series.points.chunks(size).map(|chunk| {
        let gap = chunk.iter().all(|p| p.1.is_none());
        let greatest = chunk.iter().filter(|p| p.1.is_some()).max_by_key(|p| p.1);
        match greatest {
            Some(&point) if !gap => point,
            _ => (chunk[0].0, None),
        }
    });
    Series {
        name: series.name.clone(),
        points: points.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(u64, Option<u64>)]) -> Series {
        Series {
            name: "web <1>".into(),
            points: points.to_vec(),
        }
    }

    #[test]
    fn a_thinned_series_keeps_its_peak() {
        let points: Vec<_> = (0..10_000)
            .map(|i| (i, Some(if i == 7_777 { 99 } else { 1 })))
            .collect();
        let thin = thinned(&series(&points), 100);
        assert!(thin.points.len() <= 100);
        assert!(thin.points.contains(&(7_777, Some(99))));
    }

    #[test]
    fn a_chart_has_title_axes_limit_legend_and_numbers() {
        let chart = Lines {
            id: "rpo",
            title: "RPO".into(),
            note: "How old.".into(),
            unit: Unit::Duration,
            kind: Kind::Lines,
            until: 3_600_000,
            series: vec![series(&[(0, Some(1000)), (60_000, None), (120_000, Some(900_000))])],
            limits: vec![Limit {
                name: "threshold".into(),
                value: 1_200_000,
                beyond: false,
            }],
            at_least: 0,
        };
        let html = chart.draw().html();
        for part in [
            "<title",
            "<desc",
            "20 min",
            "simulated time",
            "class=\"limit\"",
            "web &lt;1&gt;",
            "<details>",
        ] {
            assert!(html.contains(part), "no {part} in {html}");
        }
        assert!(!html.contains("web <1>") && !html.contains("NaN"));
    }

    #[test]
    fn a_limit_beyond_the_scale_is_at_its_edge_and_says_so() {
        let chart = Lines {
            id: "rpo",
            title: String::new(),
            note: String::new(),
            unit: Unit::Duration,
            kind: Kind::Lines,
            until: 3_600_000,
            series: vec![series(&[(0, Some(1000)), (60_000, Some(60_000))])],
            limits: vec![Limit {
                name: "threshold".into(),
                value: 86_400_000,
                beyond: true,
            }],
            at_least: 0,
        };
        assert_eq!(chart.highest(), 60_000);
        let html = chart.draw().html();
        assert!(html.contains("↑ 24 h") && html.contains("threshold: 24 h (beyond the scale)"));
    }

    #[test]
    fn a_chart_of_nothing_can_be_drawn() {
        for kind in [Kind::Lines, Kind::Steps, Kind::Stacked] {
            let chart = Lines {
                id: "none",
                title: String::new(),
                note: String::new(),
                unit: Unit::Bytes,
                kind,
                until: 0,
                series: vec![series(&[])],
                limits: vec![],
                at_least: 0,
            };
            assert!(!chart.draw().html().contains("NaN"));
        }
    }
}
