//! CBOR, RFC 8949: definite and indefinite lengths and all widths are read, definite and shortest ones written.

mod read;
mod write;

pub(super) use read::CborReader;
pub(super) use write::CborWriter;
