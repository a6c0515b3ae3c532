//! The method `tls`: the certificate that the client has shown is the proof. TLS has verified it before anybody reads it here.
//! Source: section 11.7 of the reference.

use super::{AuthSettings, Claim, Identity, Method};

/// The names in a verified client certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Certificate {
    /// The subject's common name.
    pub subject_cn: Option<String>,
    /// Alternative names that are host names.
    pub dns: Vec<String>,
    /// Alternative names that are URIs.
    pub uris: Vec<String>,
    /// Alternative names that are e-mail addresses.
    pub emails: Vec<String>,
    /// SHA-256 of the whole certificate, in lower-case hex.
    pub sha256: String,
}

/// Which name of a certificate is the authid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CertificateName {
    /// The subject's common name.
    #[default]
    SubjectCn,
    /// A host name.
    SanDns,
    /// A URI.
    SanUri,
    /// An e-mail address.
    SanEmail,
    /// The certificate's SHA-256.
    Sha256,
}

/// `auth.tls`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateSettings {
    /// What of the certificate is the authid.
    pub authid: CertificateName,
    /// The role of all who come in with one.
    pub role: String,
}

impl Certificate {
    fn names(&self, kind: CertificateName) -> &[String] {
        match kind {
            CertificateName::SubjectCn => self.subject_cn.as_slice(),
            CertificateName::SanDns => &self.dns,
            CertificateName::SanUri => &self.uris,
            CertificateName::SanEmail => &self.emails,
            CertificateName::Sha256 => std::slice::from_ref(&self.sha256),
        }
    }
}

/// Lets the client in under the name in its certificate: the one that it says, if the certificate has several. No other name,
/// whatever it says (A4), and none that is empty.
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>) -> Option<Identity> {
    let (settings, certificate) = (settings.tls.as_ref()?, claim.certificate?);
    let names = certificate.names(settings.authid);
    let name = match claim.authid {
        Some(said) => names.iter().find(|name| *name == said)?,
        None => names.first()?,
    };
    (!name.is_empty()).then(|| Identity {
        authid: name.as_str().into(),
        authrole: settings.role.as_str().into(),
        authmethod: Method::Tls.name().into(),
        authprovider: "static".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::Knock;
    use super::super::{Denied, Opening};
    use super::*;

    fn certificate() -> Certificate {
        Certificate {
            subject_cn: Some("joe".to_owned()),
            dns: vec!["a.example".to_owned(), "b.example".to_owned()],
            uris: vec!["urn:joe".to_owned()],
            emails: Vec::new(),
            sha256: "00ff".to_owned(),
        }
    }

    fn hello(
        name: CertificateName,
        certificate: Option<&Certificate>,
        methods: &[&str],
        authid: Option<&str>,
    ) -> Result<Opening, Denied> {
        let tls = Some(CertificateSettings { authid: name, role: "device".to_owned() });
        let settings = AuthSettings { tls, ..AuthSettings::default() };
        let knock = Knock { certificate: certificate.cloned(), ..Knock::at(settings) };
        knock.hello(methods, authid, &[])
    }

    /// Section 11.7.
    #[test]
    fn the_name_in_the_certificate_is_the_authid_whatever_the_client_says() {
        use CertificateName::{SanDns, SanEmail, SanUri, Sha256, SubjectCn};
        let certificate = certificate();
        for (name, authid, expected) in [
            (SubjectCn, None, Some("joe")),
            (SubjectCn, Some("joe"), Some("joe")),
            (SubjectCn, Some("ann"), None),
            (SanDns, None, Some("a.example")),
            (SanDns, Some("b.example"), Some("b.example")),
            (SanDns, Some("joe"), None),
            (SanUri, None, Some("urn:joe")),
            (SanEmail, None, None),
            (Sha256, None, Some("00ff")),
        ] {
            let found = match hello(name, Some(&certificate), &["tls"], authid) {
                Ok(Opening::Welcome(identity)) => {
                    assert_eq!((&*identity.authrole, &*identity.authmethod), ("device", "tls"));
                    Some(identity.authid.to_string())
                }
                Ok(Opening::Challenge(_) | Opening::Ask(_)) => panic!("nothing is asked"),
                Err(_) => None,
            };
            assert_eq!(found.as_deref(), expected, "{name:?} {authid:?}");
        }
    }

    #[test]
    fn who_has_no_certificate_or_an_empty_name_in_it_is_not_let_in() {
        assert!(hello(CertificateName::SubjectCn, None, &["tls"], Some("joe")).is_err());
        let nameless = Certificate { subject_cn: Some(String::new()), ..certificate() };
        assert!(hello(CertificateName::SubjectCn, Some(&nameless), &["tls"], None).is_err());
    }

    /// The credential came by the transport (order of authentication).
    #[test]
    fn a_client_that_names_no_method_is_let_in_by_its_certificate_before_anonymous() {
        let certificate = certificate();
        let Ok(Opening::Welcome(identity)) = hello(CertificateName::SubjectCn, Some(&certificate), &[], None) else {
            panic!("not welcomed")
        };
        assert_eq!(&*identity.authid, "joe");
        assert!(hello(CertificateName::SubjectCn, Some(&certificate), &["anonymous"], None).is_err());
    }
}
