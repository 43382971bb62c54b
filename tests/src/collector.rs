//! A collector of OTLP over HTTP, by which tests see what leaves the supervisor.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// What a collector does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It takes it.
    Taking,
    /// It answers that it is not available.
    Refusing,
    /// It reads it and never answers.
    Hanging,
}

/// Attributes by name, their values as text.
pub type Attributes = BTreeMap<String, String>;

/// A collector that listens until the test ends.
#[derive(Debug)]
pub struct Collector {
    endpoint: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Debug, Default)]
struct Received {
    connections: usize,
    /// Each body as it came.
    bodies: Vec<Vec<u8>>,
    spans: Vec<Seen>,
    resources: Vec<Attributes>,
    /// Those of the last request with metrics.
    metrics: Vec<Metric>,
}

/// One span.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// The trace that it belongs to, in hexadecimal digits.
    pub trace: String,
    /// Its own id, likewise.
    pub id: String,
    /// The id of its parent; empty where there is none.
    pub parent: String,
    /// Whether it is of a server.
    pub of_server: bool,
    /// Whether its status is that of an error.
    pub failed: bool,
    /// What the status says in words.
    pub words: String,
    /// When it began and ended, in nanoseconds.
    pub time: (u64, u64),
    /// Its attributes.
    pub attributes: Attributes,
}

impl Seen {
    /// An attribute; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

impl Collector {
    /// One on a port of this host.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn listen(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let collector = Self::new(format!("http://{address}"));
        let received = Arc::clone(&collector.received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                begin(stream.expect("a connection"), manner, &received);
            }
        });
        collector
    }

    /// One at a Unix socket.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let collector = Self::new(format!("unix:{}", path.display()));
        let received = Arc::clone(&collector.received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                begin(stream.expect("a connection"), Manner::Taking, &received);
            }
        });
        collector
    }

    fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            received: Arc::default(),
        }
    }

    /// Where nobody listens.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn nowhere() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("it is bound")
    }

    /// What `--otlp` is told.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.received().connections
    }

    /// All spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Seen> {
        self.received().spans.clone()
    }

    /// What each request said that it comes from.
    #[must_use]
    pub fn resources(&self) -> Vec<Attributes> {
        self.received().resources.clone()
    }

    /// Whether any request has `text` in it.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        let received = self.received();
        let mut bodies = received.bodies.iter();
        bodies.any(|body| body.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// The points of the metric `name` in the last request: of a histogram, how many
    /// there were.
    #[must_use]
    pub fn points(&self, name: &str) -> Vec<(Attributes, u64)> {
        let received = self.received();
        let metric = received.metrics.iter().find(|metric| metric.name == name);
        metric
            .and_then(|metric| metric.data.as_ref())
            .map_or_else(Vec::new, points)
    }

    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().expect("no thread panicked")
    }
}

fn points(data: &Data) -> Vec<(Attributes, u64)> {
    let numbers = match data {
        Data::Sum(sum) => &sum.data_points,
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            return points
                .map(|point| (attributes(&point.attributes), point.count))
                .collect();
        }
        other @ (Data::ExponentialHistogram(_) | Data::Summary(_)) => panic!("{other:?}"),
    };
    let value = |value: &Option<number_data_point::Value>| match value {
        Some(number_data_point::Value::AsInt(number)) => u64::try_from(*number).expect("a count"),
        other => panic!("no count: {other:?}"),
    };
    let points = numbers.iter();
    points
        .map(|point| (attributes(&point.attributes), value(&point.value)))
        .collect()
}

fn begin(stream: impl Read + Write + Send + 'static, manner: Manner, all: &Arc<Mutex<Received>>) {
    let all = Arc::clone(all);
    all.lock().expect("no thread panicked").connections += 1;
    thread::spawn(move || serve(stream, manner, &all));
}

/// Takes one request.
fn serve(stream: impl Read + Write, manner: Manner, all: &Mutex<Received>) {
    let mut stream = BufReader::new(stream);
    let Some((path, body)) = request(&mut stream) else {
        return;
    };
    if manner == Manner::Hanging {
        // Until the client gives up.
        drop(stream.read(&mut [0]));
        return;
    }
    let status = if manner == Manner::Taking {
        take(&path, body, &mut all.lock().expect("no thread panicked"));
        "200 OK"
    } else {
        "503 Service Unavailable"
    };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    // The client may be gone.
    drop(stream.get_mut().write_all(answer.as_bytes()));
}

/// The path of a request, and its body.
fn request(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let header = |name: &str| {
        let all = lines.iter().filter_map(|line| line.split_once(": "));
        let mut all = all.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        all.next().map(|(_, value)| value.to_owned())
    };
    assert_eq!(
        header("content-type").as_deref(),
        Some("application/x-protobuf")
    );
    assert!(header("host").is_some(), "{lines:?}");
    let length = header("content-length")
        .expect("a length")
        .parse()
        .expect("a number");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    Some((path, body))
}

fn take(path: &str, body: Vec<u8>, all: &mut Received) {
    match path {
        "/v1/traces" => {
            let request = ExportTraceServiceRequest::decode(&*body).expect("spans");
            for of in request.resource_spans {
                let resource = of.resource.unwrap_or_default();
                all.resources.push(attributes(&resource.attributes));
                let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
                all.spans.extend(spans.map(|span| seen(&span)));
            }
        }
        "/v1/metrics" => {
            let request = ExportMetricsServiceRequest::decode(&*body).expect("metrics");
            let of = request.resource_metrics.into_iter();
            let scopes = of.flat_map(|of| of.scope_metrics);
            all.metrics = scopes.flat_map(|scope| scope.metrics).collect();
        }
        other => panic!("nothing is at {other}"),
    }
    all.bodies.push(body);
}

fn seen(span: &Span) -> Seen {
    let status = span.status.clone().unwrap_or_default();
    assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
    Seen {
        name: span.name.clone(),
        trace: hexadecimal(&span.trace_id),
        id: hexadecimal(&span.span_id),
        parent: hexadecimal(&span.parent_span_id),
        of_server: span.kind() == SpanKind::Server,
        failed: status.code() == StatusCode::Error,
        words: status.message,
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        attributes: attributes(&span.attributes),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(all: &[KeyValue]) -> Attributes {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other @ (Value::DoubleValue(_)
        | Value::ArrayValue(_)
        | Value::KvlistValue(_)
        | Value::BytesValue(_)
        | Value::StringValueStrindex(_)) => panic!("{other:?}"),
    };
    let value = |pair: &KeyValue| pair.value.as_ref()?.value.as_ref().map(text);
    let pair = |pair: &KeyValue| Some((pair.key.clone(), value(pair)?));
    all.iter().filter_map(pair).collect()
}
