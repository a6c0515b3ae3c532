//! What a name that nobody has is told: the same as some real user would be, and the same whenever it is asked (A1).
//!
//! All of it follows from `HMAC(node secret, realm, purpose, authid)`, so that asking twice tells nothing.

use super::kdf;
use super::secret::Key;

/// What decoys are made from; whoever has it can tell them from users. One for a node, the same after each start.
#[derive(Clone, Debug)]
pub struct NodeSecret(Key);

impl NodeSecret {
    /// Of 32 octets that nobody can guess.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(Key::new(octets))
    }
}

/// A source of octets that is the same for a name whenever it is asked.
pub(super) struct Decoy(Key);

impl Decoy {
    /// For one name, realm and purpose.
    pub(super) fn new(secret: &NodeSecret, realm: &str, purpose: &str, authid: &str) -> Self {
        let length = |text: &str| (text.len() as u64).to_be_bytes();
        let parts = [&length(realm)[..], realm.as_bytes(), &length(purpose)[..], purpose.as_bytes(), authid.as_bytes()];
        Self(Key::new(kdf::hmac(secret.0.octets(), &parts)))
    }

    /// 32 octets; others for another label.
    pub(super) fn octets(&self, label: &str) -> [u8; 32] {
        kdf::hmac(self.0.octets(), &[label.as_bytes()])
    }

    /// What `octets` are known by, here and nowhere else.
    pub(super) fn mark(&self, octets: &[u8]) -> [u8; 32] {
        kdf::hmac(self.0.octets(), &[b"mark", octets])
    }

    /// A number below `count`, or 0.
    pub(super) fn below(&self, count: usize) -> usize {
        let [a, b, c, d, e, f, g, h, ..] = self.octets("number");
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        number.checked_rem(count as u64).map_or(0, |number| number as usize)
    }

    /// As many octets as `like` has.
    pub(super) fn octets_like(&self, like: &[u8]) -> Vec<u8> {
        let blocks = (0..like.len().div_ceil(32)).flat_map(|number| self.octets(&format!("octets {number}")));
        blocks.take(like.len()).collect()
    }

    /// A text that looks like `like`: as long, and of the same alphabet.
    pub(super) fn text_like(&self, like: &str) -> String {
        const HEX: &[u8] = b"0123456789abcdef";
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let all = |alphabet: &[u8]| like.bytes().all(|octet| alphabet.contains(&octet));
        let alphabet = [HEX, LETTERS].into_iter().find(|alphabet| all(alphabet)).unwrap_or(BASE64);
        let end = like.bytes().rev().take_while(|octet| *octet == b'=').count();
        let octets = self.octets_like(&like.as_bytes()[..like.len() - end]);
        let text = octets.iter().map(|octet| char::from(alphabet[usize::from(*octet) % alphabet.len()]));
        text.chain(std::iter::repeat_n('=', end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A1: asking twice gives the same, and nothing else does.
    #[test]
    fn a_decoy_is_the_same_for_a_name_and_differs_with_each_of_its_sources() {
        let decoy = |secret: u8, realm: &str, purpose: &str, authid: &str| {
            Decoy::new(&NodeSecret::new([secret; 32]), realm, purpose, authid).octets("x")
        };
        let one = decoy(1, "realm", "salt", "joe");
        assert_eq!(one, decoy(1, "realm", "salt", "joe"));
        for other in [
            decoy(2, "realm", "salt", "joe"),
            decoy(1, "real", "msalt", "joe"),
            decoy(1, "realm", "salt", "jo"),
            decoy(1, "realm", "sal", "tjoe"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_made_up_text_has_the_length_and_alphabet_of_the_real_one() {
        let decoy = Decoy::new(&NodeSecret::new([1; 32]), "realm", "salt", "joe");
        for (like, alphabet) in [("8c7fa1", "0123456789abcdef"), ("salt123", "abcdefghijklmnopqrstuvwxyz0123456789")] {
            let text = decoy.text_like(like);
            assert_eq!(text.len(), like.len());
            assert!(text != like && text.chars().all(|letter| alphabet.contains(letter)), "{text}");
        }
        let text = decoy.text_like("aBc+fx0NAVA=");
        assert!(text.len() == 12 && text.ends_with('=') && !text[..11].contains('='), "{text}");
        assert_eq!(decoy.text_like(""), "");
        assert_eq!(decoy.octets_like(&[0; 70]).len(), 70);
    }
}
