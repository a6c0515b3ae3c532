//! Requests that are signed as clients of Crossbar's HTTP bridge sign them: five fields in the query, and an HMAC over four of
//! them and the body. Source: section 15 of the HTTP design; section 1.4 of the page about Crossbar.

use crate::auth::Secret;
use crate::wamp::WallTime;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::DecodePaddingMode;
use base64::{alphabet, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

/// How far a timestamp may be off, to either side, where nothing else is said (X10).
pub const CROSSBAR_WINDOW: Duration = Duration::from_secs(60);

/// Base64 for URLs, with `=` or without.
const LENIENT: GeneralPurpose = with_padding(DecodePaddingMode::Indifferent);

/// Base64 for URLs, with `=`.
const PADDED: GeneralPurpose = with_padding(DecodePaddingMode::RequireCanonical);

const fn with_padding(mode: DecodePaddingMode) -> GeneralPurpose {
    GeneralPurpose::new(&alphabet::URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(mode))
}

/// What requests are signed with.
#[derive(Clone, PartialEq, Debug)]
pub struct CrossbarKey {
    /// The key's name.
    pub key: String,
    /// The secret.
    pub secret: Secret,
}

/// Whether a signature may be without `=` at its end (X3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Padding {
    /// With and without.
    Indifferent,
    /// With it only.
    Required,
}

/// How requests are signed.
#[derive(Clone, Copy, Debug)]
pub struct CrossbarRule<'a> {
    /// `None`: they need not be. What is there must be readable all the same, as in Crossbar.
    pub key: Option<&'a CrossbarKey>,
    /// How far a timestamp may be off; `None`: as far as it likes.
    pub window: Option<Duration>,
    /// How a signature may be written.
    pub padding: Padding,
}

/// A request that is signed as it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrossbarSigned {
    /// With this key.
    pub key: String,
    /// As it stands in the request.
    pub nonce: String,
    /// How long the timestamp is good from now on; `None`: for ever.
    pub good_for: Option<Duration>,
}

/// What is wrong with the fields of a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CrossbarFault {
    /// This one is missing.
    Missing(&'static str),
    /// This one cannot be read.
    Unreadable {
        /// What it is called.
        field: &'static str,
        /// As it came: nobody has looked at it.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The timestamp is too far off.
    Expired,
    /// Another key.
    Key,
    /// Another secret, or another text.
    Signature,
}

impl CrossbarRule<'_> {
    /// Checks the fields of a query, in Crossbar's order. `None`: nothing need be signed here.
    ///
    /// # Errors
    /// [`CrossbarFault`].
    pub fn check(&self, query: &str, body: &[u8], now: WallTime) -> Result<Option<CrossbarSigned>, CrossbarFault> {
        let fields = Fields::of(query);
        let missing = |name| if self.key.is_some() { Err(CrossbarFault::Missing(name)) } else { Ok("") };
        let key = fields.key.as_deref().map_or_else(|| missing("key"), Ok)?;
        let timestamp = fields.timestamp.as_deref().map_or_else(|| missing("timestamp"), Ok)?;
        let mut good_for = None;
        if fields.timestamp.is_some() {
            let at = moment(timestamp).ok_or_else(|| CrossbarFault::Unreadable {
                field: "timestamp",
                value: timestamp.to_owned(),
                expected: "UTC/ISO-8601, e.g. '2011-10-14T16:59:51.123Z'",
            })?;
            good_for = remaining(at, now, self.window)?;
        }
        let number = |field: &'static str, shown_as: &'static str, value: &Option<String>| match value {
            None => missing(field).map(|_| ()),
            Some(text) if is_integer(text) => Ok(()),
            Some(text) => {
                let value = text.clone();
                Err(CrossbarFault::Unreadable { field: shown_as, value, expected: "an integer" })
            }
        };
        number("seq", "sequence number", &fields.seq)?;
        number("nonce", "nonce", &fields.nonce)?;
        let signature = fields.signature.as_deref().map_or_else(|| missing("signature"), Ok)?;
        let Some(known) = self.key else { return Ok(None) };
        // Neither the key's name nor the secret is told by the time that this takes.
        let named = Secret::new(known.key.clone()).matches(key);
        let (seq, nonce) = (fields.seq.as_deref().unwrap_or_default(), fields.nonce.as_deref().unwrap_or_default());
        let signed = known.has_signed(&[key, timestamp, seq, nonce], body, signature, self.padding);
        if !named {
            return Err(CrossbarFault::Key);
        }
        if !signed {
            return Err(CrossbarFault::Signature);
        }
        Ok(Some(CrossbarSigned { key: key.to_owned(), nonce: nonce.to_owned(), good_for }))
    }
}

impl CrossbarKey {
    fn has_signed(&self, fields: &[&str], body: &[u8], signature: &str, padding: Padding) -> bool {
        let engine = match padding {
            Padding::Indifferent => LENIENT,
            Padding::Required => PADDED,
        };
        let Ok(given) = engine.decode(signature) else { return false };
        // A key of any length is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()) else { return false };
        fields.iter().for_each(|field| mac.update(field.as_bytes()));
        mac.update(body);
        mac.finalize().into_bytes().ct_eq(&given).into()
    }
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

/// `2011-10-14T16:59:51.123Z`: RFC 3339 in UTC, with one to six digits of a second's parts.
fn moment(text: &str) -> Option<WallTime> {
    let parts = text.strip_suffix('Z')?.rsplit_once('.')?.1;
    let fine = (1..=6).contains(&parts.len()) && parts.bytes().all(|digit| digit.is_ascii_digit());
    WallTime::parse(text).filter(|_| fine)
}

/// How long a timestamp is good from now on; `None`: for ever.
fn remaining(at: WallTime, now: WallTime, window: Option<Duration>) -> Result<Option<Duration>, CrossbarFault> {
    let Some(window) = window else { return Ok(None) };
    let until = at.plus(window);
    if until < now || at.minus(window) > now {
        return Err(CrossbarFault::Expired);
    }
    // Until the end of its last instant.
    let micros = until.0.saturating_sub(now.0).saturating_add(1);
    Ok(Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}
