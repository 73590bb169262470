//! A table on the page: rows to sort and filter by the script, the exact value of each figure on hover.

use std::fmt::Write as _;

use crate::chart::escape;
use crate::plan::tables::{Cell, Table};
use crate::plan::units::Kind;
use crate::words::count;

/// Rows that are shown at first.
pub const ROWS_FIRST: usize = 200;
/// Rows above which a field to filter them is worth its place.
const FILTER_ROWS_MIN: usize = 8;
/// Longer text needs room.
const TEXT_BYTES_MIN: usize = 28;

pub(super) fn section(out: &mut String, table: &Table) {
    let (name, title) = (table.name, escape(table.title));
    let _ = writeln!(
        out,
        "<section id=\"{name}\"><h2>{title}</h2><p class=\"note\">{}</p>",
        escape(&table.note)
    );
    if table.rows.is_empty() {
        out.push_str("<p>None.</p></section>\n");
        return;
    }
    let rows = count(table.rows.len() as u64);
    let filter = if table.rows.len() < FILTER_ROWS_MIN {
        " hidden"
    } else {
        ""
    };
    let _ = write!(
        out,
        "<div class=\"data\"><div class=\"bar\" hidden><label{filter}>Filter <input type=\"search\" aria-label=\"Filter: {title}\"></label> \
         <output></output> <button type=\"button\" class=\"all\" hidden>Show all {rows}</button></div>\n\
         <div class=\"scroll\"><table><thead><tr>"
    );
    let units = table.columns.iter().position(|column| column.key == "unit");
    let shown = |index: &usize| units != Some(*index);
    for (index, column) in table.columns.iter().enumerate().filter(|(index, _)| shown(index)) {
        let first = table.rows.first().and_then(|row| row.get(index));
        // A heading stands as the cells below it.
        let figures = column.kind != Kind::Text || matches!(first, Some(Cell::Figure(..)));
        let class = if figures { " class=\"n\"" } else { "" };
        let _ = write!(
            out,
            "<th scope=\"col\"{class}><button type=\"button\" title=\"{}\">{}</button></th>",
            escape(&column.about),
            escape(&column.label)
        );
    }
    out.push_str("</tr></thead><tbody>\n");
    for (number, cells) in table.rows.iter().enumerate() {
        if number == ROWS_FIRST {
            out.push_str("</tbody><tbody class=\"more\">\n");
        }
        out.push_str("<tr>");
        for (_, cell) in cells.iter().enumerate().filter(|(index, _)| shown(index)) {
            self::cell(out, cell);
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></div></section>\n");
}

fn cell(out: &mut String, cell: &Cell) {
    let _ = match cell {
        Cell::Empty => write!(out, "<td></td>"),
        Cell::Text(text) => {
            let class = if text.len() > TEXT_BYTES_MIN {
                " class=\"text\""
            } else {
                ""
            };
            write!(out, "<td{class}>{}</td>", escape(text))
        }
        Cell::Figure(value, kind) => write!(
            out,
            "<td class=\"n\" title=\"{}\">{}</td>",
            kind.exact(*value),
            kind.human(*value)
        ),
    };
}
