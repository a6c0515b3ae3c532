//! Whose word is believed on whom a connection or a request is of, and the headers that say it.
//!
//! From the right: each proxy adds whom it has seen, so that the first address that is no proxy of ours is the client's. What
//! stands to its left may be anybody's invention. Source: RFC 7239; U11 of the users' page.

use crate::auth::Network;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies that are believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trusted {
    /// Whoever comes by a Unix socket.
    Unix,
    /// The addresses that begin with the same bits.
    Network {
        /// The first of them.
        address: IpAddr,
        /// How many bits they share.
        bits: u8,
    },
}

impl Trusted {
    /// Reads `10.0.0.0/8`, `::1`, or `unix`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let Network { address, bits } = Network::parse(text).map_err(|expected| match expected {
            Network::EXPECTED => "expected an address, a network such as \"10.0.0.0/8\", or \"unix\"",
            other => other,
        })?;
        Ok(Self::Network { address, bits })
    }

    /// Whether this is one of them; `None` came by a Unix socket.
    fn covers(self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::Unix, None) => true,
            (Self::Network { address, bits }, Some(peer)) => Network { address, bits }.covers(peer),
            (Self::Unix, Some(_)) | (Self::Network { .. }, None) => false,
        }
    }
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix => f.write_str("unix"),
            Self::Network { address, bits } => write!(f, "{address}/{bits}"),
        }
    }
}

/// Whether one of them covers a peer.
pub(super) fn is_trusted(all: &[Trusted], peer: Option<IpAddr>) -> bool {
    all.iter().any(|trusted| trusted.covers(peer))
}

/// Two headers say different things, and nobody can tell which of them is the proxy's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Disagree;

/// Whom a request is of, as far as trusted proxies say it: `peer` itself if it is none, or says nothing. A port of 0 is
/// unknown.
///
/// # Errors
/// [`Disagree`]: a proxy sets one of the two headers, and a client that sends the other would be believed.
pub(super) fn client(
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    trusted: &[Trusted],
) -> Result<Option<SocketAddr>, Disagree> {
    if !is_trusted(trusted, peer.map(|peer| peer.ip())) {
        return Ok(peer);
    }
    let of = |name: HeaderName, nodes: fn(&str) -> Vec<Option<SocketAddr>>| {
        headers.contains_key(&name).then(|| {
            let lines = headers.get_all(&name).map(|line| line.to_str().map_or_else(|_| vec![None], nodes));
            nearest_stranger(peer, lines.flatten().collect(), trusted)
        })
    };
    match (of(header::FORWARDED, forwarded), of(X_FORWARDED_FOR, x_forwarded_for)) {
        (None, None) => Ok(peer),
        (Some(client), None) | (None, Some(client)) => Ok(client),
        (Some(one), Some(other)) => {
            if one.map(|one| one.ip()) == other.map(|other| other.ip()) {
                Ok(one)
            } else {
                Err(Disagree)
            }
        }
    }
}

/// The first from the right that is no proxy of ours; where one is not an address, who has named it.
fn nearest_stranger(
    peer: Option<SocketAddr>,
    nodes: Vec<Option<SocketAddr>>,
    trusted: &[Trusted],
) -> Option<SocketAddr> {
    let mut known = peer;
    for node in nodes.into_iter().rev() {
        let Some(address) = node else { return known };
        known = Some(address);
        if !is_trusted(trusted, Some(address.ip())) {
            return known;
        }
    }
    known
}

/// The `for` of each element of one line; `None` for an element without an address.
fn forwarded(line: &str) -> Vec<Option<SocketAddr>> {
    split(line, ',').into_iter().map(|element| address(node(element)?)).collect()
}

