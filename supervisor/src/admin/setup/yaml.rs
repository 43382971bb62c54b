//! The configuration of goose: YAML, by lines, since nothing that reads YAML writes it
//! again as it was. Only what goose writes itself is understood, mappings in block
//! style; all else is left alone.

use super::server::Server;

/// Where goose has its servers.
const TABLE: &str = "extensions";

/// How long goose waits for a call, in seconds: its own default.
const PATIENCE: u32 = 300;

/// The configuration `text` with `server`.
pub(super) fn merge(text: &str, server: &Server) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if text.contains('\r') {
        return Err("it has carriage returns".to_owned());
    }
    lines.iter().try_for_each(|line| check(line))?;
    let first = lines.iter().position(|line| is_content(line));
    let last = lines.iter().rposition(|line| line == "---");
    if first.zip(last).is_some_and(|(first, last)| first < last) {
        return Err("it has several documents".to_owned());
    }
    let mut tables = find(&lines, 0..lines.len(), 0, TABLE);
    match (tables.next(), tables.next()) {
        (None, _) => {
            drop(tables);
            lines.push(format!("{TABLE}:"));
            lines.extend(entry(2, server));
        }
        (Some(_), Some(_)) => return Err(format!("it has `{TABLE}` twice")),
        (Some(at), None) => {
            drop(tables);
            add(&mut lines, at, server)?;
        }
    }
    let after = lines.join("\n") + "\n";
    // A text without a last newline that need not be changed is not.
    Ok(match after.trim_end() == text.trim_end() {
        true => text.to_owned(),
        false => after,
    })
}

/// Puts the server into the table that begins in the line `at`.
fn add(lines: &mut Vec<String>, at: usize, server: &Server) -> Result<(), String> {
    let first = line(lines, at);
    match value_of(first) {
        "" => {}
        "{}" => {
            if let Some(first) = lines.get_mut(at) {
                *first = first.replacen("{}", "", 1).trim_end().to_owned();
            }
        }
        _ => return Err(format!("`{TABLE}` is not written as a block")),
    }
    let end = block_end(lines, at);
    let content = (at + 1..end).find(|at| is_content(line(lines, *at)));
    let depth = content.map_or(2, |at| indent(line(lines, at)));
    for at in at + 1..end {
        let line = line(lines, at);
        if is_content(line) && (indent(line) < depth || indent(line) == depth && !is_key(line)) {
            return Err(format!("`{TABLE}` is not written as a block"));
        }
    }
    let found = find(lines, at + 1..end, depth, &server.name).next();
    match found {
        Some(at) => change(lines, at, server),
        None => {
            lines.splice(end..end, entry(depth, server));
            Ok(())
        }
    }
}

/// The lines of a server that is not there yet.
fn entry(depth: usize, server: &Server) -> Vec<String> {
    let name = &server.name;
    let fields = [
        "enabled: true".to_owned(),
        "type: stdio".to_owned(),
        format!("name: {}", key(name)),
        "description: Commands that the policy of the machine allows".to_owned(),
        command(server),
        arguments(server),
        format!("timeout: {PATIENCE}"),
    ];
    let head = format!("{:depth$}{}:", "", key(name));
    let fields = fields
        .iter()
        .map(|field| format!("{:1$}{field}", "", depth + 2));
    [head].into_iter().chain(fields).collect()
}

fn command(server: &Server) -> String {
    format!("cmd: {}", quoted(&server.command))
}

fn arguments(server: &Server) -> String {
    let items: Vec<String> = server.arguments.iter().map(|text| quoted(text)).collect();
    format!("args: [{}]", items.join(", "))
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name that can mean nothing but a text stands as it is.
fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.contains('-');
    if plain { name.to_owned() } else { quoted(name) }
}

