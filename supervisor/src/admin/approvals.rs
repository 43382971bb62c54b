//! `mini-mcp pending`, `approve`, `deny`, `grants` and `revoke`: what waits for an
//! administrator, and his answers, said to the worker itself.
//!
//! What is shown was made up by whoever calls, so it is made harmless first.

use super::audit::{Style, Tone, one_line, shell_word};
use super::options::{Approve, Deny, Grants, Pending, Revoke, Scope};
use super::status::ask;
use super::{Reader, pause, print, print_json, print_on};
use crate::error::Error;
use humantime::format_duration;
use nix::unistd::{Uid, User};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use wire::{About, Answer, Asked, Calling, Covers, Shown, Standing};

/// How often the worker is asked with `--watch`.
const PAUSE: Duration = Duration::from_millis(500);

/// Lists what waits, and with `--watch` what comes.
pub(crate) fn pending(options: &Pending) -> ExitCode {
    outcome(listed(options).map(|()| true))
}

fn listed(options: &Pending) -> Result<(), Error> {
    let asked = all_pending(&options.place.socket)?;
    if options.watch {
        return watch(options, asked);
    }
    if options.json {
        return print_json(&Json::from_iter(asked.iter().map(document)));
    }
    if asked.is_empty() {
        return print("nothing waits for approval\n");
    }
    let style = Style::of_stdout();
    let texts: Vec<String> = asked.iter().map(|one| words(one, style)).collect();
    print(&texts.join("\n"))
}

/// Tells of each request when it begins to wait, and when it no longer does.
fn watch(options: &Pending, first: Vec<Asked>) -> Result<(), Error> {
    let style = Style::of_stdout();
    let mut known = BTreeSet::new();
    let mut now = first;
    loop {
        let ids: Vec<String> = now.iter().map(|one| one.id.clone()).collect();
        for one in now {
            let new = known.insert(one.id.clone());
            if new && tell(options, &one, style)? == Reader::Gone {
                return Ok(());
            }
        }
        let (still, gone): (BTreeSet<String>, BTreeSet<String>) =
            known.into_iter().partition(|id| ids.contains(id));
        for id in &gone {
            if tell_gone(options, id)? == Reader::Gone {
                return Ok(());
            }
        }
        known = still;
        if pause(PAUSE) == Reader::Gone {
            return Ok(());
        }
        now = all_pending(&options.place.socket)?;
    }
}

fn tell(options: &Pending, asked: &Asked, style: Style) -> Result<Reader, Error> {
    if options.json {
        print_on(&format!("{}\n", document(asked)))
    } else {
        print_on(&format!("{}\n", words(asked, style)))
    }
}

fn tell_gone(options: &Pending, id: &str) -> Result<Reader, Error> {
    if options.json {
        print_on(&format!("{}\n", json!({"id": id, "gone": true})))
    } else {
        print_on(&format!("{} waits no longer\n\n", one_line(id)))
    }
}

fn all_pending(socket: &Path) -> Result<Vec<Asked>, Error> {
    pages(|after| {
        let answer = ask(socket, About::Pending(after))?;
        if let Answer::Pending(page, more) = answer {
            let last = page.last().map(|one| one.id.clone());
            return Ok((page, last.filter(|_| more)));
        }
        Err(unexpected(answer))
    })
}

/// Every page, each asked for by the last name of the one before.
fn pages<T>(
    mut page: impl FnMut(Option<String>) -> Result<(Vec<T>, Option<String>), Error>,
) -> Result<Vec<T>, Error> {
    let (mut all, mut after) = page(None)?;
    while after.is_some() {
        let (more, next) = page(after)?;
        all.extend(more);
        after = next;
    }
    Ok(all)
}

/// Approves a request.
pub(crate) fn approve(options: &Approve) -> ExitCode {
    let covers = match options.scope {
        Scope::Exact => Covers::Exact,
        Scope::Tool => Covers::Tool,
    };
    let further = options.time.map(|time| (covers, time.as_secs()));
    let id = options.id.clone();
    let about = About::Approve(wire::Approve { id, further });
    let done = match options.time {
        Some(time) => format!(
            "approved, and {} for {}\n",
            match covers {
                Covers::Exact => "so are the same calls",
                Covers::Tool => "so are all calls of this tool by this caller",
            },
            format_duration(time)
        ),
        None => "approved, once\n".to_owned(),
    };
    outcome(do_it(&options.place.socket, about, &done))
}

/// Denies a request.
pub(crate) fn deny(options: &Deny) -> ExitCode {
    let about = About::Deny {
        id: options.id.clone(),
        reason: options.reason.clone(),
    };
    outcome(do_it(&options.place.socket, about, "denied\n"))
}

/// Lists the approvals that stand for further calls.
pub(crate) fn grants(options: &Grants) -> ExitCode {
    outcome(standing(options).map(|()| true))
}

fn standing(options: &Grants) -> Result<(), Error> {
    let standing = pages(|after| {
        let answer = ask(&options.place.socket, About::Grants(after))?;
        if let Answer::Grants(page, more) = answer {
            let last = page.last().map(|one| one.id.clone());
            return Ok((page, last.filter(|_| more)));
        }
        Err(unexpected(answer))
    })?;
    if options.json {
        return print_json(&Json::from_iter(standing.iter().map(grant)));
    }
    if standing.is_empty() {
        return print("no approval stands for further calls\n");
    }
    let style = Style::of_stdout();
    let texts: Vec<String> = standing.iter().map(|one| grant_words(one, style)).collect();
    print(&texts.join("\n"))
}

/// Takes an approval back.
pub(crate) fn revoke(options: &Revoke) -> ExitCode {
    let about = About::Revoke(options.id.clone());
    let done = "revoked; what runs goes on, the next call must be approved\n";
    outcome(do_it(&options.place.socket, about, done))
}

