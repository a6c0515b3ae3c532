//! Addresses as a configuration names them: proxies that are believed, and places that somebody may come from.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Peers by where they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerRange {
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

impl PeerRange {
    /// Reads `10.0.0.0/8`, `::1`, or `unix`. IPv4 within IPv6 is IPv4, as it is in an address that is compared with it.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr =
            address.parse().map_err(|_| "expected an address, a network such as \"10.0.0.0/8\", or \"unix\"")?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or("too many bits after the slash")?,
        };
        if masked(address, bits) != address {
            return Err("the address has bits beyond those that the slash counts");
        }
        match (address.to_canonical(), bits.checked_sub(96)) {
            (canonical @ IpAddr::V4(_), Some(bits)) if address.is_ipv6() => {
                Ok(Self::Network { address: canonical, bits })
            }
            (_, _) => Ok(Self::Network { address, bits }),
        }
    }

    /// Whether this is one of them; `None` came by a Unix socket.
    pub fn covers(self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::Unix, None) => true,
            (Self::Network { address, bits }, Some(peer)) => masked(peer.to_canonical(), bits) == address,
            (Self::Unix, Some(_)) | (Self::Network { .. }, None) => false,
        }
    }
}

impl fmt::Display for PeerRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix => f.write_str("unix"),
            Self::Network { address, bits } => write!(f, "{address}/{bits}"),
        }
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly_and_cover_what_they_say() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.0"),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
        ] {
            let network = PeerRange::parse(text).unwrap();
            assert!(network.covers(Some(inside.parse().unwrap())), "{text} {inside}");
            assert!(!network.covers(Some(outside.parse().unwrap())), "{text} {outside}");
            assert!(!network.covers(None));
        }
        assert!(PeerRange::parse("0.0.0.0/0").unwrap().covers(Some([9, 9, 9, 9].into())));
        for bad in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1/8", "::1/129", "proxy", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert!(PeerRange::parse(bad).is_err(), "{bad}");
        }
    }
}
