//! One call, from what the client asked to its ending: decided, passed to the worker, and
//! told to the client meanwhile.

use super::call::Denied;
use super::confirm::{Asking, Asks, Returned, Verdict};
use super::handler::Handler;
use super::leave::{Leave, Passed};
use super::reading::Sink;
use super::result::{Ending, telling};
use super::traced::{decided, ended};
use super::waiting::Standing;
use super::who::in_words_of_the_wire;
use super::{Client, Generation, arguments, call, live};
use crate::http::Visitor;
use crate::lane::LaneError;
use crate::runs::Label;
use crate::telemetry::Stage;
use policy::{Arguments, Caller};
use rmcp::RoleServer;
use rmcp::model::JsonObject;
use rmcp::service::RequestContext;
use std::sync::Arc;
use tracing::Span;
use wire::{Argument, Correlation, Denial, Failure, Given, Outcome, Run, Value};

/// Whether a call is answered when its command has ended, or has begun.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// When it has ended.
    Waiting,
    /// When it has begun.
    Background,
}

/// A call as its client asks for it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) tool: String,
    pub(super) arguments: JsonObject,
    /// What the client sends back when it makes the call again.
    pub(super) returned: Option<Returned>,
    pub(super) how: How,
}

/// A call of a request: its name, the tool and the arguments.
type Call<'a> = (&'a Correlation, &'a str, &'a Result<Arguments, Denial>);

