//! API keys: random texts for programs that ask over HTTP, each good for one realm, name and role. Not for WAMP sessions.
//!
//! Of a key only its SHA-256 is kept: it has 256 random bits, so that nothing can be guessed from that. It is compared with all
//! keys of the realm, in constant time. Source: section 6 of the HTTP design.

use super::{extra, Denied, Identity, PeerRange, Secret};
use crate::wamp::WallTime;
use core::net::IpAddr;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How every key begins, so that scanners of sources find one that was left there.
pub const KEY_PREFIX: &str = "whk_";

/// The authmethod of those who come in by a key.
pub const KEY_METHOD: &str = "apikey";

/// How the authprovider begins; the key's name follows.
const PROVIDER_PREFIX: &str = "apikey:";

/// Digits of 32 octets in base 62.
const DIGITS: usize = 43;

/// The SHA-256 of a key.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Of this key.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits; `None` if they are none.
    pub fn parse(text: &str) -> Option<Self> {
        extra::hex(text).map(Self)
    }

    /// Whether both are of one key, in constant time.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&extra::to_hex(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The key of 32 octets that nobody can guess: `whk_` and 43 digits in base 62.
pub fn new_key(octets: &[u8; 32]) -> Secret {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = Zeroizing::new(*octets);
    let mut digits = Zeroizing::new([b'0'; DIGITS]);
    for digit in digits.iter_mut().rev() {
        let mut rest = 0;
        for octet in number.iter_mut() {
            let value = rest * 256 + u32::from(*octet);
            // A rest is below 62, so that the quotient fits an octet.
            *octet = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = ALPHABET.get(rest as usize).copied().unwrap_or(b'0');
    }
    let mut text = String::with_capacity(KEY_PREFIX.len() + DIGITS);
    text.push_str(KEY_PREFIX);
    text.extend(digits.iter().copied().map(char::from));
    Secret::new(text)
}

/// One key of a realm.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The name in the configuration.
    pub name: String,
    /// Of the key itself.
    pub hash: KeyHash,
    /// Who comes in by it.
    pub authid: String,
    /// With which role.
    pub role: String,
    /// Until when.
    pub expires: Option<WallTime>,
    /// From where; empty: from everywhere.
    pub allow_from: Vec<PeerRange>,
}

/// The keys of a realm.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys(pub Vec<ApiKey>);

impl ApiKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose key this is. `peer` is where it comes from; `None`: a Unix socket.
    ///
    /// # Errors
    /// [`Denied`], the same whatever is wrong; the operator is told what.
    pub fn identify(&self, key: &str, peer: Option<IpAddr>, now: WallTime) -> Result<Identity, Denied> {
        let given = KeyHash::of(key);
        // All of them are looked at: the time does not tell which one it is.
        let found = self.0.iter().fold(None, |found, known| if known.hash.is(&given) { Some(known) } else { found });
        let key = found.ok_or_else(|| Denied::because("there is no such key"))?;
        key.reaches(peer, now)?;
        Ok(Identity {
            authid: key.authid.as_str().into(),
            authrole: key.role.as_str().into(),
            authmethod: KEY_METHOD.into(),
            authprovider: format!("{PROVIDER_PREFIX}{}", key.name).into(),
        })
    }

    /// Whether the key by which somebody came in is there, for the same name and role; `None`: it was no key.
    pub(super) fn still_lists(&self, identity: &Identity) -> Option<bool> {
        Some(self.of(identity)?.is_some())
    }

    /// Whether the key by which somebody came in is good from there and now; who came in without one is not looked at.
    ///
    /// # Errors
    /// [`Denied`], as [`identify`](Self::identify).
    pub(super) fn reaches(&self, identity: &Identity, peer: Option<IpAddr>, now: WallTime) -> Result<(), Denied> {
        match self.of(identity) {
            Some(Some(key)) => key.reaches(peer, now),
            Some(None) => Err(Denied::because("there is no such key")),
            None => Ok(()),
        }
    }

    /// The key by which somebody came in, if it is there for the same name and role; `None`: it was no key.
    fn of(&self, identity: &Identity) -> Option<Option<&ApiKey>> {
        let name = identity.authprovider.strip_prefix(PROVIDER_PREFIX)?;
        let is_it =
            |key: &&ApiKey| key.name == name && *key.authid == *identity.authid && *key.role == *identity.authrole;
        Some(self.0.iter().find(is_it))
    }
}

