//! Runs as resources: their records, and what they printed, in pages.

use super::page::Part;
use super::uri::{self, Address};
use crate::front::Client;
use crate::front::handler::Handler;
use crate::runs::Run;
use crate::sanitize::harmless_word;
use rmcp::model::{CacheScope, ErrorData, ReadResourceResult, ResourceContents, ResourceTemplate};
use serde_json::{Value, json};
use std::sync::Arc;

/// How long a page that does not change any more may be kept, in milliseconds.
const FIXED_TTL_MS: u64 = 60_000;

/// The kinds of resources that there are.
pub(in crate::front) fn templates() -> Vec<ResourceTemplate> {
    let record = ResourceTemplate::new(uri::RECORD_TEMPLATE, "run")
        .with_title("Record of a run")
        .with_description(
            "What one of your runs is or was, and how it ended; `run_id` of a result names it",
        )
        .with_mime_type("application/json");
    let output = ResourceTemplate::new(uri::STREAM_TEMPLATE, "run_output")
        .with_title("Output of a run")
        .with_description(
            "What one of your runs wrote to `stdout` or `stderr`: `length` bytes from byte `from` \
             on; `next` in its `_meta` is the address of the next page. Text, or base64 where it \
             is not UTF-8 or where `encoding=base64` asks for every byte as it was",
        );
    vec![record, output]
}

impl Handler {
    /// Reads what `uri` names of the runs of `client`.
    pub(in crate::front) async fn read_run(
        &self,
        client: &Client,
        uri: String,
    ) -> Result<ReadResourceResult, ErrorData> {
        let owner = client.owner();
        let address = uri::parse(&uri).map_err(|wrong| ErrorData::invalid_params(wrong, None))?;
        let find = |id: &str| self.runs().find(owner, id).ok_or_else(|| unknown(&uri));
        match address.ok_or_else(|| unknown(&uri))? {
            Address::List => {
                let runs = self.runs().of(owner);
                let list: Vec<Value> = runs.iter().map(|run| run.record()).collect();
                Ok(result(json_contents(&json!({ "runs": list }), &uri), 0))
            }
            Address::Record(id) => {
                let run = find(&id)?;
                Ok(result(json_contents(&run.record(), &uri), ttl(&run)))
            }
            Address::Output(id, stream, page) => {
                let run = find(&id)?;
                let part = Part::read(&run, stream, page).await;
                let part = part.map_err(|error| {
                    tracing::warn!(%error, "cannot read kept output");
                    ErrorData::internal_error("cannot read kept output", None)
                })?;
                Ok(result(part.contents(&run, stream), ttl(&run)))
            }
        }
    }
}

fn ttl(run: &Arc<Run>) -> u64 {
    if run.is_running() { 0 } else { FIXED_TTL_MS }
}

fn json_contents(json: &Value, uri: &str) -> ResourceContents {
    ResourceContents::text(json.to_string(), uri).with_mime_type("application/json")
}

fn result(contents: ResourceContents, ttl_ms: u64) -> ReadResourceResult {
    ReadResourceResult::new(vec![contents])
        .with_ttl_ms(ttl_ms)
        .with_cache_scope(CacheScope::Private)
}

/// A run of somebody else and one that does not exist look alike.
fn unknown(uri: &str) -> ErrorData {
    let uri = json!({ "uri": harmless_word(uri, 256) });
    ErrorData::resource_not_found("Unknown resource", Some(uri))
}
