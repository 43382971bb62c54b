//! Results that ask: the rounds of `input_required`, and the state between them, which
//! the client carries and cannot change.

use crate::handler::SAID;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, InputRequest, InputRequiredResult, InputResponses};
use rmcp::service::RequestContext;
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The key of states: a keyed hash, for as long as this process lives.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A tool or prompt that asks.
pub(crate) struct Asked {
    name: String,
    said: &'static Value,
}

/// What comes next.
pub(crate) enum Round {
    /// Questions.
    Ask(InputRequiredResult),
    /// The answers to the last ones.
    Done(Value),
}

impl Asked {
    /// What asks under this name.
    pub(crate) fn by(name: &str) -> Option<Self> {
        let said = SAID["inputs"].get(name)?;
        let name = name.to_owned();
        Some(Self { name, said })
    }

    /// The round after the one that the client has answered.
    pub(crate) fn next(
        &self,
        (answers, state): (Option<InputResponses>, Option<String>),
        context: &RequestContext<RoleServer>,
    ) -> Result<Round, ErrorData> {
        let (Some(answers), round) = (answers, self.round(state.as_deref())?) else {
            return self.ask(0, context);
        };
        let asked = self.said["rounds"][round].as_object();
        let whole = |(name, question): (&String, &Value)| {
            answers
                .get(name)
                .is_some_and(|answer| fits(question, answer))
        };
        if !asked.into_iter().flatten().all(whole) {
            return self.ask(round, context);
        }
        match self.said["rounds"].get(round + 1) {
            Some(_) => self.ask(round + 1, context),
            None => Ok(Round::Done(json!(answers))),
        }
    }

    /// Asks the questions of a round that this client can be asked.
    fn ask(&self, round: usize, context: &RequestContext<RoleServer>) -> Result<Round, ErrorData> {
        let declared = json!(context.client_capabilities());
        let mut asked = self.said["rounds"][round].clone();
        if self.name.ends_with("capabilities") {
            let asked = asked.as_object_mut().expect("it is an object");
            asked.retain(|_, question| {
                let method = question["method"].as_str().unwrap_or_default();
                let needed = method.split('/').next().unwrap_or_default();
                declared.get(needed).is_some_and(|one| !one.is_null())
            });
        }
        let asked = asked.as_object().into_iter().flatten();
        let asked: Result<_, serde_json::Error> = asked
            .map(|(name, question)| {
                let question: InputRequest = serde_json::from_value(question.clone())?;
                Ok((name.clone(), question))
            })
            .collect();
        let asked = asked.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let mut result = InputRequiredResult::from_input_requests(asked);
        result.request_state = (self.said["state"] == true).then(|| self.state(round));
        Ok(Round::Ask(result))
    }

    fn state(&self, round: usize) -> String {
        format!("{round}.{:x}", KEY.hash_one((&self.name, round)))
    }

    /// The round that a state is of.
    fn round(&self, state: Option<&str>) -> Result<usize, ErrorData> {
        let Some(state) = state else { return Ok(0) };
        let round = state.split('.').next().and_then(|round| round.parse().ok());
        round
            .filter(|round| self.state(*round) == state)
            .ok_or_else(|| ErrorData::invalid_params("the state was changed", None))
    }
}

/// Whether an answer has the form that its question asks for.
fn fits(question: &Value, answer: &Value) -> bool {
    match question["method"].as_str() {
        Some("elicitation/create") => {
            answer["action"].is_string()
                && (answer["action"] != "accept" || answer["content"].is_object())
        }
        Some("roots/list") => answer["roots"].is_array(),
        _ => answer.is_object(),
    }
}
