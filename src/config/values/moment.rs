//! An instant on the calendar.

use crate::config::error::Code;
use crate::config::read::{Key, Reader, Written};
use crate::config::tree::Node;
use crate::wamp::WallTime;
use schemars::{json_schema, Schema, SchemaGenerator};

/// RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Moment(pub(in crate::config) WallTime);

impl Key for Moment {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a string such as \"2027-06-30T00:00:00Z\"")?;
        let moment = WallTime::parse(text);
        if moment.is_none() {
            let hint = "expected RFC 3339, as in \"2027-06-30T00:00:00Z\"";
            reader.error(Code::Malformed, node.place, format!("\"{text}\" is no date with a time"), hint);
        }
        moment.map(Self)
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.to_string().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
