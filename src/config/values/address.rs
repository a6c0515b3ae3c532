//! Addresses, paths, origins, and the mode of a socket's file.

use crate::auth::PeerRange;
use crate::config::error::Code;
use crate::config::read::{Key, Placed, Reader, Written};
use crate::config::tree::{Content, Node};
use schemars::{json_schema, Schema, SchemaGenerator};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) enum Bind {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A port on every loopback address.
    Localhost(u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Bind {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err("expected a path after `unix:`") } else { Ok(Self::Unix(path.into())) };
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err("expected \"address:port\", \"localhost:port\" or \"unix:/path\"");
        };
        let digits = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
        let Some(port) = digits.then(|| port.parse().ok()).flatten() else {
            return Err("expected a port from 0 to 65535 after the last colon");
        };
        if host == "localhost" {
            return Ok(Self::Localhost(port));
        }
        text.parse().map(Self::Tcp).map_err(|_| match host {
            "" | "*" => "for every address write \"0.0.0.0:port\" or \"[::]:port\"",
            _ => "expected an IP address (IPv6 in brackets) or localhost: a name may mean different addresses from day to day",
        })
    }

    fn text(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Localhost(port) => format!("localhost:{port}"),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

/// One address or several.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::config) struct Binds(pub(in crate::config) Vec<Placed<Bind>>);

impl Key for Bind {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "an address such as \"127.0.0.1:8080\"")?;
        match Self::parse(text) {
            Ok(bind) => Some(bind),
            Err(hint) => {
                reader.error(Code::Malformed, node.place, format!("\"{text}\" is no address"), hint);
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(self.text().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(unix:.+|.+:[0-9]+)$" })
    }
}

impl Key for Binds {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Content::List(items) = &node.value else {
            return Placed::read(node, reader).map(|bind| Self(vec![bind]));
        };
        if items.is_empty() {
            reader.error(Code::OutOfRange, node.place, "`bind` is empty".to_owned(), "expected at least one address");
        }
        let read =
            |(number, item): (usize, &Node)| reader.within_item(number, item, |reader| Placed::read(item, reader));
        Some(Self(items.iter().enumerate().filter_map(read).collect()))
    }

    fn written(&self) -> Written {
        let texts: Vec<String> = self.0.iter().map(|bind| bind.text()).collect();
        Written::Inline(match texts.as_slice() {
            [only] => only.as_str().into(),
            several => several.into(),
        })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let bind = Bind::schema(generator);
        json_schema!({ "anyOf": [bind, { "type": "array", "items": bind, "minItems": 1 }] })
    }
}

impl Key for PeerRange {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "an address, a network such as \"10.0.0.0/8\", or \"unix\"")?;
        match Self::parse(text) {
            Ok(trusted) => Some(trusted),
            Err(hint) => {
                reader.error(Code::Malformed, node.place, format!("\"{text}\" is no address or network"), hint);
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(self.to_string().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(unix|[0-9a-fA-F:.]+(/[0-9]{1,3})?)$" })
    }
}

/// The permission bits of a file, in octal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Mode(pub(in crate::config) u32);

impl Key for Mode {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let expected = "an octal mode such as \"0660\"";
        let text = reader.text(node, expected)?;
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        if let Some(mode) = octal.then(|| u32::from_str_radix(text, 8).ok()).flatten().filter(|mode| *mode <= 0o777) {
            return Some(Self(mode));
        }
        reader.error(Code::Malformed, node.place, format!("\"{text}\" is no mode"), format!("expected {expected}"));
        None
    }

    fn written(&self) -> Written {
        Written::Inline(format!("{:04o}", self.0).into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0?[0-7]{3}$" })
    }
}

/// The path of an HTTP request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::config) struct HttpPath(pub(in crate::config) String);

impl Key for HttpPath {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a path such as \"/ws\"")?;
        if text.starts_with('/') && text.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'?' | b'#'))
        {
            return Some(Self(text.to_owned()));
        }
        reader.error(Code::Malformed, node.place, format!("\"{text}\" is no path"), "expected a path such as \"/ws\"");
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^/[^?#]*$" })
    }
}

/// An Origin of browser pages: `scheme://host`, with `:port` or `:*`, or `*` for all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct Origin(pub(in crate::config) String);

impl Key for Origin {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let expected = "an origin such as \"https://shop.example\" or \"http://localhost:*\", or \"*\" for all";
        let text = reader.text(node, expected)?;
        if text == "*" || is_origin(text) {
            return Some(Self(text.to_owned()));
        }
        reader.error(Code::Malformed, node.place, format!("\"{text}\" is no origin"), format!("expected {expected}"));
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(\\*|[a-z][a-z0-9+.-]*://[^/]+)$" })
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    let scheme_fine = !scheme.is_empty()
        && scheme.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"+-.".contains(&c));
    let host_fine = !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._:[]".contains(&c));
    let port_fine = port.is_none_or(|port| port == "*" || port.parse::<u16>().is_ok());
    scheme_fine && host_fine && port_fine
}
