//! Where a router is: `ws://host:port/path`, `wss://..`, `rs://host:port`, `rss://..`, `unix:/path`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use url::{Host, Url};

/// The address of a router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// WebSocket.
    WebSocket {
        /// Within TLS.
        secure: bool,
        /// The host: a name, or an address without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Path and query.
        path: String,
    },
    /// RawSocket over TCP.
    RawSocket {
        /// Within TLS.
        secure: bool,
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// RawSocket over a socket of this machine.
    Unix(PathBuf),
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressFault {
    /// Not a URL, or of another scheme.
    #[error("expected ws://, wss://, rs://HOST:PORT, rss://HOST:PORT or unix:/PATH")]
    Scheme,
    /// There is no host in it.
    #[error("expected a host name or address")]
    Host,
    /// RawSocket has no usual port.
    #[error("expected a port, as in rs://127.0.0.1:8081")]
    Port,
    /// A secret would be seen in process lists and logs.
    #[error("expected no user name or password: these are given by --authid and --ticket")]
    Credentials,
}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(AddressFault::Host) } else { Ok(Self::Unix(path.into())) };
        }
        let url = Url::parse(text).map_err(|_| AddressFault::Scheme)?;
        if !["ws", "wss", "rs", "tcp", "rss"].contains(&url.scheme()) {
            return Err(AddressFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressFault::Credentials);
        }
        let host = match url.host() {
            None => return Err(AddressFault::Host),
            Some(Host::Domain("")) => return Err(AddressFault::Host),
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
        };
        let web = |secure| {
            let query = url.query().map_or(String::new(), |query| format!("?{query}"));
            let port = url.port_or_known_default().ok_or(AddressFault::Port)?;
            Ok(Self::WebSocket { secure, host: host.clone(), port, path: format!("{}{query}", url.path()) })
        };
        let raw =
            |secure| Ok(Self::RawSocket { secure, host: host.clone(), port: url.port().ok_or(AddressFault::Port)? });
        match url.scheme() {
            "ws" => web(false),
            "wss" => web(true),
            "rs" | "tcp" => raw(false),
            "rss" => raw(true),
            _ => Err(AddressFault::Scheme),
        }
    }
}

impl Address {
    /// Whether it is reached within TLS.
    pub fn is_secure(&self) -> bool {
        match self {
            Self::WebSocket { secure, .. } | Self::RawSocket { secure, .. } => *secure,
            Self::Unix(_) => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |host: &String| if host.contains(':') { format!("[{host}]") } else { host.clone() };
        match self {
            Self::WebSocket { secure, host, port, path } => {
                let scheme = if *secure { "wss" } else { "ws" };
                // A query may have a token in it.
                let path = path.split('?').next().unwrap_or_default();
                write!(f, "{scheme}://{}:{port}{path}", bracketed(host))
            }
            Self::RawSocket { secure, host, port } => {
                write!(f, "{}://{}:{port}", if *secure { "rss" } else { "rs" }, bracketed(host))
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_is_read_and_written() {
        for (text, written) in [
            ("ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws"),
            ("ws://example.com", "ws://example.com:80/"),
            ("wss://example.com/a/b?token=x", "wss://example.com:443/a/b"),
            ("ws://[::1]:9/ws", "ws://[::1]:9/ws"),
            ("rs://localhost:8081", "rs://localhost:8081"),
            ("tcp://localhost:8081", "rs://localhost:8081"),
            ("rss://[::1]:8443", "rss://[::1]:8443"),
            ("unix:/run/wharf.sock", "unix:/run/wharf.sock"),
            ("unix:///run/wharf.sock", "unix:/run/wharf.sock"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(written.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_what_was_expected() {
        for (text, fault) in [
            ("http://localhost", AddressFault::Scheme),
            ("localhost:8080", AddressFault::Scheme),
            ("", AddressFault::Scheme),
            ("rs://localhost", AddressFault::Port),
            ("unix:", AddressFault::Host),
            ("rs:///x", AddressFault::Host),
            ("ws://joe:secret@localhost/", AddressFault::Credentials),
        ] {
            assert_eq!(text.parse::<Address>(), Err(fault), "{text}");
        }
    }
}
