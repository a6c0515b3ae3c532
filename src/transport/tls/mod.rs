//! TLS of a listener: what handshakes are made with, and the stream that comes of one.
//!
//! What handshakes are made with is one value that is replaced as a whole when its files change: connections that are open keep
//! what they began with. No resumption where clients have certificates: a resumed session brings a certificate along that
//! nobody verifies again.

mod choose;
mod files;
mod names;
mod secured;
#[cfg(test)]
mod test_files;
mod watch;

pub use files::{authorities, authorities_of, Pair, Part, TlsFault, Wrong};
pub use watch::{Known, Outcome, Stamps, Watch, Watched, LOOK};

pub(super) use secured::Secured;

use super::settings::{ClientAuth, TlsSettings, TlsVersion};
use arc_swap::ArcSwap;
use choose::Choice;
use rustls::crypto::ring::Ticketer;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// What is spoken inside, for clients that ask.
const ALPN_HTTP: &[u8] = b"http/1.1";

/// TLS on one listener.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    serves_http: bool,
    /// The files as they were before they were first read.
    opened: Stamps,
    used: ArcSwap<Used>,
}

/// Files that were read again and are not used yet.
#[derive(Debug)]
pub struct Fresh(Used);

/// What handshakes are made with.
#[derive(Debug)]
struct Used {
    config: Arc<ServerConfig>,
    valid_until: SystemTime,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsFault`] for the first file that cannot be used.
    pub fn open(settings: TlsSettings, serves_http: bool) -> Result<Self, TlsFault> {
        let opened = Stamps::of(&settings);
        let used = use_files(&settings, serves_http)?;
        Ok(Self { settings, serves_http, opened, used: ArcSwap::from_pointee(used) })
    }

    /// Reads the files again, for the handshakes to come.
    ///
    /// # Errors
    /// [`TlsFault`]; what was read before is used on. A certificate whose time is over takes no other's place.
    pub fn reload(&self, now: SystemTime) -> Result<(), TlsFault> {
        self.change_to(self.read_again(now)?);
        Ok(())
    }

    /// Reads the files again, for [`change_to`](Self::change_to).
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub fn read_again(&self, now: SystemTime) -> Result<Fresh, TlsFault> {
        let used = use_files(&self.settings, self.serves_http)?;
        if used.valid_until < now && self.used.load().valid_until >= now {
            let path = self.settings.certificates.first().map(|files| files.cert.clone()).unwrap_or_default();
            return Err(TlsFault { part: Part::Certificate, path, wrong: Wrong::Expired });
        }
        Ok(Fresh(used))
    }

    /// What was read is what handshakes are made with from now on.
    pub fn change_to(&self, Fresh(used): Fresh) {
        self.used.store(Arc::new(used));
    }

    /// Whether it is of these settings.
    pub fn is_of(&self, settings: &TlsSettings, serves_http: bool) -> bool {
        self.settings == *settings && self.serves_http == serves_http
    }

    /// When the first of its certificates ends.
    pub fn valid_until(&self) -> SystemTime {
        self.used.load().valid_until
    }

    /// What the next handshake is made with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.used.load().config)
    }
}

fn use_files(settings: &TlsSettings, serves_http: bool) -> Result<Used, TlsFault> {
    let pairs: Vec<Pair> = settings.certificates.iter().map(Pair::read).collect::<Result<_, _>>()?;
    let roots = match (&settings.client_ca, settings.client_auth) {
        (Some(path), ClientAuth::Optional | ClientAuth::Required) => Some((path, authorities(path)?)),
        (_, ClientAuth::Off) | (None, _) => None,
    };
    let valid_until = pairs.iter().map(|pair| pair.valid_until).min().unwrap_or(SystemTime::UNIX_EPOCH);
    let versions: &[_] = match settings.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let refused = |error| {
        let path = settings.certificates.first().map(|files| files.cert.clone()).unwrap_or_default();
        TlsFault { part: Part::Certificate, path, wrong: Wrong::Refused(error) }
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider())).with_protocol_versions(versions);
    let builder = builder.map_err(refused)?;
    let has_clients_certificates = roots.is_some();
    let builder = match roots {
        Some((path, roots)) => builder.with_client_cert_verifier(verifier(path, roots, settings.client_auth)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Choice::new(pairs)));
    // Without it an exporter of TLS 1.2 may be the same for two connections (RFC 9266, section 4.2).
    config.require_ems = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if has_clients_certificates {
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new().map_err(refused)?;
    }
    if serves_http {
        config.alpn_protocols = vec![ALPN_HTTP.to_vec()];
    }
    Ok(Used { config: Arc::new(config), valid_until })
}

fn verifier(
    path: &Path,
    roots: RootCertStore,
    client_auth: ClientAuth,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider()));
    let builder = match client_auth {
        ClientAuth::Required => builder,
        ClientAuth::Optional | ClientAuth::Off => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|_| TlsFault { part: Part::ClientCa, path: path.to_owned(), wrong: Wrong::BadCertificate })
}

/// The cryptography, the same for all; never the default of the process, which may be that of an embedding program.
fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider()))
}
