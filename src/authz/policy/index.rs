//! Finds a rule that matches a concrete URI, among any number of them.
//!
//! A trie over the octets of the patterns: what many begin with is compared once, and a URI that none begins like is known after
//! the first octets. It is built once and never changed, so that its nodes, labels and children lie in three rows.

use super::Rule;
use crate::wamp::MatchPolicy;

/// Stands for an empty component of a wildcard; no octet of UTF-8.
const ANY: u8 = 0xff;

/// The place of a rule in the list of rules, or [`NONE`].
type Place = u32;

const NONE: Place = Place::MAX;

/// The rules of one list that concern one action. `Default` matches nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// The first is the root; the children of one stand side by side, in the order of their first octets.
    nodes: Vec<Node>,
    /// The labels of all nodes.
    octets: Vec<u8>,
    /// The first octet of each node's label, to choose among children without a look at them.
    firsts: Vec<u8>,
}

/// What comes next in a pattern: a label that a URI must go on with, or [`ANY`] alone for one component, whatever it is.
#[derive(Clone, Debug)]
struct Node {
    label: (u32, u32),
    children: (u32, u32),
    /// The rule for the URI that ends here.
    whole: Place,
    /// The rule for all URIs that go on from here.
    begins: Place,
}

/// A pattern as a way through the trie.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    octets: Vec<u8>,
    policy: MatchPolicy,
    place: Place,
}

impl Index {
    /// Of rules with their places. Where two have the same pattern, the first one counts.
    pub(super) fn new<'a>(rules: impl Iterator<Item = (usize, &'a Rule)>) -> Self {
        let mut keys: Vec<Key> = rules.filter_map(|(place, rule)| Key::new(place, rule)).collect();
        keys.sort_unstable();
        let mut index = Self::default();
        if keys.is_empty() {
            return index;
        }
        index.reserve(&[common(&keys, 0).first().copied().unwrap_or_default()]);
        // A row of what is left to do and not a recursion, however often patterns begin with each other.
        let mut left = vec![(0, keys.as_slice(), 0)];
        while let Some((at, keys, from)) = left.pop() {
            index.fill(at, keys, from, &mut left);
        }
        index
    }

    /// The rule for this very `uri`, else that with the shortest prefix, else a wildcard.
    ///
    /// # Cost
    /// One step for each place where patterns part that go on like `uri`; no allocation. Wildcards are looked through only
    /// where nothing else matches, and at worst each of their nodes is seen once.
    #[inline]
    pub(super) fn find(&self, uri: &str) -> Option<usize> {
        if self.nodes.is_empty() {
            return None;
        }
        let mut begins = NONE;
        let place = self.walk(0, uri.as_bytes(), &mut begins).unwrap_or(begins);
        (place != NONE).then_some(place as usize)
    }

    /// The rule `*`.
    pub(super) fn everything(&self) -> Option<usize> {
        let root = self.nodes.first().filter(|root| range(root.label).is_empty() && root.begins != NONE)?;
        Some(root.begins as usize)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The rule for the whole of `rest`, from this node on; the first rule for a prefix that is passed goes into `begins`.
    fn walk(&self, mut at: usize, mut rest: &[u8], begins: &mut Place) -> Option<Place> {
        loop {
            let node = self.nodes.get(at)?;
            if self.firsts.get(at) == Some(&ANY) {
                let component = rest.iter().position(|octet| *octet == b'.').unwrap_or(rest.len());
                rest = rest.get(component..)?;
            } else {
                rest = rest.strip_prefix(self.octets.get(range(node.label))?)?;
            }
            if *begins == NONE {
                *begins = node.begins;
            }
            if rest.is_empty() && node.whole != NONE {
                return Some(node.whole);
            }
            let (first, last) = node.children;
            let firsts = self.firsts.get(range(node.children))?;
            let literal = rest.first().and_then(|octet| child(firsts, *octet)).map(|child| first as usize + child);
            if firsts.last() != Some(&ANY) {
                at = literal?;
                continue;
            }
            if let Some(found) = literal.and_then(|literal| self.walk(literal, rest, begins)) {
                return Some(found);
            }
            if *begins != NONE {
                return None;
            }
            at = last as usize - 1;
        }
    }

    /// Makes room for children with these first octets, side by side.
    fn reserve(&mut self, firsts: &[u8]) -> (u32, u32) {
        let begin = self.nodes.len();
        self.firsts.extend(firsts);
        let empty = Node { label: (0, 0), children: (0, 0), whole: NONE, begins: NONE };
        self.nodes.resize(begin + firsts.len(), empty);
        (number(begin), number(self.nodes.len()))
    }

    /// Fills a node with what these keys, sorted and alike up to `from`, have from there on; its children are left to do.
    fn fill<'k>(&mut self, at: usize, keys: &'k [Key], from: usize, left: &mut Vec<(usize, &'k [Key], usize)>) {
        let label = common(keys, from);
        let until = from + label.len();
        let begin = number(self.octets.len());
        self.octets.extend_from_slice(label);
        let (ended, going_on) = keys.split_at(keys.partition_point(|key| key.octets.len() == until));
        let of = |prefix: bool| {
            let places = ended.iter().filter(|key| (key.policy == MatchPolicy::Prefix) == prefix);
            places.map(|key| key.place).min().unwrap_or(NONE)
        };
        let next = |key: &Key| key.octets.get(until).copied().unwrap_or_default();
        let groups: Vec<&[Key]> = going_on.chunk_by(|a, b| next(a) == next(b)).collect();
        let firsts: Vec<u8> = groups.iter().filter_map(|keys| keys.first()).map(next).collect();
        let children = self.reserve(&firsts);
        if let Some(node) = self.nodes.get_mut(at) {
            let label = (begin, number(self.octets.len()));
            *node = Node { label, children, whole: of(false), begins: of(true) };
        }
        left.extend((children.0 as usize..).zip(groups).map(|(child, keys)| (child, keys, until)));
    }
}

impl Key {
    fn new(place: usize, rule: &Rule) -> Option<Self> {
        let (text, policy) = (rule.pattern.text(), rule.pattern.policy());
        let mut octets = Vec::with_capacity(text.len());
        for (number, component) in text.split('.').enumerate() {
            if number > 0 {
                octets.push(b'.');
            }
            if component.is_empty() && policy == MatchPolicy::Wildcard {
                octets.push(ANY);
            }
            octets.extend_from_slice(component.as_bytes());
        }
        // A list of rules that long does not fit into memory.
        Some(Self { octets, policy, place: Place::try_from(place).ok().filter(|place| *place != NONE)? })
    }
}

/// What all these keys have in common from `from` on, up to an [`ANY`], which is a label of its own.
fn common(keys: &[Key], from: usize) -> &[u8] {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return &[] };
    let alike = first.octets.iter().zip(&last.octets).skip(from).take_while(|(a, b)| a == b).count();
    let label = first.octets.get(from..from + alike).unwrap_or_default();
    let end = match label.iter().position(|octet| *octet == ANY) {
        Some(any) => any.max(1),
        None => label.len(),
    };
    label.get(..end).unwrap_or_default()
}

/// Which of the children begins with this octet.
#[inline]
fn child(firsts: &[u8], octet: u8) -> Option<usize> {
    const ROW_MAX: usize = 16;
    if firsts.len() <= ROW_MAX {
        firsts.iter().position(|first| *first == octet)
    } else {
        firsts.binary_search(&octet).ok()
    }
}

fn range((begin, end): (u32, u32)) -> std::ops::Range<usize> {
    begin as usize..end as usize
}

/// Of a row whose length is that of a configuration's patterns.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
