//! Where the router may connect when an operator's address names a host: nowhere within a network, unless that is said (H4).
//!
//! Judged is the address that is dialled, after the name was resolved; so a name whose answers change gains nothing.

use crate::auth::PeerRange;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not dialled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Guarded {
    /// Loopback, private, link-local, multicast, metadata of a cloud, or another range that is no public host.
    #[error("an address that is not public, and not in allow_addresses")]
    NotPublic,
    /// What would be sent could be read on the way.
    #[error("http:// to an address that is not in allow_addresses")]
    NotEncrypted,
}

/// Which addresses may be dialled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AddressGuard {
    /// Allowed, whatever they are. Of an address within another (6to4, NAT64), the outer one is meant.
    pub allow: Vec<PeerRange>,
}

impl AddressGuard {
    /// Whether this address may be dialled.
    ///
    /// # Errors
    /// [`Guarded`].
    pub fn check(&self, address: IpAddr, is_encrypted: bool) -> Result<(), Guarded> {
        if self.allow.iter().any(|range| range.covers(Some(address))) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(Guarded::NotPublic);
        }
        if !is_encrypted {
            return Err(Guarded::NotEncrypted);
        }
        Ok(())
    }
}

/// Whether it is an address of a host in the public network, by its own form and by what is wrapped in it.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Networks of IPv4 that are no public hosts: first address and bits. Source: IANA, "IPv4 Special-Purpose Address Registry".
const NOT_PUBLIC: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // The addresses of most clouds' metadata are in here.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // The host's agent of one cloud, in the midst of public ones.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, what is reserved, broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(network, bits): &(Ipv4Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (32 - bits) == 0;
    !NOT_PUBLIC.iter().any(is_in)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let within = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match parts {
        // NAT64: what comes out at the other end is the IPv4 address at its end.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(within(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => is_public_v4(within(high, low)),
        // Protocol assignments, Teredo and ORCHID in 2001::/23; documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        // ISATAP: an IPv4 address behind 0:5efe or 200:5efe.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => is_public_v4(within(high, low)),
        // Global unicast. Outside of it are loopback, unspecified, IPv4-compatible, local NAT64, discard-only, unique-local,
        // link-local, site-local and multicast ones.
        [first, ..] => first & 0xe000 == 0x2000 && first != 0x3fff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(guard: &AddressGuard, address: &str) -> Result<(), Guarded> {
        guard.check(address.parse().unwrap(), true)
    }

    /// H4, each range in v4, v6 and v4-in-v6.
    #[test]
    fn addresses_within_a_network_are_not_dialled_in_whatever_form() {
        let guard = AddressGuard::default();
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "64:ff9b:1::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "2a00::5efe:192.168.0.1",
        ] {
            assert_eq!(verdict(&guard, address), Err(Guarded::NotPublic), "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
        {
            assert_eq!(verdict(&guard, address), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_by_name_is_dialled_also_without_tls_and_nothing_beside_it() {
        let guard =
            AddressGuard { allow: vec![PeerRange::parse("10.1.0.0/16").unwrap(), PeerRange::parse("::1").unwrap()] };
        let check = |address: &str, is_encrypted| guard.check(address.parse().unwrap(), is_encrypted);
        assert_eq!(check("10.1.2.3", false), Ok(()));
        assert_eq!(check("::ffff:10.1.2.3", false), Ok(()));
        assert_eq!(check("::1", true), Ok(()));
        assert_eq!(check("10.2.0.1", true), Err(Guarded::NotPublic));
        assert_eq!(check("127.0.0.1", true), Err(Guarded::NotPublic));
        // The inner address is not what is allowed.
        assert_eq!(check("2002:a01:203::1", true), Err(Guarded::NotPublic));
        assert_eq!(check("1.1.1.1", false), Err(Guarded::NotEncrypted));
        assert_eq!(check("1.1.1.1", true), Ok(()));
    }
}
