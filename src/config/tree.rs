//! A configuration as a tree of values, each with its place, whatever format it was written in.
//!
//! Overlays (drop-ins, the environment, `--set`) are trees too; [`Node::overlay`] puts one upon another.

use std::collections::BTreeMap;

/// Where something stands: a source and the octets in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Place {
    /// Index into [`super::source::Sources`].
    pub(super) source: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Place {
    /// Nowhere: a default.
    pub(super) const NONE: Self = Self { source: u32::MAX, start: 0, end: 0 };

    pub(super) fn new(source: u32, start: usize, end: usize) -> Self {
        // Files are at most a few MiB; see `lookup`.
        let octet = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { source, start: octet(start), end: octet(end) }
    }

    pub(super) fn is_known(self) -> bool {
        self != Self::NONE
    }
}

/// A value with its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) value: Content,
    pub(super) place: Place,
}

/// A table's values by key, each with the place of its key.
pub(super) type Table = BTreeMap<String, Entry>;

/// One key of a table.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) node: Node,
}

/// What a value is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Content {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

impl Content {
    /// The type, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// A table without keys.
    pub(super) fn empty_table(place: Place) -> Self {
        Self { value: Content::Table(Table::new()), place }
    }

    /// Its keys, if it is a table.
    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Content::Table(table) => Some(table),
            Content::Null
            | Content::Boolean(_)
            | Content::Integer(_)
            | Content::Float(_)
            | Content::Text(_)
            | Content::List(_) => None,
        }
    }

    /// The value under `key`, if it is a table that has one.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        Some(&self.table()?.get(key)?.node)
    }

    /// Puts `over` upon it: tables merge key by key, all else is replaced.
    pub(super) fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Content::Table(table), Content::Table(keys)) => {
                for (key, entry) in keys {
                    match table.get_mut(&key) {
                        Some(below) => {
                            if below.node.table().is_none() || entry.node.table().is_none() {
                                below.key = entry.key;
                            }
                            below.node.overlay(entry.node);
                        }
                        None => {
                            table.insert(key, entry);
                        }
                    }
                }
            }
            (below, value) => {
                *below = value;
                self.place = over.place;
            }
        }
    }

    /// Whether both say the same, wherever they stand.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Content::List(a), Content::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Content::Table(a), Content::Table(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a.node.same(&b.node)))
            }
            (a, b) => a == b,
        }
    }
}
