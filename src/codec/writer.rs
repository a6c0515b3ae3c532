//! The writer that the shapes of messages are written against, once for all serializations.
//!
//! A writer appends the shortest form of what it is given. The counts of lists and dicts must be true; nothing checks them
//! but the tests.

use super::error::TranscodeError;
use crate::wamp::Serialization;

/// A writer of one serialization.
pub(super) trait Writer {
    /// Which one.
    const SERIALIZATION: Serialization;

    /// Whether a list or dict must say at its beginning how many elements it has.
    const COUNTS: bool;

    /// Begins a list of `length` elements.
    fn list(&mut self, length: usize);
    fn end_list(&mut self);

    /// Begins a dict of `length` entries; each is a [`key`](Self::key) and a value.
    fn dict(&mut self, length: usize);
    fn end_dict(&mut self);

    /// Begins a dict of at most 15 entries that are counted on the way; gives what `end_options` wants.
    fn options(&mut self) -> usize;
    fn end_options(&mut self, mark: usize, length: u8);

    fn key(&mut self, key: &str);
    fn null(&mut self);
    fn bool(&mut self, truth: bool);
    fn unsigned(&mut self, number: u64);
    /// The integer -1 - `number`. False if there is only a float for it, which is then written.
    fn negative(&mut self, number: u64) -> bool;
    /// False if it is not finite and there is only null for it, which is then written.
    fn float(&mut self, number: f64) -> bool;
    fn text(&mut self, text: &str);
    fn bytes(&mut self, bytes: &[u8]);

    /// A key that is no text and no list or dict. False if it has become a text.
    fn odd_key(&mut self, key: OddKey<'_>) -> Result<bool, TranscodeError>;

    /// One or more elements of a list, as they stand.
    fn splice(&mut self, elements: &[u8]);
}

/// A scalar key that is no text.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum OddKey<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// -1 - n.
    Negative(u64),
    Float(f64),
    Bytes(&'a [u8]),
}
