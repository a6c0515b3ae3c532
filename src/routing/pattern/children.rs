//! The children of a trie node: a short row while there are few, a hash map when there are many.
//!
//! Most nodes have two or three children, which one look at the row finds in the node itself; a node with a hundred thousand
//! finds its child as fast.

use super::radix::{Node, Symbol};
use crate::routing::key::NumberMap;
use smallvec::SmallVec;

/// The longest row.
const ROW_MAX: usize = 8;

/// From the first key of a child's label to the child.
#[derive(Debug)]
pub(super) enum Children {
    /// At most [`ROW_MAX`], in any order.
    Few(SmallVec<[(Symbol, Box<Node>); 2]>),
    /// More, at some time.
    Many(NumberMap<Symbol, Box<Node>>),
}

impl Children {
    pub(super) fn new() -> Self {
        Self::Few(SmallVec::new())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(row) => row.len(),
            Self::Many(map) => map.len(),
        }
    }

    #[inline]
    pub(super) fn get(&self, key: Symbol) -> Option<&Node> {
        match self {
            Self::Few(row) => row.iter().find(|(first, _)| *first == key).map(|(_, child)| &**child),
            Self::Many(map) => map.get(&key).map(|child| &**child),
        }
    }

    pub(super) fn get_mut(&mut self, key: Symbol) -> Option<&mut Node> {
        match self {
            Self::Few(row) => row.iter_mut().find(|(first, _)| *first == key).map(|(_, child)| &mut **child),
            Self::Many(map) => map.get_mut(&key).map(|child| &mut **child),
        }
    }

    /// Puts in a child under a key that has none.
    pub(super) fn insert(&mut self, key: Symbol, child: Box<Node>) {
        match self {
            Self::Few(row) if row.len() < ROW_MAX => row.push((key, child)),
            Self::Few(row) => {
                let mut map: NumberMap<Symbol, Box<Node>> = row.drain(..).collect();
                map.insert(key, child);
                *self = Self::Many(map);
            }
            Self::Many(map) => {
                map.insert(key, child);
            }
        }
    }

    pub(super) fn remove(&mut self, key: Symbol) {
        match self {
            Self::Few(row) => row.retain(|(first, _)| *first != key),
            Self::Many(map) => {
                map.remove(&key);
            }
        }
    }

    /// Takes the only child out; there is none if there are others beside it.
    pub(super) fn take_only(&mut self) -> Option<Box<Node>> {
        if self.len() != 1 {
            return None;
        }
        match std::mem::replace(self, Self::new()) {
            Self::Few(row) => row.into_iter().next().map(|(_, child)| child),
            Self::Many(map) => map.into_values().next(),
        }
    }
}
