//! The index of wildcard patterns: one table of texts, and the shapes that they have.
//!
//! A URI is asked for once with each shape of its number of components: it is written with the shape's components left out,
//! which is the text of the one pattern of that shape that can match. The patterns of an application have few shapes, so that
//! touches few places in memory. What goes beyond [`SHAPES_MAX`] is put into a trie, whose cost does not grow with the number
//! of shapes: neither many patterns nor odd ones take long (X3).

use super::shape::{Cut, Shape, Text};
use super::texts::Texts;
use super::trie::Trie;
use super::Place;

/// How many shapes with the same number of components are probed one by one.
const SHAPES_MAX: usize = 32;

/// From wildcard patterns to places.
#[derive(Debug, Default)]
pub(super) struct Wildcards {
    entries: Texts,
    /// The shapes of `entries`, by number of components; the best first, and how many entries have it.
    shapes: Vec<Vec<(Shape, usize)>>,
    /// The patterns for whose shape there was no room when they came.
    rest: Trie,
}

impl Wildcards {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.rest.len()
    }

    pub(super) fn get(&self, pattern: &str) -> Option<Place> {
        self.entries.get(pattern.as_bytes()).or_else(|| self.rest.get(pattern))
    }

    pub(super) fn insert(&mut self, pattern: &str, place: Place) -> Option<Place> {
        let known = self.entries.get(pattern.as_bytes()).is_some();
        if known || (self.rest.get(pattern).is_none() && self.count(pattern)) {
            self.entries.insert(pattern.as_bytes(), place)
        } else {
            self.rest.insert(pattern, place)
        }
    }

    pub(super) fn remove(&mut self, pattern: &str) -> Option<Place> {
        let Some(removed) = self.entries.remove(pattern.as_bytes()) else { return self.rest.remove(pattern) };
        let (components, shape) = Shape::of_pattern(pattern).unwrap_or_default();
        if let Some(shapes) = self.shapes.get_mut(components) {
            shapes.iter_mut().filter(|(known, _)| *known == shape).for_each(|(_, uses)| *uses -= 1);
            shapes.retain(|(_, uses)| *uses > 0);
        }
        while self.shapes.last().is_some_and(Vec::is_empty) {
            self.shapes.pop();
        }
        Some(removed)
    }

    /// The best match for a call (D2).
    #[inline]
    pub(super) fn best(&self, uri: &str) -> Option<Place> {
        if self.len() == 0 {
            return None;
        }
        let first = self.hits(uri).next();
        if self.rest.len() == 0 {
            return first.map(|(_, place)| place);
        }
        match (first, self.rest.best(uri)) {
            (Some((shape, _)), Some((other, place))) if other < shape => Some(place),
            (Some((_, place)), _) | (None, Some((_, place))) => Some(place),
            (None, None) => None,
        }
    }

    /// All matches, in a fixed order.
    #[inline]
    pub(super) fn matching(&self, uri: &str, into: &mut Vec<Place>) {
        if self.len() > 0 {
            into.extend(self.hits(uri).map(|(_, place)| place));
            self.rest.matching(uri, into);
        }
    }

    /// The matches beside those in the trie, the best first.
    #[inline]
    fn hits<'a>(&'a self, uri: &'a str) -> impl Iterator<Item = (Shape, Place)> + 'a {
        let cut = Cut::new(uri);
        let shapes = self.shapes.get(cut.components()).map(Vec::as_slice).unwrap_or_default();
        let mut text = Text::new();
        shapes.iter().filter_map(move |(shape, _)| {
            cut.write(*shape, &mut text)?;
            Some((*shape, self.entries.get(&text)?))
        })
    }

    /// Counts one more pattern of this shape; `false` if it is one shape too many.
    fn count(&mut self, pattern: &str) -> bool {
        let Some((components, shape)) = Shape::of_pattern(pattern) else { return false };
        if self.shapes.len() <= components {
            self.shapes.resize_with(components + 1, Vec::new);
        }
        let Some(shapes) = self.shapes.get_mut(components) else { return false };
        match shapes.binary_search_by(|(known, _)| known.cmp(&shape)) {
            Ok(known) => shapes.get_mut(known).into_iter().for_each(|(_, uses)| *uses += 1),
            Err(_) if shapes.len() >= SHAPES_MAX => return false,
            Err(gap) => shapes.insert(gap, (shape, 1)),
        }
        true
    }

    #[cfg(test)]
    pub(super) fn in_trie(&self) -> usize {
        self.rest.len()
    }

    #[cfg(test)]
    pub(super) fn forgot_all_shapes_and_components(&self) -> bool {
        self.shapes.is_empty() && self.rest.forgot_all_components()
    }
}
