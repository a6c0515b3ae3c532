//! Signatures of requests to a section: the rule is [`CrossbarRule`]'s, the words are those of the bridge. Pure.
//! Source: section 1.4 of the page about Crossbar.

use super::rejection::Rejection;
use crate::auth::webhook::{CrossbarFault, CrossbarRule, CrossbarSigned, Padding};
use crate::auth::Secret;
use crate::http::settings::crossbar::{CrossbarSection, Difference};
use crate::observe::shown;
use crate::wamp::WallTime;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// What is good once, and for how long that must be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) struct Once {
    /// Stands for who is asked, key and nonce.
    pub(super) mark: [u8; 16],
    /// From now on.
    pub(super) good_for: Duration,
}

impl Once {
    /// Of a request to those whom these texts name. `None`: its timestamp is good for ever, and nothing is remembered for ever.
    pub(in crate::http) fn of(asked: &[&str], signed: &CrossbarSigned) -> Option<Self> {
        let texts = [asked, &[&signed.key, &signed.nonce]].concat();
        signed.good_for.map(|good_for| Self { mark: mark(&texts), good_for })
    }
}

/// Checks the fields of a query, in Crossbar's order. `None`: nothing is good once here.
///
/// # Errors
/// [`Rejection`].
pub(super) fn check(
    section: &CrossbarSection,
    query: Option<&str>,
    body: &[u8],
    now: WallTime,
) -> Result<Option<Once>, Rejection> {
    let padding = if section.is_exact(Difference::Padding) { Padding::Required } else { Padding::Indifferent };
    let rule = CrossbarRule { key: section.signing.as_ref(), window: section.timestamp_window, padding };
    let signed = rule.check(query.unwrap_or_default(), body, now)?;
    let signed = signed.filter(|_| !section.is_exact(Difference::Nonce));
    Ok(signed.and_then(|signed| Once::of(&[&section.name], &signed)))
}

impl From<CrossbarFault> for Rejection {
    fn from(fault: CrossbarFault) -> Self {
        match fault {
            CrossbarFault::Missing(field) => Self::Missing(field),
            CrossbarFault::Unreadable { field, value, expected } => {
                Self::Unreadable { field, value: shown(&value), expected }
            }
            CrossbarFault::Expired => Self::Expired,
            CrossbarFault::Key => Self::Key,
            CrossbarFault::Signature => Self::Signature,
        }
    }
}

/// Stands for some texts in that order.
fn mark(texts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let mut mark = [0; 16];
    mark.iter_mut().zip(hash.finalize()).for_each(|(octet, of_hash)| *octet = of_hash);
    mark
}

/// Whether GitHub has signed a body: `older` is `X-Hub-Signature`, `newer` is `X-Hub-Signature-256` where that counts (X9).
pub(super) fn is_of_github(secret: &Secret, older: Option<&str>, newer: Option<&str>, body: &[u8]) -> bool {
    let secret = secret.expose().as_bytes();
    match (newer, older) {
        (Some(newer), _) => {
            let mac = Hmac::<Sha256>::new_from_slice(secret).map(|mac| mac.chain_update(body).finalize().into_bytes());
            mac.is_ok_and(|mac| is_hex_of(newer, "sha256=", &mac))
        }
        (None, Some(older)) => {
            let mac = Hmac::<Sha1>::new_from_slice(secret).map(|mac| mac.chain_update(body).finalize().into_bytes());
            mac.is_ok_and(|mac| is_hex_of(older, "sha1=", &mac))
        }
        (None, None) => false,
    }
}

fn is_hex_of(header: &str, prefix: &str, mac: &[u8]) -> bool {
    let expected: String = prefix
        .chars()
        .chain(mac.iter().flat_map(|octet| format!("{octet:02x}").into_bytes()).map(char::from))
        .collect();
    Secret::new(expected).matches(&header.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
