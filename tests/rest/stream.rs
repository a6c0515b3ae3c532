//! A stream as a client reads it: chunks, lines, server-sent events. An EventSource does the same.

use crate::client::{Http, Response};
use serde_json::Value;

/// One event of a stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// An open stream.
pub(crate) struct Stream {
    pub(crate) http: Http,
    /// Text that has come and is no whole block yet.
    text: String,
    /// The first comment.
    pub(crate) hello: String,
    pub(crate) retry: Option<u64>,
    pub(crate) last_id: Option<String>,
}

impl Stream {
    /// Opens one, which is taken.
    pub(crate) fn open(http: Http, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::ask(http, "GET", path, headers, "")
    }

    /// The same by any request.
    pub(crate) fn ask(mut http: Http, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        http.send(method, path, headers, body);
        let head = http.receive(true);
        Self::of(http, &head)
    }

    /// One whose head is there.
    pub(crate) fn of(http: Http, head: &Response) -> Self {
        assert_eq!(head.status, 200, "{}", head.body);
        assert_eq!(head.header("transfer-encoding"), Some("chunked"));
        assert_eq!(head.header("cache-control"), Some("no-store"));
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert_eq!(head.header("content-encoding"), None);
        Self { http, text: String::new(), hello: String::new(), retry: None, last_id: None }
    }

    /// The next line; `None` at the end of the stream.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(line);
            }
            self.text.push_str(&self.http.chunk()?);
        }
    }

    /// The next event, whatever it is; `None` at the end of the stream. Comments are skipped; a stream that only shows that it
    /// lives is not waited for.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let (mut event, mut beats) = (Event::default(), 0);
        loop {
            let line = self.line()?;
            beats += u32::from(line == ":");
            assert!(beats < 3, "nothing comes");
            if let Some(id) = line.strip_prefix("id: ") {
                event.id = Some(id.to_owned());
                self.last_id = Some(id.to_owned());
            } else if let Some(kind) = line.strip_prefix("event: ") {
                event.kind = kind.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(data).unwrap();
            } else if let Some(retry) = line.strip_prefix("retry: ") {
                self.retry = retry.parse().ok();
            } else if let Some(comment) = line.strip_prefix(": ") {
                self.hello = comment.to_owned();
            } else if line.is_empty() && !event.kind.is_empty() {
                return Some(event);
            }
        }
    }

    /// The next one, which is of this kind: its data.
    pub(crate) fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().expect("the stream has ended");
        assert_eq!(event.kind, kind, "{event:?}");
        event.data
    }

    /// Nothing more comes.
    pub(crate) fn ends(&mut self) {
        let next = self.next();
        assert_eq!(next, None);
    }
}
