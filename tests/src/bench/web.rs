//! `tools/call` over HTTP, in the stateless era, on the service's Unix socket.

use crate::web::modern;
use crate::{Site, User, Web};
use serde_json::json;

/// A connection that stays open.
#[derive(Debug)]
pub(super) struct Request(Web);

impl Request {
    /// Of `user`.
    #[must_use]
    pub(super) fn of(site: &Site, user: User) -> Request {
        Request(Web::socket(site, user))
    }

    /// Calls `tool`, whose command must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub(super) fn call(&mut self, tool: &str) {
        let parameters = json!({"name": tool, "arguments": {}});
        let (message, headers) = modern("tools/call", parameters);
        let reply = self.0.post(&message, &headers);
        assert!(reply.body.contains(r#""exit_code":0"#), "{reply:?}");
    }
}
