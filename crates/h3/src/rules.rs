//! What makes a message malformed (RFC 9114 sections 4.2 and 4.3). The same rules judge what we receive and what we
//! are about to send.

use crate::message::Request;

/// Checks a field of a request that is no pseudo-header field: `te` is allowed there, to say that trailers are welcome
/// (section 4.2).
pub(crate) fn check_request_field(name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    match name {
        b"te" if value.eq_ignore_ascii_case(b"trailers") => Ok(()),
        _ => check_field(name, value),
    }
}

/// Checks a field of a response or of trailers that is no pseudo-header field (section 4.2).
pub(crate) fn check_field(name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() || !name.iter().all(|&byte| is_lower_token_byte(byte)) {
        return Err("a field name is not a token in lower case");
    }
    check_value(value)?;
    match name {
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" | b"te" => {
            Err("a field belongs to HTTP/1.1 connections")
        }
        _ => Ok(()),
    }
}

/// A value as RFC 9110 section 5.5 has it: no control character in which a line break could hide, no white space around
/// it. Bytes above 0x7f are allowed.
fn check_value(value: &[u8]) -> Result<(), &'static str> {
    if !value.iter().all(|&byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f)) {
        return Err("a field value has a control character");
    }
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_space(value.first()) || is_space(value.last()) {
        return Err("a field value has white space around it");
    }
    Ok(())
}

/// Checks the pseudo-header fields of a request against each other and against its `host` (section 4.3.1, section 4.4
/// and RFC 9220 section 3).
pub(crate) fn check_request(request: &Request<'_>, host: Option<&[u8]>) -> Result<(), &'static str> {
    if !is_token(request.method) {
        return Err(":method is not a token");
    }
    match (request.method == "CONNECT", request.protocol) {
        (true, None) => return check_plain_connect(request, host),
        (false, Some(_)) => return Err(":protocol stands without CONNECT"),
        (true, Some(protocol)) if !is_token(protocol) => return Err(":protocol is not a token"),
        (true, Some(_)) | (false, None) => {}
    }
    let Some(scheme) = request.scheme else { return Err(":scheme is missing") };
    let Some(path) = request.path else { return Err(":path is missing") };
    if !is_scheme(scheme) {
        return Err(":scheme is not a scheme");
    }
    if !is_visible(path) {
        return Err(":path is empty or has white space, control or non-ASCII characters");
    }
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if !is_web {
        return check_authority(request.authority, host);
    }
    let is_asterisk = path == "*" && request.method == "OPTIONS";
    if !path.starts_with('/') && !is_asterisk {
        return Err(":path does not start with a slash");
    }
    if request.authority.is_none() && host.is_none() {
        return Err("neither :authority nor host is there");
    }
    if request.authority.is_some_and(|authority| authority.contains('@')) {
        return Err(":authority has user information");
    }
    check_authority(request.authority, host)
}

fn check_plain_connect(request: &Request<'_>, host: Option<&[u8]>) -> Result<(), &'static str> {
    if request.scheme.is_some() || request.path.is_some() {
        return Err("CONNECT without :protocol has :scheme or :path");
    }
    if request.authority.is_none() {
        return Err("CONNECT has no :authority");
    }
    check_authority(request.authority, host)
}

/// Both are not empty, and the same if both are there.
fn check_authority(authority: Option<&str>, host: Option<&[u8]>) -> Result<(), &'static str> {
    if authority.is_some_and(|authority| !is_visible(authority)) {
        return Err(":authority is empty or has white space, control or non-ASCII characters");
    }
    match (authority, host) {
        (_, Some(b"")) => Err("host is empty"),
        (Some(authority), Some(host)) if authority.as_bytes() != host => Err(":authority and host differ"),
        _ => Ok(()),
    }
}

/// The number that `:status` says: three digits (section 4.3.2). HTTP/3 has no 101 (section 4.5).
pub(crate) fn parse_status(value: &[u8]) -> Result<u16, &'static str> {
    let &[b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] = value else {
        return Err(":status is not a number of three digits");
    };
    let status = value.iter().fold(0, |status, &digit| status * 10 + u16::from(digit - b'0'));
    check_status(status).map(|()| status)
}

/// The same for a number.
pub(crate) fn check_status(status: u16) -> Result<(), &'static str> {
    match status {
        101 => Err("HTTP/3 has no status 101"),
        100..=999 => Ok(()),
        _ => Err(":status is not a number of three digits"),
    }
}

fn is_token(text: &str) -> bool {
    let is_token_byte = |byte: u8| is_lower_token_byte(byte) || byte.is_ascii_uppercase();
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// A character of a token that is no upper-case letter (RFC 9110 section 5.6.2).
fn is_lower_token_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
