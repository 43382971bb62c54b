//! Frames as they are drawn, compared with files of this directory.

use super::state::State;
use super::view::{Look, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fs;
use std::path::Path;
use wire::{Denied, Listed, Overview, Queues, Rate, Runs, Second, Shown, Used, Waits, Who};

fn who(principal: &str, key: &str) -> Who {
    Who {
        principal: principal.to_owned(),
        uid: None,
        key: Some(key.to_owned()).filter(|key| !key.is_empty()),
    }
}

fn listed<T>(shown: Vec<T>) -> Listed<T> {
    Listed { shown, left_out: 0 }
}

fn argv(words: &[&str]) -> Vec<Shown> {
    let text = |word: &&str| Shown::Text((*word).to_owned());
    words.iter().map(text).collect()
}

fn runs(number: u64) -> Runs {
    Runs {
        run: format!("19a3c01f2b4-{number}"),
        who: who("agents", ""),
        tool: "backup".to_owned(),
        argv: argv(&["/usr/bin/tar", "-cf", "/srv/a b.tar"]),
        since_ms: 75_000 - number * 1000,
        lane: 0,
    }
}

fn overview() -> Overview {
    let second = |number: u32| Second {
        started: number % 9,
        denied: u32::from(number == 59),
    };
    let limit = |rule: &str, used, most| Used {
        rule: rule.to_owned(),
        whom: "uid 1000".to_owned(),
        used,
        most,
        window_ms: Some(3_600_000),
    };
    Overview {
        pid: 0,
        uptime_ms: 90_061_000,
        policy: [0xab; 32],
        lanes: 4,
        started: 4321,
        denied: 7,
        seconds: (0..60).map(second).collect(),
        running: Listed {
            shown: (1..4).map(runs).collect(),
            left_out: 2,
        },
        waiting: listed(vec![Waits {
            id: "3f01a-7".to_owned(),
            who: who("builders", "ci"),
            tool: "restart".to_owned(),
            argv: argv(&["/usr/bin/systemctl", "restart", "nginx.service"]),
            waited_ms: 12_000,
            left_ms: 25_000,
        }]),
        queued: listed(vec![Queues {
            who: who("agents", ""),
            tool: "backup".to_owned(),
            argv: argv(&["/usr/bin/tar"]),
            waited_ms: 3000,
            left_ms: 27_000,
            ahead: 2,
        }]),
        rates: listed(vec![Rate {
            principal: "agents".to_owned(),
            tool: "disk_usage".to_owned(),
            last_10s: 12,
            last_60s: 50,
            denied_60s: 3,
        }]),
        limits: listed(vec![
            limit("tool.backup.rate", 3, 3),
            limit("tool.backup.quota", 7, 10),
        ]),
        denials: listed(vec![Denied {
            ago_ms: 3_700_000,
            who: who("", ""),
            tool: "\u{1b}[2Jрм -rf".to_owned(),
            code: "not_allowed".to_owned(),
            rule: "default".to_owned(),
            reason: "no such tool".to_owned(),
        }]),
        trouble: None,
    }
}

/// What a terminal of this size shows.
fn drawn(state: &mut State, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let look = Look { colours: true };
    terminal.draw(|frame| draw(frame, state, look)).unwrap();
    let text = terminal.backend().to_string();
    let lines = text.lines().map(|line| line.trim_matches('"').trim_end());
    lines.map(|line| format!("{line}\n")).collect()
}

/// `MINI_MCP_BLESS=1` writes it anew.
#[track_caller]
fn compare(name: &str, drawn: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/admin/top/drawn")
        .join(name);
    if std::env::var_os("MINI_MCP_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, drawn).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    assert!(there == drawn, "{name} is now\n{drawn}");
}

#[test]
fn frames_are_as_they_were_looked_at() {
    let mut state = State::default();
    compare("nothing-80x24.txt", &drawn(&mut state, 80, 24));
    state.watching.take(overview());
    compare("work-80x24.txt", &drawn(&mut state, 80, 24));
    compare("work-160x40.txt", &drawn(&mut state, 160, 40));
    compare("work-40x20.txt", &drawn(&mut state, 40, 20));
    for key in ['\t', 's', 'p', '?'] {
        let code = match key {
            '\t' => KeyCode::Tab,
            other => KeyCode::Char(other),
        };
        state.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    state.watching.away = Some("cannot ask the worker\nhint: start it".to_owned());
    let away = drawn(&mut state, 80, 24);
    assert!(!away.contains("hint"));
    // How old it is depends on this test.
    compare(
        "away-80x24.txt",
        &away.replacen("this is 1s old", "this is 0s old", 1),
    );
}

/// However small a terminal is, something can be drawn there.
#[test]
fn no_terminal_is_too_small() {
    let mut state = State::default();
    state.watching.take(overview());
    for size in [(1, 1), (5, 2), (20, 4), (200, 3), (3, 100)] {
        let _drawn = drawn(&mut state, size.0, size.1);
        state.help = true;
    }
}
