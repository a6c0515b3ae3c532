//! Signatures of requests: five fields in the query, and an HMAC over four of them and the body. Pure.
//! Source: section 1.4 of the page about Crossbar.

use super::rejection::Rejection;
use crate::auth::Secret;
use crate::http::settings::crossbar::{CrossbarSection, Difference, Signing};
use crate::observe::shown;
use crate::wamp::WallTime;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::DecodePaddingMode;
use base64::{alphabet, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

/// Base64 for URLs, with `=` or without.
const LENIENT: GeneralPurpose = with_padding(DecodePaddingMode::Indifferent);

/// Base64 for URLs, with `=`.
const PADDED: GeneralPurpose = with_padding(DecodePaddingMode::RequireCanonical);

const fn with_padding(mode: DecodePaddingMode) -> GeneralPurpose {
    GeneralPurpose::new(&alphabet::URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(mode))
}

/// A request that is signed as it must be: what is good once, and for how long that must be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Once {
    /// Stands for section, key and nonce.
    pub(super) mark: [u8; 16],
    /// From now on.
    pub(super) good_for: Duration,
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
    let fields = Fields::of(query.unwrap_or_default());
    let signing = section.signing.as_ref();
    let missing = |name| if signing.is_some() { Err(Rejection::Missing(name)) } else { Ok("") };
    let key = fields.key.as_deref().map_or_else(|| missing("key"), Ok)?;
    let timestamp = fields.timestamp.as_deref().map_or_else(|| missing("timestamp"), Ok)?;
    let mut left = None;
    if fields.timestamp.is_some() {
        let at = moment(timestamp).ok_or_else(|| Rejection::Unreadable {
            field: "timestamp",
            value: shown(timestamp),
            expected: "UTC/ISO-8601, e.g. '2011-10-14T16:59:51.123Z'",
        })?;
        left = remaining(at, now, section.timestamp_window)?;
    }
    let number = |field: &'static str, shown_as: &'static str, value: &Option<String>| match value.as_deref() {
        None => missing(field).map(|_| ()),
        Some(text) if is_integer(text) => Ok(()),
        Some(text) => Err(Rejection::Unreadable { field: shown_as, value: shown(text), expected: "an integer" }),
    };
    number("seq", "sequence number", &fields.seq)?;
    number("nonce", "nonce", &fields.nonce)?;
    let signature = fields.signature.as_deref().map_or_else(|| missing("signature"), Ok)?;
    let Some(signing) = signing else { return Ok(None) };
    // Neither the key's name nor the secret is told by the time that this takes.
    let named = Secret::new(signing.key.clone()).matches(key);
    let (seq, nonce) = (fields.seq.as_deref().unwrap_or_default(), fields.nonce.as_deref().unwrap_or_default());
    let signed = is_signed(signing, &[key, timestamp, seq, nonce], body, section, signature);
    if !named {
        return Err(Rejection::Key);
    }
    if !signed {
        return Err(Rejection::Signature);
    }
    let once = left.filter(|_| !section.is_exact(Difference::Nonce));
    Ok(once.map(|good_for| Once { mark: mark(&[&section.name, key, nonce]), good_for }))
}

/// The fields of a query, each as it stands there first, decoded.
#[derive(Default)]
struct Fields {
    key: Option<String>,
    timestamp: Option<String>,
    seq: Option<String>,
    nonce: Option<String>,
    signature: Option<String>,
}

impl Fields {
    fn of(query: &str) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "key" => &mut fields.key,
                "timestamp" => &mut fields.timestamp,
                "seq" => &mut fields.seq,
                "nonce" => &mut fields.nonce,
                "signature" => &mut fields.signature,
                _ => continue,
            };
            field.get_or_insert_with(|| value.into_owned());
        }
        fields
    }
}

fn is_signed(signing: &Signing, fields: &[&str], body: &[u8], section: &CrossbarSection, signature: &str) -> bool {
    let engine = if section.is_exact(Difference::Padding) { PADDED } else { LENIENT };
    let Ok(given) = engine.decode(signature) else { return false };
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(signing.secret.expose().as_bytes()) else { return false };
    fields.iter().for_each(|field| mac.update(field.as_bytes()));
    mac.update(body);
    mac.finalize().into_bytes().ct_eq(&given).into()
}

/// `2011-10-14T16:59:51.123Z`: RFC 3339 in UTC, with one to six digits of a second's parts.
fn moment(text: &str) -> Option<WallTime> {
    let parts = text.strip_suffix('Z')?.rsplit_once('.')?.1;
    let fine = (1..=6).contains(&parts.len()) && parts.bytes().all(|digit| digit.is_ascii_digit());
    WallTime::parse(text).filter(|_| fine)
}

/// How long a timestamp is good from now on; `None`: for ever.
fn remaining(at: WallTime, now: WallTime, window: Option<Duration>) -> Result<Option<Duration>, Rejection> {
    let Some(window) = window else { return Ok(None) };
    let until = at.plus(window);
    if until < now || at.minus(window) > now {
        return Err(Rejection::Expired);
    }
    // Until the end of its last instant.
    let micros = until.0.saturating_sub(now.0).saturating_add(1);
    Ok(Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
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
