//! Asks the user at the client, in the way that his client knows.

use super::Asks;
use super::judge::{QUESTION, Returned, Unanswered, denial, judged};
use super::question::question;
use super::questions::{ALL_MAX, EACH_MAX, NotOpened, Ticket};
use super::state::About;
use crate::front::call::Denied;
use crate::front::carry::{How, in_packets, of_the_wire, report};
use crate::front::handler::Handler;
use crate::front::waiting::Standing;
use crate::front::who::in_words_of_the_wire;
use crate::front::{Client, Front, Generation};
use crate::http::Visitor;
use policy::{Arguments, Caller, Confirmation, Unconfirmed};
use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, ElicitRequest, ElicitRequestParams, ElicitResult,
    InputRequest, InputRequiredResult, ProtocolVersion, ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext, RequestHandle};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wire::{Correlation, Denial};

/// What came of asking.
pub(in crate::front) enum Verdict {
    /// The user at the client has confirmed the call.
    Confirmed(Confirmation),
    /// He has not.
    Denied(Denial),
    /// His client has to ask him, and to make the call again.
    Asks(Asks),
}

/// A call that must be confirmed.
#[derive(Clone, Copy)]
pub(in crate::front) struct Asking<'a> {
    pub(in crate::front) held: &'a Unconfirmed,
    pub(in crate::front) generation: &'a Generation,
    pub(in crate::front) name: &'a Correlation,
    pub(in crate::front) caller: &'a Caller,
    pub(in crate::front) arguments: &'a Arguments,
    pub(in crate::front) visitor: &'a Visitor<Client>,
    pub(in crate::front) context: &'a RequestContext<RoleServer>,
    pub(in crate::front) how: How,
}

impl Handler {
    /// Has the user at the client confirm a call; `returned` is what came with it.
    pub(in crate::front) async fn confirmed(
        &self,
        asking: Asking<'_>,
        standing: &Standing,
        returned: Option<Returned>,
    ) -> Verdict {
        let carries = carries_state(asking.context);
        // Nobody is asked about what is denied.
        if let Err(denial) = self.may_start(&asking) {
            return Verdict::Denied(denial);
        }
        let verdict = match returned {
            Some(returned) if carries => return self.judge(&asking, returned),
            Some(_) | None => self.opened(&asking),
        };
        match verdict {
            Err(denial) => Verdict::Denied(denial),
            Ok((question, ticket)) if carries => {
                Verdict::Asks(self.hand_over(&asking, question, ticket))
            }
            Ok((question, ticket)) => {
                standing.asks();
                let answer = self.ask(&asking, question).await;
                standing.heard();
                drop(ticket);
                answer.map_or_else(Verdict::Denied, Verdict::Confirmed)
            }
        }
    }

    /// Whether its caller may go on without waiting, if he wants to.
    fn may_start(&self, asking: &Asking<'_>) -> Result<(), Denial> {
        match asking.how {
            How::Waiting => Ok(()),
            How::Background => {
                let allowed = asking.held.in_background(self.stays_connected());
                allowed.map(drop).map_err(of_the_wire)
            }
        }
    }

    /// Judges what came back with a call that was made again.
    fn judge(&self, asking: &Asking<'_>, returned: Returned) -> Verdict {
        let owner = asking.visitor.client.owner();
        let about = self.about(asking, owner);
        let after = self.front.questions().answered(&returned.state, &about);
        let verdict = match (after, returned.answer()) {
            (None, _) => Err(Unanswered::Foreign.denial(asking.held)),
            (Some(_), None) => Err(Unanswered::NoAnswer.denial(asking.held)),
            (Some(after), Some(answer)) => judged(asking.held, &answer.action, after),
        };
        verdict.map_or_else(Verdict::Denied, Verdict::Confirmed)
    }

    /// The question, and its place among those that are open.
    fn opened(&self, asking: &Asking<'_>) -> Result<(ElicitRequestParams, Ticket), Denial> {
        let held = asking.held;
        if !can_ask(asking.context) {
            let reason = "the client cannot ask its user: call from one that declares `elicitation`, \
                          or have the administrator write `ask` instead of `confirm`";
            return Err(denial(held, "confirmation_unavailable", reason));
        }
        let tool = asking.generation.policy.tool(held.tool());
        let question = question(tool, held).ok_or_else(|| {
            let reason = "the call is too long for the user at the client to look at";
            denial(held, "confirmation_too_large", reason)
        })?;
        let owner = asking.visitor.client.owner();
        match self.front.questions().open(owner, held.timeout()) {
            Ok(ticket) => Ok((question, ticket)),
            Err(NotOpened::TooMany) => {
                let reason = format!(
                    "{EACH_MAX} calls of yours, or {ALL_MAX} in all, wait for a confirmation: \
                     answer those, or let them expire"
                );
                Err(denial(held, "too_many_unconfirmed", reason))
            }
            Err(NotOpened::NoRandom) => {
                let reason = "the kernel gives no random numbers for the question";
                Err(denial(held, "confirmation_unavailable", reason))
            }
        }
    }

