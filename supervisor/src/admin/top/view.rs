//! Draws what there is to see.

use super::plain::title;
use super::seen::Watching;
use super::state::State;
use super::tables::{Column, Panel, Table};
use crate::admin::audit::{Tone, one_line};
use crate::admin::status::short;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table as Grid};
use wire::Second;

/// Fewer lines than a table is worth drawing in, with its title and its head.
const LEAST: u16 = 3;

/// From this width on, two tables stand beside each other.
const PAIR: u16 = 78;

const KEYS: &str = " q quit  tab next  ↑↓ scroll  s sort  r reverse  enter zoom  p pause  ? help";

const HELP: &str = "\
q, ctrl-c     leave
tab, ← →      the next table, the one before
↑ ↓, pages    scroll it
s, r          sort it by its next column, the other way round
enter         the whole screen for it, and back
p             pause: nothing changes until p again

CPU is of one processor, since the frame before.
/S is the mean of ten seconds. USED counts as the worker
does, IN is the time of the limit.
Approve with `mini-mcp approve ID`.";

/// How it is coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) colours: bool,
}

impl Look {
    fn tone(self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Quiet => style.add_modifier(Modifier::DIM),
            Tone::Good | Tone::Odd | Tone::Bad if !self.colours => style,
            Tone::Good => style.fg(Color::Green),
            Tone::Odd => style.fg(Color::Yellow),
            Tone::Bad => style.fg(Color::Red),
        }
    }

    fn title(self, focused: bool) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        match (focused, self.colours) {
            (true, true) => style.fg(Color::Cyan),
            (true, false) => style.add_modifier(Modifier::REVERSED),
            (false, _) => style,
        }
    }
}

/// Draws one frame.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, look: Look) {
    let trouble = trouble(&state.watching);
    let parts = [2, u16::from(trouble.is_some()), 0, 1];
    let [top, banner, body, keys] = Layout::vertical(parts.map(|height| match height {
        0 => Constraint::Min(0),
        some => Constraint::Length(some),
    }))
    .areas(frame.area());
    header(frame, state, top, look);
    let banner = if let Some(trouble) = trouble {
        let alarm = look.tone(Tone::Bad).add_modifier(Modifier::REVERSED);
        frame.render_widget(Paragraph::new(format!(" {trouble}")).style(alarm), banner);
        body
    } else {
        // Without a banner, both are one.
        banner.union(body)
    };
    tables(frame, state, banner, look);
    let quiet = look.tone(Tone::Quiet);
    frame.render_widget(Paragraph::new(KEYS).style(quiet), keys);
    if state.help {
        help(frame, look);
    }
}

/// What an administrator must know first.
fn trouble(watching: &Watching) -> Option<String> {
    let away = watching.away.as_ref().map(|why| {
        let first = why.lines().next().unwrap_or_default();
        let since = watching.at.map_or_else(String::new, |at| {
            format!("; this is {}s old", at.elapsed().as_secs())
        });
        format!(
            "the worker is away, asking again{since}: {}",
            one_line(first)
        )
    });
    let audit = watching.overview.trouble.as_ref();
    away.or_else(|| audit.map(|why| format!("every call is refused: {}", one_line(why))))
}

/// The first lines: of the worker, and of all calls.
pub(super) fn head(watching: &Watching) -> [String; 2] {
    let overview = &watching.overview;
    let running = overview.running.shown.len() + overview.running.left_out as usize;
    let waiting = overview.waiting.shown.len() + overview.waiting.left_out as usize;
    let up = super::cell::time(overview.uptime_ms);
    let policy = short(&overview.policy);
    let sum = |of: fn(&Second) -> u32| overview.seconds.iter().map(of).sum::<u32>();
    let (started, denied) = (sum(|one| one.started), sum(|one| one.denied));
    [
        format!(
            "worker up {}, policy {policy}, lanes {}, running {running}, waiting {waiting}",
            up.text(),
            overview.lanes
        ),
        format!(
            "calls in the last minute: {started} started, {denied} denied; {} and {} since the start",
            overview.started, overview.denied
        ),
    ]
}

