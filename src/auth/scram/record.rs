//! What is kept of a password: enough to check a proof and to give one, not enough to log in with.
//!
//! As a text, on one line, Base64 with padding:
//!
//! ```text
//! wamp-scram$pbkdf2$i=600000$SALT$STORED_KEY$SERVER_KEY
//! wamp-scram$argon2id13$i=3,m=65536$SALT$STORED_KEY$SERVER_KEY
//! scram$argon2id-13$i=3,m=65536$SALT$STORED_KEY$SERVER_KEY          (the dialect of Autobahn|Python)
//! ```

use crate::auth::decoy::Decoy;
use crate::auth::kdf::{self, BadParameters};
use crate::auth::secret::Key;
use crate::auth::Secret;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::Engine;
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::RangeInclusive;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Rounds of PBKDF2.
const ROUNDS: RangeInclusive<u32> = 4096..=10_000_000;
/// Passes of Argon2id: Autobahn|Python's own tool for making such records takes 4096. The client does them.
const PASSES: RangeInclusive<u32> = 1..=10_000;
/// Memory of Argon2id in KiB: to 4 GiB.
const MEMORY: RangeInclusive<u32> = 8..=4 << 20;
/// Octets of the salt.
const SALT: RangeInclusive<usize> = 8..=64;

/// Which of the two methods a record is for: a password comes to different keys in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    /// `wamp-scram`, as specified.
    Wamp,
    /// `scram`, as Autobahn|Python speaks it.
    Autobahn,
}

impl Flavour {
    /// The method's name, which a record begins with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wamp => "wamp-scram",
            Self::Autobahn => "scram",
        }
    }

    /// What is taken where nothing else is asked for.
    pub const fn kdf(self) -> Kdf {
        Kdf::Argon2id { iterations: 3, memory: 64 << 10 }
    }

    const fn argon2id(self) -> &'static str {
        match self {
            Self::Wamp => "argon2id13",
            Self::Autobahn => "argon2id-13",
        }
    }
}

/// How the client makes the salted password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kdf {
    /// PBKDF2-HMAC-SHA256.
    Pbkdf2 {
        /// Rounds.
        iterations: u32,
    },
    /// Argon2id version 1.3 with one lane.
    Argon2id {
        /// Passes.
        iterations: u32,
        /// KiB.
        memory: u32,
    },
}

impl Kdf {
    /// The name in CHALLENGE.
    pub(super) const fn name(self, flavour: Flavour) -> &'static str {
        match self {
            Self::Pbkdf2 { .. } => "pbkdf2",
            Self::Argon2id { .. } => flavour.argon2id(),
        }
    }

    pub(super) const fn iterations(self) -> u32 {
        match self {
            Self::Pbkdf2 { iterations } | Self::Argon2id { iterations, .. } => iterations,
        }
    }

    pub(super) const fn memory(self) -> Option<u32> {
        match self {
            Self::Pbkdf2 { .. } => None,
            Self::Argon2id { memory, .. } => Some(memory),
        }
    }

    pub(in crate::auth) fn is_lawful(self, flavour: Flavour) -> bool {
        match self {
            // The dialect's clients fail with it.
            Self::Pbkdf2 { iterations } => flavour == Flavour::Wamp && ROUNDS.contains(&iterations),
            Self::Argon2id { iterations, memory } => PASSES.contains(&iterations) && MEMORY.contains(&memory),
        }
    }
}

/// A [`Kdf`] as others write it.
#[derive(Clone, Copy, Debug)]
pub(in crate::auth) struct KdfParts<'a> {
    pub(in crate::auth) name: &'a str,
    pub(in crate::auth) iterations: u32,
    /// KiB.
    pub(in crate::auth) memory: Option<u32>,
}

/// What is kept of one password.
#[derive(Clone)]
pub struct Record {
    flavour: Flavour,
    kdf: Kdf,
    salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
}

