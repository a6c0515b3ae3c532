//! Addresses of HTTP outside of the router that are asked about identities, as the configuration names them. Data only: whoever
//! asks is `outward`.

use rustls::pki_types::CertificateDer;
use std::fmt;
use std::sync::Arc;
use url::{Host, Url};

/// Octets of an address.
const OCTETS_MAX: usize = 2048;

/// Authorities in PEM that a configuration may name for one address.
pub type Authorities = Arc<[CertificateDer<'static>]>;

/// Why a text is no address that can be asked. No text here quotes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WebAddressError {
    /// No URL at all.
    #[error("expected a URL such as \"https://id.example/keys\", of at most 2048 octets")]
    Malformed,
    /// Another scheme.
    #[error("expected https:// (or http:// to this host)")]
    Scheme,
    /// A name or password in it, which would be shown with it.
    #[error("expected no user and no password in the address: it is shown in the log")]
    Credentials,
    /// A part that is never sent.
    #[error("expected no # in the address: what follows it is not sent")]
    Fragment,
}

/// Where something is asked over HTTP, and who is trusted to speak for it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress {
    url: Url,
    /// The only ones that are trusted; `None`: those of the system.
    authorities: Option<Authorities>,
}

impl WebAddress {
    /// Reads one.
    ///
    /// # Errors
    /// [`WebAddressError`].
    pub fn parse(text: &str) -> Result<Self, WebAddressError> {
        let url = Some(text).filter(|text| text.len() <= OCTETS_MAX).and_then(|text| Url::parse(text).ok());
        let url = url.ok_or(WebAddressError::Malformed)?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(WebAddressError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebAddressError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(WebAddressError::Fragment);
        }
        Ok(Self { url, authorities: None })
    }

    /// The same, where only these are trusted.
    #[must_use]
    pub fn trusting(self, authorities: Authorities) -> Self {
        Self { authorities: Some(authorities), ..self }
    }

    /// The only authorities that are trusted; `None`: those of the system.
    pub fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// Whether it is asked within TLS.
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is on this host by its name alone.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> String {
        match self.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        }
    }

    /// The port, which every scheme here has.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// What the header Host says.
    pub fn authority(&self) -> &str {
        self.url.authority()
    }

    /// What the first line of a request says: path and query.
    pub fn target(&self) -> &str {
        &self.url[url::Position::BeforePath..]
    }
}

/// For the log: without the query, where some put their keys.
impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url[..url::Position::AfterPath])
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} with {:?} authorities", self.authorities.as_ref().map(|all| all.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_http_without_a_password_and_shown_without_its_query() {
        let address = WebAddress::parse("https://id.example:8443/keys?key=s3cret").unwrap();
        assert_eq!(address.to_string(), "https://id.example:8443/keys");
        assert!(!format!("{address:?}").contains("s3cret"));
        assert_eq!((address.host().as_str(), address.port()), ("id.example", 8443));
        assert_eq!((address.authority(), address.target()), ("id.example:8443", "/keys?key=s3cret"));
        assert_eq!(WebAddress::parse("https://id.example").unwrap().target(), "/");
        let ipv6 = WebAddress::parse("http://[::1]:80/a").unwrap();
        assert_eq!((ipv6.host().as_str(), ipv6.authority(), ipv6.port()), ("::1", "[::1]", 80));
        for (text, error) in [
            ("", WebAddressError::Malformed),
            ("id.example/keys", WebAddressError::Malformed),
            ("https://", WebAddressError::Malformed),
            ("ftp://id.example/", WebAddressError::Scheme),
            ("file:///etc/passwd", WebAddressError::Scheme),
            ("https://joe:s3cret@id.example/", WebAddressError::Credentials),
            ("https://joe@id.example/", WebAddressError::Credentials),
            ("https://id.example/#keys", WebAddressError::Fragment),
        ] {
            assert_eq!(WebAddress::parse(text).map(|address| address.to_string()), Err(error), "{text}");
        }
        let long = format!("https://id.example/{}", "x".repeat(OCTETS_MAX));
        assert_eq!(WebAddress::parse(&long), Err(WebAddressError::Malformed));
    }

    #[test]
    fn this_host_is_known_by_its_name_or_number_alone() {
        for (text, expected) in [
            ("http://localhost:1/", true),
            ("http://127.0.0.1/", true),
            ("http://127.1/", true),
            ("http://[::1]/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://id.example/", false),
        ] {
            assert_eq!(WebAddress::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }
}
