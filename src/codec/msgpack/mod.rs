//! MessagePack with the split of text and bytes: every width is read, the shortest is written.

mod read;
mod write;

pub(super) use read::MessagePackReader;
pub(super) use write::MessagePackWriter;
