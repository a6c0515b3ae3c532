//! Golden vectors, malformed input, limits, transcoding and properties of the codec, through its public functions only.
//!
//! `data/` holds the files of the specification's test suite and our own, with their licences.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test takes one kind of message and fails on any other")]

mod batched;
mod corpora;
mod data;
mod floats;
mod json_binary;
mod limits;
mod malformed;
mod messages;
mod options;
mod properties;
mod rawsocket;
mod shapes;
mod transcode;
mod uris;
