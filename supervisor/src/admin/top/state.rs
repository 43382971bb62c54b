//! What the administrator has chosen to see, and what his keys change.

use super::seen::Watching;
use super::tables::{Panel, Table};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::BTreeMap;

/// How far a page goes.
const PAGE: usize = 10;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) watching: Watching,
    /// Which panel keys are for, by its place in [`Panel::ALL`].
    focus: usize,
    /// That panel has the whole screen.
    pub(super) zoomed: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    pub(super) done: bool,
    views: BTreeMap<Panel, View>,
}

/// How one panel is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    /// Which column it is sorted by; `None` as the worker tells it.
    pub(super) sort: Option<usize>,
    pub(super) reversed: bool,
    /// How many rows are above what is seen.
    pub(super) above: usize,
}

impl State {
    /// The panel that keys are for.
    pub(super) fn focus(&self) -> Panel {
        Panel::ALL
            .get(self.focus)
            .copied()
            .unwrap_or(Panel::Running)
    }

    pub(super) fn view(&self, panel: Panel) -> View {
        self.views.get(&panel).copied().unwrap_or_default()
    }

    /// The table of `panel`, sorted as it is wanted.
    pub(super) fn table(&self, panel: Panel) -> Table {
        let mut table = panel.table(&self.watching);
        let view = self.view(panel);
        if let Some(column) = view.sort {
            table
                .rows
                .sort_by(|one, other| match (one.get(column), other.get(column)) {
                    (Some(one), Some(other)) => one.compare(other),
                    (None, _) | (_, None) => std::cmp::Ordering::Equal,
                });
        }
        if view.reversed {
            table.rows.reverse();
        }
        table
    }

    /// Sees to it that rows are seen, of which there are so many, `seen` of them at once.
    pub(super) fn bound(&mut self, panel: Panel, rows: usize, seen: usize) -> usize {
        let view = self.views.entry(panel).or_default();
        view.above = view.above.min(rows.saturating_sub(seen));
        view.above
    }

    /// Does what `key` says.
    pub(super) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            self.done = true;
        } else if self.help {
            // Any key.
            self.help = false;
        } else if !control {
            self.plain_key(key.code);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing")]
    fn plain_key(&mut self, code: KeyCode) {
        let panels = Panel::ALL.len();
        match code {
            KeyCode::Char('q') => self.done = true,
            KeyCode::Esc if self.zoomed => self.zoomed = false,
            KeyCode::Enter | KeyCode::Char('z') => self.zoomed = !self.zoomed,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('?' | 'h') => self.help = true,
            KeyCode::Tab | KeyCode::Right => self.focus = (self.focus + 1) % panels,
            KeyCode::BackTab | KeyCode::Left => self.focus = (self.focus + panels - 1) % panels,
            KeyCode::Char('s') => self.sort(),
            KeyCode::Char('r') => self.looked_at().reversed ^= true,
            code => self.scroll(code),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing")]
    fn scroll(&mut self, code: KeyCode) {
        let above = &mut self.looked_at().above;
        *above = match code {
            KeyCode::Down | KeyCode::Char('j') => above.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => above.saturating_sub(1),
            KeyCode::PageDown => above.saturating_add(PAGE),
            KeyCode::PageUp => above.saturating_sub(PAGE),
            KeyCode::Home => 0,
            // As far as there are rows, once it is drawn.
            KeyCode::End => usize::MAX,
            _ => return,
        };
    }

    /// By the next column, and after the last as the worker tells it.
    fn sort(&mut self) {
        let columns = self.focus().columns().len();
        let view = self.looked_at();
        view.sort = match view.sort {
            None => Some(0),
            Some(column) if column + 1 < columns => Some(column + 1),
            Some(_) => None,
        };
    }

    fn looked_at(&mut self) -> &mut View {
        let panel = self.focus();
        self.views.entry(panel).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Overview, Rate};

    fn press(state: &mut State, code: KeyCode) {
        state.key(KeyEvent::new(code, KeyModifiers::NONE));
    }

    fn rates(state: &State) -> Vec<String> {
        let table = state.table(Panel::Rates);
        let tools = table.rows.iter().filter_map(|row| row.get(1));
        tools.map(|cell| cell.text().to_owned()).collect()
    }

    #[test]
    fn a_panel_is_sorted_by_each_of_its_columns() {
        let mut state = State::default();
        let rate = |tool: &str, last_60s| Rate {
            principal: "p".to_owned(),
            tool: tool.to_owned(),
            last_10s: 0,
            last_60s,
            denied_60s: 0,
        };
        let mut overview = Overview::default();
        overview.rates.shown = vec![rate("b", 2), rate("a", 9), rate("c", 30)];
        state.watching.take(overview);
        press(&mut state, KeyCode::Tab);
        press(&mut state, KeyCode::Tab);
        assert_eq!(state.focus(), Panel::Rates);
        assert_eq!(rates(&state), ["b", "a", "c"]);
        press(&mut state, KeyCode::Char('s'));
        press(&mut state, KeyCode::Char('s'));
        assert_eq!(rates(&state), ["a", "b", "c"]);
        press(&mut state, KeyCode::Char('s'));
        press(&mut state, KeyCode::Char('s'));
        assert_eq!(rates(&state), ["c", "a", "b"]);
        press(&mut state, KeyCode::Char('r'));
        assert_eq!(rates(&state), ["b", "a", "c"]);
    }

    #[test]
    fn keys_change_what_is_seen_and_end_it() {
        let mut state = State::default();
        press(&mut state, KeyCode::Left);
        assert_eq!(state.focus(), Panel::Denials);
        press(&mut state, KeyCode::End);
        assert_eq!(state.bound(Panel::Denials, 12, 5), 7);
        press(&mut state, KeyCode::Up);
        assert_eq!(state.bound(Panel::Denials, 12, 5), 6);
        press(&mut state, KeyCode::Char('p'));
        press(&mut state, KeyCode::Char('?'));
        assert!(state.paused && state.help);
        // Whatever it is, it closes the help first.
        press(&mut state, KeyCode::Char('q'));
        assert!(!state.help && !state.done);
        press(&mut state, KeyCode::Enter);
        assert!(state.zoomed);
        state.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(state.done);
    }
}
