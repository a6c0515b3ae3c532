//! Golden vectors, malformed input, limits, transcoding and properties of the codec, through its public functions only.
//!
//! `data/` holds the files of the specification's test suite and our own, with their licences.

mod data;
mod json_binary;
mod messages;
mod options;
mod rawsocket;
mod uris;
