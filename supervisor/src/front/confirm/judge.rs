//! What an answer of a client is worth.

use policy::{Confirmation, Unconfirmed};
use rmcp::model::{CallToolRequestParams, ElicitResult, ElicitationAction, InputResponses};
use std::time::Duration;
use wire::Denial;

/// Faster than this nobody reads a question and answers it: the client has answered by
/// itself.
pub(super) const BY_ITSELF: Duration = Duration::from_millis(250);

/// By which name a client of 2026-07-28 knows the question.
pub(super) const QUESTION: &str = "confirmation";

/// What a client sends back with a call that it makes again.
#[derive(Debug)]
pub(in crate::front) struct Returned {
    pub(super) state: String,
    responses: InputResponses,
}

impl Returned {
    /// What came with `request`, which has it no more.
    pub(in crate::front) fn of(request: &mut CallToolRequestParams) -> Option<Self> {
        let (state, responses) = (request.request_state.take(), request.input_responses.take());
        (state.is_some() || responses.is_some()).then(|| Self {
            state: state.unwrap_or_default(),
            responses: responses.unwrap_or_default(),
        })
    }

    /// The answer to our question.
    pub(super) fn answer(mut self) -> Option<ElicitResult> {
        let answer = self.responses.remove(QUESTION)?;
        serde_json::from_value(answer).ok()
    }
}

/// Why nobody has answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unanswered {
    /// Not in time.
    Late,
    /// The question was closed without an answer.
    Closed,
    /// The client has answered by itself.
    ByItself,
    /// The client has sent an error, or what is no answer.
    NoAnswer,
    /// What was sent back does not belong to an open question about this call.
    Foreign,
    /// The call was cancelled, or its client has gone.
    Gone,
}

impl Unanswered {
    /// The denial of the call `held`, with this reason.
    pub(super) fn denial(self, held: &Unconfirmed) -> Denial {
        let seconds = held.timeout().as_secs_f64();
        let why = match self {
            Self::Late => format!("the user at the client has not answered within {seconds} s"),
            Self::Closed => "the user at the client has closed the question".to_owned(),
            Self::ByItself => {
                "the client has answered by itself, faster than anybody can read".to_owned()
            }
            Self::NoAnswer => "the client has sent what is no answer".to_owned(),
            Self::Foreign => "what came with the call is no answer to an open question about it: \
                 make the call again without it"
                .to_owned(),
            Self::Gone => "the call was cancelled, or its client has gone".to_owned(),
        };
        denial(held, "not_confirmed", format!("not answered: {why}"))
    }
}

/// A denial of `held` for want of a confirmation.
pub(super) fn denial(held: &Unconfirmed, code: &str, reason: impl Into<String>) -> Denial {
    Denial {
        code: code.to_owned(),
        rule: held.rule().to_owned(),
        reason: reason.into(),
    }
}

/// Whether the user at the client has confirmed `held` by an answer that took so long.
///
/// # Errors
/// The denial where he has not.
pub(super) fn judged(
    held: &Unconfirmed,
    action: &ElicitationAction,
    after: Duration,
) -> Result<Confirmation, Denial> {
    match action {
        ElicitationAction::Cancel => Err(Unanswered::Closed.denial(held)),
        // No matter which: a consent that nobody has given is none.
        _ if after < BY_ITSELF => Err(Unanswered::ByItself.denial(held)),
        ElicitationAction::Accept => Ok(Confirmation::given()),
        ElicitationAction::Decline => {
            let reason = "the user at the client has declined";
            Err(denial(held, "declined", reason))
        }
        _ => Err(Unanswered::NoAnswer.denial(held)),
    }
}
