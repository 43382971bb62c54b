//! Signs of life for the service manager, for as long as the whole path works.

use crate::error::Error;
use std::convert::Infallible;
use std::future::pending;
use tokio::time::{MissedTickBehavior, interval, timeout};
pub(crate) use wire::systemd::Manager;

/// Gives signs of life for as long as it is polled, which is as long as the one thread
/// turns, and `works` says so in time.
pub(crate) async fn feed(
    manager: &Manager,
    works: impl AsyncFn() -> Result<(), Error>,
) -> Infallible {
    let Some(period) = manager.interval() else {
        return pending().await;
    };
    let mut turns = interval(period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let reason = match timeout(period, works()).await {
            Ok(Ok(())) => {
                manager.alive();
                continue;
            }
            Ok(Err(error)) => error.text(),
            Err(_) => "it takes too long".to_owned(),
        };
        tracing::warn!(reason, "no sign of life for the service manager");
    }
}
