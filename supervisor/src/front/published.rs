//! Resources that the policy publishes: their addresses, and what is read there.

use super::address::{Address, SCHEME, URI_MAX};
use super::read::{Content, Reader, Unread};
use super::schema::title;
use crate::output::{continuation, whole_characters};
use crate::sanitize::{harmless, harmless_word};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policy::{Arguments, Caller, Policy, Value};
use rmcp::model::ResourceTemplate;
use rmcp::model::{ErrorCode, ErrorData, ReadResourceResult, Resource, ResourceContents};
use serde_json::json;

/// The type of a list of what is in a directory.
const DIRECTORY: &str = "inode/directory";

/// Nobody can be told whether there is something that he may not read.
const CLOSED: &str = "it does not exist, leads out of what is published, is neither a regular \
                      file nor a directory, or is closed to the user it is read as";

/// The file resources of `caller`, and his directories.
pub(super) fn resources(policy: &Policy, caller: &Caller) -> Vec<Resource> {
    let listed = policy.resources_for(caller).map(|one| {
        let listed = Resource::new(format!("{SCHEME}{}", one.name()), one.name())
            .with_title(shown_title(one))
            .with_description(one.description());
        match (one.is_directory(), one.mime_type()) {
            (true, _) => listed.with_mime_type(DIRECTORY),
            (false, Some(kind)) => listed.with_mime_type(kind),
            (false, None) => listed,
        }
    });
    listed.collect()
}

/// What is beneath the directories of `caller`.
pub(super) fn templates(policy: &Policy, caller: &Caller) -> Vec<ResourceTemplate> {
    let directories = policy
        .resources_for(caller)
        .filter(|one| one.is_directory());
    let templates = directories.map(|one| {
        let about = format!(
            "{}\n`path` is relative; one that ends with `/` lists a directory.",
            one.description().trim_end()
        );
        let template = ResourceTemplate::new(template(one.name()), one.name())
            .with_title(shown_title(one))
            .with_description(about);
        match one.mime_type() {
            Some(kind) => template.with_mime_type(kind),
            None => template,
        }
    });
    templates.collect()
}

/// The template of what is beneath the directory `name`, RFC 6570.
fn template(name: &str) -> String {
    format!("{SCHEME}{name}/{{+path}}")
}

fn shown_title(resource: &policy::Resource) -> String {
    let written = resource.title().map(str::to_owned);
    written.unwrap_or_else(|| title(resource.name()))
}

/// The resources of `caller`, each in words.
pub(super) fn described(policy: &Policy, caller: &Caller) -> Vec<String> {
    let told = policy.resources_for(caller).map(|one| {
        let end = if one.is_directory() { "/" } else { "" };
        let about = one.description().trim_end().replace('\n', " ");
        format!("{SCHEME}{}{end}: {about}", one.name())
    });
    told.collect()
}

/// What is at `address`, which the client wrote as `uri`.
pub(super) async fn read(
    reader: &Reader<'_>,
    uri: &str,
    address: Address,
) -> Result<ReadResourceResult, ErrorData> {
    let (generation, caller) = reader.caller().await;
    let known = generation.policy.resource(&address.name);
    // Nobody learns of what is not his: the denial is recorded and says the same.
    let mine = known.filter(|one| {
        generation
            .policy
            .resources_for(&caller)
            .any(|his| his.name() == one.name())
    });
    let Some(resource) = mine else {
        let command = format!("resource/{}", harmless_word(&address.name, 64));
        let refused = reader.read(&command, &Arguments::new(), 0).await;
        return Err(refused
            .err()
            .map_or_else(|| closed(uri), |why| error(uri, why)));
    };
    let asked = Asked {
        reader,
        uri,
        address: &address,
        resource,
    };
    let contents = match (resource.lists(), address.path.as_deref()) {
        (None, Some(_)) => return Err(closed(uri)),
        (None, None) => asked.file(None).await,
        (Some(lister), None | Some("")) => asked.list(lister, ".").await,
        (Some(lister), Some(path)) if path.ends_with('/') => asked.list(lister, path).await,
        // Whether it is a directory, only whoever may list it is told.
        (Some(lister), Some(path)) => match asked.file(Some(path)).await {
            Err(Unread::Failed(failure)) if failure.code == "open" => {
                asked.list(lister, path).await
            }
            read => read,
        },
    };
    contents
        .map(ReadResourceResult::new)
        .map_err(|why| error(uri, why))
}

/// One request to read.
struct Asked<'a> {
    reader: &'a Reader<'a>,
    uri: &'a str,
    address: &'a Address,
    resource: &'a policy::Resource,
}

