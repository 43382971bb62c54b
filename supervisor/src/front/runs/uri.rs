//! Addresses of runs and of what they printed.

use crate::runs::Stream;

/// How the address of every run begins.
const RUN: &str = "mini-mcp://run/";

/// The list of one's own runs.
pub(in crate::front) const LIST: &str = "mini-mcp://runs";

/// Templates, RFC 6570, of what is here.
pub(super) const RECORD_TEMPLATE: &str = "mini-mcp://run/{run}";
pub(super) const STREAM_TEMPLATE: &str = "mini-mcp://run/{run}/{stream}{?from,length,encoding}";

/// Bytes of a page where nothing is said: what most clients pass on to a model.
pub(super) const LENGTH: u64 = 24 * 1024;

/// Bytes of a page at most.
const LENGTH_MAX: u64 = 512 * 1024;

/// The record of `run`.
pub(in crate::front) fn record(run: &str) -> String {
    format!("{RUN}{run}")
}

/// All that `run` printed to `stream`.
pub(in crate::front) fn stream(run: &str, stream: Stream) -> String {
    format!("{RUN}{run}/{}", stream.word())
}

/// A part of it.
pub(super) fn page(run: &str, of: Stream, page: Page) -> String {
    let encoding = if page.exact { "&encoding=base64" } else { "" };
    let (uri, Page { from, length, .. }) = (stream(run, of), page);
    format!("{uri}?from={from}&length={length}{encoding}")
}

/// What an address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// The list of runs.
    List,
    /// The record of a run.
    Record(String),
    /// A part of what it printed.
    Output(String, Stream, Page),
}

/// Which part of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) from: u64,
    pub(super) length: u64,
    /// Every byte as it is, text or not.
    pub(super) exact: bool,
}

/// Whether `uri` is an address of this kind, sound or not.
pub(in crate::front) fn is_ours(uri: &str) -> bool {
    uri == LIST || uri.starts_with(RUN)
}

/// What `uri` means.
///
/// # Errors
/// In words, what is wrong with the question of a stream; nothing for what is no
/// address of this kind.
pub(super) fn parse(uri: &str) -> Result<Option<Address>, &'static str> {
    if uri == LIST {
        return Ok(Some(Address::List));
    }
    let Some(rest) = uri.strip_prefix(RUN) else {
        return Ok(None);
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let (run, name) = match path.split_once('/') {
        Some((run, name)) => (run, Some(name)),
        None => (path, None),
    };
    let run = run.to_owned();
    let Some(name) = name else {
        return Ok(query.is_none().then_some(Address::Record(run)));
    };
    let Some(stream) = Stream::ALL.into_iter().find(|one| one.word() == name) else {
        return Ok(None);
    };
    Ok(Some(Address::Output(run, stream, asked(query)?)))
}

fn asked(query: Option<&str>) -> Result<Page, &'static str> {
    let mut page = Page {
        from: 0,
        length: LENGTH,
        exact: false,
    };
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        match pair.split_once('=') {
            Some(("from", number)) => {
                page.from = number.parse().map_err(|_| "`from` is a number of bytes")?;
            }
            Some(("length", number)) => page.length = length(number)?,
            Some(("encoding", "base64")) => page.exact = true,
            Some(("encoding", _)) => return Err("`encoding` can be base64 alone"),
            _ => return Err("a page takes `from`, `length` and `encoding`"),
        }
    }
    Ok(page)
}

fn length(text: &str) -> Result<u64, &'static str> {
    let length = text.parse().ok().filter(|length| *length > 0);
    let length: u64 = length.ok_or("`length` is a number of bytes above 0")?;
    Ok(length.min(LENGTH_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(from: u64, length: u64, exact: bool) -> Address {
        let page = Page {
            from,
            length,
            exact,
        };
        Address::Output("a-1".to_owned(), Stream::Stderr, page)
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let page = Page {
            from: 7,
            length: 9,
            exact: true,
        };
        let cases = [
            (LIST.to_owned(), Address::List),
            (record("a-1"), Address::Record("a-1".to_owned())),
            (stream("a-1", Stream::Stderr), output(0, LENGTH, false)),
            (super::page("a-1", Stream::Stderr, page), output(7, 9, true)),
            (
                "mini-mcp://run/a-1/stderr?length=99999999999".to_owned(),
                output(0, LENGTH_MAX, false),
            ),
        ];
        for (uri, address) in cases {
            assert!(is_ours(&uri));
            assert_eq!(parse(&uri), Ok(Some(address)), "{uri}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_from_a_wrong_question() {
        for uri in [
            "mini-mcp://policy",
            "mini-mcp://run/a/x",
            "mini-mcp://run/a?from=1",
        ] {
            assert_eq!(parse(uri), Ok(None), "{uri}");
        }
        for query in [
            "from=-1",
            "from",
            "length=0",
            "to=1",
            "encoding=x",
            "from=1;length=2",
        ] {
            assert!(
                parse(&format!("mini-mcp://run/a/stdout?{query}")).is_err(),
                "{query}"
            );
        }
    }
}
