//! Numbers for a monitoring system, in the text format of Prometheus: of the worker, who
//! is asked for them, and of this process.

mod exporter;
mod front;
mod text;
mod worker;

pub(crate) use exporter::{Address, AsyncPage, Exporter};
pub(crate) use front::{FRONT, Now};
pub(crate) use worker::{down, up};
