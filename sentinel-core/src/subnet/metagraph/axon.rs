//! Where a neuron can be reached.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Where a neuron can be reached, as it announced itself.
///
/// Serializes as `{ip, port, ip_type, protocol, version, block}`, the address as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Axon {
    /// Block of the announcement; 0 for a neuron that made none.
    pub block: u64,
    /// Version of the software, by its own numbering.
    pub version: u32,
    /// The address as the chain has it: in the low 32 bits for version 4.
    pub ip_bits: u128,
    /// Port.
    pub port: u16,
    /// Version of the Internet protocol, 4 or 6.
    pub ip_type: u8,
    /// Protocol, by its own numbering.
    pub protocol: u8,
}

impl Axon {
    /// The address; `None` for a neuron that announced none, or one of no known kind.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.ip_type {
            4 => u32::try_from(self.ip_bits).ok().map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
            6 => Some(IpAddr::V6(Ipv6Addr::from(self.ip_bits))),
            _ => None,
        }
        .filter(|_| self.ip_bits != 0)
    }

    /// Whether the neuron announced an address.
    pub fn is_serving(&self) -> bool {
        self.ip().is_some()
    }

    pub(in crate::subnet) fn set(&mut self, name: &str, value: u128) {
        match name {
            "block" => self.block = value.try_into().unwrap_or(u64::MAX),
            "version" => self.version = value.try_into().unwrap_or(u32::MAX),
            "ip" => self.ip_bits = value,
            "port" => self.port = value.try_into().unwrap_or(u16::MAX),
            "ip_type" => self.ip_type = value.try_into().unwrap_or(u8::MAX),
            "protocol" => self.protocol = value.try_into().unwrap_or(u8::MAX),
            _ => {}
        }
    }
}

impl fmt::Display for Axon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            Some(ip) => f.pad(&std::net::SocketAddr::new(ip, self.port).to_string()),
            None => f.pad("none"),
        }
    }
}

impl Serialize for Axon {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Axon", 6)?;
        fields.serialize_field("ip", &self.ip())?;
        fields.serialize_field("port", &self.port)?;
        fields.serialize_field("ip_type", &self.ip_type)?;
        fields.serialize_field("protocol", &self.protocol)?;
        fields.serialize_field("version", &self.version)?;
        fields.serialize_field("block", &self.block)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_text() {
        let four = Axon { ip_bits: 0xc0a8_0101, ip_type: 4, port: 8091, ..Axon::default() };
        assert_eq!(four.to_string(), "192.168.1.1:8091");
        let six = Axon { ip_bits: 1, ip_type: 6, port: 80, ..Axon::default() };
        assert_eq!(six.to_string(), "[::1]:80");
        assert_eq!(Axon::default().ip(), None);
        assert_eq!(
            Axon { ip_bits: 1 << 40, ip_type: 4, ..Axon::default() }.ip(),
            None,
            "more than an IPv4 address holds"
        );
    }
}
