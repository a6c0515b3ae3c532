//! `wharf token`: JSON Web Tokens, signed with a key that lies here. For tests, and for whoever has no identity provider yet:
//! nobody asks whether who runs this may be who the token says.

use super::client::arguments::json;
use super::client::failure::Failure;
use super::client::secret::SecretSource;
use super::client::time;
use super::output::result;
use super::Exit;
use crate::auth::{JwtAlgorithm, Secret};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use clap::{Args, Subcommand};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use ring::{hmac, signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// The claims that have flags of their own.
const OWN: [&str; 5] = ["iss", "aud", "sub", "iat", "exp"];

/// Octets of a secret: as the router wants it (RFC 7518, section 3.2).
const SECRET_MIN: usize = 32;

#[derive(Subcommand, Debug)]
pub(super) enum TokenCommand {
    /// Prints a token that says who it is of, signed with a key of yours. For tests.
    New(TokenArguments),
}

#[derive(Args, Debug)]
pub(super) struct TokenArguments {
    /// Whom it is of: sub.
    name: String,
    /// The key: env:NAME, file:PATH or - for standard input. A private key in PEM (PKCS#8), else the secret itself, of 32
    /// octets or more.
    #[arg(long, value_name = "SECRET")]
    key: SecretSource,
    /// From whom: `issuer` of [realms.NAME.auth.jwt].
    #[arg(long, value_name = "TEXT")]
    issuer: String,
    /// For whom: `audience` of the same.
    #[arg(long, value_name = "TEXT")]
    audience: String,
    /// How it is signed; else HS256, RS256, ES256, ES384 or EdDSA, as the key is.
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    alg: Option<JwtAlgorithm>,
    /// The key's name in a set of keys.
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
    /// How long it is good for.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1h")]
    expires_in: Duration,
    /// Another claim: NAME=TEXT is a string, NAME:=JSON is JSON; as in role=clerk.
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
}

fn algorithm(text: &str) -> Result<JwtAlgorithm, String> {
    let found = JwtAlgorithm::ALL.iter().copied().find(|algorithm| algorithm.name() == text);
    let names: Vec<_> = JwtAlgorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    found.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

/// Does what is asked for.
pub(super) fn token(command: &TokenCommand) -> Exit {
    let TokenCommand::New(arguments) = command;
    arguments.key.warn("key");
    match made(arguments, SystemTime::now()) {
        Ok(token) => result(&Zeroizing::new(format!("{}\n", token.expose()))),
        Err(failure) => failure.tell(false),
    }
}

fn made(arguments: &TokenArguments, now: SystemTime) -> Result<Secret, Failure> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let until = now.saturating_add(arguments.expires_in);
    let mut claims = serde_json::Map::new();
    for (name, value) in [("iss", &arguments.issuer), ("aud", &arguments.audience), ("sub", &arguments.name)] {
        claims.insert(name.to_owned(), value.as_str().into());
    }
    claims.insert("iat".to_owned(), now.as_secs().into());
    claims.insert("exp".to_owned(), until.as_secs().into());
    for text in &arguments.claim {
        let (name, value) = claim(text)?;
        if OWN.contains(&name.as_str()) || claims.insert(name.clone(), value).is_some() {
            return Err(Failure::Usage(format!("--claim: {} is there already", crate::observe::shown(&name))));
        }
    }
    let key = Signer::of(&arguments.key.read("key")?, arguments.alg)?;
    let mut head = serde_json::json!({ "alg": key.algorithm.name(), "typ": "JWT" });
    if let Some(kid) = &arguments.kid {
        head["kid"] = kid.as_str().into();
    }
    let encoded = |json: String| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", encoded(head.to_string()), encoded(serde_json::Value::Object(claims).to_string()));
    let signature = key.sign(signed.as_bytes())?;
    Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn claim(text: &str) -> Result<(String, serde_json::Value), Failure> {
    let wrong = || Failure::usage("--claim: expected NAME=TEXT or NAME:=JSON");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, value) = match name.strip_suffix(':') {
        // Once through our own reader, which refuses a key that is there twice.
        Some(name) => {
            (name, serde_json::from_str(&super::client::output::compact(&json(value)?)).map_err(|_| wrong())?)
        }
        None => (name, value.into()),
    };
    if name.is_empty() {
        return Err(wrong());
    }
    Ok((name.to_owned(), value))
}

/// A key that signs, and how.
struct Signer {
    algorithm: JwtAlgorithm,
    material: Material,
}

enum Material {
    Secret(hmac::Key),
    Rsa(Box<RsaKeyPair>, &'static dyn signature::RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// What is typed counts; else the key says it.
    fn of(key: &Secret, wanted: Option<JwtAlgorithm>) -> Result<Self, Failure> {
        let text = key.expose();
        if !text.contains("-----BEGIN") {
            return Self::of_secret(text, wanted.unwrap_or(JwtAlgorithm::Hs256));
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes());
        let der =
            der.map_err(|_| Failure::usage("--key: expected a private key in PEM (-----BEGIN PRIVATE KEY-----)"))?;
        let der = der.secret_pkcs8_der();
        let fits = [
            JwtAlgorithm::EdDsa,
            JwtAlgorithm::Es256,
            JwtAlgorithm::Es384,
            JwtAlgorithm::Rs256,
            JwtAlgorithm::Rs384,
            JwtAlgorithm::Rs512,
            JwtAlgorithm::Ps256,
            JwtAlgorithm::Ps384,
            JwtAlgorithm::Ps512,
        ];
        let mut wanted = fits.into_iter().filter(|algorithm| wanted.is_none_or(|wanted| wanted == *algorithm));
        let found = wanted.find_map(|algorithm| Some(Self { algorithm, material: material(algorithm, der)? }));
        found.ok_or_else(|| {
            Failure::usage(
                "--key: expected a key of Ed25519, P-256, P-384 or RSA (2048 bits or more), and --alg that is of it",
            )
        })
    }

    fn of_secret(text: &str, algorithm: JwtAlgorithm) -> Result<Self, Failure> {
        let hash = match algorithm {
            JwtAlgorithm::Hs256 => hmac::HMAC_SHA256,
            JwtAlgorithm::Hs384 => hmac::HMAC_SHA384,
            JwtAlgorithm::Hs512 => hmac::HMAC_SHA512,
            JwtAlgorithm::Rs256
            | JwtAlgorithm::Rs384
            | JwtAlgorithm::Rs512
            | JwtAlgorithm::Ps256
            | JwtAlgorithm::Ps384
            | JwtAlgorithm::Ps512
            | JwtAlgorithm::Es256
            | JwtAlgorithm::Es384
            | JwtAlgorithm::EdDsa => {
                let text = format!("--key: {} needs a private key in PEM", algorithm.name());
                return Err(Failure::Usage(text));
            }
        };
        if text.len() < SECRET_MIN {
            return Err(Failure::usage("--key: the secret is too short: expected 32 octets or more"));
        }
        Ok(Self { algorithm, material: Material::Secret(hmac::Key::new(hash, text.as_bytes())) })
    }

    fn sign(&self, octets: &[u8]) -> Result<Vec<u8>, Failure> {
        let random = SystemRandom::new();
        let failed = |_| Failure::Fault("the token could not be signed".to_owned());
        match &self.material {
            Material::Secret(key) => Ok(hmac::sign(key, octets).as_ref().to_vec()),
            Material::Ed25519(key) => Ok(key.sign(octets).as_ref().to_vec()),
            Material::Ecdsa(key) => Ok(key.sign(&random, octets).map_err(failed)?.as_ref().to_vec()),
            Material::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(*encoding, &random, octets, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

/// The key in this form, if it is one for this algorithm.
fn material(algorithm: JwtAlgorithm, der: &[u8]) -> Option<Material> {
    let rsa = |encoding| Some(Material::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).ok()?), encoding));
    let ecdsa = |curve| Some(Material::Ecdsa(EcdsaKeyPair::from_pkcs8(curve, der, &SystemRandom::new()).ok()?));
    match algorithm {
        JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => None,
        JwtAlgorithm::Rs256 => rsa(&signature::RSA_PKCS1_SHA256),
        JwtAlgorithm::Rs384 => rsa(&signature::RSA_PKCS1_SHA384),
        JwtAlgorithm::Rs512 => rsa(&signature::RSA_PKCS1_SHA512),
        JwtAlgorithm::Ps256 => rsa(&signature::RSA_PSS_SHA256),
        JwtAlgorithm::Ps384 => rsa(&signature::RSA_PSS_SHA384),
        JwtAlgorithm::Ps512 => rsa(&signature::RSA_PSS_SHA512),
        JwtAlgorithm::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        JwtAlgorithm::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        JwtAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Material::Ed25519),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        token: TokenArguments,
    }

    fn typed(key: &str, more: &[&str]) -> TokenArguments {
        // What begins with a hyphen, as PEM does, would be taken for a flag.
        let key = format!("--key={key}");
        let arguments = ["wharf", "joe", "--issuer", "https://id.example", "--audience", "shop", &key];
        Typed::parse_from([&arguments[..], more].concat()).token
    }

    fn parts(token: &Secret) -> (serde_json::Value, serde_json::Value, Vec<u8>, String) {
        let (signed, signature) = token.expose().rsplit_once('.').unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        (read(head), read(claims), URL_SAFE_NO_PAD.decode(signature).unwrap(), signed.to_owned())
    }

    #[test]
    fn a_token_says_who_from_whom_for_whom_and_until_when() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let more = ["--expires-in", "1m", "--claim", "role=clerk", "--claim", "n:=[1]", "--kid", "k1"];
        let token = made(&typed("a secret of more than 32 octets, known to both", &more), now).unwrap();
        let (head, claims, signature, signed) = parts(&token);
        assert_eq!(head, serde_json::json!({ "alg": "HS256", "typ": "JWT", "kid": "k1" }));
        let expected = serde_json::json!({ "iss": "https://id.example", "aud": "shop", "sub": "joe", "iat": 1000, "exp": 1060, "role": "clerk", "n": [1] });
        assert_eq!(claims, expected);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of more than 32 octets, known to both");
        hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn what_cannot_be_signed_says_why() {
        let told = |key: &str, more: &[&str]| made(&typed(key, more), UNIX_EPOCH).unwrap_err().text(false).unwrap();
        let secret = "a secret of more than 32 octets, known to both";
        assert_eq!(told("short", &[]), "error: --key: the secret is too short: expected 32 octets or more");
        assert_eq!(told(secret, &["--alg", "ES256"]), "error: --key: ES256 needs a private key in PEM");
        assert!(told("-----BEGIN RUBBISH-----", &[]).contains("-----BEGIN PRIVATE KEY-----"));
        assert_eq!(told(secret, &["--claim", "exp:=1"]), "error: --claim: exp is there already");
        assert_eq!(told(secret, &["--claim", "a=1", "--claim", "a=2"]), "error: --claim: a is there already");
        for wrong in ["a", "=x", ":=1", "a:=x"] {
            assert!(told(secret, &["--claim", wrong]).starts_with("error: "), "{wrong}");
        }
    }

    #[test]
    fn a_private_key_signs_as_its_kind_does_and_as_no_other() {
        let kinds: [(&rcgen::SignatureAlgorithm, &str, &dyn VerificationAlgorithm); 3] = [
            (&rcgen::PKCS_ED25519, "EdDSA", &signature::ED25519),
            (&rcgen::PKCS_ECDSA_P256_SHA256, "ES256", &signature::ECDSA_P256_SHA256_FIXED),
            (&rcgen::PKCS_ECDSA_P384_SHA384, "ES384", &signature::ECDSA_P384_SHA384_FIXED),
        ];
        for (kind, name, verifies) in kinds {
            let pair = rcgen::KeyPair::generate_for(kind).unwrap();
            let pem = pair.serialize_pem();
            let (head, _, signature, signed) = parts(&made(&typed(&pem, &[]), UNIX_EPOCH).unwrap());
            assert_eq!(head["alg"], name);
            UnparsedPublicKey::new(verifies, pair.public_key_raw()).verify(signed.as_bytes(), &signature).unwrap();
            let told = made(&typed(&pem, &["--alg", "RS256"]), UNIX_EPOCH).unwrap_err();
            assert!(told.text(false).unwrap().contains("--alg that is of it"), "{name}");
        }
    }
}
