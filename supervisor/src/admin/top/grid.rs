//! Draws one table.

use super::plain::title;
use super::state::State;
use super::tables::{Column, Table};
use super::view::Look;
use crate::admin::audit::Tone;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table as Grid};

/// From this width on, columns of words are wider.
const WIDE: u16 = 120;

/// Draws `table` without the rows that are `above` what is seen.
pub(super) fn grid(
    frame: &mut Frame<'_>,
    state: &State,
    (table, above): (&Table, usize),
    area: Rect,
    look: Look,
) {
    let block = Block::new().title(name(state, table, look));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let [_, inside] =
        Layout::horizontal([Constraint::Length(2), Constraint::Fill(1)]).areas(inside);
    let quiet = look.tone(Tone::Quiet);
    if table.rows.is_empty() {
        let nothing = Paragraph::new(table.panel.nothing()).style(quiet);
        frame.render_widget(nothing, inside);
        return;
    }
    let columns: Vec<(usize, &Column)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, one)| one.least <= area.width)
        .collect();
    let width = |column: &Column| width(column, area.width);
    let widths = columns.iter().map(|(_, column)| match width(column) {
        0 => Constraint::Fill(1),
        width => Constraint::Length(width),
    });
    let head = columns
        .iter()
        .map(|(_, column)| cell(column.name, column, width(column), quiet));
    let rows = table.rows.iter().skip(above).map(|row| {
        Row::new(columns.iter().filter_map(|(index, column)| {
            let own = row.get(*index)?;
            let style = own.tone.map_or_else(Style::new, |tone| look.tone(tone));
            Some(cell(own.text(), column, width(column), style))
        }))
    });
    let grid = Grid::new(rows, widths).header(Row::new(head));
    frame.render_widget(grid.column_spacing(1), inside);
}

/// What it is, how many rows there are, and how they are sorted.
fn name(state: &State, table: &Table, look: Look) -> Span<'static> {
    let focused = state.focus() == table.panel;
    let (mark, view) = (if focused { "▸" } else { " " }, state.view(table.panel));
    let by = view.sort.and_then(|column| table.columns.get(column));
    let by = by.map_or_else(String::new, |column| format!(", by {}", column.name));
    let reversed = if view.reversed { ", reversed" } else { "" };
    let name = format!("{mark}{}{by}{reversed} ", title(table));
    Span::styled(name, look.title(focused))
}

fn width(column: &Column, area: u16) -> u16 {
    if area >= WIDE && !column.right {
        column.width + column.width / 2
    } else {
        column.width
    }
}

/// A cell that says when it is cut.
fn cell(text: &str, column: &Column, width: u16, style: Style) -> Cell<'static> {
    let alignment = if column.right {
        Alignment::Right
    } else {
        Alignment::Left
    };
    let width = usize::from(width);
    let line = Line::styled(text.to_owned(), style);
    let line = if width > 0 && line.width() > width {
        let kept: String = text.chars().take(width - 1).collect();
        Line::styled(format!("{kept}…"), style)
    } else {
        line
    };
    Cell::from(line.alignment(alignment))
}