impl ApiKey {
    fn reaches(&self, peer: Option<IpAddr>, now: WallTime) -> Result<(), Denied> {
        if self.expires.is_some_and(|expires| now >= expires) {
            return Err(Denied::because("the key has expired"));
        }
        if !self.allow_from.is_empty() && !self.allow_from.iter().any(|range| range.covers(peer)) {
            return Err(Denied::because("the key may not be used from there"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: WallTime = WallTime(1_000);

    fn cron() -> ApiKey {
        ApiKey {
            name: "cron".to_owned(),
            hash: KeyHash::of("whk_right"),
            authid: "job".to_owned(),
            role: "backend".to_owned(),
            expires: None,
            allow_from: Vec::new(),
        }
    }

    fn reason(key: ApiKey, peer: Option<&str>) -> Option<&'static str> {
        let peer = peer.map(|peer| peer.parse().unwrap());
        let denied = ApiKeys(vec![key]).identify("whk_right", peer, NOW).err()?;
        assert_eq!(Denied { reason: None, ..denied.clone() }, Denied::wrong());
        denied.reason
    }

    /// Section 6.
    #[test]
    fn a_key_is_good_for_its_name_and_role_until_it_expires_and_from_its_addresses() {
        let keys = ApiKeys(vec![ApiKey { name: "other".to_owned(), hash: KeyHash::of("whk_other"), ..cron() }, cron()]);
        let identity = keys.identify("whk_right", None, NOW).unwrap();
        assert_eq!((&*identity.authid, &*identity.authrole, &*identity.authmethod), ("job", "backend", "apikey"));
        assert_eq!(&*identity.authprovider, "apikey:cron");
        assert!(keys.identify("whk_wrong", None, NOW).is_err() && keys.identify("", None, NOW).is_err());
        assert!(ApiKeys::default().identify("whk_right", None, NOW).is_err());

        let until = |expires: i64| reason(ApiKey { expires: Some(WallTime(expires)), ..cron() }, None);
        assert_eq!((until(1_000), until(1_001)), (Some("the key has expired"), None));
        let from = |peer: Option<&str>| {
            let allow_from = ["10.0.0.0/8", "::1"].map(|text| PeerRange::parse(text).unwrap()).to_vec();
            reason(ApiKey { allow_from, ..cron() }, peer)
        };
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "::1"] {
            assert_eq!(from(Some(peer)), None, "{peer}");
        }
        for peer in [Some("11.0.0.1"), Some("::2"), None] {
            assert_eq!(from(peer), Some("the key may not be used from there"), "{peer:?}");
        }
    }

    #[test]
    fn who_came_in_by_a_key_remains_while_it_is_there_for_the_same_name_and_role() {
        let identity = ApiKeys(vec![cron()]).identify("whk_right", None, NOW).unwrap();
        let remains = |key: ApiKey| ApiKeys(vec![key]).still_lists(&identity);
        assert_eq!(remains(cron()), Some(true));
        assert_eq!(remains(ApiKey { name: "other".to_owned(), ..cron() }), Some(false));
        assert_eq!(remains(ApiKey { role: "other".to_owned(), ..cron() }), Some(false));
        assert_eq!(remains(ApiKey { authid: "other".to_owned(), ..cron() }), Some(false));
        assert_eq!(ApiKeys::default().still_lists(&identity), Some(false));
        let user = Identity { authprovider: "static".into(), ..identity.clone() };
        assert_eq!(ApiKeys::default().still_lists(&user), None);
    }

    proptest! {
        /// Section 6: `whk_` and 32 octets in base 62; each octet counts.
        #[test]
        fn a_key_is_its_octets_in_base_62(octets in any::<[u8; 32]>()) {
            let key = new_key(&octets);
            let digits = key.expose().strip_prefix(KEY_PREFIX).unwrap();
            prop_assert_eq!(digits.len(), DIGITS);
            let mut back = [0_u8; 32];
            for digit in digits.bytes() {
                let value = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'A'..=b'Z' => digit - b'A' + 10,
                    _ => digit - b'a' + 36,
                };
                let mut carry = u32::from(value);
                for octet in back.iter_mut().rev() {
                    carry += u32::from(*octet) * 62;
                    *octet = (carry % 256) as u8;
                    carry /= 256;
                }
                prop_assert_eq!(carry, 0);
            }
            prop_assert_eq!(back, octets);
            prop_assert!(KeyHash::parse(&KeyHash::of(key.expose()).to_string()).unwrap().is(&KeyHash::of(key.expose())));
            let shown = format!("{key:?}");
            prop_assert!(!shown.contains(digits));
        }
    }
}