impl Asked<'_> {
    /// The content of a file, from the offset on.
    async fn file(&self, path: Option<&str>) -> Result<Vec<ResourceContents>, Unread> {
        let mut arguments =
            Arguments::from([("offset".to_owned(), Value::Integer(self.address.offset))]);
        arguments.extend(path.map(|path| ("path".to_owned(), Value::Text(path.to_owned()))));
        let max = self.resource.size_max();
        let command = self.resource.reads();
        // One more is asked for, to see whether it is there.
        let mut content = self.reader.read(command, &arguments, max + 1).await?;
        if !content.success {
            return Err(unreadable());
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        content.more = content.bytes.len() > max;
        content.bytes.truncate(max);
        Ok(self.contents(&content, self.resource.mime_type()))
    }

    /// What is in a directory.
    async fn list(&self, lister: &str, path: &str) -> Result<Vec<ResourceContents>, Unread> {
        let entries = entries(self.reader, lister, path, self.resource.size_max()).await?;
        let mut text: String = entries
            .names
            .iter()
            .map(|name| format!("{name}\n"))
            .collect();
        if entries.more {
            text.push_str("[… more entries left out: the list is too long …]\n");
        }
        let contents = ResourceContents::text(harmless(text.as_bytes()), self.uri);
        Ok(vec![contents.with_mime_type(DIRECTORY)])
    }

    /// Text where it is text, else base64; and in words where the rest is.
    fn contents(&self, content: &Content, kind: Option<&str>) -> Vec<ResourceContents> {
        let begun = u64::try_from(self.address.offset).unwrap_or(0);
        let (contents, ended) = match text(content, begun > 0) {
            Some((text, kept)) => {
                let contents = ResourceContents::text(text, self.uri);
                (contents.with_mime_type(kind.unwrap_or("text/plain")), kept)
            }
            None => {
                let blob = ResourceContents::blob(STANDARD.encode(&content.bytes), self.uri);
                let kind = kind.unwrap_or("application/octet-stream");
                (blob.with_mime_type(kind), content.bytes.len())
            }
        };
        let ended = begun + ended as u64;
        let rest = content.more.then(|| {
            let next = self.address.from(ended);
            let words =
                format!("[… bytes {begun} to {ended} of a larger file; it goes on at {next} …]");
            ResourceContents::text(words, next)
        });
        std::iter::once(contents).chain(rest).collect()
    }
}

/// The text of `content` made harmless, and how many of its bytes are in it; `None` when
/// it is none. Characters that the ends cut through are left to the pages beside.
fn text(content: &Content, cut_before: bool) -> Option<(String, usize)> {
    let all = content.bytes.as_slice();
    let begin = if cut_before { continuation(all) } else { 0 };
    let end = if content.more {
        whole_characters(all)
    } else {
        all.len()
    };
    let plain = all.get(begin..end)?;
    if plain.contains(&0) || std::str::from_utf8(plain).is_err() {
        return None;
    }
    Some((harmless(plain), end))
}

/// The entries of a directory, those that are directories with a slash.
pub(super) struct Entries {
    pub(super) names: Vec<String>,
    /// Whether there are more than these.
    pub(super) more: bool,
}

/// What the command `lister` finds in the directory `path`.
pub(super) async fn entries(
    reader: &Reader<'_>,
    lister: &str,
    path: &str,
    max: u64,
) -> Result<Entries, Unread> {
    let path = Value::Text(path.to_owned());
    let arguments = Arguments::from([("path".to_owned(), path)]);
    let content = reader.read(lister, &arguments, max).await?;
    if !content.success {
        return Err(unreadable());
    }
    let text = String::from_utf8_lossy(&content.bytes);
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    if content.more {
        // Perhaps half of a name.
        names.pop();
    }
    Ok(Entries {
        names,
        more: content.more,
    })
}

fn unreadable() -> Unread {
    Unread::Failed(wire::Failure {
        code: "open".to_owned(),
        reason: CLOSED.to_owned(),
    })
}

fn closed(uri: &str) -> ErrorData {
    let data = json!({"uri": harmless_word(uri, URI_MAX), "code": "open", "reason": CLOSED});
    ErrorData::resource_not_found("Unknown resource", Some(data))
}

/// The error of the protocol for what was not read.
fn error(uri: &str, why: Unread) -> ErrorData {
    let data = |code: &str, rule: Option<&str>, reason: &str| {
        let mut data = json!({
            "uri": harmless_word(uri, URI_MAX),
            "code": code,
            "reason": harmless(reason.as_bytes()),
        });
        if let (Some(rule), Some(object)) = (rule, data.as_object_mut()) {
            object.insert("rule".to_owned(), json!(harmless(rule.as_bytes())));
        }
        Some(data)
    };
    match why {
        Unread::Failed(failure) if failure.code == "open" => closed(uri),
        Unread::Denied(denial) => {
            let data = data(&denial.code, Some(&denial.rule), &denial.reason);
            let words = format!(
                "denied [{}] {}: {}",
                denial.code,
                harmless(denial.rule.as_bytes()),
                harmless(denial.reason.as_bytes())
            );
            match denial.code.as_str() {
                "not_allowed" => ErrorData::resource_not_found("Unknown resource", data),
                "rate_limited" | "too_many_running" | "quota_exceeded" | "queue_full"
                | "queue_timeout" => ErrorData::new(BUSY, words, data),
                _ => ErrorData::invalid_params(words, data),
            }
        }
        Unread::Failed(failure) => {
            let data = data(&failure.code, None, &failure.reason);
            let reason = harmless(failure.reason.as_bytes());
            ErrorData::internal_error(format!("failed [{}] {reason}", failure.code), data)
        }
    }
}

/// The first of the numbers that JSON-RPC leaves to servers: not now.
const BUSY: ErrorCode = ErrorCode(-32000);

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8], more: bool) -> Content {
        Content {
            bytes: bytes.to_vec(),
            more,
            success: true,
        }
    }

    #[test]
    fn characters_that_a_page_cuts_through_are_on_one_of_two() {
        let all = "aéb".as_bytes();
        let (first, rest) = all.split_at(2);
        assert_eq!(
            text(&content(first, true), false),
            Some(("a".to_owned(), 1))
        );
        assert_eq!(text(&content(rest, false), true), Some(("b".to_owned(), 2)));
        assert_eq!(
            text(&content(&all[1..], false), true),
            Some(("éb".to_owned(), 3))
        );
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        assert_eq!(text(&content(b"\xff\xfe", false), false), None);
        assert_eq!(text(&content(b"a\0b", false), false), None);
        let escape = text(&content(b"\x1b[2J", false), false);
        assert_eq!(escape, Some(("␛[2J".to_owned(), 4)));
    }
}
