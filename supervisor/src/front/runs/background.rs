//! Commands whose callers do not wait: started here, followed to their end by a task
//! that belongs to no client.

use crate::front::Client;
use crate::front::call::{Denied, Started};
use crate::front::carry::{in_packets, log, of_the_wire, report, start};
use crate::front::generation::Generation;
use crate::front::handler::Handler;
use crate::front::leave::Leave;
use crate::front::reading::Sink;
use crate::front::result::{Ending, answer, telling};
use crate::front::schema::object;
use crate::front::waiting::Standing;
use crate::front::who::in_words_of_the_wire;
use crate::lane::LaneError;
use crate::runs::{BACKGROUND_ALL, BACKGROUND_EACH, Entry, Label, Place, Run};
use policy::{Arguments, Caller};
use rmcp::model::{CallToolResult, ErrorData, JsonObject};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use tracing::Instrument;
use wire::{Correlation, Failure};

impl Handler {
    /// Starts the command of a call that nobody waits for; the ending tells the run.
    pub(in crate::front) async fn launch(
        &self,
        generation: &Generation,
        client: &Client,
        name: &Correlation,
        terms @ (caller, leave, _): (&Caller, &Leave, &Standing),
        arguments: Arguments,
    ) -> Result<Ending, LaneError> {
        if let Err(denial) = leave.in_background(self.stays_connected()) {
            let denied = Denied {
                denial: of_the_wire(denial),
                arguments: Some(in_packets(arguments)),
                claim: in_words_of_the_wire(caller.claim.as_ref()),
            };
            return report(generation, client, name, leave.tool(), denied).await;
        }
        let owner = Arc::clone(client.owner());
        let Some(place) = self.runs().place(&owner) else {
            return Ok(Ending::Failed(too_many()));
        };
        let started = start(generation, client, name, terms, arguments, true).await?;
        let started = match started {
            Ok(started) => started,
            Err(refusal) => return Ok(refusal),
        };
        let entry = self.runs().begin(Label {
            id: started.name().to_owned(),
            owner,
            tool: leave.tool().to_owned(),
            background: true,
            ends_within: leave.ends_within(),
        });
        let run = Arc::clone(entry.run());
        let sink = Sink {
            runs: Arc::clone(self.runs()),
            run: Arc::clone(&run),
            live: None,
            output_max: leave.output_max(),
        };
        let following = follow(started, sink, entry, place);
        tokio::spawn(following.in_current_span());
        Ok(Ending::Started(run))
    }
}

/// Follows a command to its end, whoever is there.
async fn follow(started: Started, sink: Sink, entry: Entry, place: Place) {
    let ending = match started.follow(&sink).await {
        Ok((ending, parting)) => {
            if let Some(parting) = parting {
                parting.say().await;
            }
            ending
        }
        Err(error) => Ending::Failed(error.failure()),
    };
    log(&ending);
    let telling = telling(&ending);
    let result = in_json(answer(&sink.run.label.tool, ending));
    sink.runs.keep_result(&sink.run, result).await;
    drop(place);
    entry.run().ended(telling);
}

/// The answer to a call, as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    Result(JsonObject),
    Error(JsonObject),
}

fn in_json(answer: Result<CallToolResult, ErrorData>) -> Vec<u8> {
    let json = match answer {
        Ok(result) => json!({ "result": result }),
        Err(error) => json!({ "error": error }),
    };
    json.to_string().into_bytes()
}

/// The answer to the call of a run that has ended, if it is kept whole.
pub(super) async fn kept_answer(run: &Run) -> Option<Answer> {
    let extent = run.result.extent();
    let bytes = run.result.read(0, extent.kept).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn too_many() -> Failure {
    let reason = format!(
        "{} runs of yours, or {} of all, are in the background\n\
         hint: wait for one to end, or end one with run_cancel",
        BACKGROUND_EACH, BACKGROUND_ALL
    );
    Failure {
        code: "busy".to_owned(),
        reason,
    }
}

/// What the structured content of a refusal of our own tools is.
pub(super) fn invalid(reason: &str) -> CallToolResult {
    let structure = object(json!({"failed": {"code": "invalid_arguments", "reason": reason}}));
    let text = format!("failed [invalid_arguments] {reason}");
    crate::front::result::result(text, Value::Object(structure), true)
}
