//! Whose word is believed on whom a connection or a request is of, and the headers that say it.
//!
//! From the right: each proxy adds whom it has seen, so that the first address that is no proxy of ours is the client's. What
//! stands to its left may be anybody's invention. Source: RFC 7239; U11 of the users' page.

use crate::auth::PeerRange;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether one of them covers a peer.
pub(super) fn is_trusted(all: &[PeerRange], peer: Option<IpAddr>) -> bool {
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
    trusted: &[PeerRange],
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
    trusted: &[PeerRange],
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

    fn trusted(texts: &[&str]) -> Vec<PeerRange> {
        texts.iter().map(|text| PeerRange::parse(text).unwrap()).collect()
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
