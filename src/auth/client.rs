//! The other side of a login: what a client says in HELLO, answers to CHALLENGE, and checks in WELCOME.
//!
//! For the command line, and for tests. Pure, like the router's side: the nonce comes with the claim. What a router asks
//! for is bounded like what a configuration may hold, so that none can make its clients compute for hours.

use super::scram::{auth_message, binding_text, keys, salted_password, Texts, TLS_EXPORTER};
use super::{cryptosign, extra, kdf, wampcra, Flavour, Kdf, Method, RouterKey, Salting, Secret};
use crate::wamp::{Dict, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a client has to prove who it is.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// For `ticket`.
    pub ticket: Option<Secret>,
    /// For `wampcra` and both kinds of SCRAM.
    pub secret: Option<Secret>,
    /// For `cryptosign`.
    pub private_key: Option<RouterKey>,
    /// For `jwt`.
    pub token: Option<Secret>,
    /// For `tls`: whether the connection shows a certificate.
    pub certificate: bool,
}

impl Credentials {
    /// The methods that can be done with these, those that prove more first; `anonymous` if there are none.
    pub fn methods(&self) -> Vec<Method> {
        let able = |method: &Method| match method {
            Method::Cryptosign => self.private_key.is_some(),
            Method::WampScram | Method::Scram | Method::WampCra => self.secret.is_some(),
            Method::Ticket => self.ticket.is_some(),
            Method::Jwt => self.token.is_some(),
            Method::Tls => self.certificate,
            Method::Cookie | Method::Anonymous => false,
        };
        let methods: Vec<Method> = Method::ALL.iter().copied().filter(able).collect();
        if methods.is_empty() {
            vec![Method::Anonymous]
        } else {
            methods
        }
    }
}

/// One login of a client.
#[derive(Clone, Debug)]
pub struct Claimant {
    credentials: Credentials,
    authid: String,
    methods: Vec<Method>,
    nonce: String,
    binding: Option<[u8; 32]>,
    /// What the router must prove in WELCOME, under which key.
    expected: Option<(&'static str, String)>,
}

/// Why a client does not go on with a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofFault {
    /// The router chose what was not offered.
    #[error("the router asked for an authentication method that was not offered")]
    Method,
    /// The router's CHALLENGE lacks something, or has it in another form.
    #[error("CHALLENGE.Extra.{0}: expected {1}")]
    Challenge(&'static str, &'static str),
    /// The nonce of the router does not begin with ours.
    #[error("CHALLENGE.Extra.nonce does not begin with the nonce of HELLO")]
    Nonce,
    /// The cost that the router asks for is out of range.
    #[error("CHALLENGE.Extra asks for a key derivation that is out of range")]
    Cost,
    /// The channel binding that was wished for is not there.
    #[error("the router does not bind this login to its TLS connection")]
    Binding,
    /// The router has not proven itself.
    #[error("WELCOME does not prove that the router knows this user: is it the right router?")]
    Router,
}

type Answer = Result<(String, Dict), ProofFault>;

impl Claimant {
    /// A login with `methods`, in this order; none: [`Credentials::methods`]. `nonce` is drawn at random, `binding` what the
    /// login is bound to, if it is to be.
    pub fn new(
        credentials: Credentials,
        authid: Option<&str>,
        methods: &[Method],
        nonce: &[u8; 16],
        binding: Option<[u8; 32]>,
    ) -> Self {
        let methods = if methods.is_empty() { credentials.methods() } else { methods.to_vec() };
        let (authid, nonce) = (authid.unwrap_or_default().to_owned(), STANDARD.encode(nonce));
        Self { credentials, authid, methods, nonce, binding, expected: None }
    }

    /// HELLO.Details.authmethods.
    pub fn authmethods(&self) -> Vec<String> {
        self.methods.iter().map(|method| method.name().to_owned()).collect()
    }

    /// HELLO.Details.authextra.
    pub fn authextra(&self) -> Dict {
        let mut entries: Dict = Vec::new();
        let mut binds = false;
        if self.methods.iter().any(|method| matches!(method, Method::WampScram | Method::Scram)) {
            entries.push(("nonce".to_owned(), self.nonce.as_str().into()));
            binds = true;
        }
        if let (true, Some(key)) = (self.methods.contains(&Method::Cryptosign), &self.credentials.private_key) {
            entries.push(("pubkey".to_owned(), key.public().to_string().into()));
            binds = true;
        }
        if binds && self.binding.is_some() {
            entries.push(("channel_binding".to_owned(), TLS_EXPORTER.into()));
        }
        entries
    }

    /// The signature and the extra of AUTHENTICATE.
    ///
    /// # Errors
    /// [`ProofFault`]: the login is to be given up.
    ///
    /// # Cost
    /// As much as the router asks for: a derivation takes milliseconds to seconds.
    pub fn answer(&mut self, method: &str, asked: &[(String, Value)]) -> Answer {
        let method = self.methods.iter().copied().find(|offered| offered.name() == method).ok_or(ProofFault::Method)?;
        let text = |secret: &Option<Secret>| {
            secret.as_ref().map(|secret| (secret.expose().to_owned(), Dict::new())).ok_or(ProofFault::Method)
        };
        match method {
            Method::Ticket => text(&self.credentials.ticket),
            Method::Jwt => text(&self.credentials.token),
            Method::WampCra => self.wampcra(asked),
            Method::WampScram => self.scram(Flavour::Wamp, asked),
            Method::Scram => self.scram(Flavour::Autobahn, asked),
            Method::Cryptosign => self.cryptosign(asked),
            Method::Tls | Method::Cookie | Method::Anonymous => Err(ProofFault::Method),
        }
    }

