//! Draws what there is to see.

use super::grid::grid;
use super::place::places;
use super::seen::Watching;
use super::state::State;
use crate::admin::audit::{Tone, one_line};
use crate::admin::status::short;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Flex, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};
use wire::Second;

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
    pub(super) fn tone(self, tone: Tone) -> Style {
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

    pub(super) fn title(self, focused: bool) -> Style {
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
    let [top, banner, body, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(u16::from(trouble.is_some())),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    header(frame, state, top, look);
    if let Some(trouble) = trouble {
        let alarm = look.tone(Tone::Bad).add_modifier(Modifier::REVERSED);
        frame.render_widget(Paragraph::new(format!(" {trouble}")).style(alarm), banner);
    }
    tables(frame, state, body, look);
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
    let running = overview.running.count();
    let (waiting, queued) = (overview.waiting.count(), overview.queued.count());
    let up = super::cell::time(overview.uptime_ms);
    let policy = short(&overview.policy);
    let sum = |of: fn(&Second) -> u32| overview.seconds.iter().map(of).sum::<u32>();
    let (started, denied) = (sum(|one| one.started), sum(|one| one.denied));
    [
        format!(
            "up {}, policy {policy}, {} lanes, {running} run, {waiting} ask, {queued} queue",
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

fn help(frame: &mut Frame<'_>, look: Look) {
    let lines = u16::try_from(HELP.lines().count()).unwrap_or(u16::MAX);
    let [area] = Layout::horizontal([Constraint::Max(66)])
        .flex(Flex::Center)
        .areas(frame.area());
    let [area] = Layout::vertical([Constraint::Max(lines + 2)])
        .flex(Flex::Center)
        .areas(area);
    frame.render_widget(Clear, area);
    let title = Span::styled(" Keys ", look.title(true));
    let block = Block::bordered()
        .title(title)
        .padding(Padding::horizontal(1));
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
