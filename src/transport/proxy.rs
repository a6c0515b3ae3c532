//! The header that a proxy puts before a connection, to say whose it is: PROXY protocol, versions 1 and 2. Pure: octets in,
//! verdict out.
//!
//! Source: "The PROXY protocol", HAProxy, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is read, in octets. Version 1 ends at 107; the additions of version 2 seldom have a hundred.
pub(super) const HEADER_MAX: usize = 4096;

/// The longest line of version 1, with its end.
const LINE_MAX: usize = 107;

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length.
const V2_FIXED: usize = 16;

/// What begins a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Header {
    /// It cannot be told yet.
    Unfinished,
    /// No header: these octets are the peer's own.
    Absent,
    /// A header of `length` octets. `source`: whose connection it is; `None` for one of the proxy itself, or of a kind without
    /// an address.
    Present { length: usize, source: Option<SocketAddr> },
}

/// A header that breaks the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum BadHeader {
    #[error("a PROXY line has at most 107 octets and ends with CR LF")]
    NoEnd,
    #[error("a PROXY line is TCP4 or TCP6 with two addresses and two ports, or UNKNOWN")]
    Line,
    #[error("version and command of a PROXY header must be 0x20 or 0x21")]
    Command,
    #[error("a PROXY header of an unknown family or transport")]
    Family,
    #[error("a PROXY header has at most 4096 octets")]
    TooLong,
    #[error("a PROXY header that is too short for its addresses")]
    TooShort,
}

/// Reads what begins a connection, from all octets that have come so far.
///
/// # Errors
/// [`BadHeader`], as soon as it is certain.
pub(super) fn read(octets: &[u8]) -> Result<Header, BadHeader> {
    if begins(octets, V1) {
        return if octets.len() < V1.len() { Ok(Header::Unfinished) } else { line(octets) };
    }
    if begins(octets, V2) {
        return binary(octets);
    }
    Ok(Header::Absent)
}

/// Whether the octets are the beginning of `signature`, or begin with it.
fn begins(octets: &[u8], signature: &[u8]) -> bool {
    octets.iter().zip(signature).all(|(octet, expected)| octet == expected)
}

fn line(octets: &[u8]) -> Result<Header, BadHeader> {
    let within = octets.get(..LINE_MAX).unwrap_or(octets);
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return if octets.len() < LINE_MAX { Ok(Header::Unfinished) } else { Err(BadHeader::NoEnd) };
    };
    let text = within.get(V1.len()..end).and_then(|line| std::str::from_utf8(line).ok()).ok_or(BadHeader::Line)?;
    let source = match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["UNKNOWN", ..] => None,
        ["TCP4", source, destination, port, to] => Some(endpoints::<Ipv4Addr>(source, destination, port, to)?),
        ["TCP6", source, destination, port, to] => Some(endpoints::<Ipv6Addr>(source, destination, port, to)?),
        _ => return Err(BadHeader::Line),
    };
    Ok(Header::Present { length: end + 2, source })
}

/// The source, where both ends are what they must be.
fn endpoints<A>(source: &str, destination: &str, port: &str, to: &str) -> Result<SocketAddr, BadHeader>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let address = |text: &str| text.parse::<A>().map(Into::into).map_err(|_| BadHeader::Line);
    let (source, _) = (address(source)?, address(destination)?);
    let (port, _) = (number(port)?, number(to)?);
    Ok(SocketAddr::new(source, port))
}

fn number(text: &str) -> Result<u16, BadHeader> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or(BadHeader::Line)
}

