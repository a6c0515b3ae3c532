//! Addresses that begin with the same bits, as `10.0.0.0/8` names them. The one rule for what is in a network.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// A network, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// The first address in it.
    pub address: IpAddr,
    /// How many bits its addresses share.
    pub bits: u8,
}

impl Network {
    /// What is said to a text that is neither.
    pub const EXPECTED: &str = "expected an address, or a network such as \"10.0.0.0/8\"";

    /// Reads `10.0.0.0/8` or `::1`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| Self::EXPECTED)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or("too many bits after the slash")?,
        };
        if masked(address, bits) != address {
            return Err("the address has bits beyond those that the slash counts");
        }
        Ok(Self { address, bits })
    }

    /// Whether the address is in it. An IPv4 address that comes in the form of IPv6 is the IPv4 address.
    pub fn covers(self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.bits) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
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
    fn an_address_is_in_a_network_whose_bits_it_shares() {
        let covers = |network: &str, address: &str| Network::parse(network).unwrap().covers(address.parse().unwrap());
        for (network, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
            ("0.0.0.0/0", "192.0.2.1"),
            ("::/0", "fe80::1"),
        ] {
            assert!(covers(network, address), "{network} {address}");
        }
        for (network, address) in
            [("10.0.0.0/8", "11.0.0.1"), ("10.0.0.1", "10.0.0.2"), ("::/0", "10.0.0.1"), ("0.0.0.0/0", "fe80::1")]
        {
            assert!(!covers(network, address), "{network} {address}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "localhost", "unix"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }
}
