//! OTLP: traces and metrics of calls, for a collector that the administrator names.
//!
//! Off unless asked for, and then no call notices: nothing here waits for the
//! collector but tasks of its own, what it does not take in time is counted and lost,
//! and no thread is made. What leaves is the closed list of `call.rs` and `meters.rs`:
//! names and codes, never an argument, output or a key.

mod call;
mod client;
mod collector;
mod export;
mod meters;

pub(crate) use call::{Call, Made, Stage, observed};
pub(crate) use collector::Otlp;

use crate::error::Error;
use collector::Collector;
use export::{Export, Queue};
use meters::Meters;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::sync::Arc;

/// What spans and metrics are said to come from.
const SCOPE: &str = "mini-mcp";

/// Makes spans and counts calls.
#[derive(Debug)]
pub(crate) struct Telemetry {
    tracer: SdkTracer,
    meters: Meters,
}

/// A telemetry whose export has not begun.
#[derive(Debug)]
pub(crate) struct Prepared {
    collector: Collector,
    telemetry: Arc<Telemetry>,
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    export: Export,
}

impl Prepared {
    /// Finds the collector that `options` name, if they name one; before the process
    /// confines itself, since afterwards no name can be resolved.
    ///
    /// # Errors
    /// An endpoint that is none, or cannot be found.
    pub(crate) fn new(options: &Otlp) -> Result<Option<Self>, Error> {
        let Some(collector) = options.collector()? else {
            return Ok(None);
        };
        Ok(Some(Self::exporting_to(collector)?))
    }

    fn exporting_to(collector: Collector) -> Result<Self, ExporterBuildError> {
        let resource = resource();
        let (queue, export) = Queue::new(&collector, &resource)?;
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_span_processor(queue)
            .build();
        let metrics = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(export.reader())
            .build();
        let telemetry = Telemetry {
            tracer: traces.tracer(SCOPE),
            meters: Meters::new(&metrics.meter(SCOPE)),
        };
        Ok(Self {
            collector,
            telemetry: Arc::new(telemetry),
            traces,
            metrics,
            export,
        })
    }

    /// Where it goes.
    pub(crate) fn collector(&self) -> &Collector {
        &self.collector
    }

    /// What makes spans and counts.
    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Begins to export, also what `clients` and `lanes` tell whenever metrics are.
    pub(crate) fn begin(
        self,
        clients: impl Fn() -> usize + Send + Sync + 'static,
        lanes: impl Fn() -> Lanes + Send + Sync + 'static,
    ) -> Exporting {
        meters::observe(&self.metrics.meter(SCOPE), clients, lanes);
        Exporting {
            tasks: self.export.begin(),
            _providers: (self.traces, self.metrics),
        }
    }
}

/// What goes on while the service does.
#[derive(Debug)]
pub(crate) struct Exporting {
    tasks: export::Tasks,
    /// Spans that end after these do are lost.
    _providers: (SdkTracerProvider, SdkMeterProvider),
}

impl Exporting {
    /// Exports what there is, as far as the collector takes it at once.
    pub(crate) async fn end(self) {
        self.tasks.end().await;
    }
}

/// How many lanes there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes {
    /// Those of calls that run.
    pub(crate) busy: usize,
    /// Those that wait for a call.
    pub(crate) idle: usize,
}

/// What the collector knows this service by; `OTEL_RESOURCE_ATTRIBUTES` and
/// `OTEL_SERVICE_NAME` may tell more.
fn resource() -> Resource {
    let builder = Resource::builder();
    let builder = match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => builder,
        None => builder.with_service_name("mini-mcp"),
    };
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    builder.with_attributes([version]).build()
}