fn binary(octets: &[u8]) -> Result<Header, BadHeader> {
    let Some([version_and_command, family, length @ ..]) = octets.get(V2.len()..V2_FIXED) else {
        return Ok(Header::Unfinished);
    };
    let length = length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
    let addresses = match (version_and_command, family) {
        // A connection of the proxy itself: whatever else it says does not matter.
        (0x20, _) => 0,
        (0x21, 0x11) => 12,
        (0x21, 0x21) => 36,
        // No address, or none that could be a client's here: datagrams, and Unix sockets at the proxy.
        (0x21, 0x00..=0x02 | 0x10 | 0x12 | 0x20 | 0x22 | 0x30..=0x32) => 0,
        (0x21, _) => return Err(BadHeader::Family),
        _ => return Err(BadHeader::Command),
    };
    if length < addresses {
        return Err(BadHeader::TooShort);
    }
    if V2_FIXED + length > HEADER_MAX {
        return Err(BadHeader::TooLong);
    }
    let Some(body) = octets.get(V2_FIXED..V2_FIXED + length) else { return Ok(Header::Unfinished) };
    let source = match addresses {
        12 => address(body, 8, |octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        36 => address(body, 32, |octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        _ => None,
    };
    Ok(Header::Present { length: V2_FIXED + length, source })
}

/// The source's address at the beginning, its port at `port`.
fn address<const N: usize>(body: &[u8], port: usize, ip: impl Fn([u8; N]) -> IpAddr) -> Option<SocketAddr> {
    let port = body.get(port..).and_then(<[u8]>::first_chunk).copied().map(u16::from_be_bytes)?;
    Some(SocketAddr::new(ip(*body.first_chunk()?), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        [V2, &[command, family], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    fn source(octets: &[u8]) -> Option<SocketAddr> {
        match read(octets) {
            Ok(Header::Present { length, source }) => {
                assert_eq!(length, octets.len());
                source
            }
            other => panic!("{other:?}"),
        }
    }

    /// Section 2.1.
    #[test]
    fn a_line_of_version_1_names_the_source() {
        for (line, expected) in [
            ("TCP4 192.0.2.1 198.51.100.1 56324 443", Some("192.0.2.1:56324")),
            ("TCP6 2001:db8::1 2001:db8::2 1 65535", Some("[2001:db8::1]:1")),
            ("UNKNOWN", None),
            ("UNKNOWN ffff::1 ffff::2 65535 65535", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(source(format!("PROXY {line}\r\n").as_bytes()), expected, "{line}");
        }
        for line in [
            "",
            "TCP4",
            "TCP4 192.0.2.1 198.51.100.1 56324",
            "TCP4 192.0.2.1 198.51.100.1 56324 443 1",
            "TCP4  192.0.2.1 198.51.100.1 56324 443",
            "TCP4 192.0.2.1 198.51.100.1 56324 65536",
            "TCP4 192.0.2.1 198.51.100.1 +5 443",
            "TCP4 192.0.2.1 198.51.100.1  443",
            "TCP4 2001:db8::1 2001:db8::2 1 2",
            "TCP6 192.0.2.1 198.51.100.1 1 2",
            "TCP4 192.0.2.256 198.51.100.1 1 2",
            "TCP5 192.0.2.1 198.51.100.1 1 2",
            "UNKNOWNX",
            "\u{fc}",
        ] {
            assert_eq!(read(format!("PROXY {line}\r\n").as_bytes()), Err(BadHeader::Line), "{line}");
        }
        // An end that never comes is not waited for.
        assert_eq!(read(&[V1, &[b'x'; 100]].concat()), Ok(Header::Unfinished));
        assert_eq!(read(&[V1, &[b'x'; 101]].concat()), Err(BadHeader::NoEnd));
        assert_eq!(read(&[V1, &[b'x'; 99], b"\r\n"].concat()), Err(BadHeader::Line));
        assert_eq!(read(&[V1, &[b'x'; 100], b"\r\n"].concat()), Err(BadHeader::NoEnd));
    }

    /// Section 2.2.
    #[test]
    fn a_header_of_version_2_names_the_source() {
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0xDC, 4, 1, 0xBB];
        let six = [[0x20; 16], [0; 16]].concat().into_iter().chain([0, 80, 1, 187]).collect::<Vec<u8>>();
        assert_eq!(source(&v2(0x21, 0x11, &four)), Some("192.0.2.1:56324".parse().unwrap()));
        let address = format!("[{}]:80", ["2020"; 8].join(":"));
        assert_eq!(source(&v2(0x21, 0x21, &six)), Some(address.parse().unwrap()));
        // Additions are passed over.
        assert_eq!(source(&v2(0x21, 0x11, &[&four[..], &[4, 0, 1, 9]].concat())), source(&v2(0x21, 0x11, &four)));
        // LOCAL, UNSPEC, datagrams and Unix sockets: the connection is who it is.
        for (command, family) in [(0x20, 0x11), (0x20, 0xFF), (0x21, 0), (0x21, 0x12), (0x21, 0x31), (0x21, 0x22)] {
            assert_eq!(source(&v2(command, family, &four)), None, "{command:x} {family:x}");
            assert_eq!(source(&v2(command, family, &[])), None, "{command:x} {family:x}");
        }
        for (command, family, body, error) in [
            (0x22, 0x11, &four[..], BadHeader::Command),
            (0x11, 0x11, &four, BadHeader::Command),
            (0x31, 0x11, &four, BadHeader::Command),
            (0x21, 0x41, &four, BadHeader::Family),
            (0x21, 0x13, &four, BadHeader::Family),
            (0x21, 0x11, &four[..11], BadHeader::TooShort),
            (0x21, 0x21, &six[..35], BadHeader::TooShort),
            (0x21, 0x11, &[0; HEADER_MAX - V2_FIXED + 1], BadHeader::TooLong),
        ] {
            assert_eq!(read(&v2(command, family, body)), Err(error));
        }
        // Told by the first sixteen octets, whatever is to come.
        assert_eq!(read(&[V2, &[0x21, 0x11, 0xFF, 0xFF]].concat()), Err(BadHeader::TooLong));
        assert_eq!(source(&v2(0x20, 0, &[0; HEADER_MAX - V2_FIXED])), None);
    }

    #[test]
    fn what_is_no_header_is_told_by_its_first_octets() {
        for octets in
            [&b"GET / HTTP/1.1\r\n"[..], b"PR ", b"POST", b"PROXX", b"\x7F\xF1\0\0", &[0x16, 3, 1], b"\r\n\r\nG"]
        {
            assert_eq!(read(octets), Ok(Header::Absent), "{octets:?}");
        }
        for octets in [&b""[..], b"P", b"PROXY", b"\r", b"\r\n\r\n\0\r\nQUIT"] {
            assert_eq!(read(octets), Ok(Header::Unfinished), "{octets:?}");
        }
    }

    proptest! {
        /// Whatever comes: no panic, never more than the header is waited for, and what follows it is not looked at.
        #[test]
        fn no_octets_panic_and_none_behind_the_header_are_read(
            which in 0..3, body in prop::collection::vec(any::<u8>(), 0..5000), rest in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let octets = match which {
                0 => body,
                1 => [V1, &body[..]].concat(),
                _ => [V2, &[0x21, 0x11], &body[..]].concat(),
            };
            match read(&octets) {
                Ok(Header::Present { length, .. }) => {
                    prop_assert!(length <= octets.len() && length <= HEADER_MAX);
                    prop_assert_eq!(read(&octets[..length]), read(&octets));
                    prop_assert_eq!(read(&octets[..length - 1]), Ok(Header::Unfinished));
                }
                Ok(Header::Unfinished) => prop_assert!(octets.len() < HEADER_MAX),
                // Certain: more octets change nothing.
                settled => prop_assert_eq!(read(&[octets, rest].concat()), settled),
            }
        }

        /// Any cut of a good header into reads waits for all of it.
        #[test]
        fn a_header_is_unfinished_until_its_last_octet(cut in 0usize..28) {
            let octets = v2(0x21, 0x11, &[1; 12]);
            let expected = if cut < octets.len() { Header::Unfinished } else {
                Header::Present { length: 28, source: Some("1.1.1.1:257".parse().unwrap()) }
            };
            prop_assert_eq!(read(&octets[..cut.min(octets.len())]), Ok(expected));
        }
    }
}
