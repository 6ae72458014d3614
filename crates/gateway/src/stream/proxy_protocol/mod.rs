//! The PROXY protocol, versions 1 and 2: how one proxy tells the next who the client is.
//!
//! A header says things that cannot be checked, so it is read only from peers that are trusted; from them it is required,
//! because guessing would let a client write one itself. Bytes that look like a header from anybody else end the connection:
//! they are neither believed nor passed on. What is read is strict: one spelling for everything.

mod checksum;
mod v1;
mod v2;

use std::fmt;
use std::net::SocketAddr;

/// The longest header of version 1, its end of line included.
pub const V1_BYTES_MAX: usize = 107;

/// The longest header of version 2 that is read. The format allows 65,551; names, protocols and ids need some hundred.
pub const V2_BYTES_MAX: usize = 4096;

/// The longest [`Header::unique_id`], as the specification says.
pub const UNIQUE_ID_BYTES_MAX: usize = 128;

/// How a header of version 1 begins.
pub const V1_SIGNATURE: &[u8; 6] = b"PROXY ";

/// How a header of version 2 begins.
pub const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// How a header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One line of text: addresses only.
    V1,
    /// Binary, with whatever else is known, and a checksum.
    V2,
}

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The client's address, and the address that it connected to. `None` if the proxy speaks for itself (a health check) or
    /// does not know: then the socket's own addresses count.
    pub addresses: Option<Addresses>,
    /// The protocol that the client chose or offered first in TLS.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client asked for in TLS.
    pub authority: Option<String>,
    /// Names the connection in the logs of all who pass it on.
    pub unique_id: Option<Vec<u8>>,
}

/// Both ends of a client's connection, of the same family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// They begin like none.
    Missing,
    /// Longer than [`V1_BYTES_MAX`] or [`V2_BYTES_MAX`].
    TooLong,
    /// A value that cannot be. Says of what.
    Malformed(&'static str),
    /// The checksum is of other bytes.
    Checksum,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "no PROXY header, from a peer that must send one"),
            Self::TooLong => write!(f, "a PROXY header that is too long"),
            Self::Malformed(what) => write!(f, "a PROXY header with a malformed {what}"),
            Self::Checksum => write!(f, "a PROXY header with a wrong checksum"),
        }
    }
}

impl std::error::Error for ProxyError {}

/// Reads a header of either version from the beginning of what a peer sends: the header, and how long it is. `None` if
/// there is more to come. Cheap to ask again with every byte that comes.
///
/// # Errors
///
/// As soon as it is clear that no header will come of it.
pub fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, ProxyError> {
    if begins_like(bytes, V1_SIGNATURE) {
        v1::decode(bytes)
    } else if begins_like(bytes, V2_SIGNATURE) {
        v2::decode(bytes)
    } else {
        Err(ProxyError::Missing)
    }
}

/// Appends a header. Version 1 has room for addresses only; values that are longer than the format allows are left out.
pub fn encode(version: Version, header: &Header, out: &mut Vec<u8>) {
    match version {
        Version::V1 => v1::encode(header, out),
        Version::V2 => v2::encode(header, out),
    }
}

/// Whether bytes are the beginning of the signature, or begin with it.
fn begins_like(bytes: &[u8], signature: &[u8]) -> bool {
    let size = bytes.len().min(signature.len());
    bytes[..size] == signature[..size]
}

#[cfg(test)]
mod tests;
