//! From calls to the collector: a bounded queue of spans, and two tasks on the runtime
//! that is there, one for spans and one for metrics. The SDK's own processors would
//! each bring a thread.

use super::client::Client;
use super::collector::Collector;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, Temporality};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most spans that wait; further ones are lost, and counted.
const WAITING_MAX: usize = 2048;

/// Most spans in one request.
const BATCH_MAX: usize = 512;

/// How often spans are sent, and metrics, unless the environment says otherwise.
const SPANS_EVERY: (&str, Duration) = ("OTEL_BSP_SCHEDULE_DELAY", Duration::from_secs(5));
const METRICS_EVERY: (&str, Duration) = ("OTEL_METRIC_EXPORT_INTERVAL", Duration::from_secs(60));

/// How often the log may tell of losses.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How long the end of the service waits for the collector.
const FLUSH: Duration = Duration::from_secs(2);

/// Where spans go when they end: never waits.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Sender<SpanData>,
    shared: Arc<Shared>,
}

impl Queue {
    /// A queue to `collector`, and what takes from it.
    pub(super) fn new(
        collector: &Collector,
        resource: &Resource,
    ) -> Result<(Self, Export), ExporterBuildError> {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let shared = Arc::new(Shared::default());
        let mut spans = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::of(collector))
            .with_retry_policy(RetryPolicy::disabled())
            .with_endpoint(collector.url("traces"))
            .build()?;
        spans.set_resource(resource);
        let metrics = MetricExporter::builder()
            .with_http()
            .with_http_client(Client::of(collector))
            .with_retry_policy(RetryPolicy::disabled())
            .with_endpoint(collector.url("metrics"))
            .build()?;
        let export = Export {
            waiting,
            shared: Arc::clone(&shared),
            spans,
            metrics,
            reader: Reader::default(),
        };
        let queue = Self {
            spans: sender,
            shared,
        };
        Ok((queue, export))
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.spans.try_send(span).is_err() {
            self.shared.lose(1);
        }
        if self.spans.max_capacity() - self.spans.capacity() >= BATCH_MAX {
            self.shared.enough.notify_one();
        }
    }

    /// The tasks do, at their end.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What the queue tells the task that sends spans.
#[derive(Debug, Default)]
struct Shared {
    /// How many spans nobody took.
    lost: AtomicU64,
    /// There are enough for a request.
    enough: Notify,
}

impl Shared {
    fn lose(&self, spans: usize) {
        let spans = u64::try_from(spans).unwrap_or(u64::MAX);
        self.lost.fetch_add(spans, Ordering::Relaxed);
    }
}

/// A reader that both the SDK and the task have.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// What there is to export, and how.
#[derive(Debug)]
pub(super) struct Export {
    waiting: Receiver<SpanData>,
    shared: Arc<Shared>,
    spans: SpanExporter,
    metrics: MetricExporter,
    reader: Reader,
}

/// The tasks that export.
#[derive(Debug)]
pub(super) struct Tasks {
    stop: CancellationToken,
    running: TaskTracker,
}

impl Export {
    pub(super) fn reader(&self) -> Reader {
        self.reader.clone()
    }

    pub(super) fn begin(self) -> Tasks {
        let tasks = Tasks {
            stop: CancellationToken::new(),
            running: TaskTracker::new(),
        };
        let Export {
            waiting,
            shared,
            spans,
            metrics,
            reader,
        } = self;
        let sending = Spans {
            waiting,
            exporter: spans,
            shared,
            losses: Losses::default(),
        };
        tasks.running.spawn(sending.run(tasks.stop.clone()));
        let telling = export_metrics(metrics, reader, tasks.stop.clone());
        tasks.running.spawn(telling);
        tasks
    }
}

impl Tasks {
    /// Has them export what there is, and waits for that.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.running.close();
        if timeout(FLUSH, self.running.wait()).await.is_err() {
            tracing::warn!("the collector did not take the last traces and metrics in time");
        }
    }
}

/// How often, as the environment says in milliseconds, or else by default.
fn often((variable, default): (&str, Duration)) -> Duration {
    let said = std::env::var(variable).ok();
    let said = said
        .and_then(|text| text.parse().ok())
        .map(Duration::from_millis);
    said.filter(|period| !period.is_zero()).unwrap_or(default)
}

/// The task that sends spans.
struct Spans {
    waiting: Receiver<SpanData>,
    exporter: SpanExporter,
    shared: Arc<Shared>,
    losses: Losses,
}

impl Spans {
    async fn run(mut self, stop: CancellationToken) {
        let mut ticks = interval(often(SPANS_EVERY));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.shared.enough.notified() => {}
                _ = ticks.tick() => {}
            }
            self.send_all().await;
            self.losses.tell(&self.shared);
        }
        self.send_all().await;
        self.losses.tell_last(&self.shared);
    }

    /// Sends what waits now, in as many requests as it takes; one that fails is the last.
    async fn send_all(&mut self) {
        let mut left = self.waiting.len();
        while left > 0 {
            let mut batch = Vec::new();
            let count = self
                .waiting
                .recv_many(&mut batch, left.min(BATCH_MAX))
                .await;
            if let Err(error) = self.exporter.export(batch).await {
                self.shared.lose(count);
                self.losses.last = Some(error.to_string());
                return;
            }
            left -= count;
        }
    }
}

/// What the log is told of losses, and when.
#[derive(Debug, Default)]
struct Losses {
    spans: u64,
    last: Option<String>,
    told: Option<Instant>,
}

impl Losses {
    fn tell(&mut self, shared: &Shared) {
        self.spans += shared.lost.swap(0, Ordering::Relaxed);
        let lately = self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY);
        if self.spans > 0 && !lately {
            self.told = Some(Instant::now());
            let (spans, reason) = (std::mem::take(&mut self.spans), self.last.take());
            tracing::warn!(
                spans,
                ?reason,
                "traces lost: the collector did not take them"
            );
        }
    }

    fn tell_last(&mut self, shared: &Shared) {
        self.told = None;
        self.tell(shared);
    }
}

/// The task that sends metrics. Those are sums, so what is not taken now is in the next.
async fn export_metrics(exporter: MetricExporter, reader: Reader, stop: CancellationToken) {
    let mut ticks = interval(often(METRICS_EVERY));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once, when there is nothing to tell.
    ticks.tick().await;
    let mut told: Option<Instant> = None;
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            _ = ticks.tick() => false,
        };
        let mut metrics = ResourceMetrics::default();
        let sent = match reader.collect(&mut metrics) {
            Ok(()) => exporter.export(&metrics).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent
            && told.is_none_or(|told| told.elapsed() >= TOLD_EVERY)
        {
            told = Some(Instant::now());
            tracing::warn!(%error, "the collector did not take metrics");
        }
        if last {
            return;
        }
    }
}
