//! Networks: where a key may be used from.

use std::fmt;
use std::net::IpAddr;

/// All addresses with the same beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// Bits that are the same.
    length: u32,
}

impl Network {
    /// `ADDRESS/LENGTH`, or one address; `None` when it is neither, or when the
    /// address says more than the length leaves it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address.parse().ok()?, Some(length)),
            None => (text.parse().ok()?, None),
        };
        let most = width(address);
        let length = match length {
            None => most,
            // Parsing by itself would take a sign and leading zeros.
            Some(length) => (0..=most).find(|number| number.to_string() == length)?,
        };
        let network = Self { address, length };
        (masked(address, length) == bits(address)).then_some(network)
    }

    /// Whether `address` is in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        // Over a socket for both families an IPv4 address comes as `::ffff:a.b.c.d`.
        let address = address.to_canonical();
        width(address) == width(self.address) && masked(address, self.length) == bits(self.address)
    }

    /// Some address in it.
    pub(crate) fn first(&self) -> IpAddr {
        self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address as a number whose top bits are its beginning.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn masked(address: IpAddr, length: u32) -> u128 {
    // A shift by all 128 bits would be none.
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    bits(address) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_by_their_beginning() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::/0", "::1", "10.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.holds(inside.parse().unwrap()), "{network} {inside}");
            assert!(
                !network.holds(outside.parse().unwrap()),
                "{network} {outside}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0/8",
            "localhost",
            "::/129",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