    /// Looks at WELCOME.Details.authextra.
    ///
    /// # Errors
    /// [`ProofFault::Router`]: whoever this is does not know the user's secret.
    pub fn check(&self, authextra: &[(String, Value)]) -> Result<(), ProofFault> {
        let Some((key, expected)) = &self.expected else { return Ok(()) };
        let given = extra::text(authextra, key).ok().flatten().unwrap_or_default();
        if given.as_bytes().ct_eq(expected.as_bytes()).into() {
            Ok(())
        } else {
            Err(ProofFault::Router)
        }
    }

    fn wampcra(&self, asked: &[(String, Value)]) -> Answer {
        let secret = self.credentials.secret.as_ref().ok_or(ProofFault::Method)?;
        let challenge = text(asked, "challenge")?;
        let key = match extra::text(asked, "salt").ok().flatten() {
            None => secret.clone(),
            Some(salt) => {
                let (iterations, keylen) = (number(asked, "iterations", 1000)?, number(asked, "keylen", 32)?);
                if iterations > wampcra::ROUNDS_MAX || !(1..=wampcra::KEYLEN_MAX).contains(&keylen) {
                    return Err(ProofFault::Cost);
                }
                Salting { salt: salt.to_owned(), iterations, keylen }.key(secret)
            }
        };
        Ok((STANDARD.encode(wampcra::sign(&key, challenge)), Dict::new()))
    }

    fn cryptosign(&self, asked: &[(String, Value)]) -> Answer {
        let key = self.credentials.private_key.as_ref().ok_or(ProofFault::Method)?;
        let challenge: [u8; 32] =
            extra::hex(text(asked, "challenge")?).ok_or(ProofFault::Challenge("challenge", "64 hexadecimal digits"))?;
        let granted = extra::text(asked, "channel_binding").ok().flatten() == Some(TLS_EXPORTER);
        if self.binding.is_some() && !granted {
            return Err(ProofFault::Binding);
        }
        Ok((key.sign(&cryptosign::bound(&challenge, self.binding.as_ref())), Dict::new()))
    }

    fn scram(&mut self, flavour: Flavour, asked: &[(String, Value)]) -> Answer {
        let secret = self.credentials.secret.as_ref().ok_or(ProofFault::Method)?;
        let (nonce, salt) = (text(asked, "nonce")?, text(asked, "salt")?);
        let salt_octets = STANDARD.decode(salt).map_err(|_| ProofFault::Challenge("salt", "Base64"))?;
        let iterations = number(asked, "iterations", 0)?;
        let kdf = match text(asked, "kdf")? {
            "pbkdf2" => Kdf::Pbkdf2 { iterations },
            "argon2id13" | "argon2id-13" => Kdf::Argon2id { iterations, memory: number(asked, "memory", 0)? },
            _ => return Err(ProofFault::Challenge("kdf", "\"pbkdf2\" or \"argon2id13\"")),
        };
        if !kdf.is_lawful(flavour) {
            return Err(ProofFault::Cost);
        }
        let (name, binding) = match flavour {
            Flavour::Wamp if nonce.starts_with(&self.nonce) => {
                (self.authid.replace('=', "=3D").replace(',', "=2C"), binding_text(TLS_EXPORTER, self.binding.as_ref()))
            }
            Flavour::Autobahn if octets(nonce).starts_with(&octets(&self.nonce)) => {
                (stringprep::saslprep(&self.authid).map_or_else(|_| self.authid.clone(), Into::into), String::new())
            }
            Flavour::Wamp | Flavour::Autobahn => return Err(ProofFault::Nonce),
        };
        let message =
            auth_message(&Texts { name: &name, client_nonce: &self.nonce, nonce, salt, iterations, binding: &binding });
        let salted = salted_password(flavour, secret, kdf, &salt_octets).map_err(|_| ProofFault::Cost)?;
        let (client_key, server_key) = keys(&salted);
        let stored: [u8; 32] = Sha256::digest(client_key.octets()).into();
        let signature = kdf::hmac(&stored, &[message.as_bytes()]);
        let proof: [u8; 32] = std::array::from_fn(|at| client_key.octets()[at] ^ signature[at]);
        let verifier = STANDARD.encode(kdf::hmac(server_key.octets(), &[message.as_bytes()]));
        let said = match flavour {
            Flavour::Wamp => {
                self.expected = Some(("verifier", verifier));
                let kind = self.binding.map_or(Value::Null, |_| TLS_EXPORTER.into());
                let data = self.binding.map_or(Value::Null, |data| STANDARD.encode(data).into());
                [("nonce", nonce.into()), ("channel_binding", kind), ("cbind_data", data)]
                    .map(|(key, value)| (key.to_owned(), value))
                    .into()
            }
            Flavour::Autobahn => {
                self.expected = Some(("scram_server_signature", verifier));
                Dict::new()
            }
        };
        Ok((STANDARD.encode(proof), said))
    }
}

fn octets(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}

fn text<'a>(asked: &'a [(String, Value)], key: &'static str) -> Result<&'a str, ProofFault> {
    extra::text(asked, key).ok().flatten().ok_or(ProofFault::Challenge(key, "a string"))
}

fn number(asked: &[(String, Value)], key: &'static str, otherwise: u32) -> Result<u32, ProofFault> {
    let wrong = ProofFault::Challenge(key, "an integer below 2^32");
    match asked.iter().find(|(name, _)| name == key).map(|(_, value)| value) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::Unsigned(number)) => u32::try_from(*number).map_err(|_| wrong),
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
mod tests;