impl Handler {
    /// Decides one call and carries it out, as far as it says.
    ///
    /// # Errors
    /// What the client has to ask its user before.
    pub(super) async fn ending(
        &self,
        name: &Correlation,
        asked: Asked,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Ending, Asks> {
        let Asked {
            tool,
            arguments,
            mut returned,
            how,
        } = asked;
        let typed = arguments::typed(&tool, arguments);
        let mut generation = self.generation();
        let ending = loop {
            let call = (name, &*tool, &typed);
            // An answer counts under the policy that it was given under, and once.
            let returned = returned.take();
            let attempt = self.attempt(&generation, call, visitor, context, (how, returned));
            match attempt.await {
                Ok(ending) => break ending?,
                // The worker has gone on to another policy; nothing ran or was recorded.
                Err(stale @ (LaneError::OtherPolicy(_) | LaneError::Stale)) => {
                    match self.front.after(&generation).await {
                        Some(next) => generation = next,
                        None => break Ending::Failed(stale.failure()),
                    }
                }
                Err(error) => break Ending::Failed(error.failure()),
            }
        };
        self.log_later(&ending);
        ended(&generation.policy, &tool, &ending);
        Ok(ending)
    }

    /// Decides and carries out a call under one generation.
    async fn attempt(
        &self,
        generation: &Generation,
        call @ (name, tool, typed): Call<'_>,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
        (how, returned): (How, Option<Returned>),
    ) -> Result<Result<Ending, Asks>, LaneError> {
        let Visitor { client, gone } = visitor;
        let deciding = Stage::begin("decide");
        let caller = client.caller(&generation.policy, context).await;
        let decision = decide(generation, &caller, tool, typed);
        let passed = decision.as_ref().map(|(passed, _)| passed);
        decided(&generation.policy, &caller, passed);
        if let Ok(passed) = passed {
            let (principal, decision) = (passed.principal(), passed.decision());
            tracing::record_all!(Span::current(), principal, decision);
        }
        deciding.end();
        let standing = Standing::new(client);
        let live = Arc::new(live::Live::default());
        let passed = match decision {
            Ok((Passed::On(leave), arguments)) => Ok((leave, arguments)),
            Ok((Passed::Held(held), arguments)) => {
                let asking = Asking {
                    held: &held,
                    generation,
                    name,
                    caller: &caller,
                    arguments: &arguments,
                    visitor,
                    context,
                    how,
                };
                let verdict = tokio::select! {
                    verdict = Box::pin(self.confirmed(asking, &standing, returned)) => verdict,
                    never = live.tell(context, &standing) => match never {},
                };
                match verdict {
                    Verdict::Confirmed(given) => Ok((Leave::confirmed(*held, given), arguments)),
                    Verdict::Denied(denial) => Err(denial),
                    Verdict::Asks(asks) => return Ok(Err(asks)),
                }
            }
            Err(denial) => Err(denial),
        };
        let (leave, arguments) = match passed {
            Ok(passed) => passed,
            Err(denial) => {
                Span::current().record("decision", "deny");
                let ending = refused(generation, client, call, &caller, denial);
                return Box::pin(ending).await.map(Ok);
            }
        };
        let wanted = context.meta.get_progress_token().map(|_| Arc::clone(&live));
        let terms = (&caller, &leave, &standing);
        let run = async {
            match how {
                How::Waiting => {
                    self.run(generation, client, name, terms, arguments, wanted)
                        .await
                }
                How::Background => {
                    let launch = self.launch(generation, client, name, terms, arguments);
                    Box::pin(launch).await
                }
            }
        };
        let ending = tokio::select! {
            ending = run => ending,
            () = context.ct.cancelled() => Ok(cancelled()),
            () = gone.cancelled() => Ok(cancelled()),
            never = live.tell(context, &standing) => match never {},
        };
        ending.map(Ok)
    }

    /// As [`log`], but of a command that has ended only when its client has the answer.
    fn log_later(&self, ending: &Ending) {
        let Ending::Finished { outcome, .. } = ending else {
            return log(ending);
        };
        if tracing::enabled!(tracing::Level::INFO) {
            let outcome = outcome.clone();
            self.front.afterwards(async move { log_finished(&outcome) });
        }
    }

    /// Runs the command of a call and waits for its end.
    async fn run(
        &self,
        generation: &Generation,
        client: &Client,
        name: &Correlation,
        terms @ (_, leave, standing): (&Caller, &Leave, &Standing),
        arguments: Arguments,
        live: Option<Arc<live::Live>>,
    ) -> Result<Ending, LaneError> {
        standing.enters("queue");
        if !standing.begin().await {
            return Ok(cancelled());
        }
        let started = start(generation, client, name, terms, arguments, false).await?;
        let started = match started {
            Ok(started) => started,
            Err(refusal) => return Ok(refusal),
        };
        let entry = self.runs().begin(Label {
            id: started.name().to_owned(),
            owner: Arc::clone(client.owner()),
            tool: leave.tool().to_owned(),
            background: false,
            ends_within: leave.ends_within(),
        });
        let sink = Sink {
            runs: Arc::clone(self.runs()),
            run: Arc::clone(entry.run()),
            live,
            output_max: leave.output_max(),
        };
        let (ending, parting) = started.follow(&sink).await?;
        if let Some(parting) = parting {
            self.front.afterwards(parting.say());
        }
        entry.run().ended(telling(&ending));
        Ok(ending)
    }
}

/// Records a denial, even when the client no longer wants to know.
async fn refused(
    generation: &Generation,
    client: &Client,
    (name, tool, typed): Call<'_>,
    caller: &Caller,
    denial: Denial,
) -> Result<Ending, LaneError> {
    let _recording = Stage::begin("record");
    let denied = Denied {
        denial,
        arguments: typed.as_ref().ok().cloned().map(in_packets),
        claim: in_words_of_the_wire(caller.claim.as_ref()),
    };
    report(generation, client, name, tool, denied).await
}

/// Has the command of a call started; or the ending of a call that is refused.
pub(super) async fn start(
    generation: &Generation,
    client: &Client,
    name: &Correlation,
    (caller, leave, standing): (&Caller, &Leave, &Standing),
    arguments: Arguments,
    background: bool,
) -> Result<Result<call::Started, Ending>, LaneError> {
    let run = Run {
        correlation: name.clone(),
        policy: generation.policy.digest(),
        tool: leave.tool().to_owned(),
        arguments: in_packets(arguments),
        claim: in_words_of_the_wire(caller.claim.as_ref()),
        key: client.key.clone(),
        background,
        confirmed: leave.is_confirmed(),
    };
    standing.enters("launch");
    let run = (run, generation.filters.filter(leave.profile()));
    match call::start(&generation.pool, client, run, standing).await {
        Err(LaneError::Request(error)) => {
            let denied = Denied {
                denial: too_large(leave.tool(), &error),
                arguments: None,
                claim: in_words_of_the_wire(caller.claim.as_ref()),
            };
            let reported = report(generation, client, name, leave.tool(), denied).await;
            reported.map(Err)
        }
        result => result,
    }
}

pub(super) async fn report(
    generation: &Generation,
    client: &Client,
    name: &Correlation,
    tool: &str,
    denied: Denied,
) -> Result<Ending, LaneError> {
    let name = name.clone();
    call::report(&generation.pool, client, name, tool, denied).await
}

/// The supervisor's own decision: for a fast answer, not for safety.
fn decide(
    generation: &Generation,
    caller: &Caller,
    tool: &str,
    typed: &Result<Arguments, Denial>,
) -> Result<(Passed, Arguments), Denial> {
    let policy = &generation.policy;
    let sees = || {
        let tools = policy.tools_for(caller);
        tools.iter().any(|visible| visible.name() == tool)
    };
    // What reads resources and completes prompts is no tool.
    if policy.tool(tool).is_none() && policy.command(tool).is_some() {
        return Err(no_tool());
    }
    let arguments = match typed {
        Err(denial) if sees() => return Err(denial.clone()),
        // Whatever the arguments: the decision names the tool.
        Err(_) => Arguments::new(),
        Ok(arguments) => arguments.clone(),
    };
    match Passed::by(policy.decide(caller, tool, &arguments)) {
        Ok(passed) => Ok((passed, arguments)),
        Err(denial) => Err(of_the_wire(denial)),
    }
}

/// `denial` as it goes to the worker.
pub(super) fn of_the_wire(denial: policy::Denial) -> Denial {
    Denial {
        code: denial.code.to_owned(),
        rule: denial.rule,
        reason: denial.reason,
    }
}

fn no_tool() -> Denial {
    Denial {
        code: "not_allowed".to_owned(),
        rule: "default".to_owned(),
        reason: "there is no tool of that name".to_owned(),
    }
}

fn too_large(tool: &str, error: &wire::FrameError) -> Denial {
    Denial {
        code: "too_large".to_owned(),
        rule: format!("tool.{tool}.args"),
        reason: format!("the arguments are too large together: {error}"),
    }
}
pub(super) fn in_packets(arguments: Arguments) -> Vec<Argument> {
    arguments.into_iter().map(argument).collect()
}

fn argument((name, value): (String, policy::Value)) -> Argument {
    let value = if let policy::Value::List(items) = value {
        // The policy allows no list in a list.
        Given::Many(items.into_iter().filter_map(scalar).collect())
    } else {
        scalar(value).map_or_else(|| Given::Many(Vec::new()), Given::One)
    };
    Argument { name, value }
}

fn scalar(value: policy::Value) -> Option<Value> {
    match value {
        policy::Value::Boolean(flag) => Some(Value::Boolean(flag)),
        policy::Value::Integer(whole) => Some(Value::Integer(whole)),
        policy::Value::Number(number) => Some(Value::Number(number)),
        policy::Value::Text(text) => Some(Value::Text(text)),
        policy::Value::List(_) => None,
    }
}

/// For a client that no longer waits, or a server that stops.
pub(super) fn cancelled() -> Ending {
    Ending::Failed(Failure {
        code: "cancelled".to_owned(),
        reason: "the call was cancelled and its command killed".to_owned(),
    })
}

fn log_finished(outcome: &Outcome) {
    tracing::info!(
        run = outcome.run,
        status = ?outcome.status,
        timed_out = outcome.timed_out,
        wall_us = outcome.wall_us,
        "command finished"
    );
}

/// One line for each call, without arguments and output.
pub(super) fn log(ending: &Ending) {
    match ending {
        Ending::Started(run) => {
            tracing::info!(run = run.label.id, "command started in the background");
        }
        Ending::Finished { outcome, .. } => log_finished(outcome),
        Ending::Denied(denial) => {
            tracing::info!(code = denial.code, rule = ?denial.rule, "call denied");
        }
        Ending::Failed(failure) if failure.code == "cancelled" => tracing::info!("call cancelled"),
        // The reason names a path argument; the audit trail has it.
        Ending::Failed(failure) if failure.code == "open" => {
            tracing::info!(code = failure.code, "call failed");
        }
        Ending::Failed(failure) => {
            tracing::warn!(code = failure.code, reason = ?failure.reason, "call failed");
        }
    }
}
