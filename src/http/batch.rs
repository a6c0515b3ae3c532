//! Many calls and publishes in one request: how its body is read, and how its answer is put together. Each item is permitted,
//! limited and counted as if it came alone; a batch is no transaction. Source: section 4.3 of the HTTP design.

use super::body::{self, bad, check_members, member, Single};
use super::problem::Problem;
use super::sessions::Request;
use crate::codec::{self, Limits, Member, Piece, ValueKind};
use crate::observe::shown;
use crate::wamp::{Serialization, Value};
use actix_web::http::StatusCode;
use bytes::Bytes;

/// What the answers of one batch take together; further ones are left out.
const ANSWERS_MAX: usize = 16 << 20;

/// How the items of a batch follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Each waits for the answer of the one before; at a failure the others may be left.
    Ordered { stop_on_error: bool },
    /// All are sent, in order, before any is answered.
    Parallel,
}

/// What a batch asks for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Batch {
    pub(super) mode: Mode,
    pub(super) items: Vec<Request>,
}

/// Reads a batch of at most `items_max` items. All of it is looked at before anything is sent.
///
/// # Errors
/// 400 that names the item, 413 for too many.
pub(super) fn read(serialization: Serialization, body: &Bytes, items_max: usize) -> Result<Batch, Problem> {
    if body.is_empty() {
        return Err(bad("a batch needs a body with \"items\""));
    }
    let members = body::object(serialization, body)?;
    check_members(&members, &["mode", "stop_on_error", "items"])?;
    let items = member(&members, "items", ValueKind::List)?;
    let items = items.ok_or_else(|| bad("a batch needs \"items\", a list"))?;
    let mode = mode(serialization, &members)?;
    let elements = codec::elements(serialization, &items, &Limits::default(), items_max);
    let elements = elements.map_err(|error| bad(error.to_string()))?;
    // Its kind was looked at.
    let elements = elements.map_err(|got| bad(format!("member \"items\" must be a list, got {got}")))?;
    if elements.len() > items_max {
        let text = format!("a batch has at most {items_max} items");
        return Err(Problem::http(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let items = elements.iter().enumerate().map(|(number, element)| {
        item(serialization, element).map_err(|problem| bad(format!("item {number}: {}", problem.detail())))
    });
    Ok(Batch { mode, items: items.collect::<Result<_, _>>()? })
}

fn mode(serialization: Serialization, members: &[Member]) -> Result<Mode, Problem> {
    let stop = member(members, "stop_on_error", ValueKind::Bool)?;
    let stop_on_error = stop.is_some_and(|stop| codec::read_value(serialization, &stop) == Ok(Value::Bool(true)));
    let Some(text) = member(members, "mode", ValueKind::Text)? else { return Ok(Mode::Ordered { stop_on_error }) };
    match text_of(serialization, &text)?.as_str() {
        "ordered" => Ok(Mode::Ordered { stop_on_error }),
        "parallel" if stop_on_error => {
            Err(bad("stop_on_error needs mode \"ordered\": in parallel all are sent at once"))
        }
        "parallel" => Ok(Mode::Parallel),
        other => Err(bad(format!("mode must be \"ordered\" or \"parallel\", got \"{}\"", shown(other)))),
    }
}

fn item(serialization: Serialization, element: &Bytes) -> Result<Request, Problem> {
    let members = body::object(serialization, element)?;
    let op = member(&members, "op", ValueKind::Text)?.ok_or_else(|| bad("no op: \"call\" or \"publish\""))?;
    let endpoint = match text_of(serialization, &op)?.as_str() {
        "call" => Single::Call,
        "publish" => Single::Publish,
        other => return Err(bad(format!("op must be \"call\" or \"publish\", got \"{}\"", shown(other)))),
    };
    check_members(&members, &["op", endpoint.uri_member(), "args", "kwargs", "options"])?;
    body::of_members(endpoint, None, serialization, &members)
}

fn text_of(serialization: Serialization, octets: &[u8]) -> Result<String, Problem> {
    match codec::read_value(serialization, octets) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(_) | Err(_) => Err(bad("a text was expected")),
    }
}

/// What became of one item: its status, and a body in one of the serializations.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) serialization: Serialization,
    pub(super) body: Vec<u8>,
}

/// The answers of a batch, item by item.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    outcomes: Vec<Outcome>,
    octets: usize,
}

impl Outcomes {
    /// The next item's. False: it is too much, and not taken.
    pub(super) fn push(&mut self, outcome: Outcome) -> bool {
        if self.octets + outcome.body.len() > ANSWERS_MAX {
            return false;
        }
        self.push_in_place(outcome);
        true
    }

    /// What stands in the place of one that was too much: small, and taken in any case.
    pub(super) fn push_in_place(&mut self, outcome: Outcome) {
        self.octets += outcome.body.len();
        self.outcomes.push(outcome);
    }

