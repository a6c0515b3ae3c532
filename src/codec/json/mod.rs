//! JSON, RFC 8259: read by a scanner over the text, written in its compact form.

mod read;
mod string;
mod write;

pub(super) use read::JsonReader;
pub(super) use write::JsonWriter;
