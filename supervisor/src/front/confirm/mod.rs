//! The client's own confirmation: the user at the client is asked whether a call that
//! the policy lets pass shall be made.
//!
//! It guards against what an agent does by itself. It proves nothing to the worker, who
//! has only our word for it, and so it is never more than a question besides.
//!
//! A client of the initialize handshake is sent `elicitation/create`, and the call waits
//! here. One of 2026-07-28 gets `input_required` as the answer to its call and makes the
//! call again with the answer of its user and the `requestState` that we gave it.

mod ask;
mod judge;
mod question;
mod questions;
mod state;

pub(crate) use questions::Questions;

pub(super) use ask::{Asking, Verdict};
pub(super) use judge::Returned;

use rmcp::model::{CallToolResponse, InputRequiredResult};

/// The client has to ask its user, and to make the call again.
#[derive(Debug)]
pub(super) struct Asks(Box<InputRequiredResult>);

impl From<Asks> for CallToolResponse {
    fn from(Asks(required): Asks) -> Self {
        Self::InputRequired(*required)
    }
}
