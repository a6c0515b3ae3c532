//! `[listeners.NAME.tls]`: which files there are, and whether they can be used together. They are read here once, so that a
//! mistake is found before anything starts.

use super::Resolver;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::Tls;
use crate::transport::settings::{CertificateFiles, ClientAuth, TlsSettings, TlsVersion};
use crate::transport::tls::{authorities, Pair, Part, TlsFault, Wrong};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

impl Resolver<'_> {
    /// TLS of a listener; `None` where it has none.
    pub(super) fn tls(&mut self, shape: &Placed<Tls>) -> Option<TlsSettings> {
        let (Some(cert), Some(key)) = (&shape.cert.value, &shape.key.value) else {
            self.check_half_of_tls(shape);
            return None;
        };
        let files = CertificateFiles {
            cert: self.beside(&shape.cert, Path::new(cert)),
            key: self.beside(&shape.key, Path::new(key)),
        };
        self.pair(&files, &shape.cert, &shape.key);
        let mut certificates = vec![files];
        for pair in shape.certificates.value.iter().flat_map(|more| &more.0) {
            // What is missing is noted already.
            if pair.cert.is_given() && pair.key.is_given() {
                let files = CertificateFiles {
                    cert: self.beside(&pair.cert, Path::new(&pair.cert.value)),
                    key: self.beside(&pair.key, Path::new(&pair.key.value)),
                };
                if self.pair(&files, &pair.cert, &pair.key).is_some_and(|read| !read.has_names()) {
                    let message = format!("{} {}", pair.cert.value, Wrong::NoNames);
                    self.error(Code::TlsFiles, &pair.cert, message, "expected a DNS name among its alternative names");
                }
                certificates.push(files);
            }
        }
        Some(TlsSettings {
            certificates,
            watch: shape.watch.value,
            min_version: shape.min_version.value,
            client_auth: shape.client_auth.value,
            client_ca: self.client_ca(shape),
        })
    }

    /// Notes keys that mean nothing without a certificate: whoever wrote them wants TLS.
    fn check_half_of_tls(&mut self, shape: &Placed<Tls>) {
        let says = [
            shape.cert.value.is_some() || shape.key.value.is_some(),
            shape.certificates.value.is_some() || shape.client_ca.value.is_some(),
            shape.min_version.value != TlsVersion::default() || shape.client_auth.value != ClientAuth::default(),
        ];
        let is_empty = shape.is_given()
            && !(shape.watch.is_given() || shape.min_version.is_given() || shape.client_auth.is_given());
        let unread = [&shape.cert, &shape.key].iter().any(|key| key.broken);
        if unread || !(is_empty || says.contains(&true)) {
            return;
        }
        for (name, key) in [("cert", &shape.cert), ("key", &shape.key)] {
            if key.value.is_none() {
                self.error(
                    Code::MissingKey,
                    shape,
                    format!("`{name}` is missing"),
                    "there is no TLS without a certificate and its key",
                );
            }
        }
    }

    fn client_ca(&mut self, shape: &Tls) -> Option<PathBuf> {
        let path = shape.client_ca.value.as_ref().map(|path| self.beside(&shape.client_ca, Path::new(path)));
        match (&path, shape.client_auth.value) {
            (_, ClientAuth::Off) => {}
            (Some(path), ClientAuth::Optional | ClientAuth::Required) => {
                if let Err(fault) = authorities(path) {
                    self.error(Code::TlsFiles, &shape.client_ca, fault.to_string(), "");
                }
            }
            (None, ClientAuth::Optional | ClientAuth::Required) => {
                let hint = "`client_auth` needs the authorities that clients' certificates are of";
                if !shape.client_ca.broken {
                    self.error(Code::MissingKey, &shape.client_auth, "`client_ca` is missing", hint);
                }
            }
        }
        path
    }

    /// Reads a pair and notes what is wrong with it.
    fn pair<A, B>(&mut self, files: &CertificateFiles, cert: &Placed<A>, key: &Placed<B>) -> Option<Pair> {
        if let Ok(data) = std::fs::metadata(&files.key) {
            self.check_readers(key, &data, &files.key);
        }
        match Pair::read(files) {
            Ok(pair) => {
                if pair.has_expired(SystemTime::now()) {
                    let message = format!("{} {}", files.cert.display(), Wrong::Expired);
                    self.warn(Code::TlsFiles, cert, message, "clients will refuse it");
                }
                Some(pair)
            }
            Err(fault) => {
                let code = code(&fault);
                match fault.part {
                    Part::Key => self.error(code, key, fault.to_string(), ""),
                    Part::Certificate | Part::ClientCa => self.error(code, cert, fault.to_string(), ""),
                }
                None
            }
        }
    }
}

/// A key that is not there is a secret that is not there.
fn code(fault: &TlsFault) -> Code {
    match (fault.part, &fault.wrong) {
        (Part::Key, Wrong::Unreadable(_)) => Code::SecretNotFound,
        _ => Code::TlsFiles,
    }
}
