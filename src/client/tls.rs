//! TLS towards a router: whom to trust, and which certificate to show.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which files TLS takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsFiles {
    /// The authorities to trust; else the system's.
    pub ca: Option<PathBuf>,
    /// The certificate to show, with its chain.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Trusts anybody.
    pub insecure: bool,
}

/// Why the files do not do.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesFault {
    /// Not to be read, or not of this kind.
    #[error("{}: expected {expected} in PEM: {source}", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// Why it cannot be read.
        source: rustls::pki_types::pem::Error,
    },
    /// Nothing of this kind is in it.
    #[error("{}: expected {expected} in PEM, and there is none", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// One without the other.
    #[error("a certificate and its key go together: expected both --cert and --key")]
    Half,
    /// The system has no authorities.
    #[error("this system has no authorities to trust: name some with --ca")]
    NoRoots,
    /// The library does not take them.
    #[error("{0}")]
    Refused(#[from] Error),
}

const CERTIFICATE: &str = "a certificate";

/// The settings of TLS.
///
/// # Errors
/// [`TlsFilesFault`].
pub(super) fn settings(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsFilesFault> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if files.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        builder.with_root_certificates(roots(files.ca.as_deref())?)
    };
    let mut settings = match (&files.cert, &files.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let expected = "a private key";
            let read = PrivateKeyDer::from_pem_file(key);
            let read = read.map_err(|source| TlsFilesFault::Pem { path: key.clone(), expected, source })?;
            builder.with_client_auth_cert(certificates(cert)?, read)?
        }
        (Some(_), None) | (None, Some(_)) => return Err(TlsFilesFault::Half),
    };
    settings.alpn_protocols = Vec::new();
    Ok(Arc::new(settings))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsFilesFault> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsFilesFault::NoRoots);
            }
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesFault> {
    let wrong = |source| TlsFilesFault::Pem { path: path.to_owned(), expected: CERTIFICATE, source };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if certificates.is_empty() {
        return Err(TlsFilesFault::Empty { path: path.to_owned(), expected: CERTIFICATE });
    }
    Ok(certificates)
}

/// `--insecure`: any certificate will do; its key must still sign the handshake.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