/// Why a text is no [`Record`]. What was given is not quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// Not six parts.
    #[error("expected METHOD$KDF$i=..$SALT$STORED_KEY$SERVER_KEY, as `wharf hash-secret scram` makes it")]
    Form,
    /// The first part.
    #[error("expected \"wamp-scram\" or \"scram\" before the first $")]
    Method,
    /// The second part.
    #[error("expected \"pbkdf2\" or \"argon2id13\", or \"argon2id-13\" after \"scram\", before the second $")]
    Kdf,
    /// The third part.
    #[error("expected i=4096 to i=10000000 for pbkdf2, i=1,m=8 to i=10000,m=4194304 for argon2id, before the third $")]
    Parameters,
    /// The fourth part.
    #[error("expected a salt of 8 to 64 octets in Base64 before the fourth $")]
    Salt,
    /// The last parts.
    #[error("expected two keys of 32 octets in Base64 at the end")]
    Keys,
}

impl Record {
    /// Reads one.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let parts: Vec<&str> = text.split('$').collect();
        let [method, kdf, parameters, salt, stored_key, server_key] = parts[..] else { return Err(RecordError::Form) };
        let flavours = [Flavour::Wamp, Flavour::Autobahn];
        let flavour = flavours.into_iter().find(|flavour| flavour.name() == method).ok_or(RecordError::Method)?;
        let kdf = parameters_of(flavour, kdf, parameters)?;
        let salt = STANDARD.decode(salt).ok().filter(|salt| SALT.contains(&salt.len())).ok_or(RecordError::Salt)?;
        let key = |text: &str| {
            let octets = STANDARD.decode(text).map(Zeroizing::new).ok()?;
            octets.as_slice().try_into().ok().map(Key::new)
        };
        let keys = key(stored_key).zip(key(server_key));
        let (stored_key, server_key) = keys.ok_or(RecordError::Keys)?;
        Ok(Self { flavour, kdf, salt, stored_key, server_key })
    }

    /// Of its parts: `kdf` by its name in CHALLENGE, `memory` for Argon2id only.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(in crate::auth) fn of_parts(
        flavour: Flavour,
        kdf: KdfParts<'_>,
        salt: Vec<u8>,
        keys: [[u8; 32]; 2],
    ) -> Result<Self, RecordError> {
        let KdfParts { name, iterations, memory } = kdf;
        let kdf = match memory {
            None if name == "pbkdf2" => Kdf::Pbkdf2 { iterations },
            Some(memory) if name == flavour.argon2id() => Kdf::Argon2id { iterations, memory },
            None | Some(_) => return Err(RecordError::Kdf),
        };
        if !kdf.is_lawful(flavour) {
            return Err(RecordError::Parameters);
        }
        if !SALT.contains(&salt.len()) {
            return Err(RecordError::Salt);
        }
        let [stored_key, server_key] = keys.map(Key::new);
        Ok(Self { flavour, kdf, salt, stored_key, server_key })
    }

    /// Makes one of a password. Costly.
    ///
    /// # Errors
    /// [`BadParameters`]: those of [`RecordError::Parameters`] and [`RecordError::Salt`].
    pub fn derive(flavour: Flavour, password: &Secret, kdf: Kdf, salt: &[u8]) -> Result<Self, BadParameters> {
        if !kdf.is_lawful(flavour) || !SALT.contains(&salt.len()) {
            return Err(BadParameters);
        }
        let (client_key, server_key) = keys(&salted_password(flavour, password, kdf, salt)?);
        let stored_key = Sha256::digest(client_key.octets()).into();
        Ok(Self { flavour, kdf, salt: salt.to_vec(), stored_key: Key::new(stored_key), server_key })
    }

    /// One that no password fits, for a name that nobody has.
    pub(super) fn made_up(decoy: &Decoy, flavour: Flavour, kdf: Kdf, salt_like: &[u8]) -> Self {
        let key = |label| Key::new(decoy.octets(label));
        let (stored_key, server_key) = (key("stored key"), key("server key"));
        Self { flavour, kdf, salt: decoy.octets_like(salt_like), stored_key, server_key }
    }

    /// Which method it is for.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// How the client makes the salted password.
    pub fn kdf(&self) -> Kdf {
        self.kdf
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Whether `proof` is that of somebody who knows the password.
    pub(super) fn proves(&self, proof: &[u8; 32], auth_message: &str) -> bool {
        let signature = kdf::hmac(self.stored_key.octets(), &[auth_message.as_bytes()]);
        let client_key = Zeroizing::new(std::array::from_fn::<u8, 32, _>(|at| proof[at] ^ signature[at]));
        Sha256::digest(client_key.as_slice()).as_slice().ct_eq(self.stored_key.octets()).into()
    }

    /// The proof that whoever gives it has this record: ServerSignature.
    pub(super) fn signature(&self, auth_message: &str) -> [u8; 32] {
        kdf::hmac(self.server_key.octets(), &[auth_message.as_bytes()])
    }

    /// The text that [`Record::parse`] reads.
    pub fn to_text(&self) -> Secret {
        let memory = self.kdf.memory().map_or_else(String::new, |memory| format!(",m={memory}"));
        Secret::new(format!(
            "{}${}$i={}{memory}${}${}${}",
            self.flavour.name(),
            self.kdf.name(self.flavour),
            self.kdf.iterations(),
            STANDARD.encode(&self.salt),
            *Zeroizing::new(STANDARD.encode(self.stored_key.octets())),
            *Zeroizing::new(STANDARD.encode(self.server_key.octets())),
        ))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} ***", self.flavour.name(), self.kdf)
    }
}