/// Whether the worker did what it was asked for.
fn do_it(socket: &Path, about: About, done: &str) -> Result<bool, Error> {
    let answer = ask(socket, about)?;
    if answer == Answer::Done {
        return print(done).map(|()| true);
    }
    Err(unexpected(answer))
}

pub(super) fn unexpected(answer: Answer) -> Error {
    match answer {
        Answer::Refused(why) => Error::NotDone(one_line(&why)),
        Answer::Status(_)
        | Answer::Pending(..)
        | Answer::Grants(..)
        | Answer::Done
        | Answer::Version(_)
        | Answer::Overview(_)
        | Answer::Metrics(_) => Error::OtherVersion,
    }
}

/// 0 it is done, 1 the worker refuses, 2 it does not answer.
fn outcome(result: Result<bool, Error>) -> ExitCode {
    match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            let refused = matches!(error, Error::NotDone(_));
            ExitCode::from(if refused { 1 } else { 2 })
        }
    }
}

fn words(asked: &Asked, style: Style) -> String {
    let waits = format!(
        "waits for {}, {} left",
        whole(asked.waited_ms),
        whole(asked.left_ms)
    );
    let mut text = format!(
        "{}  {waits}\n",
        style.tone(Tone::Strong, &one_line(&asked.id))
    );
    text.push_str(&call_words(&asked.calling, Some(&asked.rule)));
    if let Some(stdin) = &asked.stdin {
        text.push_str(&row("reads", &input(stdin)));
    }
    if let Some(directory) = &asked.directory {
        text.push_str(&row("in", &shell_word(directory)));
    }
    if let Some(client) = &asked.client {
        text.push_str(&row("client", &format!("says it is {}", one_line(client))));
    }
    if asked.confirmed {
        let whose = "by the user at the client, as the supervisor says";
        text.push_str(&row("confirmed", whose));
    }
    text
}

fn call_words(calling: &Calling, rule: Option<&String>) -> String {
    let principal = one_line(&calling.principal);
    let who = match (calling.uid, &calling.key) {
        (Some(uid), _) => format!("{} (uid {uid})", user(uid)),
        (None, Some(key)) => format!("key {}", one_line(key)),
        (None, None) => "nobody".to_owned(),
    };
    let tool = one_line(&calling.tool);
    let rule = rule.map_or_else(String::new, |rule| format!(", by {}", one_line(rule)));
    let argv: Vec<String> = calling.argv.iter().map(argument).collect();
    [
        row("caller", &format!("{who}, principal {principal}")),
        row("tool", &format!("{tool}{rule}")),
        row("command", &argv.join(" ")),
    ]
    .concat()
}

fn grant_words(standing: &Standing, style: Style) -> String {
    let covers = match standing.covers {
        Covers::Exact => "exactly this call",
        Covers::Tool => "this tool, whatever the arguments",
    };
    let used = match standing.used {
        0 => "not used yet".to_owned(),
        some => format!("used {some} times"),
    };
    let id = style.tone(Tone::Strong, &one_line(&standing.id));
    let (left, by) = (whole(standing.left_ms), standing.by);
    format!(
        "{id}  {covers}, {left} left\n{}{}",
        call_words(&standing.calling, None),
        row("given", &format!("by {} (uid {by}), {used}", user(by)))
    )
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<8} {value}\n")
}

fn argument(shown: &Shown) -> String {
    match shown {
        Shown::Text(text) => shell_word(text),
        Shown::File(path) => shell_word(path),
        Shown::Secret(prefix) if prefix.is_empty() => "‹secret›".to_owned(),
        Shown::Secret(prefix) => format!("{}‹secret›", shell_word(prefix)),
    }
}

fn input(shown: &Shown) -> String {
    match shown {
        Shown::Text(text) => format!("the text {}", shell_word(text)),
        Shown::File(path) => format!("the file {}", shell_word(path)),
        Shown::Secret(_) => "a text that is secret".to_owned(),
    }
}

fn user(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    one_line(&user.map_or_else(|| "?".to_owned(), |user| user.name))
}

fn whole(milliseconds: u64) -> String {
    format_duration(Duration::from_secs(milliseconds / 1000)).to_string()
}

fn document(asked: &Asked) -> Json {
    let mut document = calling(&asked.calling);
    let more = json!({
        "id": asked.id,
        "rule": asked.rule,
        "stdin": asked.stdin.as_ref().map(shown),
        "directory": asked.directory,
        "client": asked.client,
        "waited_ms": asked.waited_ms,
        "left_ms": asked.left_ms,
        "confirmed": asked.confirmed,
    });
    extend(&mut document, more);
    document
}

fn grant(standing: &Standing) -> Json {
    let mut document = calling(&standing.calling);
    let more = json!({
        "id": standing.id,
        "scope": standing.covers.word(),
        "administrator": standing.by,
        "left_ms": standing.left_ms,
        "used": standing.used,
    });
    extend(&mut document, more);
    document
}

fn calling(calling: &Calling) -> Json {
    json!({
        "principal": calling.principal,
        "uid": calling.uid,
        "key": calling.key,
        "tool": calling.tool,
        "argv": calling.argv.iter().map(shown).collect::<Vec<_>>(),
    })
}

fn extend(document: &mut Json, more: Json) {
    if let (Some(document), Json::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
}

pub(super) fn shown(shown: &Shown) -> Json {
    match shown {
        Shown::Text(text) => json!(text),
        Shown::File(path) => json!({"file": path}),
        Shown::Secret(prefix) => json!({"prefix": prefix, "secret": true}),
    }
}
