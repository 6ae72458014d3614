//! The grammar of header fields, as far as both directions need it (RFC 9110 section 5.6).

/// Whether `text` is a token: a header name, a method, a subprotocol.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether `text` may be sent as the value of a header field: no line break and no other control character can hide in
/// it. A tab is allowed.
pub(crate) fn is_field_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f))
}

/// A byte of a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The members of a comma-separated list, without the white space around them. Empty members are dropped, as a recipient
/// must (RFC 9110 section 5.6.1).
pub(crate) fn list_members(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(trim).filter(|member| !member.is_empty())
}

/// Without the optional white space around it.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Whether `host` is a `Host` value that names something: `uri-host [":" port]` (RFC 9110 section 7.2) and not empty.
/// User info, paths and white space are not part of it.
pub(crate) fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let address_is_valid = address.parse::<std::net::Ipv6Addr>().is_ok();
            if !address_is_valid {
                return false;
            }
            match port.strip_prefix(':') {
                Some(port) => ("v6", Some(port)),
                None if port.is_empty() => ("v6", None),
                None => return false,
            }
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte);
    let port_is_valid = port.is_none_or(|port| {
        port.len() <= 5
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse().is_ok_and(|n: u32| n < 65_536)
    });
    !name.is_empty() && name.bytes().all(is_name_byte) && port_is_valid
}
