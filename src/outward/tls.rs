//! TLS towards addresses: who is trusted, and why somebody is not.

use super::RequestFault;
use crate::auth::{Authorities, WebAddress};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings that are kept; with more, all are made anew.
const KEPT_MAX: usize = 64;

/// What was made for each set of authorities; `None`: the system's. Sessions of TLS are resumed by what it remembers.
#[derive(Default)]
pub(super) struct Trust(BTreeMap<Option<[u8; 32]>, Arc<ClientConfig>>);

impl Trust {
    /// The settings for this address. The first time, the system's authorities are read from disk.
    ///
    /// # Errors
    /// There are no authorities.
    pub(super) fn of(&mut self, address: &WebAddress) -> Result<Arc<ClientConfig>, RequestFault> {
        let mark = address.authorities().map(mark);
        if let Some(known) = self.0.get(&mark) {
            return Ok(Arc::clone(known));
        }
        let mut roots = RootCertStore::empty();
        match address.authorities() {
            Some(authorities) => roots.add_parsable_certificates(authorities.iter().cloned()),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        };
        if roots.is_empty() {
            return Err(RequestFault::Untrusted("no authority to trust: this host has none; set `ca`"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|_| RequestFault::Untrusted("no version of TLS"))?;
        let mut settings = builder.with_root_certificates(roots).with_no_client_auth();
        settings.alpn_protocols = vec![b"http/1.1".to_vec()];
        let settings = Arc::new(settings);
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        self.0.insert(mark, Arc::clone(&settings));
        Ok(settings)
    }
}

fn mark(authorities: &Authorities) -> [u8; 32] {
    let mut hash = Sha256::new();
    authorities.iter().for_each(|authority| hash.update(authority));
    hash.finalize().into()
}

/// Why a handshake failed, in words of our own: the library's quote the certificate.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's own, which grows")]
pub(super) fn fault(error: &std::io::Error) -> RequestFault {
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    RequestFault::Untrusted(match inner {
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "a certificate whose time is over",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "a certificate whose time has not come"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "a certificate of another host"
            }
            // Signed by another of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "a certificate of an authority that is not trusted"
            }
            _ => "a certificate that cannot be trusted",
        },
        Some(_) => "a TLS handshake that failed",
        None => return RequestFault::Broken,
    })
}
