//! The texts of one login: what both sides sign, and how the two methods write it.

use super::{Flavour, Record, TLS_EXPORTER};
use crate::auth::Denied;
use crate::wamp::{Dict, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;

/// One login: the nonces are in it, so that nothing of it fits another.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    flavour: Flavour,
    nonce: String,
    auth_message: String,
}

impl Exchange {
    /// `client_nonce` is Base64, `drawn` the router's part of the nonce.
    ///
    /// # Errors
    /// The dialect's name for the user cannot be written.
    pub(super) fn new(
        flavour: Flavour,
        authid: &str,
        client_nonce: &str,
        drawn: &[u8; 32],
        record: &Record,
        binding: Option<&[u8; 32]>,
    ) -> Result<Self, Denied> {
        let (name, nonce, binding) = match flavour {
            Flavour::Wamp => {
                let name = authid.replace('=', "=3D").replace(',', "=2C");
                (name, format!("{client_nonce}{}", STANDARD.encode(drawn)), binding_text(TLS_EXPORTER, binding))
            }
            Flavour::Autobahn => {
                let name = stringprep::saslprep(authid)
                    .map_err(|_| Denied::malformed("HELLO: authid has letters that SASLprep forbids"))?;
                let mut octets = STANDARD.decode(client_nonce).unwrap_or_default();
                octets.extend_from_slice(drawn);
                (name.into_owned(), STANDARD.encode(octets), String::new())
            }
        };
        let auth_message = auth_message(&Texts {
            name: &name,
            client_nonce,
            nonce: &nonce,
            salt: &STANDARD.encode(record.salt()),
            iterations: record.kdf().iterations(),
            binding: &binding,
        });
        Ok(Self { flavour, nonce, auth_message })
    }

    pub(super) fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The whole nonce.
    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// AuthMessage.
    pub(super) fn auth_message(&self) -> &str {
        &self.auth_message
    }

    /// CHALLENGE.Extra. A client of the dialect refuses keys that it does not know.
    pub(super) fn challenge(&self, record: &Record) -> Dict {
        let kdf = record.kdf();
        let memory = kdf.memory().map_or(Value::Null, |memory| u64::from(memory).into());
        let entries = [
            ("nonce", self.nonce.as_str().into()),
            ("salt", STANDARD.encode(record.salt()).into()),
            ("kdf", kdf.name(self.flavour).into()),
            ("iterations", u64::from(kdf.iterations()).into()),
            ("memory", memory),
        ];
        entries.map(|(key, value)| (key.to_owned(), value)).into()
    }

    /// WELCOME.Details.authextra: the router's proof.
    pub(super) fn welcome(&self, record: &Record) -> Dict {
        let key = match self.flavour {
            Flavour::Wamp => "verifier",
            Flavour::Autobahn => "scram_server_signature",
        };
        vec![(key.to_owned(), STANDARD.encode(record.signature(&self.auth_message)).into())]
    }
}

/// What AuthMessage is made of.
pub(in crate::auth) struct Texts<'a> {
    pub(in crate::auth) name: &'a str,
    pub(in crate::auth) client_nonce: &'a str,
    pub(in crate::auth) nonce: &'a str,
    pub(in crate::auth) salt: &'a str,
    pub(in crate::auth) iterations: u32,
    pub(in crate::auth) binding: &'a str,
}

pub(in crate::auth) fn auth_message(texts: &Texts<'_>) -> String {
    let Texts { name, client_nonce, nonce, salt, iterations, binding } = texts;
    format!("n={name},r={client_nonce},r={nonce},s={salt},i={iterations},c={binding},r={nonce}")
}

/// The text of `c=`: the GS2 header, with the binding's octets where there are any.
pub(in crate::auth) fn binding_text(kind: &str, binding: Option<&[u8; 32]>) -> String {
    match binding {
        None => STANDARD.encode("n,,"),
        Some(data) => STANDARD.encode([format!("p={kind},,").as_bytes(), data.as_slice()].concat()),
    }
}