    /// `{"results": [{"status", "body"}, ..]}`.
    ///
    /// # Errors
    /// 500: what was written before cannot be written again.
    pub(super) fn compose(&self, serialization: Serialization) -> Result<Vec<u8>, Problem> {
        let shapes: Vec<[(&str, Piece<'_>); 2]> = self.outcomes.iter().map(Outcome::shape).collect();
        let results: Vec<Piece<'_>> = shapes.iter().map(|shape| Piece::Dict(shape)).collect();
        let mut body = Vec::with_capacity(self.octets + 32 * self.outcomes.len() + 16);
        let written = codec::compose(&Piece::Dict(&[("results", Piece::List(&results))]), serialization, &mut body);
        // Bodies are in this serialization already, or JSON, which all others can carry.
        written.map_err(|error| Problem::http(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok(body)
    }
}

impl Outcome {
    fn shape(&self) -> [(&str, Piece<'_>); 2] {
        let status = Piece::Unsigned(self.status.as_u16().into());
        [("status", status), ("body", Piece::Written(self.serialization, &self.body))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str) -> Result<Batch, (u16, String)> {
        let read = read(Serialization::Json, &Bytes::copy_from_slice(text.as_bytes()), 2);
        read.map_err(|problem| (problem.status().as_u16(), problem.detail().to_owned()))
    }

    #[test]
    fn the_items_of_a_batch_are_calls_and_publishes_in_their_order() {
        let read =
            batch(r#"{"items":[{"op":"publish","topic":"com.a"},{"op":"call","procedure":"com.b","args":[1]}]}"#);
        let read = read.unwrap();
        assert_eq!(read.mode, Mode::Ordered { stop_on_error: false });
        assert!(matches!(&read.items[..], [Request::Publish(publish), Request::Call(call)]
            if publish.topic.as_str() == "com.a" && publish.options.acknowledge && call.procedure.as_str() == "com.b"));
        assert_eq!(batch(r#"{"mode":"parallel","items":[]}"#).unwrap().mode, Mode::Parallel);
    }

    #[test]
    fn what_is_wrong_in_a_batch_is_named_with_its_item() {
        let good = r#"{"op":"call","procedure":"com.b"}"#;
        for (text, status, part) in [
            ("".to_owned(), 400, "needs a body"),
            ("{}".to_owned(), 400, "needs \"items\""),
            (r#"{"items":{}}"#.to_owned(), 400, "\"items\" must be a list"),
            (r#"{"items":[1]}"#.to_owned(), 400, "item 0: the body must be an object"),
            (format!(r#"{{"items":[{good},{{"op":"cal"}}]}}"#), 400, "item 1: op must be"),
            (format!(r#"{{"items":[{good},{{"procedure":"com.b"}}]}}"#), 400, "item 1: no op"),
            (r#"{"items":[{"op":"call"}]}"#.to_owned(), 400, "item 0: no procedure"),
            (r#"{"items":[{"op":"call","topic":"com.a"}]}"#.to_owned(), 400, "unexpected member \"topic\""),
            (r#"{"mode":"odd","items":[]}"#.to_owned(), 400, "got \"odd\""),
            (r#"{"mode":"parallel","stop_on_error":true,"items":[]}"#.to_owned(), 400, "stop_on_error needs"),
            (r#"{"stop_on_error":1,"items":[]}"#.to_owned(), 400, "\"stop_on_error\" must be"),
            (format!(r#"{{"items":[{good},{good},{good}]}}"#), 413, "at most 2 items"),
        ] {
            let (got, detail) = batch(&text).unwrap_err();
            assert!(got == status && detail.contains(part), "{text}: {got} {detail}");
        }
    }

    #[test]
    fn the_answers_stand_in_the_order_of_the_items_in_the_wanted_serialization() {
        let mut outcomes = Outcomes::default();
        let json =
            |status, body: &str| Outcome { status, serialization: Serialization::Json, body: body.as_bytes().to_vec() };
        assert!(outcomes.push(json(StatusCode::OK, r#"{"id":7}"#)));
        assert!(outcomes.push(json(StatusCode::NOT_FOUND, r#"{"error":"x"}"#)));
        let text = r#"{"results":[{"status":200,"body":{"id":7}},{"status":404,"body":{"error":"x"}}]}"#;
        assert_eq!(outcomes.compose(Serialization::Json).unwrap(), text.as_bytes());
        let value = codec::read_value(Serialization::Json, text.as_bytes());
        let cbor = outcomes.compose(Serialization::Cbor).unwrap();
        assert_eq!(codec::read_value(Serialization::Cbor, &cbor), value);
    }

    #[test]
    fn the_answers_of_a_batch_are_bounded_together() {
        let mut outcomes = Outcomes::default();
        let large =
            || Outcome { status: StatusCode::OK, serialization: Serialization::Json, body: vec![b' '; 9 << 20] };
        assert!(outcomes.push(large()));
        assert!(!outcomes.push(large()));
    }
}