/// Has the entry in the line `at` start the server, and leaves its other lines alone.
fn change(lines: &mut Vec<String>, at: usize, server: &Server) -> Result<(), String> {
    let name = &server.name;
    let other = || format!("`{name}` is there, and is not written as goose writes it");
    let end = block_end(lines, at);
    let depth = (at + 1..end).find(|at| is_content(line(lines, *at)));
    let depth = depth.map(|at| indent(line(lines, at))).ok_or_else(other)?;
    let field = |name| find(lines, at + 1..end, depth, name).next();
    let (Some(kind), Some(cmd), Some(args)) = (field("type"), field("cmd"), field("args")) else {
        return Err(format!("`{name}` is there, and is no program to start"));
    };
    if scalar(value_of(line(lines, kind))).as_deref() != Some("stdio") {
        return Err(format!("`{name}` is there, and is no program to start"));
    }
    let args_end = list_end(lines, args, end);
    let now = scalar(value_of(line(lines, cmd))).ok_or_else(other)?;
    let now_arguments = list(lines, args, args_end).ok_or_else(other)?;
    if now == server.command && now_arguments == server.arguments {
        return Ok(());
    }
    let put = |text: String| format!("{:depth$}{text}", "");
    // The later one first, since it may shorten.
    let mut edits = [
        (cmd, cmd + 1, command(server)),
        (args, args_end, arguments(server)),
    ];
    edits.sort_by_key(|(from, ..)| std::cmp::Reverse(*from));
    for (from, to, text) in edits {
        lines.splice(from..to, [put(text)]);
    }
    Ok(())
}

/// The items of the list in the lines from `at` to `end`, in either style.
fn list(lines: &[String], at: usize, end: usize) -> Option<Vec<String>> {
    let flow = value_of(line(lines, at));
    if let Some(inner) = flow
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let items = inner
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        return items.map(scalar).collect();
    }
    let items = (at + 1..end).map(|at| line(lines, at).trim_start());
    let items = items.map(|line| scalar(line.strip_prefix("- ")?.trim()));
    flow.is_empty().then(|| items.collect()).flatten()
}

/// Behind the last line of a list: its items may stand as deep as its key.
fn list_end(lines: &[String], at: usize, end: usize) -> usize {
    let depth = indent(line(lines, at));
    let is_item = |at: &usize| {
        let line = line(lines, *at);
        indent(line) >= depth && line.trim_start().starts_with("- ")
    };
    (at + 1..end).take_while(is_item).last().unwrap_or(at) + 1
}

/// A text in any of three styles, without what needs more than that to be read.
fn scalar(text: &str) -> Option<String> {
    if text.starts_with('"') {
        return serde_json::from_str(text).ok();
    }
    if let Some(inner) = text.strip_prefix('\'') {
        let inner = inner.strip_suffix('\'')?;
        return (!inner.contains('\'')).then(|| inner.to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./@:+=-".contains(c);
    (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
}

/// Refuses what is not understood where it would matter.
fn check(line: &str) -> Result<(), String> {
    if line.trim_start_matches(' ').starts_with('\t') {
        return Err("it is indented by tabs".to_owned());
    }
    let fine = !is_content(line) || indent(line) > 0 || is_key(line);
    fine.then_some(())
        .ok_or_else(|| format!("`{line}` is not understood"))
}

/// The lines in `range` at this `depth` that are of the key `name`.
fn find<'a>(
    lines: &'a [String],
    range: std::ops::Range<usize>,
    depth: usize,
    name: &'a str,
) -> impl Iterator<Item = usize> + 'a {
    range.filter(move |at| {
        let line = line(lines, *at);
        let key = line.trim_start().split(':').next().unwrap_or_default();
        let key = scalar(key.trim()).unwrap_or_default();
        is_content(line) && indent(line) == depth && is_key(line) && key == name
    })
}

/// Behind the last line of content that is deeper than the line `at`.
fn block_end(lines: &[String], at: usize) -> usize {
    let depth = indent(line(lines, at));
    let deeper = |at: &usize| !is_content(line(lines, *at)) || indent(line(lines, *at)) > depth;
    let block = (at + 1..lines.len()).take_while(deeper);
    block
        .filter(|at| is_content(line(lines, *at)))
        .last()
        .unwrap_or(at)
        + 1
}

fn line(lines: &[String], at: usize) -> &str {
    lines.get(at).map_or("", String::as_str)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Neither blank, nor a comment, nor the mark of a document's beginning.
fn is_content(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && !text.starts_with('#') && line != "---"
}

/// Whether a line is `key:`, perhaps with a value.
fn is_key(line: &str) -> bool {
    let Some((key, rest)) = line.trim_start().split_once(':') else {
        return false;
    };
    scalar(key.trim()).is_some() && (rest.is_empty() || rest.starts_with(' '))
}

/// What stands behind the key of a line.
fn value_of(line: &str) -> &str {
    line.split_once(':').map_or("", |(_, value)| value.trim())
}
