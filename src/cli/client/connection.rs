//! The flags that say where to connect and as whom. A flag counts before a variable, a variable before the context, the
//! context before the default.

use super::contexts::{self, Context};
use super::failure::Failure;
use super::secret::SecretSource;
use super::time;
use crate::auth::{Credentials, Method, RouterKey, Secret};
use crate::client::{Address, Login, Session, TlsFiles};
use crate::wamp::{Serialization, Uri};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Where dev mode listens.
const DEFAULT_URL: &str = "ws://127.0.0.1:8080/ws";

/// How messages are written, as it is typed.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Serializer {
    /// JSON text.
    Json,
    /// MessagePack.
    Msgpack,
    /// CBOR.
    Cbor,
}

impl From<Serializer> for Serialization {
    fn from(serializer: Serializer) -> Self {
        match serializer {
            Serializer::Json => Self::Json,
            Serializer::Msgpack => Self::MessagePack,
            Serializer::Cbor => Self::Cbor,
        }
    }
}

/// Where, and as whom; every command of the client takes these.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct EndpointArguments {
    /// The router: ws://, wss://, rs://HOST:PORT, rss://HOST:PORT or unix:/PATH; else ws://127.0.0.1:8080/ws.
    #[arg(long, env = "WHARF_URL", hide_env_values = true)]
    pub(super) url: Option<String>,
    /// Who.
    #[arg(long, env = "WHARF_AUTHID", hide_env_values = true)]
    pub(super) authid: Option<String>,
    /// The role to wish for.
    #[arg(long, env = "WHARF_AUTHROLE", hide_env_values = true)]
    pub(super) authrole: Option<String>,
    /// Only these methods, in this order; else those that the secrets below are for.
    #[arg(long, env = "WHARF_AUTHMETHOD", hide_env_values = true, value_delimiter = ',', value_name = "METHOD")]
    pub(super) authmethod: Vec<String>,
    /// For ticket: env:NAME, file:PATH or - for standard input. [env: WHARF_TICKET]
    #[arg(long, value_name = "SECRET")]
    pub(super) ticket: Option<SecretSource>,
    /// The password or secret of wamp-scram and wampcra, in the same way. [env: WHARF_SECRET]
    #[arg(long, value_name = "SECRET")]
    pub(super) secret: Option<SecretSource>,
    /// The private key of cryptosign, 64 hexadecimal digits, in the same way. [env: WHARF_PRIVATE_KEY]
    #[arg(long, value_name = "SECRET")]
    pub(super) private_key: Option<SecretSource>,
    /// A JSON Web Token, in the same way. [env: WHARF_JWT]
    #[arg(long, value_name = "SECRET")]
    pub(super) jwt: Option<SecretSource>,
    /// How messages are written; else json.
    #[arg(long, env = "WHARF_SERIALIZER", hide_env_values = true, value_enum)]
    pub(super) serializer: Option<Serializer>,
    /// The client's certificate, in PEM with its chain.
    #[arg(long, value_name = "FILE")]
    pub(super) cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// The authorities to trust, in PEM; else the system's.
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// Trusts any certificate: for tests only.
    #[arg(long)]
    pub(super) insecure: bool,
    /// Binds cryptosign and wamp-scram to the TLS connection.
    #[arg(long)]
    pub(super) channel_binding: bool,
    /// The named connection to take what is missing from; else the one chosen by `wharf context use`.
    #[arg(long, env = "WHARF_CONTEXT", hide_env_values = true, value_name = "NAME")]
    context: Option<String>,
    /// How long connecting and logging in may take.
    #[arg(long, value_parser = time, default_value = "5s", value_name = "TIME")]
    connect_timeout: Duration,
}

/// The same with the realm.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct ConnectionArguments {
    /// The realm; else realm1.
    #[arg(long, env = "WHARF_REALM", hide_env_values = true)]
    pub(super) realm: Option<String>,
    #[command(flatten)]
    pub(super) endpoint: EndpointArguments,
}

/// A connection that is settled: what [`Session::join`] takes.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Connection {
    pub(in crate::cli) login: Login,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`Failure`], with the address.
    pub(in crate::cli) async fn join(&self) -> Result<Session, Failure> {
        Session::join(&self.login).await.map_err(|fault| Failure::join(&self.login.address.to_string(), fault))
    }
}

