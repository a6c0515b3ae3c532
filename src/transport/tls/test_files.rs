//! Certificates for the tests of this folder.

use super::files::Pair;
use crate::transport::settings::CertificateFiles;
use rcgen::{CertificateParams, KeyPair};
use std::path::Path;

/// Writes a self-signed pair for these hosts.
pub(super) fn write_pair(folder: &Path, hosts: &[&str]) -> CertificateFiles {
    let files = CertificateFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
    std::fs::write(&files.cert, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// A pair for these hosts.
pub(super) fn pair(hosts: &[&str]) -> Pair {
    let folder = tempfile::tempdir().unwrap();
    Pair::read(&write_pair(folder.path(), hosts)).unwrap()
}
