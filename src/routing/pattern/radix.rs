//! A radix trie: sequences of numbered components, with paths that do not branch kept in one node.
//!
//! A node without a value has at least two children, so there are never more nodes than twice the entries. Which components
//! match is not known here.

use super::children::Children;
use super::Place;
use smallvec::SmallVec;

/// The number of a component.
pub(super) type Symbol = u32;

/// From sequences of components to places.
#[derive(Debug)]
pub(super) struct Radix {
    root: Node,
    len: usize,
}

/// One node; the root has an empty label.
#[derive(Debug)]
pub(super) struct Node {
    /// The keys that lead here from the parent, the first one included.
    pub(super) label: SmallVec<[Symbol; 8]>,
    pub(super) place: Option<Place>,
    /// By the first key of their labels.
    pub(super) children: Children,
}

impl Default for Radix {
    fn default() -> Self {
        Self { root: Node::leaf(&[], None), len: 0 }
    }
}

impl Radix {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    pub(super) fn get(&self, key: &[Symbol]) -> Option<Place> {
        let mut node = &self.root;
        let mut rest = key;
        while let Some((child, after)) = node.step(rest) {
            (node, rest) = (child, after);
        }
        if rest.is_empty() {
            node.place
        } else {
            None
        }
    }

    pub(super) fn insert(&mut self, key: &[Symbol], place: Place) -> Option<Place> {
        let mut node = &mut self.root;
        let mut rest = key;
        while let Some(first) = rest.first() {
            if node.children.get(*first).is_none() {
                node.children.insert(*first, Box::new(Node::leaf(rest, Some(place))));
                self.len += 1;
                return None;
            }
            let child = node.children.get_mut(*first)?;
            let shared = child.label.iter().zip(rest).take_while(|(mine, theirs)| mine == theirs).count();
            child.split(shared);
            rest = rest.get(shared..).unwrap_or_default();
            node = child;
        }
        let replaced = node.place.replace(place);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    pub(super) fn remove(&mut self, key: &[Symbol]) -> Option<Place> {
        let removed = self.root.remove(key)?;
        self.len -= 1;
        Some(removed)
    }
}

impl Node {
    fn leaf(label: &[Symbol], place: Option<Place>) -> Self {
        Self { label: label.iter().copied().collect(), place, children: Children::new() }
    }

    /// The child that `rest` leads to, and what is left of it there.
    #[inline]
    fn step<'key>(&self, rest: &'key [Symbol]) -> Option<(&Self, &'key [Symbol])> {
        let child = self.children.get(*rest.first()?)?;
        Some((child, rest.strip_prefix(child.label.as_slice())?))
    }

    /// Cuts the label to its first `at` keys and moves the rest, with all that hangs on it, into a child.
    fn split(&mut self, at: usize) {
        let Some(first) = self.label.get(at).copied() else { return };
        let mut lower = Self::leaf(self.label.get(at..).unwrap_or_default(), self.place.take());
        std::mem::swap(&mut lower.children, &mut self.children);
        self.label.truncate(at);
        self.children.insert(first, Box::new(lower));
    }

    fn remove(&mut self, rest: &[Symbol]) -> Option<Place> {
        let Some(first) = rest.first() else { return self.place.take() };
        let child = self.children.get_mut(*first)?;
        let removed = child.remove(rest.strip_prefix(child.label.as_slice())?)?;
        match child.children.len() {
            0 if child.place.is_none() => self.children.remove(*first),
            1 if child.place.is_none() => child.absorb_only_child(),
            _ => {}
        }
        Some(removed)
    }

    fn absorb_only_child(&mut self) {
        if let Some(only) = self.children.take_only() {
            self.label.extend(only.label);
            self.place = only.place;
            self.children = only.children;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: Symbol = 70;

    fn nodes(node: &Node) -> usize {
        1 + (0..SYMBOLS).filter_map(|symbol| node.children.get(symbol)).map(nodes).sum::<usize>()
    }

    /// Memory follows what is there, not what was there.
    #[test]
    fn there_are_at_most_twice_as_many_nodes_as_entries_also_after_removals() {
        let mut trie = Radix::default();
        let keys: Vec<Vec<Symbol>> = (0..SYMBOLS).map(|nth| vec![1, 2, nth % 7, nth % 3, nth]).collect();
        for (place, key) in (0..).zip(&keys) {
            trie.insert(key, place);
            assert!(nodes(trie.root()) <= 2 * trie.len() + 1);
        }
        for key in &keys {
            trie.remove(key);
            assert!(nodes(trie.root()) <= 2 * trie.len() + 1, "{key:?}");
        }
        assert_eq!(nodes(trie.root()), 1);
    }
}
