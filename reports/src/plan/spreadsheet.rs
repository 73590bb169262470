//! `plan.xlsx`: a sheet a table, with native charts and without macros.
//!
//! Text is written as text, whatever it begins with: a name is never a formula. The file says that it was made on a fixed day, so that the
//! same plan gives the same bytes.

mod charts;

use planning::plan::Plan;
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::figures::rpo;
use super::sensitivity;
use super::tables::{Cell, Table, tables};
use super::units::{Kind, Shown};
use super::words::plain;

/// A cell holds no more characters than this.
const TEXT_MAX: usize = 32_767;
const WIDTH_MIN: usize = 9;
const WIDTH_MAX: usize = 60;
/// Rows that say how wide a column is.
const ROWS_MEASURED: usize = 200;

/// The kinds that have a number format.
const KINDS: [Kind; 12] = [
    Kind::Text,
    Kind::Count,
    Kind::Thousandths,
    Kind::PerMille,
    Kind::Bytes,
    Kind::BytesPerSecond,
    Kind::BytesPerDay,
    Kind::BitsPerSecond,
    Kind::Iops,
    Kind::Milliseconds,
    Kind::Seconds,
    Kind::Money,
];

struct Formats {
    title: Format,
    answer: Format,
    note: Format,
    head: Format,
    text: Format,
    never: Format,
    numbers: Vec<(Kind, Format)>,
}

impl Formats {
    fn new() -> Self {
        let top = || Format::new().set_align(FormatAlign::Top);
        Self {
            title: Format::new().set_bold().set_font_size(14.0),
            answer: Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top),
            note: Format::new().set_italic().set_font_color(Color::Gray),
            head: Format::new()
                .set_bold()
                .set_text_wrap()
                .set_align(FormatAlign::Top)
                .set_background_color(Color::RGB(0x00DD_E5F0))
                .set_border_bottom(FormatBorder::Thin),
            text: top(),
            never: top().set_align(FormatAlign::Right),
            numbers: KINDS
                .iter()
                .map(|kind| (*kind, top().set_num_format(kind.shown().format)))
                .collect(),
        }
    }

    fn number(&self, kind: Kind) -> &Format {
        let found = self.numbers.iter().find(|(one, _)| *one == kind);
        found.map_or(&self.text, |(_, format)| format)
    }
}

/// The spreadsheet's bytes.
///
/// # Errors
/// A sheet cannot hold what the plan has: Excel's bound is 1,048,575 rows of a table.
pub fn spreadsheet(plan: &Plan) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let made = ExcelDateTime::from_ymd(2017, 12, 1)?;
    let properties = DocProperties::new()
        .set_title("Firedrill: capacity plan")
        .set_comment(plain(&plan.answer.text))
        .set_creation_datetime(&made);
    book.set_properties(&properties);
    let formats = Formats::new();
    let all = tables(plan);
    for table in all.iter().filter(|table| is_shown(table)) {
        let sheet = book.add_worksheet();
        sheet.set_name(table.sheet)?;
        let first = write(sheet, plan, table, &formats)?;
        match table.name {
            "what_if_hours" => charts::hours(sheet, plan, table, first)?,
            "what_if_days" => charts::days(sheet, plan, table, first)?,
            "initial_replication" => charts::batches(sheet, table, first)?,
            "cost" => charts::costs(sheet, table, first)?,
            "recovery" => charts::recovery(sheet, plan, table, first)?,
            "sensitivity" => charts::tornado(sheet, plan, table, first)?,
            _ => {}
        }
    }
    book.save_to_buffer()
}

/// A table without a row has no sheet, but for those that a reader of the vendor's report looks for.
fn is_shown(table: &Table) -> bool {
    const ALWAYS: [&str; 4] = ["compatible_machines", "incompatible_machines", "cost", "what_if_days"];
    !table.rows.is_empty() || ALWAYS.contains(&table.name)
}

/// In a list of figures units differ from row to row, so that they stand in a column of their own.
fn unit_column(table: &Table) -> Option<usize> {
    table.columns.iter().position(|column| column.key == "unit")
}

