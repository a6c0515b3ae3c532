//! What is read in a certificate: whose it is, and when it holds.

use crate::auth::Certificate;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::time::SystemTime;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::SubjectAltName;

/// A certificate's names and time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Read {
    pub(super) names: Certificate,
    pub(super) valid_until: SystemTime,
}

/// Reads a certificate; `None` if it is none.
pub(super) fn read(certificate: &CertificateDer<'_>) -> Option<Read> {
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    let body = parsed.tbs_certificate();
    let subject_cn = body.subject().common_name().ok().flatten().map(|name| name.value().into_owned());
    let sha256 = Sha256::digest(certificate).iter().fold(String::with_capacity(64), |mut hex, octet| {
        let _never_fails = write!(hex, "{octet:02x}");
        hex
    });
    let mut names = Certificate { subject_cn, sha256, ..Certificate::default() };
    // A list of which one entry cannot be read names nobody.
    if let Ok(Some((_, alternatives))) = body.get_extension::<SubjectAltName>() {
        for name in alternatives.0 {
            match name {
                GeneralName::DnsName(name) => names.dns.push(name.to_string()),
                GeneralName::UniformResourceIdentifier(name) => names.uris.push(name.to_string()),
                GeneralName::Rfc822Name(name) => names.emails.push(name.to_string()),
                GeneralName::OtherName(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EdiPartyName(_)
                | GeneralName::IpAddress(_)
                | GeneralName::RegisteredId(_) => {}
            }
        }
    }
    Some(Read { names, valid_until: body.validity().not_after.to_system_time() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    #[test]
    fn every_kind_of_name_is_read() {
        let mut params = CertificateParams::new(vec!["a.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "J\u{f6} Doe");
        params.subject_alt_names.push(SanType::URI("urn:device:7".try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("jo@example.com".try_into().unwrap()));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = read(made.der()).unwrap();
        assert_eq!(read.names.subject_cn.as_deref(), Some("J\u{f6} Doe"));
        assert_eq!(read.names.dns, ["a.example"]);
        assert_eq!(read.names.uris, ["urn:device:7"]);
        assert_eq!(read.names.emails, ["jo@example.com"]);
        assert_eq!(read.names.sha256.len(), 64);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert_eq!(read(&CertificateDer::from(vec![0x30, 0x82, 0xFF, 0xFF])), None);
        assert_eq!(read(&CertificateDer::from(Vec::new())), None);
    }
}
