//! Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 50000 443` and an end of line.

use super::{Addresses, Header, ProxyError, V1_BYTES_MAX, V1_SIGNATURE};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, ProxyError> {
    let head = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = head.iter().position(|&byte| byte == b'\n') else {
        let is_over = bytes.len() >= V1_BYTES_MAX;
        return if is_over { Err(ProxyError::TooLong) } else { Ok(None) };
    };
    let line = head[..end].strip_suffix(b"\r").ok_or(ProxyError::Malformed("end of line"))?;
    let line = line.strip_prefix(V1_SIGNATURE).ok_or(ProxyError::Malformed("signature"))?;
    let line = str::from_utf8(line).map_err(|_| ProxyError::Malformed("line"))?;
    let addresses = parse(line)?;
    Ok(Some((Header { addresses, ..Header::default() }, end + 1)))
}

fn parse(line: &str) -> Result<Option<Addresses>, ProxyError> {
    let mut words = line.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // What follows must be ignored, whatever it is.
        return Ok(None);
    }
    let mut address = || {
        let word = words.next().unwrap_or_default();
        let address = match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => return Err(ProxyError::Malformed("family")),
        };
        address.ok_or(ProxyError::Malformed("address"))
    };
    let (source, destination) = (address()?, address()?);
    let mut port = || parse_port(words.next().unwrap_or_default());
    let (source_port, destination_port) = (port()?, port()?);
    if words.next().is_some() {
        return Err(ProxyError::Malformed("line"));
    }
    let source = SocketAddr::new(source, source_port);
    let destination = SocketAddr::new(destination, destination_port);
    Ok(Some(Addresses { source, destination }))
}

/// Digits only, and no zeros before them: neither a sign nor a second spelling.
fn parse_port(word: &str) -> Result<u16, ProxyError> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| is_plain).ok_or(ProxyError::Malformed("port"))
}

pub(super) fn encode(header: &Header, out: &mut Vec<u8>) {
    let line = match header.addresses {
        Some(Addresses { source, destination }) if source.is_ipv4() == destination.is_ipv4() => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (source.ip(), destination.ip());
            write!(out, "PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port())
        }
        _ => write!(out, "PROXY UNKNOWN\r\n"),
    };
    debug_assert!(line.is_ok(), "a vector takes everything");
}