    fn about<'a>(&self, asking: &Asking<'a>, owner: &'a str) -> About<'a> {
        About {
            owner,
            connection: self.connection(),
            tool: asking.held.tool(),
            background: matches!(asking.how, How::Background),
            arguments: asking.arguments,
            policy: asking.generation.policy.digest(),
        }
    }

    /// Sends the question and waits for the answer.
    async fn ask(
        &self,
        asking: &Asking<'_>,
        question: ElicitRequestParams,
    ) -> Result<Confirmation, Denial> {
        let Asking { held, context, .. } = asking;
        tracing::info!("call waits for the confirmation of its user");
        let asked = Instant::now();
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(question));
        let options = PeerRequestOptions::no_options();
        let sent = context.peer.send_request_with_option(request, options);
        let Ok(mut handle) = sent.await else {
            return Err(Unanswered::Gone.denial(held));
        };
        let why = tokio::select! {
            // First: an answer counts that came before its client had finished sending.
            biased;
            answer = &mut handle.rx => {
                return match answer {
                    Ok(Ok(ClientResult::ElicitResult(ElicitResult { action, .. }))) => {
                        judged(held, &action, asked.elapsed())
                    }
                    Ok(_) => Err(Unanswered::NoAnswer.denial(held)),
                    Err(_) => Err(Unanswered::Gone.denial(held)),
                };
            }
            () = sleep(held.timeout()) => Unanswered::Late,
            () = context.ct.cancelled() => Unanswered::Gone,
            () = asking.visitor.gone.cancelled() => Unanswered::Gone,
            () = self.silent.cancelled() => Unanswered::Gone,
        };
        // Its connection may be ending: nobody waits for that.
        tokio::spawn(take_back(handle));
        Err(why.denial(held))
    }

    /// Gives the question to the client, who carries it, and watches whether it is ever
    /// answered.
    fn hand_over(
        &self,
        asking: &Asking<'_>,
        question: ElicitRequestParams,
        ticket: Ticket,
    ) -> Asks {
        let owner = asking.visitor.client.owner();
        let about = self.about(asking, owner);
        let state = self.front.questions().sealed(&ticket, &about);
        let open = Unwatched {
            ticket,
            front: Arc::clone(&self.front),
            client: Arc::clone(&asking.visitor.client),
            name: asking.name.clone(),
            held: asking.held.clone(),
            arguments: asking.arguments.clone(),
            claim: in_words_of_the_wire(asking.caller.claim.as_ref()),
            ended: self.connection().map(|_| self.ended()),
        };
        tokio::spawn(open.watch().in_current_span());
        let question = InputRequest::Elicitation(ElicitRequest::new(question));
        let questions = BTreeMap::from([(QUESTION.to_owned(), question)]);
        Asks(Box::new(InputRequiredResult::new(
            Some(questions),
            Some(state),
        )))
    }
}

/// A question that its client carries.
struct Unwatched {
    ticket: Ticket,
    front: Arc<Front>,
    client: Arc<Client>,
    name: Correlation,
    held: Unconfirmed,
    arguments: Arguments,
    claim: Option<wire::Claim>,
    /// The end of the connection on which alone it can be answered.
    ended: Option<CancellationToken>,
}

impl Unwatched {
    /// Waits until it is answered; if it never is, that is recorded.
    async fn watch(self) {
        let ended = async {
            match &self.ended {
                Some(ended) => ended.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            () = self.ticket.closed.cancelled() => return,
            () = sleep(self.held.timeout()) => Unanswered::Late,
            () = ended => Unanswered::Gone,
        };
        if self.ticket.close() {
            let denial = why.denial(&self.held);
            self.record(denial).await;
        }
    }

    async fn record(self, denial: Denial) {
        let denied = Denied {
            denial,
            arguments: Some(in_packets(self.arguments)),
            claim: self.claim,
        };
        // Whatever policy is in force by now: nobody waits for the answer.
        let generation = self.front.generation();
        let tool = self.held.tool();
        let reported = report(&generation, &self.client, &self.name, tool, denied).await;
        if let Err(error) = reported {
            tracing::warn!(%error, "a question without an answer is not recorded");
        }
    }
}

/// Tells the client that its user need not answer any more.
async fn take_back(handle: RequestHandle<RoleServer>) {
    let reason = "the call does not wait any more".to_owned();
    let cancelled = CancelledNotificationParam::new(Some(handle.id.clone()), Some(reason));
    // A client that has gone is noticed elsewhere.
    let _ = handle.peer.notify_cancelled(cancelled).await;
}

/// Whether the client carries questions and makes its call again, instead of being asked
/// while that waits.
fn carries_state(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// Whether the client says that it can ask its user to fill in a form.
fn can_ask(context: &RequestContext<RoleServer>) -> bool {
    let declared = context.client_capabilities();
    let elicitation = declared.and_then(|capabilities| capabilities.elicitation);
    // Without either, forms are meant: the first revision knew nothing else.
    elicitation.is_some_and(|can| can.form.is_some() || can.url.is_none())
}
