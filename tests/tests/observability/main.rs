//! What somebody finds out who watches the service: logs, metrics, health; and what he
//! never does: secrets.

mod health;
mod logs;
mod metrics;
mod secrets;