fn header(frame: &mut Frame<'_>, state: &State, area: Rect, look: Look) {
    let [first, second] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let [words, _] = head(&state.watching);
    let title = Span::styled(" mini-mcp top  ", look.title(false));
    frame.render_widget(Line::from(vec![title, Span::raw(words)]), first);
    if state.paused {
        let paused = Span::styled(
            " paused ",
            look.tone(Tone::Odd).add_modifier(Modifier::REVERSED),
        );
        frame.render_widget(Line::from(paused).alignment(Alignment::Right), first);
    }
    frame.render_widget(calls(&state.watching, second.width, look), second);
}

/// The last seconds as small bars, and numbers.
fn calls(watching: &Watching, width: u16, look: Look) -> Line<'static> {
    let overview = &watching.overview;
    let seconds = &overview.seconds;
    let ten: u32 = seconds.iter().rev().take(10).map(|one| one.started).sum();
    let minute: u32 = seconds.iter().map(|one| one.started).sum();
    let denied: u32 = seconds.iter().map(|one| one.denied).sum();
    let numbers = format!("  {}.{}/s  {minute}/min  ", ten / 10, ten % 10);
    let denied_words = format!("{denied} denied/min");
    let room = usize::from(width).saturating_sub(numbers.len() + denied_words.len() + 2);
    let tone = if denied > 0 { Tone::Bad } else { Tone::Quiet };
    Line::from(vec![
        Span::raw(" "),
        Span::styled(bars(seconds, room.min(60)), look.tone(Tone::Good)),
        Span::raw(numbers),
        Span::styled(denied_words, look.tone(tone)),
    ])
}

/// A character for each of the last `count` seconds, the highest for the most.
fn bars(seconds: &[Second], count: usize) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let last = seconds.get(seconds.len().saturating_sub(count)..);
    let last = last.unwrap_or_default();
    let most = last.iter().map(|one| one.started).max().unwrap_or(0).max(1);
    let bar = |one: &Second| {
        let height = (u64::from(one.started) * 8).div_ceil(u64::from(most));
        BARS.get(usize::try_from(height).unwrap_or(0))
            .unwrap_or(&' ')
    };
    let bars: String = last.iter().map(bar).collect();
    format!("{bars:>count$}")
}

fn tables(frame: &mut Frame<'_>, state: &mut State, area: Rect, look: Look) {
    for (panel, area) in places(state, area) {
        let table = state.table(panel);
        let seen = usize::from(area.height.saturating_sub(2));
        let above = state.bound(panel, table.rows.len(), seen);
        grid(frame, state, (&table, above), area, look);
    }
}

/// Where each table stands: the one that keys are for gets what it wants first.
fn places(state: &State, area: Rect) -> Vec<(Panel, Rect)> {
    let focus = state.focus();
    let rows = |panel| u16::try_from(state.table(panel).rows.len()).unwrap_or(u16::MAX);
    let groups: Vec<Vec<Panel>> = if area.width >= PAIR {
        let [running, waiting, rates, limits, denials] = Panel::ALL;
        vec![
            vec![running],
            vec![waiting],
            vec![rates, limits],
            vec![denials],
        ]
    } else {
        Panel::ALL.map(|panel| vec![panel]).to_vec()
    };
    let least = LEAST * u16::try_from(groups.len()).unwrap_or(u16::MAX);
    if state.zoomed || area.height < least {
        return vec![(focus, area)];
    }
    let wanted = |group: &Vec<Panel>| {
        group
            .iter()
            .map(|panel| rows(*panel))
            .max()
            .unwrap_or(0)
            .saturating_add(3)
    };
    let mut heights: Vec<u16> = groups.iter().map(|_| LEAST).collect();
    let mut left = area.height - least;
    let first = groups.iter().position(|group| group.contains(&focus));
    for index in first.into_iter().chain(0..groups.len()) {
        let (Some(group), Some(height)) = (groups.get(index), heights.get_mut(index)) else {
            continue;
        };
        let more = wanted(group).saturating_sub(*height).min(left);
        *height += more;
        left -= more;
    }
    if let Some(last) = heights.last_mut() {
        *last += left;
    }
    let rows = Layout::vertical(heights.into_iter().map(Constraint::Length)).split(area);
    let beside = |(group, area): (&Vec<Panel>, &Rect)| {
        let each = group.iter().map(|_| Constraint::Fill(1));
        let areas = Layout::horizontal(each).spacing(2).split(*area);
        group
            .iter()
            .copied()
            .zip(areas.iter().copied())
            .collect::<Vec<_>>()
    };
    groups.iter().zip(rows.iter()).flat_map(beside).collect()
}

