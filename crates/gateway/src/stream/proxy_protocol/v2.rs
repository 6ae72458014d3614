//! Version 2: binary, with tagged values behind the addresses.

use super::checksum::crc32c;
use super::{Addresses, Header, ProxyError, UNIQUE_ID_BYTES_MAX, V2_BYTES_MAX, V2_SIGNATURE};
use std::net::{IpAddr, SocketAddr};

const HEAD_BYTES: usize = 16;
const COMMAND_LOCAL: u8 = 0x20;
const COMMAND_PROXY: u8 = 0x21;
const TAG_ALPN: u8 = 0x01;
const TAG_AUTHORITY: u8 = 0x02;
const TAG_CRC32C: u8 = 0x03;
const TAG_UNIQUE_ID: u8 = 0x05;
const TAG_HEAD_BYTES: usize = 3;
const VALUE_BYTES_MAX: usize = 255;
const TCP: u8 = 1;
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;
const FAMILY_UNIX: u8 = 3;
const UNIX_BYTES: usize = 216;

pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, ProxyError> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let (command, family) = (head[12], head[13]);
    if command != COMMAND_LOCAL && command != COMMAND_PROXY {
        return Err(ProxyError::Malformed("version or command"));
    }
    let size = HEAD_BYTES + usize::from(u16::from_be_bytes([head[14], head[15]]));
    if size > V2_BYTES_MAX {
        return Err(ProxyError::TooLong);
    }
    let Some(whole) = bytes.get(..size) else { return Ok(None) };
    if command == COMMAND_LOCAL {
        // The specification: what follows is to be ignored, the family too.
        return Ok(Some((Header::default(), size)));
    }
    let (addresses, at) = addresses(family, &whole[HEAD_BYTES..])?;
    let mut header = Header { addresses, ..Header::default() };
    read_tags(whole, HEAD_BYTES + at, &mut header)?;
    Ok(Some((header, size)))
}

/// The addresses, and how many bytes they have.
fn addresses(family: u8, rest: &[u8]) -> Result<(Option<Addresses>, usize), ProxyError> {
    let wrong = ProxyError::Malformed("address");
    if family & 0xf > 2 {
        return Err(ProxyError::Malformed("family"));
    }
    let (ip_bytes, all) = match family >> 4 {
        0 => return Ok((None, 0)),
        FAMILY_IPV4 => (4, 12),
        FAMILY_IPV6 => (16, 36),
        FAMILY_UNIX => return if rest.len() < UNIX_BYTES { Err(wrong) } else { Ok((None, UNIX_BYTES)) },
        _ => return Err(ProxyError::Malformed("family")),
    };
    let block = rest.get(..all).ok_or(wrong)?;
    let ip = |at: usize| -> Option<IpAddr> {
        let bytes = &block[at..at + ip_bytes];
        let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
        v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
    };
    let port = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
    let (Some(source), Some(destination)) = (ip(0), ip(ip_bytes)) else { return Err(wrong) };
    let source = SocketAddr::new(source, port(2 * ip_bytes));
    let destination = SocketAddr::new(destination, port(2 * ip_bytes + 2));
    Ok((Some(Addresses { source, destination }), all))
}

fn read_tags(whole: &[u8], mut at: usize, header: &mut Header) -> Result<(), ProxyError> {
    let mut has_checksum = false;
    while at < whole.len() {
        let Some((&[tag, high, low], rest)) = whole[at..].split_first_chunk::<TAG_HEAD_BYTES>() else {
            return Err(ProxyError::Malformed("tag"));
        };
        let size = usize::from(u16::from_be_bytes([high, low]));
        let value = rest.get(..size).ok_or(ProxyError::Malformed("tag"))?;
        at += TAG_HEAD_BYTES;
        match tag {
            TAG_ALPN => once(&mut header.alpn, limited(value, VALUE_BYTES_MAX, "protocol")?.to_vec())?,
            TAG_AUTHORITY => {
                let name = str::from_utf8(limited(value, VALUE_BYTES_MAX, "authority")?)
                    .map_err(|_| ProxyError::Malformed("authority"))?;
                once(&mut header.authority, name.to_owned())?;
            }
            TAG_UNIQUE_ID => {
                let id = if size > UNIQUE_ID_BYTES_MAX { None } else { Some(value.to_vec()) };
                once(&mut header.unique_id, id.ok_or(ProxyError::Malformed("unique id"))?)?;
            }
            TAG_CRC32C if std::mem::replace(&mut has_checksum, true) => {
                return Err(ProxyError::Malformed("second tag"));
            }
            TAG_CRC32C => check(whole, at, value)?,
            // Facts of the TLS between client and proxy, names of networks, padding: nobody here needs them.
            _ => {}
        }
        at += size;
    }
    Ok(())
}

fn limited<'a>(value: &'a [u8], max: usize, what: &'static str) -> Result<&'a [u8], ProxyError> {
    if value.is_empty() || value.len() > max { Err(ProxyError::Malformed(what)) } else { Ok(value) }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), ProxyError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ProxyError::Malformed("second tag")),
    }
}

/// The checksum is of the whole header, with zeros in its own place.
fn check(whole: &[u8], at: usize, value: &[u8]) -> Result<(), ProxyError> {
    let expect: [u8; 4] = value.try_into().map_err(|_| ProxyError::Malformed("checksum"))?;
    let crc = crc32c(crc32c(crc32c(0, &whole[..at]), &[0; 4]), &whole[at + 4..]);
    if crc.to_be_bytes() == expect { Ok(()) } else { Err(ProxyError::Checksum) }
}

pub(super) fn encode(header: &Header, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(V2_SIGNATURE);
    let is_known = header.addresses.filter(|both| both.source.is_ipv4() == both.destination.is_ipv4());
    let family = match is_known {
        Some(both) if both.source.is_ipv4() => FAMILY_IPV4 << 4 | TCP,
        Some(_) => FAMILY_IPV6 << 4 | TCP,
        None => 0,
    };
    out.extend_from_slice(&[COMMAND_PROXY, family, 0, 0]);
    if let Some(Addresses { source, destination }) = is_known {
        for address in [source, destination] {
            match address.ip() {
                IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
                IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
            }
        }
        out.extend_from_slice(&source.port().to_be_bytes());
        out.extend_from_slice(&destination.port().to_be_bytes());
    }
    let mut tag = |tag: u8, value: Option<&[u8]>, max: usize| {
        if let Some(value) = value.filter(|value| !value.is_empty() && value.len() <= max) {
            out.push(tag);
            out.extend_from_slice(&(value.len() as u16).to_be_bytes());
            out.extend_from_slice(value);
        }
    };
    tag(TAG_ALPN, header.alpn.as_deref(), VALUE_BYTES_MAX);
    tag(TAG_AUTHORITY, header.authority.as_deref().map(str::as_bytes), VALUE_BYTES_MAX);
    tag(TAG_UNIQUE_ID, header.unique_id.as_deref(), UNIQUE_ID_BYTES_MAX);
    tag(TAG_CRC32C, Some(&[0; 4]), VALUE_BYTES_MAX);
    let size = (out.len() - start - HEAD_BYTES) as u16;
    out[start + 14..start + 16].copy_from_slice(&size.to_be_bytes());
    let crc = crc32c(0, &out[start..]);
    let end = out.len();
    out[end - 4..].copy_from_slice(&crc.to_be_bytes());
}
