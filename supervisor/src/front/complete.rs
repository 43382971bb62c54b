//! Values for what somebody has begun to write: of a prompt's argument, or of a path
//! beneath a published directory.
//!
//! What only the host knows is read through the worker with the caller's own rights, so
//! nobody is offered what he could not list. What cannot be read offers nothing.

use super::address::name_in;
use super::published::{Entries, entries};
use super::read::Reader;
use crate::sanitize::{harmless, harmless_word};
use policy::{Arguments, Kind, Parameter, Prompt, Suggested, Value};
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, Reference};

/// Longest value that is completed, in bytes.
const VALUE_MAX: usize = 4096;

/// Most bytes of what the host has of units or of accounts.
const HOST_MAX: u64 = 1 << 20;

/// What can be offered.
#[derive(Default)]
struct Offer {
    values: Vec<String>,
    /// Whether not all are known.
    more: bool,
}

/// The values that begin as `request` has begun.
pub(super) async fn complete(
    reader: &Reader<'_>,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let (name, begun) = (&request.argument.name, &request.argument.value);
    if begun.len() > VALUE_MAX {
        return Err(ErrorData::invalid_params("The value is too long", None));
    }
    let offer = match &request.r#ref {
        Reference::Prompt(prompt) => of_prompt(reader, &prompt.name, name, begun).await?,
        Reference::Resource(resource) => of_resource(reader, &resource.uri, name, begun).await?,
        _ => return Err(unknown("reference", "")),
    };
    Ok(CompleteResult::new(told(offer)?))
}

fn unknown(what: &str, name: &str) -> ErrorData {
    let name = harmless_word(name, 128);
    ErrorData::invalid_params(format!("Unknown {what}: {name}"), None)
}

/// The first of what is offered, and how much there is.
fn told(Offer { values, more }: Offer) -> Result<CompletionInfo, ErrorData> {
    let total = u32::try_from(values.len()).ok().filter(|_| !more);
    let more = more || values.len() > CompletionInfo::MAX_VALUES;
    let first = values.iter().take(CompletionInfo::MAX_VALUES);
    let first = first.map(|value| harmless(value.as_bytes())).collect();
    let told = CompletionInfo::with_pagination(first, total, more);
    told.map_err(|why| ErrorData::internal_error(why, None))
}

async fn of_prompt(
    reader: &Reader<'_>,
    prompt: &str,
    argument: &str,
    begun: &str,
) -> Result<Offer, ErrorData> {
    let (generation, caller) = reader.caller().await;
    let mut mine = generation.policy.prompts_for(&caller);
    let found = mine.find(|one| one.name() == prompt);
    let found = found.ok_or_else(|| unknown("prompt", prompt))?;
    let mut parameters = found.parameters().iter();
    let parameter = parameters.find(|one| one.name() == argument);
    let parameter = parameter.ok_or_else(|| unknown("argument", argument))?;
    let mut offer = candidates(reader, found, parameter).await;
    offer.values.retain(|value| value.starts_with(begun));
    Ok(offer)
}

/// All values for `parameter` that are known.
async fn candidates(reader: &Reader<'_>, prompt: &Prompt, parameter: &Parameter) -> Offer {
    if let Kind::Enumeration { values } = parameter.kind() {
        return Offer {
            values: values.clone(),
            more: false,
        };
    }
    match prompt.suggests(parameter) {
        Some((what, command)) => of_host(reader, what, command, parameter).await,
        None => Offer {
            values: parameter.default().and_then(text).into_iter().collect(),
            more: false,
        },
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::List(_) => None,
    }
}

/// What the host has of `what`, as far as `parameter` takes it.
async fn of_host(
    reader: &Reader<'_>,
    what: Suggested,
    command: &str,
    parameter: &Parameter,
) -> Offer {
    let Ok(content) = reader.read(command, &Arguments::new(), HOST_MAX).await else {
        return Offer::default();
    };
    let text = String::from_utf8_lossy(&content.bytes);
    let names = text.lines().map(|line| match what {
        Suggested::Units => line,
        Suggested::Users => line.split_once(':').map_or("", |(name, _)| name),
    });
    let taken = names.filter(|name| parameter.takes(name));
    let mut values: Vec<String> = taken.map(str::to_owned).collect();
    values.sort();
    values.dedup();
    Offer {
        values,
        more: content.more,
    }
}

async fn of_resource(
    reader: &Reader<'_>,
    uri: &str,
    argument: &str,
    begun: &str,
) -> Result<Offer, ErrorData> {
    let Some(name) = name_in(uri) else {
        return Ok(Offer::default());
    };
    let (generation, caller) = reader.caller().await;
    let mut mine = generation.policy.resources_for(&caller);
    let resource = mine.find(|one| one.name() == name);
    let resource = resource.ok_or_else(|| unknown("resource", uri))?;
    let Some(lister) = resource.lists().filter(|_| argument == "path") else {
        return Err(unknown("argument", argument));
    };
    let (directory, start) = begun
        .rsplit_once('/')
        .map_or(("", begun), |(directory, _)| {
            begun.split_at(directory.len() + 1)
        });
    let path = if directory.is_empty() { "." } else { directory };
    let found = entries(reader, lister, path, resource.size_max()).await;
    let Ok(Entries { names, more }) = found else {
        return Ok(Offer::default());
    };
    let names = names.into_iter().filter(|name| name.starts_with(start));
    Ok(Offer {
        values: names.map(|name| format!("{directory}{name}")).collect(),
        more,
    })
}