impl ConnectionArguments {
    /// What holds of flags, variables, context and defaults.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(in crate::cli) fn connection(&self) -> Result<Connection, Failure> {
        let context = self.endpoint.context()?;
        let realm = given(&self.realm).or_else(|| context.realm.clone());
        self.endpoint.settle(&context, realm.unwrap_or_else(|| "realm1".to_owned()))
    }
}

impl EndpointArguments {
    /// The same towards this realm, whatever the context says.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(in crate::cli) fn towards(&self, realm: &str) -> Result<Connection, Failure> {
        self.settle(&self.context()?, realm.to_owned())
    }

    fn context(&self) -> Result<Context, Failure> {
        contexts::find(given(&self.context).as_deref())
    }

    fn settle(&self, context: &Context, realm: String) -> Result<Connection, Failure> {
        let url = given(&self.url).or_else(|| context.url.clone()).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let address: Address = url.parse().map_err(|fault| Failure::Usage(format!("--url: {fault}")))?;
        let tls = TlsFiles {
            ca: self.ca.clone().or_else(|| context.ca.clone()),
            cert: self.cert.clone().or_else(|| context.cert.clone()),
            key: self.key.clone().or_else(|| context.key.clone()),
            insecure: self.insecure,
        };
        let certificate = address.is_secure() && tls.cert.is_some();
        let serializer = self.serializer.or(context.serializer).unwrap_or(Serializer::Json);
        let methods = if self.authmethod.is_empty() { &context.authmethod } else { &self.authmethod };
        let login = Login {
            address,
            tls,
            serialization: serializer.into(),
            realm: Uri::from(realm),
            authid: given(&self.authid).or_else(|| context.authid.clone()),
            authrole: given(&self.authrole).or_else(|| context.authrole.clone()),
            methods: methods
                .iter()
                .filter(|name| !name.is_empty())
                .map(|name| method(name))
                .collect::<Result<_, _>>()?,
            credentials: Credentials { certificate, ..self.credentials(context)? },
            binds: self.channel_binding || context.channel_binding,
            timeout: self.connect_timeout,
        };
        Ok(Connection { login })
    }

    fn credentials(&self, context: &Context) -> Result<Credentials, Failure> {
        let key = secret("private-key", "WHARF_PRIVATE_KEY", &self.private_key, context.private_key.as_ref())?;
        let wrong = || Failure::usage("--private-key: expected 64 hexadecimal digits, as `wharf keygen` makes them");
        Ok(Credentials {
            ticket: secret("ticket", "WHARF_TICKET", &self.ticket, context.ticket.as_ref())?,
            secret: secret("secret", "WHARF_SECRET", &self.secret, context.secret.as_ref())?,
            private_key: key.map(|key| RouterKey::parse(key.expose()).ok_or_else(wrong)).transpose()?,
            token: secret("jwt", "WHARF_JWT", &self.jwt, context.jwt.as_ref())?,
            certificate: false,
        })
    }
}

/// An empty variable counts as none.
fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

fn secret(
    flag: &str,
    variable: &str,
    typed: &Option<SecretSource>,
    kept: Option<&super::secret::KeptSource>,
) -> Result<Option<Secret>, Failure> {
    if let Some(typed) = typed {
        typed.warn(flag);
        return typed.read(flag).map(Some);
    }
    let of_variable = std::env::var(variable).ok().filter(|text| !text.is_empty());
    let source = match of_variable {
        // Infallible: any text is one of them.
        Some(text) => text.parse().ok(),
        None => kept.cloned().map(SecretSource::from),
    };
    source.map(|source: SecretSource| source.read(flag)).transpose()
}

fn method(name: &str) -> Result<Method, Failure> {
    let known = |method: &&Method| !matches!(method, Method::Cookie);
    let found = Method::ALL.iter().filter(known).find(|method| method.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Method::ALL.iter().filter(known).map(|method| method.name()).collect();
        Failure::Usage(format!(
            "--authmethod: there is no method `{}`; there are: {}",
            name.escape_debug(),
            names.join(", ")
        ))
    })
}
