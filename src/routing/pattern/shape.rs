//! Which components of a wildcard pattern are empty, and a URI written with these left out.
//!
//! Two patterns with the same number of components and the same shape that match the same URI are the same pattern. A URI has
//! at most 32 components, so a shape is a number.

use smallvec::SmallVec;

/// The text of a pattern.
pub(super) type Text = SmallVec<[u8; 128]>;

/// The bit of the first component; the others follow downwards.
const FIRST: u32 = 1 << 31;

/// The set of the empty components of a pattern.
///
/// Of two shapes that match a URI, the lesser one is the better one: the one with a literal where they first differ (D2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Shape(u32);

impl Shape {
    /// The shape of a sequence of components, each of which is empty or not.
    pub(super) fn of(empty: impl Iterator<Item = bool>) -> Self {
        let positions = (0..u32::BITS).zip(empty).filter(|(_, empty)| *empty);
        Self(positions.fold(0, |bits, (position, _)| bits | FIRST >> position))
    }

    /// This shape behind so many other components, together with theirs.
    pub(super) fn behind(self, others: Self, components: usize) -> Self {
        Self(others.0 | self.0.checked_shr(components as u32).unwrap_or(0))
    }

    /// The number of components of a pattern, and its shape; `None` if it has more components than a URI can have.
    pub(super) fn of_pattern(pattern: &str) -> Option<(usize, Self)> {
        let components = pattern.split('.').count();
        let shape = Self::of(pattern.split('.').map(str::is_empty));
        (components <= u32::BITS as usize).then_some((components, shape))
    }
}

/// A URI with the places where its components begin.
#[derive(Debug)]
pub(super) struct Cut<'uri> {
    uri: &'uri [u8],
    /// One for each component, and at last where another one would begin.
    begins: SmallVec<[usize; 16]>,
    empty: Shape,
}

impl<'uri> Cut<'uri> {
    #[inline]
    pub(super) fn new(uri: &'uri str) -> Self {
        let uri = uri.as_bytes();
        let dots = (0..).zip(uri).filter(|(_, octet)| **octet == b'.').map(|(at, _)| at + 1);
        let begins: SmallVec<[usize; 16]> = std::iter::once(0).chain(dots).chain([uri.len() + 1]).collect();
        let empty = Shape::of(begins.iter().zip(begins.iter().skip(1)).map(|(begin, next)| begin + 1 == *next));
        Self { uri, begins, empty }
    }

    #[inline]
    pub(super) fn components(&self) -> usize {
        self.begins.len() - 1
    }

    /// Writes the text of the pattern of this shape, with as many components, that matches; `None` if none can, because a
    /// component is empty where the pattern has a literal.
    #[inline]
    pub(super) fn write(&self, shape: Shape, text: &mut Text) -> Option<()> {
        if self.empty.0 & !shape.0 != 0 {
            return None;
        }
        text.clear();
        let (mut left, mut from) = (shape.0, 0);
        while left != 0 {
            let position = left.leading_zeros();
            left &= !(FIRST >> position);
            let position = position as usize;
            text.extend_from_slice(self.uri.get(from..*self.begins.get(position)?)?);
            // The dot behind the component is the next octet that is copied.
            from = self.begins.get(position + 1)? - 1;
        }
        text.extend_from_slice(self.uri.get(from..)?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(pattern: &str) -> Shape {
        Shape::of_pattern(pattern).unwrap().1
    }

    #[test]
    fn a_uri_is_written_as_the_pattern_of_each_shape_that_matches_it() {
        let uri = "com.shop.sold.x";
        for pattern in
            ["com.shop.sold.x", ".shop.sold.x", "com..sold.x", "com.shop.sold.", ".shop..x", "..sold.", "..."]
        {
            let mut text = Text::new();
            Cut::new(uri).write(shape(pattern), &mut text).unwrap();
            assert_eq!(std::str::from_utf8(&text), Ok(pattern));
        }
    }

    #[test]
    fn an_empty_component_fits_no_literal() {
        let mut text = Text::new();
        assert_eq!(Cut::new("a..c").write(shape("a.b."), &mut text), None);
        assert_eq!(Cut::new("a..c").write(shape("a..c"), &mut text), Some(()));
    }

    /// D2.
    #[test]
    fn the_shape_with_a_literal_where_two_first_differ_is_the_lesser_one() {
        let best_first = ["a.b.c", "a.b.", "a..c", "a..", ".b.c", ".b.", "..c", ".."];
        assert!(best_first.map(shape).is_sorted());
    }

    #[test]
    fn a_shape_has_room_for_all_components_that_a_uri_can_have() {
        let widest = ".".repeat(31);
        assert_eq!(Shape::of_pattern(&widest), Some((32, Shape(u32::MAX))));
        assert_eq!(Shape::of_pattern(&format!("{widest}.")), None);
        assert_eq!(shape("a.").behind(shape("."), 2), shape("..a."));
    }
}
