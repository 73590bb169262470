//! Native charts of the spreadsheet, right of the tables that they show.

use planning::plan::Plan;
use planning::tornado::{Bar, Outcome};
use rust_xlsxwriter::{
    Chart, ChartAxisCrossing, ChartAxisLabelPosition, ChartFormat, ChartLine, ChartPoint, ChartType, Color, Worksheet,
    XlsxError,
};

use super::{Kind, Table, column_number, rpo, scaled, sensitivity};

const CHART_WIDTH: u32 = 900;
const CHART_HEIGHT: u32 = 360;

/// The last row of a table whose head is at `head`.
fn last(table: &Table, head: u32) -> u32 {
    head + u32::try_from(table.rows.len()).unwrap_or(u32::MAX / 2)
}

struct Series<'a> {
    name: &'a str,
    column: u16,
    second: bool,
}

fn chart(
    mut chart: Chart,
    sheet: &mut Worksheet,
    table: &Table,
    head: u32,
    title: &str,
    series: &[Series<'_>],
) -> Result<(), XlsxError> {
    let last = last(table, head);
    if last == head {
        return Ok(());
    }
    for one in series {
        chart
            .add_series()
            .set_name(one.name)
            .set_categories((table.sheet, head + 1, 0, last, 0))
            .set_values((table.sheet, head + 1, one.column, last, one.column))
            .set_secondary_axis(one.second);
        if one.second {
            chart.y2_axis().set_name(one.name);
        } else {
            chart.y_axis().set_name(one.name);
        }
    }
    chart.title().set_name(title);
    chart.set_width(CHART_WIDTH).set_height(CHART_HEIGHT);
    // Right of the table, where filtering rows does not hide it.
    sheet.insert_chart(head, column_number(table.columns.len() + 1), &chart)?;
    Ok(())
}

pub(super) fn hours(sheet: &mut Worksheet, plan: &Plan, table: &Table, head: u32) -> Result<(), XlsxError> {
    let title = format!("Backlog and RPO over time (RPO wanted: {})", rpo(plan.rpo_seconds));
    let series = [
        Series {
            name: "largest backlog (GiB)",
            column: 2,
            second: false,
        },
        Series {
            name: "RPO at its worst (min)",
            column: 3,
            second: true,
        },
    ];
    chart(Chart::new_line(), sheet, table, head, &title, &series)
}

pub(super) fn days(sheet: &mut Worksheet, plan: &Plan, table: &Table, head: u32) -> Result<(), XlsxError> {
    let title = format!("RPO at its worst, day by day (RPO wanted: {})", rpo(plan.rpo_seconds));
    let series = [Series {
        name: "RPO at its worst (min)",
        column: 1,
        second: false,
    }];
    chart(Chart::new_column(), sheet, table, head, &title, &series)
}

pub(super) fn batches(sheet: &mut Worksheet, table: &Table, head: u32) -> Result<(), XlsxError> {
    let series = [
        Series {
            name: "machines in a batch",
            column: 1,
            second: false,
        },
        Series {
            name: "batches",
            column: 2,
            second: true,
        },
    ];
    let title = "Batches of the initial replication by bandwidth (Mbit/s)";
    chart(Chart::new_column(), sheet, table, head, title, &series)
}

pub(super) fn costs(sheet: &mut Worksheet, table: &Table, head: u32) -> Result<(), XlsxError> {
    let last = last(table, head);
    if last == head {
        return Ok(());
    }
    let mut chart = Chart::new_column();
    // Without the last row, which is the sum of the others.
    chart
        .add_series()
        .set_name(table.columns[2].label.as_str())
        .set_categories((table.sheet, head + 1, 0, last - 1, 1))
        .set_values((table.sheet, head + 1, 2, last - 1, 2));
    chart.title().set_name("Cost by component");
    chart.set_width(CHART_WIDTH).set_height(CHART_HEIGHT);
    sheet.insert_chart(head, column_number(table.columns.len() + 1), &chart)?;
    Ok(())
}

/// Columns of the table of a recovery that are stacked: when a step begins, and its parts.
pub(super) const STACKED: [&str; 5] = ["begins", "hydration", "creation", "boot", "limit"];
const LONGEST: Color = Color::RGB(0x00B4_2318);

/// Bars from the first row down, with their values below. Of a chart of bars `y_axis` is that of the rows, `x_axis` that of the values.
fn from_the_top(chart: &mut Chart) {
    chart.y_axis().set_reverse().set_crossing(ChartAxisCrossing::Max);
}

/// Steps of a recovery as stacked bars; the longest has a frame.
pub(super) fn recovery(sheet: &mut Worksheet, plan: &Plan, table: &Table, head: u32) -> Result<(), XlsxError> {
    let last = last(table, head);
    if last == head {
        return Ok(());
    }
    let mut chart = Chart::new(ChartType::BarStacked);
    let mut frame = ChartFormat::new();
    frame.set_border(ChartLine::new().set_color(LONGEST).set_width(3));
    let points: Vec<ChartPoint> = plan
        .recovery
        .steps
        .iter()
        .map(|step| match step.longest {
            true => ChartPoint::new().set_format(&mut frame),
            false => ChartPoint::default(),
        })
        .collect();
    for (index, column) in (0..)
        .zip(&table.columns)
        .filter(|(_, column)| STACKED.contains(&column.key))
    {
        let series = chart
            .add_series()
            .set_name(column.label.as_str())
            .set_categories((table.sheet, head + 1, 0, last, 0))
            .set_values((table.sheet, head + 1, index, last, index));
        if column.key == STACKED[0] {
            // What moves a bar to where it begins is not seen.
            series.set_format(ChartFormat::new().set_no_fill());
        } else {
            series.set_points(&points);
        }
    }
    chart
        .title()
        .set_name("Recovery, step by step (the longest has a frame)");
    from_the_top(&mut chart);
    chart
        .x_axis()
        .set_name(&format!("time ({})", Kind::Seconds.shown().unit));
    chart.legend().delete_entries(&[0]);
    chart.set_width(CHART_WIDTH).set_height(CHART_HEIGHT);
    sheet.insert_chart(head, column_number(table.columns.len() + 1), &chart)?;
    Ok(())
}

/// Bars of a tornado: what comes after them moves little.
const BARS: u32 = 15;

/// What moves the RPO most, as a tornado: bars to both sides of what it is, the longest on top. Rows of the table are in that order; those at
/// an end of which the RPO has no end come first, and have no bar.
pub(super) fn tornado(sheet: &mut Worksheet, plan: &Plan, table: &Table, head: u32) -> Result<(), XlsxError> {
    let outcome = Outcome::Rpo;
    let (low, high, _) = sensitivity::keys(outcome);
    let column = |key| {
        table
            .columns
            .iter()
            .position(|column| column.key == key)
            .map(column_number)
    };
    let (Some(here), Some(low), Some(high)) = (plan.tornado.here.of(outcome), column(low), column(high)) else {
        return Ok(());
    };
    let has_bar = |bar: &&Bar| [&bar.at_low, &bar.at_high].iter().all(|end| end.of(outcome).is_some());
    let moved = plan.tornado.sorted(outcome);
    let bars = u32::try_from(moved.iter().filter(|bar| has_bar(bar)).count()).unwrap_or(BARS);
    if bars == 0 {
        return Ok(());
    }
    let first = head + 1 + u32::try_from(moved.len()).unwrap_or(u32::MAX / 2) - bars;
    let last = first + bars.min(BARS) - 1;
    let shown = sensitivity::unit(outcome).shown();
    let mut chart = Chart::new(ChartType::Bar);
    for at in [low, high] {
        chart
            .add_series()
            .set_name(table.columns[usize::from(at)].label.as_str())
            .set_categories((table.sheet, first, 0, last, 0))
            .set_values((table.sheet, first, at, last, at))
            .set_overlap(100)
            .set_gap(40);
    }
    chart.title().set_name("What moves the RPO most");
    from_the_top(&mut chart);
    chart.y_axis().set_label_position(ChartAxisLabelPosition::Low);
    chart
        .x_axis()
        .set_name(&format!("{} ({})", sensitivity::name(outcome), shown.unit))
        .set_crossing(ChartAxisCrossing::AxisValue(scaled(here, shown)));
    chart.set_width(CHART_WIDTH).set_height(CHART_HEIGHT);
    sheet.insert_chart(head, column_number(table.columns.len() + 1), &chart)?;
    Ok(())
}
