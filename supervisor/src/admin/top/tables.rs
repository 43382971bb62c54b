//! What is told, as tables: for the screen and for scripts alike.

use super::cell::{Cell, command, percent, size, time};
use super::seen::Watching;
use crate::admin::audit::Tone;
use wire::{Denied, Listed, Queues, Rate, Runs, Used, Waits};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Panel {
    Running,
    Waiting,
    Rates,
    Limits,
    Denials,
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Characters on a screen; 0 for what the others leave.
    pub(super) width: u16,
    /// How wide a table must be to have it.
    pub(super) least: u16,
    pub(super) right: bool,
}

/// What a panel shows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) panel: Panel,
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Vec<Cell>>,
    /// How many rows the worker had no room for.
    pub(super) left_out: u32,
}

const fn left(name: &'static str, width: u16, least: u16) -> Column {
    Column {
        name,
        width,
        least,
        right: false,
    }
}

const fn right(name: &'static str, width: u16, least: u16) -> Column {
    Column {
        name,
        width,
        least,
        right: true,
    }
}

const RUNNING: &[Column] = &[
    right("FOR", 6, 0),
    left("CALLER", 14, 0),
    left("TOOL", 14, 0),
    right("CPU", 5, 60),
    right("MEM", 6, 60),
    left("RUN", 14, 76),
    left("COMMAND", 0, 50),
];
const WAITING: &[Column] = &[
    left("ID", 10, 0),
    left("CALLER", 14, 0),
    left("TOOL", 14, 0),
    right("WAITED", 6, 60),
    right("LEFT", 6, 0),
    left("COMMAND", 0, 50),
];
const RATES: &[Column] = &[
    left("PRINCIPAL", 10, 0),
    left("TOOL", 0, 0),
    right("/S", 4, 0),
    right("/MIN", 4, 0),
    right("DENY", 4, 36),
];
const LIMITS: &[Column] = &[
    left("LIMIT", 0, 0),
    left("OF", 8, 36),
    right("USED", 8, 0),
    right("", 5, 48),
    right("IN", 5, 56),
];
const DENIALS: &[Column] = &[
    right("AGO", 6, 0),
    left("CALLER", 14, 0),
    left("TOOL", 14, 0),
    left("WHY", 18, 0),
    left("REASON", 0, 60),
];

impl Panel {
    pub(super) const ALL: [Self; 5] = [
        Self::Running,
        Self::Waiting,
        Self::Rates,
        Self::Limits,
        Self::Denials,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Rates => "Called in the last minute",
            Self::Limits => "Limits",
            Self::Denials => "Denied and refused",
        }
    }

    /// Whether it matters how many there are.
    pub(super) fn is_counted(self) -> bool {
        match self {
            Self::Running | Self::Waiting | Self::Denials => true,
            Self::Rates | Self::Limits => false,
        }
    }

    /// What stands there when there is nothing.
    pub(super) fn nothing(self) -> &'static str {
        match self {
            Self::Running => "nothing runs",
            Self::Waiting => "nothing waits",
            Self::Rates => "nothing was called",
            Self::Limits => "no limit has been met",
            Self::Denials => "nothing was denied",
        }
    }

    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Running => RUNNING,
            Self::Waiting => WAITING,
            Self::Rates => RATES,
            Self::Limits => LIMITS,
            Self::Denials => DENIALS,
        }
    }

    /// The table of it.
    pub(super) fn table(self, watching: &Watching) -> Table {
        let overview = &watching.overview;
        let (rows, left_out) = match self {
            Self::Running => rows(&overview.running, |one| runs(one, watching)),
            Self::Waiting => waiting(watching),
            Self::Rates => rows(&overview.rates, rate),
            Self::Limits => rows(&overview.limits, used),
            Self::Denials => rows(&overview.denials, |one| denied(one, watching)),
        };
        Table {
            panel: self,
            columns: self.columns(),
            rows,
            left_out,
        }
    }
}

