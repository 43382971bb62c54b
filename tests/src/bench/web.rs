//! `tools/call` over HTTP, in the stateless era, on the service's Unix socket.

use crate::web::{Reply, modern};
use crate::{Site, User, Web};
use serde_json::json;
use std::time::{Duration, Instant};

/// The service hangs up on whoever is idle for longer.
const IDLE: Duration = Duration::from_secs(30);

/// A connection that stays open.
#[derive(Debug)]
pub(super) struct Request<'a> {
    site: &'a Site,
    user: User,
    connection: Web,
    answered: Instant,
}

impl Request<'_> {
    /// Of `user`.
    #[must_use]
    pub(super) fn of(site: &Site, user: User) -> Request<'_> {
        let connection = Web::socket(site, user);
        Request {
            site,
            user,
            connection,
            answered: Instant::now(),
        }
    }

    /// Calls `tool`, whose command must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub(super) fn call(&mut self, tool: &str) {
        let idle = self.answered.elapsed();
        let reply = self.ask(tool).or_else(|| {
            // Where the machine stands still, the others' turns may take as long.
            assert!(idle >= IDLE, "hung up on after {idle:?}");
            self.connection = Web::socket(self.site, self.user);
            self.ask(tool)
        });
        self.answered = Instant::now();
        let reply = reply.expect("an answer");
        assert!(reply.body.contains(r#""exit_code":0"#), "{reply:?}");
    }

    fn ask(&mut self, tool: &str) -> Option<Reply> {
        let parameters = json!({"name": tool, "arguments": {}});
        let (message, headers) = modern("tools/call", parameters);
        self.connection.start(&message, &headers);
        self.connection.reply()
    }
}
