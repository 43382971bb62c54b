//! Messages with fields: for the journal, or as JSON.

use super::fields::Fields;
use serde_json::Value as Json;
use std::io::{self, Write};
use std::time::SystemTime;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};
use wire::systemd::{Journal, Record, Severity};

/// What messages are known by in the journal.
const PROGRAM: &str = "mini-mcp";

/// Where messages go.
pub(super) enum Sink {
    /// The journal.
    Journal(Journal),
    /// Standard error, one object a line.
    Json,
}

/// Passes each message on with its fields and those of the spans it is in.
pub(super) struct Records(pub(super) Sink);

impl<S> Layer<S> for Records
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.extend(outer);
            }
        }
        event.record(&mut fields);
        self.0.write(severity(*event.metadata().level()), fields);
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warning,
        Level::INFO => Severity::Info,
        _ => Severity::Debug,
    }
}

impl Sink {
    fn write(&self, severity: Severity, fields: Fields) {
        match self {
            Self::Json => say(&json(severity, fields)),
            Self::Journal(journal) => {
                let text = fields.text();
                let record = Record::new(PROGRAM, severity, &text);
                let record = fields
                    .texts()
                    .fold(record, |record, (name, value)| record.with(name, &value));
                if journal.send(&record).is_err() {
                    // Which leads there too; the number is the priority, sd-daemon(3).
                    say(&format!("<{}>{text}", severity as u8));
                }
            }
        }
    }
}

fn json(severity: Severity, fields: Fields) -> String {
    let time = humantime::format_rfc3339_micros(SystemTime::now());
    let mut object = fields.object();
    object.insert("time".to_owned(), time.to_string().into());
    object.insert("level".to_owned(), severity.word().into());
    Json::Object(object).to_string()
}

fn say(line: &str) {
    // Without standard error, nobody is left to be told.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    /// Keeps what a sink would write.
    struct Kept(Arc<Mutex<Vec<(String, String)>>>);

    impl<S> Layer<S> for Kept
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
            Records(Sink::Json).on_new_span(attributes, id, context);
        }

        fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
            Records(Sink::Json).on_record(id, values, context);
        }

        fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
            let mut fields = Fields::default();
            let spans = context.event_scope(event).into_iter();
            for span in spans.flat_map(Scope::from_root) {
                fields.extend(span.extensions().get::<Fields>().unwrap());
            }
            event.record(&mut fields);
            let text = fields.text();
            let line = json(Severity::Info, fields);
            self.0.lock().unwrap().push((text, line));
        }
    }

    #[test]
    fn a_message_has_the_fields_of_all_that_is_around_it() {
        let kept = Arc::default();
        let layers = tracing_subscriber::registry().with(Kept(Arc::clone(&kept)));
        tracing::subscriber::with_default(layers, || {
            let outer = tracing::info_span!("client", uid = 7, run = "outer");
            let inner = tracing::info_span!(
                parent: &outer, "call", tool = "a\nb", principal = tracing::field::Empty
            );
            inner.record("principal", "ops");
            inner.in_scope(|| tracing::info!(run = "r", timed_out = false, "finished {}", 1));
        });
        let kept = kept.lock().unwrap();
        let (text, line) = kept.first().unwrap();
        assert!(text.starts_with("finished 1 uid=7 run=r tool="), "{text}");
        assert!(
            !text.contains('\n') && text.ends_with("timed_out=false"),
            "{text}"
        );
        let line: Json = serde_json::from_str(line).unwrap();
        assert_eq!(line["message"], "finished 1");
        assert_eq!((&line["uid"], &line["run"]), (&7.into(), &"r".into()));
        assert_eq!(line["tool"], "a\nb");
        assert_eq!(line["principal"], "ops");
    }
}