fn grid(
    frame: &mut Frame<'_>,
    state: &State,
    (table, above): (&Table, usize),
    area: Rect,
    look: Look,
) {
    let focused = state.focus() == table.panel;
    let (mark, view) = (if focused { "▸" } else { " " }, state.view(table.panel));
    let name = format!("{mark}{} ", title(table));
    let block = Block::new().title(Span::styled(name, look.title(focused)));
    if table.rows.is_empty() {
        let nothing = Paragraph::new(format!("  {}", table.panel.nothing()));
        frame.render_widget(nothing.style(look.tone(Tone::Quiet)).block(block), area);
        return;
    }
    let columns: Vec<(usize, &Column)> = table.columns.iter().enumerate().collect();
    let columns: Vec<(usize, &Column)> = columns
        .into_iter()
        .filter(|(_, one)| one.least <= area.width)
        .collect();
    let widths = columns.iter().map(|(_, one)| match one.width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(width),
    });
    let names = columns.iter().map(|(index, column)| {
        let sorted = view.sort == Some(*index);
        let mark = match (sorted, view.reversed) {
            (true, false) => "▾",
            (true, true) => "▴",
            (false, _) => "",
        };
        aligned(
            &format!("{}{mark}", column.name),
            column,
            look.tone(Tone::Quiet),
        )
    });
    let rows = table.rows.iter().skip(above).map(|row| {
        let cells = columns.iter().filter_map(|(index, column)| {
            let cell = row.get(*index)?;
            let style = cell.tone.map_or_else(Style::new, |tone| look.tone(tone));
            Some(aligned(cell.text(), column, style))
        });
        Row::new(cells)
    });
    let margin = block.clone();
    let grid = Grid::new(rows, widths)
        .header(Row::new(names))
        .column_spacing(1);
    let inside = margin.inner(area);
    frame.render_widget(block, area);
    let [_, inside] =
        Layout::horizontal([Constraint::Length(2), Constraint::Fill(1)]).areas(inside);
    frame.render_widget(grid, inside);
}

fn aligned(text: &str, column: &Column, style: Style) -> Cell<'static> {
    let alignment = if column.right {
        Alignment::Right
    } else {
        Alignment::Left
    };
    Cell::from(Line::styled(text.to_owned(), style).alignment(alignment))
}

fn help(frame: &mut Frame<'_>, look: Look) {
    let lines = u16::try_from(HELP.lines().count()).unwrap_or(u16::MAX);
    let [area] = Layout::horizontal([Constraint::Max(66)])
        .flex(ratatui::layout::Flex::Center)
        .areas(frame.area());
    let [area] = Layout::vertical([Constraint::Max(lines + 2)])
        .flex(ratatui::layout::Flex::Center)
        .areas(area);
    frame.render_widget(Clear, area);
    let title = Span::styled(" Keys ", look.title(true));
    let block = Block::bordered()
        .title(title)
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