fn parameters_of(flavour: Flavour, name: &str, text: &str) -> Result<Kdf, RecordError> {
    let number = |text: Option<&str>, key: &str| {
        let text = text?.strip_prefix(key)?;
        text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let mut parts = text.split(',');
    let iterations = number(parts.next(), "i=").ok_or(RecordError::Parameters)?;
    let kdf = if name == "pbkdf2" && flavour == Flavour::Wamp {
        Kdf::Pbkdf2 { iterations }
    } else if name == flavour.argon2id() {
        Kdf::Argon2id { iterations, memory: number(parts.next(), "m=").ok_or(RecordError::Parameters)? }
    } else {
        return Err(RecordError::Kdf);
    };
    if parts.next().is_some() || !kdf.is_lawful(flavour) {
        return Err(RecordError::Parameters);
    }
    Ok(kdf)
}

/// SaltedPassword: 32 octets, or in the dialect their Base64 text without padding.
pub(in crate::auth) fn salted_password(
    flavour: Flavour,
    password: &Secret,
    kdf: Kdf,
    salt: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BadParameters> {
    let prepared = match flavour {
        Flavour::Wamp => prepared(password.expose()),
        // Its clients do not prepare passwords.
        Flavour::Autobahn => Zeroizing::new(password.expose().to_owned()),
    };
    let key = match kdf {
        Kdf::Pbkdf2 { iterations } => kdf::pbkdf2(prepared.as_bytes(), salt, iterations, 32),
        Kdf::Argon2id { iterations, memory } => {
            Zeroizing::new(kdf::argon2id(prepared.as_bytes(), salt, iterations, memory)?.to_vec())
        }
    };
    Ok(match flavour {
        Flavour::Wamp => key,
        Flavour::Autobahn => Zeroizing::new(STANDARD_NO_PAD.encode(&*key).into_bytes()),
    })
}

/// ClientKey and ServerKey.
pub(in crate::auth) fn keys(salted_password: &[u8]) -> (Key, Key) {
    let key = |label: &[u8]| Key::new(kdf::hmac(salted_password, &[label]));
    (key(b"Client Key"), key(b"Server Key"))
}

/// SASLprep; a text that it forbids is taken as it is, as RFC 5802 lets clients do.
fn prepared(text: &str) -> Zeroizing<String> {
    Zeroizing::new(stringprep::saslprep(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned))
}
