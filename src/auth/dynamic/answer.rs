//! What an authenticator's RESULT says, method by method. Known keys have their type or the answer is of no use; others are
//! ignored, as authenticators return what they have in their database.

use super::Fault;
use crate::auth::cryptosign::PublicKey;
use crate::auth::scram::{self, KdfParts};
use crate::auth::{extra, Method, Record, Salting, ScramUser, Secret, WampCraUser};
use crate::wamp::payload::Values;
use crate::wamp::{Dict, Value};
use std::ops::RangeInclusive;
use zeroize::Zeroize;

/// Octets of an authid.
const AUTHID: RangeInclusive<usize> = 1..=1024;

/// Rounds and key lengths of WAMP-CRA.
const ITERATIONS: RangeInclusive<u64> = 1..=10_000_000;
const KEYLEN: RangeInclusive<u64> = 1..=64;
/// What they are if only a salt is there (section 11.3 of the reference).
const ITERATIONS_USUAL: u32 = 1000;
const KEYLEN_USUAL: u32 = 32;

/// Who somebody is, and how that is to be proven.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) role: String,
    /// Another name than the client's.
    pub(super) authid: Option<String>,
    /// For WELCOME.
    pub(super) extra: Dict,
    pub(super) known: Known,
    /// Whether it may be remembered.
    pub(super) cache: bool,
}

/// What is known of the secret.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It was judged by the authenticator.
    Already,
    /// What signs.
    Secret {
        key: Secret,
        salted: Option<Salting>,
    },
    Record(Record),
    Key(PublicKey),
}

impl Answer {
    pub(super) fn wampcra(&self) -> Option<WampCraUser> {
        let Known::Secret { key, salted } = &self.known else { return None };
        Some(WampCraUser { key: key.clone(), salted: salted.clone(), role: self.role.clone() })
    }

    pub(super) fn scram(&self) -> Option<ScramUser> {
        let Known::Record(record) = &self.known else { return None };
        Some(ScramUser { record: record.clone(), role: self.role.clone() })
    }

    pub(super) fn key(&self) -> Option<(PublicKey, String)> {
        let Known::Key(key) = &self.known else { return None };
        Some((*key, self.role.clone()))
    }
}

/// Reads what came.
///
/// # Errors
/// [`Fault`]: another shape, no role, one that the realm lacks, or another realm.
pub(super) fn read(
    method: Method,
    realm: &str,
    mut values: Values,
    has_role: &dyn Fn(&str) -> bool,
) -> Result<Answer, Fault> {
    let answer = read_values(method, realm, &values);
    values.args.iter_mut().for_each(wipe);
    values.kwargs.iter_mut().for_each(|(_, value)| wipe(value));
    let answer = answer?;
    if has_role(&answer.role) {
        Ok(answer)
    } else {
        Err(Fault::unknown_role(&answer.role))
    }
}

