//! One page of a stream: text where it is text, made harmless; else its bytes.

use super::uri::{self, Page};
use crate::output::{continuation, whole_characters};
use crate::runs::{Run, Stream};
use crate::sanitize::harmless;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{MetaObject, ResourceContents};
use serde_json::json;
use std::io;

/// What of a run's stream is asked for.
pub(super) struct Part {
    bytes: Vec<u8>,
    pub(super) from: u64,
    /// Where the next page begins.
    pub(super) to: u64,
    /// Bytes that can be read now.
    pub(super) kept: u64,
    /// Bytes that were written so far.
    pub(super) seen: u64,
    exact: bool,
}

impl Part {
    /// Reads `page` of `stream`. What is cut through a character ends before it, unless
    /// nothing would be left.
    pub(super) async fn read(run: &Run, stream: Stream, page: Page) -> io::Result<Self> {
        let kept = run.stream(stream);
        let mut bytes = kept.read(page.from, page.length).await?;
        let extent = kept.extent();
        let end = page.from + bytes.len() as u64;
        let whole = whole_characters(&bytes);
        let more = end < extent.kept || run.is_running();
        if more && whole > 0 && !page.exact {
            bytes.truncate(whole);
        }
        Ok(Self {
            to: page.from + bytes.len() as u64,
            bytes,
            from: page.from,
            kept: extent.kept,
            seen: extent.seen,
            exact: page.exact,
        })
    }

    /// The text, harmless, with replacements where the bytes are none.
    pub(super) fn text(&self) -> String {
        let start = if self.from > 0 {
            continuation(&self.bytes)
        } else {
            0
        };
        harmless(self.bytes.split_at(start).1)
    }

    /// As the contents of a resource.
    pub(super) fn contents(&self, run: &Run, stream: Stream) -> ResourceContents {
        let page = Page {
            from: self.from,
            length: self.to - self.from,
            exact: self.exact,
        };
        let uri = uri::page(&run.label.id, stream, page);
        let contents = match std::str::from_utf8(&self.bytes) {
            Ok(_) if !self.exact => {
                ResourceContents::text(self.text(), uri).with_mime_type("text/plain; charset=utf-8")
            }
            _ => ResourceContents::blob(STANDARD.encode(&self.bytes), uri)
                .with_mime_type("application/octet-stream"),
        };
        contents.with_meta(self.meta(run, stream))
    }

    fn meta(&self, run: &Run, stream: Stream) -> MetaObject {
        let next = Page {
            from: self.to,
            length: uri::LENGTH,
            exact: self.exact,
        };
        let more = self.to < self.kept || run.is_running();
        let next = more.then(|| uri::page(&run.label.id, stream, next));
        let mut meta = MetaObject::new();
        let place = json!({
            "from": self.from,
            "to": self.to,
            "kept": self.kept,
            "bytes": self.seen,
            "running": run.is_running(),
            "next": next,
        });
        meta.0.insert("mini-mcp/page".to_owned(), place);
        meta
    }
}
