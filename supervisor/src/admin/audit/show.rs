//! `mini-mcp audit show`: everything about one run.

use super::events;
use super::options::Show;
use super::row::{command, duration};
use super::style::{Style, Tone, one_line};
use crate::admin::print;
use crate::error::Error;
use crate::trail::{Call, Event, text};
use serde_json::Value as Json;

/// Fields that are shown in another form.
const IN_OTHER_WORDS: [&str; 7] = ["seq", "prev", "boot_us", "event", "argv", "run", "torn"];

/// Prints the run.
pub(super) fn show(options: &Show) -> Result<(), Error> {
    let mut lines = Vec::new();
    let mut told: Vec<Event> = Vec::new();
    let approval = approval(options)?;
    events(&options.place.trail, |event, line| {
        let own = text(&event, "run") == options.run && text(&event, "event") != "running";
        let by = approval.as_deref() == Some(text(&event, "approval"));
        let asked = by && !event.contains_key("run");
        if own || asked {
            lines.push(crate::sanitize::harmless(line));
            told.push(event);
        }
        Ok(())
    })?;
    if told.is_empty() {
        return Err(Error::NoRun(one_line(&options.run)));
    }
    if options.json {
        return print(&lines.concat());
    }
    print(&page(&options.run, &told, Style::of_stdout()))
}

/// The approval that the run began by.
fn approval(options: &Show) -> Result<Option<String>, Error> {
    let mut approval = None;
    events(&options.place.trail, |event, _| {
        if text(&event, "run") == options.run && event.contains_key("approval") {
            approval = Some(text(&event, "approval").to_owned());
        }
        Ok(())
    })?;
    Ok(approval)
}

fn page(run: &str, told: &[Event], style: Style) -> String {
    let find = |name: &str| told.iter().find(|event| text(event, "event") == name);
    let mut page = format!(
        "{}\n",
        style.tone(Tone::Strong, &format!("run {}", one_line(run)))
    );
    if let Some(begin) = find("start") {
        let call = Call {
            begin: begin.clone(),
            end: find("end").cloned(),
        };
        page.push_str(&field("command", &command(begin)));
        page.push_str(&field("verdict", &call.verdict().words()));
        if let Some(wall) = call.measured("wall_us") {
            page.push_str(&field("took", &duration(wall)));
        }
    }
    for event in told {
        let title = format!("\n{}\n", text(event, "event"));
        page.push_str(&style.tone(Tone::Strong, &one_line(title.trim()).replace("␊", "")));
        page.push('\n');
        for (name, value) in event {
            if !IN_OTHER_WORDS.contains(&name.as_str()) {
                page.push_str(&field(name, &shown(value)));
            }
        }
    }
    page
}

fn field(name: &str, value: &str) -> String {
    format!("  {:<11} {value}\n", one_line(name))
}

fn shown(value: &Json) -> String {
    match value.as_str() {
        Some(text) => one_line(text),
        None => one_line(&value.to_string()),
    }
}
