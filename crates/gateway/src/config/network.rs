//! Networks of addresses, as in `10.0.0.0/8`: who is trusted to say who a client is.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network in CIDR form. One address is a network too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether an address is in it. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is what it means.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let (all, mine, theirs) = match (self.address, address) {
            (IpAddr::V4(mine), IpAddr::V4(theirs)) => {
                (32, u128::from(mine.to_bits()), u128::from(theirs.to_bits()))
            }
            (IpAddr::V6(mine), IpAddr::V6(theirs)) => (128, mine.to_bits(), theirs.to_bits()),
            _ => return false,
        };
        let shift = all - u32::from(self.bits);
        mine.checked_shr(shift).unwrap_or(0) == theirs.checked_shr(shift).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a network: write it like 10.0.0.0/8, fd00::/8 or 192.0.2.7");
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        if address != address.to_canonical() {
            return Err(format!("`{text}`: write the IPv4 address as such"));
        }
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(bits_max), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > bits_max {
            return Err(wrong());
        }
        let network = Self { address, bits };
        let shift = u32::from(bits_max - bits);
        let host_bits = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        // `10.0.0.1/8` is most likely `10.0.0.1` with a slip of the pen, and would trust 16 million hosts.
        if shift > 0 && host_bits.trailing_zeros() < shift && host_bits != 0 {
            return Err(format!(
                "`{text}` has bits set behind the /{bits}: write the network's first address"
            ));
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network: Network = network.parse().unwrap();
        for address in inside {
            assert!(network.contains(address.parse().unwrap()), "{network} {address}");
        }
        for address in outside {
            assert!(!network.contains(address.parse().unwrap()), "{network} {address}");
        }
    }

    #[test]
    fn networks_contain_what_their_bits_say() {
        check("10.0.0.0/8", &["10.1.2.3", "::ffff:10.1.2.3"], &["11.0.0.0", "::a01:203"]);
        check("0.0.0.0/0", &["1.2.3.4"], &["::1"]);
        check("::/0", &["::1", "2001:db8::1"], &["1.2.3.4"]);
        check("192.0.2.7", &["192.0.2.7"], &["192.0.2.6"]);
        check("2001:db8::/64", &["2001:db8::ffff"], &["2001:db8:0:1::"]);
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        for wrong in [
            "",
            "10",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "::ffff:10.0.0.0/104",
            "example.org",
        ] {
            assert!(wrong.parse::<Network>().unwrap_err().contains("write"), "{wrong}");
        }
        assert!("10.0.0.1/8".parse::<Network>().unwrap_err().contains("first address"));
    }
}
