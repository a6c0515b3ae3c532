//! What a client's certificate says of the client. TLS has verified it before anybody reads it here.
//! Source: section 11.7 of the reference.

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
