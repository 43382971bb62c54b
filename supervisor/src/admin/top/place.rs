//! Where each table stands.

use super::state::State;
use super::tables::Panel;
use ratatui::layout::{Constraint, Layout, Rect};

/// Fewer lines than a table is worth drawing in: its title, its head and a row.
const LEAST: u16 = 3;

/// From this width on, two tables stand beside each other.
const PAIR: u16 = 78;

/// Each table that is seen, and where: the one that keys are for gets what it wants
/// first.
pub(super) fn places(state: &State, area: Rect) -> Vec<(Panel, Rect)> {
    let (focus, groups) = (state.focus(), groups(area.width));
    let least = LEAST * u16::try_from(groups.len()).unwrap_or(u16::MAX);
    if state.zoomed || area.height < least {
        return vec![(focus, area)];
    }
    let heights = heights(state, &groups, area.height - least);
    let rows = Layout::vertical(heights.into_iter().map(Constraint::Length)).split(area);
    let each = groups.iter().zip(rows.iter());
    each.flat_map(|(group, area)| beside(group, *area))
        .collect()
}

/// Those that stand beside each other.
fn groups(width: u16) -> Vec<Vec<Panel>> {
    if width < PAIR {
        return Panel::ALL.map(|panel| vec![panel]).to_vec();
    }
    let [running, waiting, rates, limits, denials] = Panel::ALL;
    vec![
        vec![running],
        vec![waiting],
        vec![rates, limits],
        vec![denials],
    ]
}

/// How high each group is, `left` lines after what each has at least.
fn heights(state: &State, groups: &[Vec<Panel>], mut left: u16) -> Vec<u16> {
    let mut heights: Vec<u16> = groups.iter().map(|_| LEAST).collect();
    let first = groups.iter().position(|one| one.contains(&state.focus()));
    for index in first.into_iter().chain(0..groups.len()) {
        if let (Some(group), Some(height)) = (groups.get(index), heights.get_mut(index)) {
            let more = wanted(state, group).saturating_sub(*height).min(left);
            *height += more;
            left -= more;
        }
    }
    if let Some(last) = heights.last_mut() {
        *last += left;
    }
    heights
}

/// All rows of the longest table, its title, its head and a line between.
fn wanted(state: &State, group: &[Panel]) -> u16 {
    let rows = group.iter().map(|panel| state.table(*panel).rows.len());
    let rows = u16::try_from(rows.max().unwrap_or(0)).unwrap_or(u16::MAX);
    rows.saturating_add(3)
}

fn beside(group: &[Panel], area: Rect) -> Vec<(Panel, Rect)> {
    let each = group.iter().map(|_| Constraint::Fill(1));
    let areas = Layout::horizontal(each).spacing(2).split(area);
    let places = group.iter().copied().zip(areas.iter().copied());
    places.collect()
}
