//! Wildcard patterns of any shape: a trie over components, a literal child before the one for "any".
//!
//! Components are numbered when a pattern brings them, so the walk compares numbers. A component of a URI that no pattern has
//! gets a number that fits only "any". Depth first, literal first: the first full match is the best one (D2).
//!
//! A walk visits at most two nodes for each pattern that fits the URI up to where it branches off, whatever the patterns
//! are: 10,000 patterns cost about a millisecond (X3).

use super::radix::{Node, Radix, Symbol};
use super::shape::Shape;
use super::Place;
use crate::routing::key::Map;
use smallvec::SmallVec;

/// The empty component of a pattern.
const ANY: Symbol = 0;

/// A component of a URI that no pattern has.
const UNKNOWN: Symbol = Symbol::MAX;

type Symbols = SmallVec<[Symbol; 32]>;

/// From wildcard patterns to places.
#[derive(Debug, Default)]
pub(super) struct Trie {
    patterns: Radix,
    /// The literals of all patterns: number, and how often it is used.
    literals: Map<Box<str>, (Symbol, u32)>,
    /// Numbers that are free again.
    free: Vec<Symbol>,
}

impl Trie {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    pub(super) fn get(&self, pattern: &str) -> Option<Place> {
        if self.len() == 0 {
            return None;
        }
        self.patterns.get(&self.symbols_of_pattern(pattern))
    }

    pub(super) fn insert(&mut self, pattern: &str, place: Place) -> Option<Place> {
        if self.get(pattern).is_none() {
            pattern.split('.').filter(|literal| !literal.is_empty()).for_each(|literal| self.take(literal));
        }
        let symbols = self.symbols_of_pattern(pattern);
        self.patterns.insert(&symbols, place)
    }

    pub(super) fn remove(&mut self, pattern: &str) -> Option<Place> {
        let removed = self.patterns.remove(&self.symbols_of_pattern(pattern))?;
        pattern.split('.').filter(|literal| !literal.is_empty()).for_each(|literal| self.give_back(literal));
        Some(removed)
    }

    /// The best match for a call, and its shape.
    pub(super) fn best(&self, uri: &str) -> Option<(Shape, Place)> {
        if self.len() == 0 {
            return None;
        }
        best(self.patterns.root(), &self.symbols_of_uri(uri))
    }

    /// All matches, literals first.
    pub(super) fn matching(&self, uri: &str, into: &mut Vec<Place>) {
        if self.len() > 0 {
            collect(self.patterns.root(), &self.symbols_of_uri(uri), into);
        }
    }

    #[cfg(test)]
    pub(super) fn forgot_all_components(&self) -> bool {
        self.literals.is_empty()
    }

    fn symbols_of_pattern(&self, pattern: &str) -> Symbols {
        pattern.split('.').map(|component| if component.is_empty() { ANY } else { self.symbol(component) }).collect()
    }

    fn symbols_of_uri(&self, uri: &str) -> Symbols {
        uri.split('.').map(|component| self.symbol(component)).collect()
    }

    fn symbol(&self, component: &str) -> Symbol {
        self.literals.get(component).map_or(UNKNOWN, |(symbol, _)| *symbol)
    }

    fn take(&mut self, literal: &str) {
        if let Some((_, uses)) = self.literals.get_mut(literal) {
            *uses += 1;
            return;
        }
        // Numbers given out are 1 to the most literals there ever were at once.
        let symbol = self.free.pop().unwrap_or(self.literals.len() as Symbol + 1);
        self.literals.insert(literal.into(), (symbol, 1));
    }

    fn give_back(&mut self, literal: &str) {
        let Some((symbol, uses)) = self.literals.get_mut(literal) else { return };
        *uses -= 1;
        if *uses == 0 {
            self.free.push(*symbol);
            self.literals.remove(literal);
        }
    }
}

/// The child under `key`, if its whole label fits, and what is left of `rest` there.
#[inline]
fn descend<'trie, 'uri>(node: &'trie Node, key: Symbol, rest: &'uri [Symbol]) -> Option<(&'trie Node, &'uri [Symbol])> {
    let child = node.children.get(key)?;
    let (here, after) = rest.split_at_checked(child.label.len())?;
    let fits = child.label.iter().zip(here).all(|(pattern, component)| *pattern == ANY || pattern == component);
    fits.then_some((child, after))
}

fn best(node: &Node, rest: &[Symbol]) -> Option<(Shape, Place)> {
    let Some(first) = rest.first() else { return node.place.map(|place| (Shape::default(), place)) };
    [*first, ANY].into_iter().find_map(|key| {
        let (child, after) = descend(node, key, rest)?;
        let (shape, place) = best(child, after)?;
        let here = Shape::of(child.label.iter().map(|symbol| *symbol == ANY));
        Some((shape.behind(here, child.label.len()), place))
    })
}

fn collect(node: &Node, rest: &[Symbol], into: &mut Vec<Place>) {
    let Some(first) = rest.first() else {
        into.extend(node.place);
        return;
    };
    for key in [*first, ANY] {
        if let Some((child, after)) = descend(node, key, rest) {
            collect(child, after, into);
        }
    }
}
