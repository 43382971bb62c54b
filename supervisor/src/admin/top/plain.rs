//! One frame as text, for scripts.

use super::seen::Watching;
use super::tables::{Panel, Table};
use super::view::head;

/// All tables, in columns that are as wide as what stands in them.
pub(super) fn plain(watching: &Watching) -> String {
    let mut text = format!("{}\n", head(watching).join("\n"));
    for panel in Panel::ALL {
        let table = panel.table(watching);
        text.push_str(&format!("\n{}\n", title(&table)));
        if table.rows.is_empty() {
            text.push_str(&format!("  {}\n", panel.nothing()));
        } else {
            text.push_str(&columns(&table));
        }
    }
    text
}

/// The name of a table, and how many rows there are.
pub(super) fn title(table: &Table) -> String {
    let (name, rows) = (table.panel.title(), table.rows.len());
    match (rows, table.left_out) {
        (_, 0) if !table.panel.is_counted() => name.to_owned(),
        (0, 0) => name.to_owned(),
        (_, 0) => format!("{name}: {rows}"),
        (_, more) => format!("{name}: {rows}, and {more} more"),
    }
}

fn columns(table: &Table) -> String {
    let head: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let rows = table.rows.iter();
    let rows = rows.map(|row| row.iter().map(super::cell::Cell::text).collect::<Vec<_>>());
    let lines: Vec<Vec<&str>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::from(" ");
        for ((cell, column), width) in line.iter().zip(table.columns).zip(&widths) {
            row.push_str(&match column.right {
                true => format!(" {cell:>width$}"),
                false => format!(" {cell:<width$}"),
            });
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}