fn rows<T>(listed: &Listed<T>, row: impl Fn(&T) -> Vec<Cell>) -> (Vec<Vec<Cell>>, u32) {
    (listed.shown.iter().map(row).collect(), listed.left_out)
}

fn runs(one: &Runs, watching: &Watching) -> Vec<Cell> {
    let load = watching.load(&one.run);
    let unknown = || Cell::words("–");
    vec![
        time(one.since_ms),
        Cell::words(&watching.caller(&one.who)),
        Cell::words(&one.tool).toned(Tone::Strong),
        load.map_or_else(unknown, |load| percent(load.cpu)),
        load.map_or_else(unknown, |load| size(load.memory)),
        Cell::words(&one.run),
        command(&one.argv),
    ]
}

/// What waits for an approval, then what waits for a place.
fn waiting(watching: &Watching) -> (Vec<Vec<Cell>>, u32) {
    let overview = &watching.overview;
    let (mut all, left_out) = rows(&overview.waiting, |one| waits(one, watching));
    let (queued, more) = rows(&overview.queued, |one| queues(one, watching));
    all.extend(queued);
    (all, left_out + more)
}

fn queues(one: &Queues, watching: &Watching) -> Vec<Cell> {
    vec![
        Cell::words(&format!("place {}", one.ahead + 1)),
        Cell::words(&watching.caller(&one.who)),
        Cell::words(&one.tool),
        time(one.waited_ms),
        time(one.left_ms),
        command(&one.argv),
    ]
}

fn waits(one: &Waits, watching: &Watching) -> Vec<Cell> {
    let left = time(one.left_ms);
    let urgent = one.left_ms < 30_000;
    vec![
        Cell::words(&one.id).toned(Tone::Strong),
        Cell::words(&watching.caller(&one.who)),
        Cell::words(&one.tool),
        time(one.waited_ms),
        if urgent { left.toned(Tone::Odd) } else { left },
        command(&one.argv),
    ]
}

fn rate(one: &Rate) -> Vec<Cell> {
    let name = |text: &str| Cell::words(if text.is_empty() { "–" } else { text });
    let tenths = u64::from(one.last_10s);
    let each_second = match tenths {
        0 => String::new(),
        some => format!("{}.{}", some / 10, some % 10),
    };
    vec![
        name(&one.principal),
        name(&one.tool).toned(Tone::Strong),
        Cell::number(tenths, &each_second),
        Cell::count(one.last_60s),
        Cell::count(one.denied_60s).toned(Tone::Bad),
    ]
}

fn used(one: &Used) -> Vec<Cell> {
    let share = u64::from(one.used) * 1000 / u64::from(one.most.max(1));
    let tone = match share {
        0..700 => Tone::Good,
        700..1000 => Tone::Odd,
        _ => Tone::Bad,
    };
    let window = match one.window_ms {
        Some(window) => Cell::number(window, &length(window)),
        None => Cell::number(0, "once"),
    };
    vec![
        Cell::words(&one.rule),
        Cell::words(if one.whom.is_empty() {
            "all"
        } else {
            &one.whom
        }),
        Cell::number(u64::from(one.used), &format!("{}/{}", one.used, one.most)).toned(tone),
        percent(share).toned(tone),
        window,
    ]
}

/// A time that is mostly a whole number of some unit.
fn length(milliseconds: u64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1000, "s"),
    ];
    let whole = units
        .iter()
        .find(|(unit, _)| milliseconds.is_multiple_of(*unit) && milliseconds > 0);
    match whole {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None => format!("{milliseconds}ms"),
    }
}

fn denied(one: &Denied, watching: &Watching) -> Vec<Cell> {
    let reason = match one.rule.is_empty() {
        true => one.reason.clone(),
        false => format!("{} ({})", one.reason, one.rule),
    };
    vec![
        time(one.ago_ms),
        Cell::words(&watching.caller(&one.who)),
        Cell::words(&one.tool),
        Cell::words(&one.code).toned(Tone::Bad),
        Cell::words(&reason),
    ]
}
