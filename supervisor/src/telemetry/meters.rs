//! What is counted. Every name in a label is the policy's or ours, so that no client
//! makes a new series.

use super::Lanes;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use std::time::Duration;

/// Bounds of durations, in seconds, as the conventions for MCP recommend.
const BOUNDS: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// Instruments for calls.
#[derive(Debug)]
pub(super) struct Meters {
    calls: Counter<u64>,
    durations: Histogram<f64>,
}

impl Meters {
    pub(super) fn new(meter: &Meter) -> Self {
        let calls = meter.u64_counter("mini_mcp.calls");
        let durations = meter.f64_histogram("mcp.server.operation.duration");
        Self {
            calls: calls
                .with_unit("{call}")
                .with_description("Calls of tools of the policy, by decision and outcome")
                .build(),
            durations: durations
                .with_unit("s")
                .with_description("From a request to its answer")
                .with_boundaries(BOUNDS.to_vec())
                .build(),
        }
    }

    pub(super) fn count(&self, labels: &[KeyValue]) {
        self.calls.add(1, labels);
    }

    pub(super) fn took(&self, duration: Duration, labels: &[KeyValue]) {
        self.durations.record(duration.as_secs_f64(), labels);
    }
}

/// Has `meter` ask `clients` and `lanes` whenever metrics are exported.
pub(super) fn observe(
    meter: &Meter,
    clients: impl Fn() -> usize + Send + Sync + 'static,
    lanes: impl Fn() -> Lanes + Send + Sync + 'static,
) {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    // The provider keeps what is observed.
    let _ = meter
        .u64_observable_gauge("mini_mcp.clients")
        .with_unit("{client}")
        .with_description("Connections of clients")
        .with_callback(move |observer| observer.observe(number(clients()), &[]))
        .build();
    let _ = meter
        .u64_observable_gauge("mini_mcp.lanes")
        .with_unit("{lane}")
        .with_description("Lanes to the worker: busy with a call, or kept ready")
        .with_callback(move |observer| {
            let Lanes { busy, idle } = lanes();
            observer.observe(number(busy), &[KeyValue::new("mini_mcp.state", "busy")]);
            observer.observe(number(idle), &[KeyValue::new("mini_mcp.state", "idle")]);
        })
        .build();
}