/// The value of `for`, without its quotes.
fn node(element: &str) -> Option<&str> {
    let pairs = split(element, ';').into_iter().filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

fn x_forwarded_for(line: &str) -> Vec<Option<SocketAddr>> {
    line.split(',').map(|node| address(node.trim())).collect()
}

/// Splits where the separator is not within quotes. A quote that nothing closes counts for nothing: it would hide what the proxy
/// has added.
fn split(text: &str, separator: char) -> Vec<&str> {
    let quotes = text.bytes().filter(|octet| *octet == b'"').count();
    let escapes = text.matches("\\\"").count();
    if (quotes - escapes) % 2 == 1 {
        return text.split(separator).collect();
    }
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(move |letter| {
        let escapes = is_quoted && letter == '\\' && !is_escaped;
        if letter == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = escapes;
        letter == separator && !is_quoted
    })
    .collect()
}

/// An address with or without a port; those of IPv6 in brackets, or bare.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(SocketAddr::new(address.ip().to_canonical(), address.port()));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address.to_canonical(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    fn trusted(texts: &[&str]) -> Vec<Trusted> {
        texts.iter().map(|text| Trusted::parse(text).unwrap()).collect()
    }

    fn asked(peer: Option<&str>, lines: &[(&str, &str)]) -> Result<Option<String>, Disagree> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let peer = peer.map(|peer| SocketAddr::new(peer.parse().unwrap(), 5));
        let all = trusted(&["10.0.0.0/8", "::1", "unix"]);
        Ok(client(peer, &headers, &all)?.map(|client| client.to_string()))
    }

    #[test]
    fn networks_are_read_strictly_and_cover_what_they_say() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
        ] {
            let network = Trusted::parse(text).unwrap();
            assert!(network.covers(Some(inside.parse().unwrap())), "{text} {inside}");
            assert!(!network.covers(Some(outside.parse().unwrap())), "{text} {outside}");
            assert!(!network.covers(None));
        }
        assert!(Trusted::parse("0.0.0.0/0").unwrap().covers(Some([9, 9, 9, 9].into())));
        for bad in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1/8", "::1/129", "proxy", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert!(Trusted::parse(bad).is_err(), "{bad}");
        }
    }

    /// U11.
    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours() {
        const XFF: &str = "x-forwarded-for";
        for (peer, lines, expected) in [
            (Some("192.0.2.1"), &[(XFF, "203.0.113.9")][..], Some("192.0.2.1:5")),
            (Some("10.0.0.1"), &[], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[(XFF, "203.0.113.9")], Some("203.0.113.9:0")),
            (None, &[(XFF, "203.0.113.9")], Some("203.0.113.9:0")),
            (Some("10.0.0.1"), &[(XFF, "6.6.6.6, 203.0.113.9, 10.2.3.4")], Some("203.0.113.9:0")),
            (Some("10.0.0.1"), &[(XFF, "6.6.6.6"), (XFF, "203.0.113.9"), (XFF, "10.2.3.4")], Some("203.0.113.9:0")),
            (Some("10.0.0.1"), &[(XFF, "6.6.6.6, nonsense, 10.2.3.4")], Some("10.2.3.4:0")),
            (Some("10.0.0.1"), &[(XFF, "6.6.6.6,")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[(XFF, "10.9.9.9, 10.2.3.4")], Some("10.9.9.9:0")),
            (Some("10.0.0.1"), &[(XFF, "203.0.113.9:4711")], Some("203.0.113.9:4711")),
            (Some("10.0.0.1"), &[(XFF, "[2001:db8::1]:4711")], Some("[2001:db8::1]:4711")),
            (Some("10.0.0.1"), &[(XFF, "2001:db8::1")], Some("[2001:db8::1]:0")),
            (Some("10.0.0.1"), &[(XFF, "::ffff:203.0.113.9")], Some("203.0.113.9:0")),
            (Some("10.0.0.1"), &[("forwarded", "for=203.0.113.9;proto=https;by=10.0.0.1")], Some("203.0.113.9:0")),
            (Some("::1"), &[("forwarded", "FOR=\"[2001:db8::1]:80\"")], Some("[2001:db8::1]:80")),
            (Some("10.0.0.1"), &[("forwarded", "for=6.6.6.6, proto=http; For=203.0.113.9 ")], Some("203.0.113.9:0")),
            (Some("10.0.0.1"), &[("forwarded", "for=6.6.6.6, for=_hidden")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[("forwarded", "for=6.6.6.6, for=unknown")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[("forwarded", "for=6.6.6.6, by=10.0.0.1")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[("forwarded", "for=\"a, for=6.6.6.6\"")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[("forwarded", "for=\"a\\\", for=6.6.6.6\"")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[("forwarded", "for=\"a, for=203.0.113.9")], Some("203.0.113.9:0")),
            (Some("10.0.0.1"), &[("forwarded", "\u{fc}")], Some("10.0.0.1:5")),
            (Some("10.0.0.1"), &[(XFF, "203.0.113.9"), ("forwarded", "for=203.0.113.9")], Some("203.0.113.9:0")),
        ] {
            assert_eq!(asked(peer, lines).unwrap().as_deref(), expected, "{peer:?} {lines:?}");
        }
    }

    /// A proxy that sets the one header and passes the other on would make its clients anybody they like.
    #[test]
    fn two_headers_that_disagree_are_believed_neither() {
        let lines = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=6.6.6.6")];
        assert_eq!(asked(Some("10.0.0.1"), &lines), Err(Disagree));
        assert_eq!(
            asked(Some("192.0.2.1"), &lines).unwrap().as_deref(),
            Some("192.0.2.1:5"),
            "from a stranger: nothing"
        );
    }

    proptest! {
        /// Whatever stands in the header: no panic, and what a client writes to the left of what the proxy adds is not believed.
        #[test]
        fn what_stands_left_of_the_proxys_own_word_changes_nothing(text in "[ -~]{0,80}") {
            prop_assert_eq!(
                asked(Some("10.0.0.1"), &[("x-forwarded-for", &format!("{text}, 203.0.113.9"))]).unwrap(),
                Some("203.0.113.9:0".to_owned())
            );
            prop_assert_eq!(
                asked(Some("10.0.0.1"), &[("forwarded", &text), ("forwarded", "for=203.0.113.9")]).unwrap(),
                Some("203.0.113.9:0".to_owned())
            );
        }
    }
}
