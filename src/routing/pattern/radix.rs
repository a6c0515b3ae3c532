//! A radix trie: sequences of small keys, with paths that do not branch kept in one node.
//!
//! The index of prefix patterns (keys are octets) and the skeleton of the wildcard index (keys are components). A node
//! without a value has at least two children, so there are never more nodes than twice the entries.

use super::children::Children;
use super::Place;
use smallvec::SmallVec;
use std::hash::Hash;

/// From sequences of `K` to places.
#[derive(Debug)]
pub(super) struct Radix<K: Copy + Eq + Hash> {
    root: Node<K>,
    len: usize,
}

/// One node; the root has an empty label.
#[derive(Debug)]
pub(super) struct Node<K: Copy + Eq + Hash> {
    /// The keys that lead here from the parent, the first one included.
    pub(super) label: SmallVec<[K; 8]>,
    pub(super) place: Option<Place>,
    /// By the first key of their labels.
    pub(super) children: Children<K>,
}

impl<K: Copy + Eq + Hash> Default for Radix<K> {
    fn default() -> Self {
        Self { root: Node::leaf(&[], None), len: 0 }
    }
}

impl<K: Copy + Eq + Hash> Radix<K> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn root(&self) -> &Node<K> {
        &self.root
    }

    pub(super) fn get(&self, key: &[K]) -> Option<Place> {
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

    pub(super) fn insert(&mut self, key: &[K], place: Place) -> Option<Place> {
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

    pub(super) fn remove(&mut self, key: &[K]) -> Option<Place> {
        let removed = self.root.remove(key)?;
        self.len -= 1;
        Some(removed)
    }

    /// The entry that is the longest beginning of `key`.
    #[inline]
    pub(super) fn longest(&self, key: &[K]) -> Option<Place> {
        let mut longest = None;
        self.prefixes(key, |place| longest = Some(place));
        longest
    }

    /// Every entry that is a beginning of `key`, from the shortest.
    #[inline]
    pub(super) fn prefixes(&self, key: &[K], mut found: impl FnMut(Place)) {
        if self.len == 0 {
            return;
        }
        let mut node = &self.root;
        let mut rest = key;
        node.place.into_iter().for_each(&mut found);
        while let Some((child, after)) = node.step(rest) {
            (node, rest) = (child, after);
            node.place.into_iter().for_each(&mut found);
        }
    }
}

impl<K: Copy + Eq + Hash> Node<K> {
    fn leaf(label: &[K], place: Option<Place>) -> Self {
        Self { label: label.iter().copied().collect(), place, children: Children::new() }
    }

    /// The child that `rest` leads to, and what is left of it there.
    #[inline]
    fn step<'key>(&self, rest: &'key [K]) -> Option<(&Self, &'key [K])> {
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

    fn remove(&mut self, rest: &[K]) -> Option<Place> {
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

    fn nodes(node: &Node<u8>) -> usize {
        1 + (0..=u8::MAX).filter_map(|key| node.children.get(key)).map(nodes).sum::<usize>()
    }

    /// Memory follows what is there, not what was there.
    #[test]
    fn there_are_at_most_twice_as_many_nodes_as_entries_also_after_removals() {
        let mut trie = Radix::default();
        let keys: Vec<String> = (0..60_u32).map(|nth| format!("com.shop.{}.{nth}", nth % 7)).collect();
        for (place, key) in (0..).zip(&keys) {
            trie.insert(key.as_bytes(), place);
            assert!(nodes(trie.root()) <= 2 * trie.len() + 1);
        }
        for key in &keys {
            trie.remove(key.as_bytes());
            assert!(nodes(trie.root()) <= 2 * trie.len() + 1, "{key}");
        }
        assert_eq!(nodes(trie.root()), 1);
    }
}