fn scaled(value: u64, Shown { divisor, .. }: Shown) -> f64 {
    value as f64 / divisor
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

/// Writes a table; gives the row of its head.
fn write(sheet: &mut Worksheet, plan: &Plan, table: &Table, formats: &Formats) -> Result<u32, XlsxError> {
    sheet.write_string_with_format(0, 0, table.title, &formats.title)?;
    sheet.write_string_with_format(1, 0, cut(&table.note), &formats.note)?;
    let mut head = 3;
    if table.name == "recommendations" {
        let last = column_number(table.columns.len().saturating_sub(1));
        sheet.merge_range(2, 0, 2, last, &cut(&plan.answer.text), &formats.answer)?;
        sheet.set_row_height(2, 90)?;
        head = 4;
    }
    let units = unit_column(table);
    for (index, column) in table.columns.iter().enumerate() {
        let label = match (column.kind.shown().unit, units == Some(index)) {
            (_, true) => "unit".to_owned(),
            ("", _) => column.label.clone(),
            (unit, _) => format!("{} ({unit})", column.label),
        };
        let at = column_number(index);
        sheet.write_string_with_format(head, at, cut(&label), &formats.head)?;
        sheet.set_column_width(at, width(table, index, &label) as f64)?;
    }
    let mut last = head;
    for (row, cells) in (head + 1..).zip(&table.rows) {
        last = row;
        let shown = cells.iter().find_map(|cell| match cell {
            Cell::Figure(_, kind) => Some(kind.shown().unit),
            _ => None,
        });
        for (index, cell) in cells.iter().enumerate() {
            let at = column_number(index);
            match cell {
                // The unit in which this sheet shows the row's figure.
                _ if units == Some(index) => {
                    sheet.write_string_with_format(row, at, shown.unwrap_or_default(), &formats.text)?;
                }
                Cell::Empty => {}
                Cell::Text(text) => {
                    sheet.write_string_with_format(row, at, cut(text), &formats.text)?;
                }
                Cell::Figure(value, kind) if kind.never(*value) => {
                    sheet.write_string_with_format(row, at, "never", &formats.never)?;
                }
                Cell::Figure(value, kind) => {
                    let value = scaled(*value, kind.shown());
                    sheet.write_number_with_format(row, at, value, formats.number(*kind))?;
                }
            }
        }
    }
    sheet.set_freeze_panes(head + 1, 0)?;
    sheet.autofilter(head, 0, last, column_number(table.columns.len().saturating_sub(1)))?;
    Ok(head)
}

fn column_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn width(table: &Table, index: usize, label: &str) -> usize {
    let measured = table.rows.iter().take(ROWS_MEASURED).filter_map(|row| row.get(index));
    let cells = measured.map(|cell| match cell {
        Cell::Empty => 0,
        Cell::Text(text) => text.chars().count(),
        Cell::Figure(value, kind) => kind.human(*value).len(),
    });
    let head = label.chars().count() / 2 + 4;
    (cells.max().unwrap_or(0).max(head) + 2).clamp(WIDTH_MIN, WIDTH_MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};

    use planning::tornado::{Bar, Outcome};

    use super::charts::STACKED;
    use super::*;
    use crate::plan::samples;

    fn read(plan: &Plan) -> Xlsx<Cursor<Vec<u8>>> {
        Xlsx::new(Cursor::new(spreadsheet(plan).unwrap())).unwrap()
    }

    /// Each figure of each table, read by somebody else's reader, against the plan's own whole numbers.
    fn compared(plan: &Plan) -> usize {
        let mut book = read(plan);
        let mut figures = 0;
        for table in tables(plan).iter().filter(|table| is_shown(table)) {
            let sheet = book.worksheet_range(table.sheet).unwrap();
            let head = if table.name == "recommendations" { 4 } else { 3 };
            for (row, cells) in (head + 1..).zip(&table.rows) {
                for (column, cell) in (0..).zip(cells) {
                    let read = sheet.get_value((row, column)).unwrap_or(&Data::Empty);
                    let at = format!("{} row {row} column {column}: {read:?}", table.sheet);
                    match cell {
                        Cell::Figure(value, kind) if !kind.never(*value) => {
                            let Data::Float(read) = read else { panic!("{at}") };
                            let exact = read * kind.shown().divisor;
                            assert!(
                                (exact - *value as f64).abs() <= *value as f64 * 1e-12 + 1e-6,
                                "{at} is not {value}"
                            );
                            figures += 1;
                        }
                        Cell::Figure(..) => assert_eq!(read, &Data::String("never".into()), "{at}"),
                        Cell::Text(text) if unit_column(table) != Some(column as usize) => {
                            assert_eq!(read, &Data::String(text.clone()), "{at}");
                        }
                        _ => {}
                    }
                }
            }
        }
        figures
    }

    #[test]
    fn every_figure_reads_back() {
        assert!(compared(&samples::three()) > 300);
        assert!(compared(&samples::hostile()) > 100);
        compared(&samples::bare());
    }

    /// The vendor's report was a workbook with macros (xlsm), which Excel on Windows alone took (facts §5.4): ours has none, of any kind.
    #[test]
    fn complaint_excel_macros_are_not_needed() {
        let bytes = spreadsheet(&samples::hostile()).unwrap();
        let mut files = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = files.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert!(names.iter().any(|name| name == "xl/workbook.xml"), "{names:?}");
        for name in &names {
            let lower = name.to_lowercase();
            assert!(
                !lower.contains("vba") && !lower.contains("macro") && !lower.contains("activex"),
                "{name}"
            );
            let mut text = String::new();
            std::io::Read::read_to_string(&mut files.by_name(name).unwrap(), &mut text).unwrap();
            for word in [
                "macroEnabled",
                "vbaProject",
                "<f>",
                "externalLink",
                "TargetMode=\"External\"",
            ] {
                assert!(!text.contains(word), "{name} has {word}");
            }
        }
        assert!(crate::plan::SPREADSHEET.ends_with(".xlsx"));
    }

    fn charts_of(files: &mut zip::ZipArchive<Cursor<Vec<u8>>>) -> Vec<String> {
        let names: Vec<String> = files.file_names().map(|name| name.unwrap().into_owned()).collect();
        let charts = names.iter().filter(|name| name.starts_with("xl/charts/"));
        charts
            .map(|name| std::io::read_to_string(files.by_name(name).unwrap()).unwrap())
            .collect()
    }

    /// The axis of the rows, and that of the values.
    fn axes(chart: &str) -> (&str, &str) {
        let (_, axes) = chart.split_once("<c:catAx>").unwrap();
        axes.split_once("<c:valAx>").unwrap()
    }

    fn chart_of(plan: &Plan, title: &str) -> String {
        let mut files = zip::ZipArchive::new(Cursor::new(spreadsheet(plan).unwrap())).unwrap();
        let mut charts = charts_of(&mut files).into_iter();
        charts.find(|text| text.contains(title)).unwrap()
    }

    /// A frame for each of the four parts of the one step that is the longest, over bars that begin where the step begins.
    #[test]
    fn a_recovery_is_stacked_bars_with_a_frame_around_the_longest_step() {
        let plan = samples::grouped();
        assert_eq!(plan.recovery.steps.iter().filter(|step| step.longest).count(), 1);
        let text = chart_of(&plan, "Recovery, step by step");
        assert!(
            text.contains("<c:barDir val=\"bar\"/>") && text.contains("<c:grouping val=\"stacked\"/>"),
            "{text}"
        );
        assert_eq!(text.matches("<c:ser>").count(), STACKED.len());
        assert_eq!(text.matches("B42318").count(), STACKED.len() - 1);
        assert_eq!(text.matches("<a:noFill/>").count(), 1);
        let (rows, values) = axes(&text);
        assert!(rows.contains("maxMin") && !rows.contains("<c:title>"), "{rows}");
        assert!(values.contains("minMax") && values.contains("time ("), "{values}");
    }

    /// Bars begin at the RPO as it is, to both sides, and are those of rows that have two figures.
    #[test]
    fn a_tornado_has_bars_to_both_sides_of_the_rpo() {
        let plan = samples::three();
        let moved = plan.tornado.sorted(Outcome::Rpo);
        let here = plan.tornado.here.rpo_ms.unwrap();
        let text = chart_of(&plan, "What moves the RPO most");
        let at = format!("<c:crossesAt val=\"{}\"/>", scaled(here, Kind::Milliseconds.shown()));
        let (rows, values) = axes(&text);
        assert!(rows.contains(&at) && rows.contains("maxMin"), "{at} in {rows}");
        assert!(
            values.contains("minMax") && values.contains("RPO at its worst"),
            "{values}"
        );
        assert_eq!(text.matches("<c:ser>").count(), 2);
        let endless = |bar: &&&Bar| bar.at_low.rpo_ms.is_none() || bar.at_high.rpo_ms.is_none();
        let without = moved.iter().take_while(endless).count();
        assert_eq!(
            without,
            moved.iter().filter(endless).count(),
            "rows without bars come first"
        );
        let first = format!("$A${}:", 5 + without);
        assert_eq!(text.matches(&first).count(), 2, "{first} in {text}");
        let mut still = plan;
        still.tornado.bars.clear();
        let mut files = zip::ZipArchive::new(Cursor::new(spreadsheet(&still).unwrap())).unwrap();
        assert!(charts_of(&mut files).iter().all(|text| !text.contains("What moves")));
    }

    #[test]
    fn the_sheets_are_those_of_a_deployment_plan() {
        let names = read(&samples::three()).sheet_names();
        let first = [
            "On-premises summary",
            "Recommendations",
            "VM-storage placement",
            "Compatible VMs",
            "Incompatible VMs",
            "Cost estimation",
            "What-if days",
        ];
        assert_eq!(names[..first.len()], first);
        assert_eq!(names.last().unwrap(), "Figures and origins");
    }

    #[test]
    fn the_same_plan_gives_the_same_bytes_and_another_one_others() {
        let mut plan = samples::three();
        let bytes = spreadsheet(&plan).unwrap();
        assert_eq!(bytes, spreadsheet(&plan).unwrap());
        plan.summary.machines.value += 1;
        assert_ne!(bytes, spreadsheet(&plan).unwrap());
    }

    #[test]
    fn nothing_in_the_file_is_of_the_day_on_which_it_was_made() {
        let bytes = spreadsheet(&samples::bare()).unwrap();
        let mut files = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for index in 0..files.len() {
            let file = files.by_index(index).unwrap();
            let name = file.name().unwrap();
            assert_eq!(file.last_modified(), Some(zip::DateTime::default()), "{name}");
            assert!(!name.contains("vba"), "no macros");
        }
        let core = std::io::read_to_string(files.by_name("docProps/core.xml").unwrap()).unwrap();
        assert_eq!(core.matches("2017-12-01T00:00:00Z").count(), 2, "{core}");
        assert_eq!(core.matches("dcterms:W3CDTF").count(), 2, "{core}");
    }

    #[test]
    fn a_name_is_no_formula() {
        let mut book = read(&samples::hostile());
        for name in book.sheet_names() {
            assert!(book.worksheet_formula(&name).unwrap().is_empty(), "{name}");
        }
    }
}
