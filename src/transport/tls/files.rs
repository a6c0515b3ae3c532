//! The files of TLS: certificates with their keys, and the authorities of clients, read and checked.

use super::names;
use crate::transport::settings::CertificateFiles;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::{Zeroize, Zeroizing};

/// More than any chain of certificates has; what is longer is not what was meant.
const FILE_MAX: u64 = 1 << 20;

/// Which of a listener's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The certificate of a pair.
    Certificate,
    /// The key of a pair.
    Key,
    /// The authorities of clients.
    ClientCa,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is too long.
    #[error("is longer than 1 MiB: expected PEM")]
    TooLong,
    /// There is no certificate in it.
    #[error("holds no certificate: expected PEM with BEGIN CERTIFICATE")]
    NoCertificate,
    /// A certificate in it is none.
    #[error("holds a certificate that cannot be read")]
    BadCertificate,
    /// There is no key in it.
    #[error("holds no key that can be read: expected PEM with BEGIN PRIVATE KEY, and no passphrase")]
    NoKey,
    /// Its key is of an unknown kind.
    #[error(
        "holds a key of a kind that is not known: expected RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519"
    )]
    UnknownKey,
    /// Key and certificate are not of each other.
    #[error("holds a key that does not belong to the certificate")]
    Mismatch,
    /// The certificate is over.
    #[error("holds a certificate whose time is over")]
    Expired,
    /// The certificate could never be chosen.
    #[error("holds a certificate without a host name in it: no client could ask for it")]
    NoNames,
    /// The library does not take it.
    #[error("cannot be used: {0}")]
    Refused(Error),
}

/// A file of TLS that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} {wrong}", path.display())]
pub struct TlsFault {
    /// Which file.
    pub part: Part,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// A certificate with its key, which belong together.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// The host names in it, in lower case; they may begin with `*.`.
    pub(super) hosts: Vec<String>,
    pub(super) valid_until: SystemTime,
}

impl Pair {
    /// Reads a pair and checks that it is one.
    ///
    /// # Errors
    /// [`TlsFault`] names the file that is at fault. A certificate whose time is over is no fault here.
    pub fn read(files: &CertificateFiles) -> Result<Self, TlsFault> {
        let of_certificate = |wrong| TlsFault { part: Part::Certificate, path: files.cert.clone(), wrong };
        let of_key = |wrong| TlsFault { part: Part::Key, path: files.key.clone(), wrong };
        let chain = certificates(&files.cert).map_err(of_certificate)?;
        let first = chain.first().ok_or_else(|| of_certificate(Wrong::NoCertificate))?;
        let read = names::read(first).ok_or_else(|| of_certificate(Wrong::BadCertificate))?;
        let octets = octets(&files.key).map_err(of_key)?;
        let mut key = PrivateKeyDer::from_pem_slice(&octets).map_err(|_| of_key(Wrong::NoKey))?;
        let signing = super::provider().key_provider.load_private_key(key.clone_key());
        key.zeroize();
        let key = CertifiedKey::new(chain, signing.map_err(|_| of_key(Wrong::UnknownKey))?);
        match key.keys_match() {
            // A key that does not tell its public half cannot be compared.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => return Err(of_key(Wrong::Mismatch)),
            Err(_) => return Err(of_certificate(Wrong::BadCertificate)),
        }
        let hosts = read.names.dns.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Self { key: Arc::new(key), hosts, valid_until: read.valid_until })
    }

    /// Whether a client could ask for it by a host name.
    pub fn has_names(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Whether its time is over at `now`.
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.valid_until < now
    }
}

/// Reads the authorities of clients.
///
/// # Errors
/// [`TlsFault`].
pub fn authorities(path: &Path) -> Result<RootCertStore, TlsFault> {
    Ok(read_authorities(path)?.0)
}

/// Reads authorities, and checks that each can be trusted.
///
/// # Errors
/// [`TlsFault`].
pub fn authorities_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    Ok(read_authorities(path)?.1)
}

fn read_authorities(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsFault> {
    let fault = |wrong| TlsFault { part: Part::ClientCa, path: path.to_owned(), wrong };
    let mut roots = RootCertStore::empty();
    let certificates = certificates(path).map_err(fault)?;
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|_| fault(Wrong::BadCertificate))?;
    }
    if roots.is_empty() {
        return Err(fault(Wrong::NoCertificate));
    }
    Ok((roots, certificates))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let octets = octets(path)?;
    CertificateDer::pem_slice_iter(&octets).collect::<Result<_, _>>().map_err(|_| Wrong::BadCertificate)
}

fn octets(path: &Path) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let mut octets = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(Wrong::Unreadable)?;
    // One allocation, as far as the size is true: what a growing buffer leaves behind would not be wiped.
    let size = file.metadata().map_or(0, |data| data.len()).min(FILE_MAX);
    octets.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
    file.take(FILE_MAX + 1).read_to_end(&mut octets).map_err(Wrong::Unreadable)?;
    if octets.len() as u64 > FILE_MAX {
        return Err(Wrong::TooLong);
    }
    Ok(octets)
}