fn read_values(method: Method, realm: &str, values: &Values) -> Result<Answer, Fault> {
    let due = if method == Method::Ticket { "a role, or a dict with `role`" } else { "a dict with `role`" };
    let [value] = &values.args[..] else {
        let got = format!("{} positional and {} keyword results", values.args.len(), values.kwargs.len());
        return Err(Fault::shape(format!("{due} as the one result"), got));
    };
    match value {
        Value::Text(role) if method == Method::Ticket => {
            Ok(Answer { role: role.clone(), authid: None, extra: Dict::new(), known: Known::Already, cache: false })
        }
        Value::Dict(dict) => read_dict(method, realm, dict),
        Value::Null
        | Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Negative(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::List(_) => Err(Fault::shape(due, value.kind())),
    }
}

fn read_dict(method: Method, realm: &str, dict: &[(String, Value)]) -> Result<Answer, Fault> {
    let fields = Fields(dict);
    let role = fields.text("role")?.ok_or_else(Fault::no_role)?.to_owned();
    if let Some(other) = fields.text("realm")?.filter(|other| *other != realm) {
        return Err(Fault::other_realm(other));
    }
    let authid = fields.text("authid")?;
    if authid.is_some_and(|authid| !AUTHID.contains(&authid.len())) {
        return Err(Fault::shape("`authid` of 1 to 1024 octets", "another length"));
    }
    let extra = match fields.get("extra") {
        None => Dict::new(),
        Some(Value::Dict(extra)) => extra.clone(),
        Some(other) => return Err(Fault::shape("`extra` to be a dict", other.kind())),
    };
    let known = match method {
        Method::WampCra => fields.secret()?,
        Method::WampScram | Method::Scram => Known::Record(fields.record(method)?),
        Method::Cryptosign => Known::Key(fields.key()?),
        Method::Ticket | Method::Anonymous | Method::Jwt | Method::Tls | Method::Cookie => Known::Already,
    };
    let cache = fields.truth("cache")?;
    Ok(Answer { role, authid: authid.map(str::to_owned), extra, known, cache })
}

/// The entries of the dict; null counts as absent.
struct Fields<'a>(&'a [(String, Value)]);

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value).filter(|value| **value != Value::Null)
    }

    fn text(&self, key: &'static str) -> Result<Option<&'a str>, Fault> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(Fault::shape(format!("`{key}` to be a string"), other.kind())),
        }
    }

    /// False where it is absent.
    fn truth(&self, key: &'static str) -> Result<bool, Fault> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(*truth),
            Some(other) => Err(Fault::shape(format!("`{key}` to be a boolean"), other.kind())),
        }
    }

    fn needed_text(&self, key: &'static str) -> Result<&'a str, Fault> {
        self.text(key)?.ok_or_else(|| Fault::shape(format!("`{key}`"), "none"))
    }

    fn number(&self, key: &'static str, range: RangeInclusive<u64>) -> Result<Option<u32>, Fault> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::Unsigned(number) => Some(*number),
            // Clients whose language has no integers write them so.
            Value::Float(number) if number.fract() == 0.0 && (0.0..=9e15).contains(number) => Some(*number as u64),
            Value::Null
            | Value::Bool(_)
            | Value::Negative(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Dict(_) => None,
        };
        let due = || format!("`{key}` from {} to {}", range.start(), range.end());
        let number = number.ok_or_else(|| Fault::shape(due(), value.kind()))?;
        let number = Some(number).filter(|number| range.contains(number)).and_then(|number| u32::try_from(number).ok());
        number.map(Some).ok_or_else(|| Fault::shape(due(), "a number out of range"))
    }

    /// With a salt the secret is the derived key's text, as in Crossbar: what signs, in both cases.
    fn secret(&self) -> Result<Known, Fault> {
        let secret = self.needed_text("secret")?;
        if secret.is_empty() {
            return Err(Fault::shape("`secret`", "an empty one"));
        }
        let salted = match self.text("salt")? {
            None => None,
            Some(salt) => Some(Salting {
                salt: salt.to_owned(),
                iterations: self.number("iterations", ITERATIONS)?.unwrap_or(ITERATIONS_USUAL),
                keylen: self.number("keylen", KEYLEN)?.unwrap_or(KEYLEN_USUAL),
            }),
        };
        Ok(Known::Secret { key: Secret::new(secret.to_owned()), salted })
    }

    fn record(&self, method: Method) -> Result<Record, Fault> {
        let every = 0..=u64::from(u32::MAX);
        let name = self.needed_text("kdf")?;
        let iterations = self.number("iterations", every.clone())?;
        let iterations = iterations.ok_or_else(|| Fault::shape("`iterations`", "none"))?;
        let kdf = KdfParts { name, iterations, memory: self.number("memory", every)?.filter(|_| name != "pbkdf2") };
        let salt = octets(self.needed_text("salt")?).ok_or_else(|| Fault::shape("`salt` in hex", "another string"))?;
        let key = |key: &'static str, other: &'static str| {
            let text = if self.get(key).is_some() { self.needed_text(key) } else { self.needed_text(other) }
                .map_err(|_| Fault::shape(format!("`{key}` to be a string"), "none or another type"))?;
            extra::hex::<32>(text)
                .ok_or_else(|| Fault::shape(format!("`{key}` of 64 hexadecimal digits"), "another string"))
        };
        let keys = [key("stored-key", "stored_key")?, key("server-key", "server_key")?];
        Record::of_parts(scram::flavour(method), kdf, salt, keys).map_err(|_| {
            Fault::shape("the parameters of a password's record", "others (kdf, iterations, memory or salt)")
        })
    }

    fn key(&self) -> Result<PublicKey, Fault> {
        let text = self.needed_text("pubkey")?;
        PublicKey::parse(text)
            .ok_or_else(|| Fault::shape("`pubkey`: 64 hexadecimal digits of an Ed25519 key", "another string"))
    }
}

/// Octets in hexadecimal digits.
fn octets(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().and_then(extra::hex::<1>));
    pairs.map(|octet| octet.map(|[octet]| octet)).collect()
}

fn wipe(value: &mut Value) {
    match value {
        Value::Text(text) => text.zeroize(),
        Value::Bytes(bytes) => bytes.zeroize(),
        Value::List(list) => list.iter_mut().for_each(wipe),
        Value::Dict(dict) => dict.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Negative(_) | Value::Float(_) => {}
    }
}
