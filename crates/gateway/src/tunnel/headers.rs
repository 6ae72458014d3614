//! Headers, rebuilt for the other side.
//!
//! Nothing of a head is passed on as bytes. Each side gets a new head, made of what is meant for it and of what the
//! gateway knows better. To the backend:
//!
//! | header | what becomes of it |
//! | --- | --- |
//! | `Connection` and what it names, `Keep-Alive`, `Proxy-*`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`, `Expect`, `HTTP2-Settings` | end here |
//! | `Content-Length` | ends here; the body that follows decides what is written |
//! | `Host` | passed on; over HTTP/2 as `:authority` |
//! | `Sec-WebSocket-Key`, `-Accept`, `-Version` | end here; the gateway makes its own handshake |
//! | `Sec-WebSocket-Protocol`, `-Extensions` | passed on as they are |
//! | `Forwarded`, `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`, `X-Real-IP`, `X-Request-Id` | written new; what the client sent is dropped, unless its address is trusted: then it is added to |
//! | any header with `_` for `-` in the name of one of these | ends here: CGI cannot tell them apart |
//! | `Via` | added to |
//! | all others | passed on |
//!
//! To the client: the same headers end here, and `Alt-Svc`, which speaks of the backend's ports, and the headers of the
//! WebSocket handshake that belong to one hop. `Via`, `X-Request-Id` and the cookie of stickiness are added.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use ws::head::{RequestHead, ResponseHead, Version};

/// Most elements that a trusted `X-Forwarded-For`, `Forwarded` or `Via` may have before ours; past it the oldest are cut
/// off, so that a loop between gateways cannot grow a head for ever.
pub const FORWARDED_ELEMENTS_MAX: usize = 32;

/// Longest `X-Request-Id` that is taken over from a trusted client, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// What this gateway calls itself in `Via`.
pub const VIA_NAME: &str = "stoa";

/// Header fields, in order, with names as they are to be sent over HTTP/1.1.
pub type Fields = Vec<(String, String)>;

/// Who sent a request, as far as headers tell it to the backend.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The address of the client, or what PROXY protocol said of it.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// Whether the configuration trusts this address to say who is behind it.
    pub is_trusted: bool,
    /// The id of this request if the client brought none that is believed.
    pub request_id: &'a str,
}

/// The headers of a request for the backend, `Host` and the handshake's own excepted.
pub fn for_backend(head: &RequestHead, sender: &Sender<'_>) -> Fields {
    let nominated: Vec<&str> = nominated(head.header_all("connection")).collect();
    let mut fields = Fields::new();
    for (name, value) in head.headers() {
        let ends_here = is_of_one_hop(name)
            || is_of_request_alone(name)
            || is_written_new(name)
            || nominated.iter().any(|other| other.eq_ignore_ascii_case(name));
        if !ends_here {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    add_forwarded(head, sender, &mut fields);
    fields
}

/// The id that the request has: the client's if it is trusted and well-formed, or else that of the gateway.
pub fn request_id<'a>(head: &'a RequestHead, sender: &Sender<'a>) -> &'a str {
    let is_valid = |id: &&str| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=+/".contains(&byte))
    };
    head.header("x-request-id").filter(is_valid).filter(|_| sender.is_trusted).unwrap_or(sender.request_id)
}

/// The headers of a response for the client. `set_cookie` is the cookie that makes the client stick to its backend.
pub fn for_client(head: &ResponseHead, request_id: &str, set_cookie: Option<&str>) -> Fields {
    let nominated: Vec<&str> = nominated(head.header_all("connection")).collect();
    let mut fields = Fields::new();
    for (name, value) in head.headers() {
        let ends_here = is_of_one_hop(name)
            || is_of_response_alone(name)
            // What a backend nominates cannot take away what the client needs to understand the body.
            || nominated.iter().any(|other| other.eq_ignore_ascii_case(name) && !is_about_body(name));
        if !ends_here {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    let via = added_to(&head.header_all("via").collect::<Vec<_>>(), &via_element(head.version()));
    fields.push(("Via".to_owned(), via));
    fields.push(("X-Request-Id".to_owned(), request_id.to_owned()));
    if let Some(cookie) = set_cookie {
        fields.push(("Set-Cookie".to_owned(), cookie.to_owned()));
    }
    fields
}

/// What `Connection` names.
fn nominated<'a>(values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

/// Headers that only mean something for one connection (RFC 9110 section 7.6.1), and `Content-Length`, which is written by
/// whoever writes the body.
fn is_of_one_hop(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-authentication-info",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "http2-settings",
    ];
    is_one_of(name, &NAMES)
}

fn is_of_request_alone(name: &str) -> bool {
    is_one_of(
        name,
        &["host", "expect", "sec-websocket-key", "sec-websocket-accept", "sec-websocket-version", "alt-used"],
    )
}

fn is_of_response_alone(name: &str) -> bool {
    is_one_of(name, &["alt-svc", "sec-websocket-accept", "sec-websocket-key", "via", "x-request-id"])
}

fn is_about_body(name: &str) -> bool {
    is_one_of(name, &["content-type", "content-encoding", "content-range", "set-cookie", "location"])
}

/// Headers that say where a request comes from.
fn is_written_new(name: &str) -> bool {
    is_one_of(
        name,
        &[
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-server",
            "x-real-ip",
            "x-request-id",
            "via",
        ],
    )
}

/// Compares ignoring case, and taking `_` for `-`: a backend behind CGI, WSGI or Rack sees both as one.
fn is_one_of(name: &str, names: &[&str]) -> bool {
    let same = |a: u8, b: u8| a.eq_ignore_ascii_case(&b) || (a == b'_' && b == b'-');
    names
        .iter()
        .any(|other| other.len() == name.len() && name.bytes().zip(other.bytes()).all(|(a, b)| same(a, b)))
}

fn add_forwarded(head: &RequestHead, sender: &Sender<'_>, fields: &mut Fields) {
    let trusted = |name: &'static str| -> Vec<&str> {
        if sender.is_trusted { head.header_all(name).collect() } else { Vec::new() }
    };
    let first = |name: &'static str| trusted(name).first().map(|value| (*value).to_owned());
    let address = sender.peer.ip().to_canonical();
    let scheme = if sender.secure { "https" } else { "http" };
    let host = head.authority().unwrap_or_default();
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));

    add("Forwarded", added_to(&trusted("forwarded"), &forwarded_element(address, scheme, host)));
    add("X-Forwarded-For", added_to(&trusted("x-forwarded-for"), &address.to_string()));
    add("X-Forwarded-Proto", first("x-forwarded-proto").unwrap_or_else(|| scheme.to_owned()));
    add("X-Forwarded-Host", first("x-forwarded-host").unwrap_or_else(|| host.to_owned()));
    add("X-Real-IP", first("x-real-ip").unwrap_or_else(|| address.to_string()));
    add("X-Request-Id", request_id(head, sender).to_owned());
    // Via is for finding loops and versions, and believing it harms nobody (RFC 9110 section 7.6.3).
    add("Via", added_to(&head.header_all("via").collect::<Vec<_>>(), &via_element(head.version())));
}

/// RFC 7239 section 4. An address of IPv6 stands in brackets and quotes; so does a host with a port.
fn forwarded_element(address: IpAddr, scheme: &str, host: &str) -> String {
    let mut element = String::new();
    // Writing to a string does not fail.
    let _ = match address {
        IpAddr::V4(address) => write!(element, "for={address}"),
        IpAddr::V6(address) => write!(element, "for=\"[{address}]\""),
    };
    let _ = write!(element, ";proto={scheme}");
    if !host.is_empty() {
        // The grammar of Host has no quotation mark and no backslash.
        let _ = write!(element, ";host=\"{host}\"");
    }
    element
}

fn via_element(version: Version) -> String {
    let version = match version {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
        Version::Http2 => "2",
        Version::Http3 => "3",
    };
    format!("{version} {VIA_NAME}")
}

/// A list with one more element, the oldest elements being cut off past the limit.
fn added_to(values: &[&str], element: &str) -> String {
    let before: Vec<&str> = values
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let kept = &before[before.len().saturating_sub(FORWARDED_ELEMENTS_MAX)..];
    kept.iter().copied().chain([element]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ws::head::HeadLimits;

    fn request(headers: &str) -> RequestHead {
        let text = format!("GET /a HTTP/1.1\r\nHost: a.example:80\r\n{headers}\r\n");
        RequestHead::parse(text.as_bytes(), HeadLimits::default()).unwrap()
    }

    fn sent(headers: &str, is_trusted: bool) -> Fields {
        let peer = SocketAddr::from(([192, 0, 2, 7], 5000));
        for_backend(&request(headers), &Sender { peer, secure: true, is_trusted, request_id: "r1" })
    }

    fn value<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
        fields
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    #[test]
    fn where_a_request_comes_from_is_written_new_and_what_a_stranger_says_of_it_is_dropped() {
        let spoofed = "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\nX_Forwarded_For: 10.0.0.1\r\n\
                       X-Forwarded-Proto: ftp\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Request-Id: mine\r\n";
        let fields = sent(spoofed, false);
        assert_eq!(value(&fields, "x-forwarded-for"), ["192.0.2.7"]);
        assert_eq!(value(&fields, "forwarded"), ["for=192.0.2.7;proto=https;host=\"a.example:80\""]);
        assert_eq!(value(&fields, "x-real-ip"), ["192.0.2.7"]);
        assert_eq!(value(&fields, "x-forwarded-proto"), ["https"]);
        assert_eq!(value(&fields, "x-forwarded-host"), ["a.example:80"]);
        assert_eq!(value(&fields, "x-request-id"), ["r1"]);
        assert!(
            value(&fields, "x_forwarded_for").is_empty() && value(&fields, "x-forwarded-port").is_empty()
        );
        assert!(!format!("{fields:?}").contains("10.0.0.1"));
    }

    #[test]
    fn a_trusted_address_is_believed_and_added_to() {
        let fields =
            sent("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Request-Id: theirs\r\n", true);
        assert_eq!(value(&fields, "x-forwarded-for"), ["10.0.0.1, 192.0.2.7"]);
        assert_eq!(value(&fields, "x-forwarded-proto"), ["http"]);
        assert_eq!(value(&fields, "x-request-id"), ["theirs"]);
    }

    #[test]
    fn an_id_that_is_too_long_or_odd_is_not_taken_over() {
        for id in ["x".repeat(REQUEST_ID_BYTES_MAX + 1), "a b".to_owned(), "<script>".to_owned()] {
            let fields = sent(&format!("X-Request-Id: {id}\r\n"), true);
            assert_eq!(value(&fields, "x-request-id"), ["r1"]);
        }
    }

    #[test]
    fn a_chain_of_gateways_is_cut_at_the_limit() {
        let long = vec!["10.0.0.1"; 3 * FORWARDED_ELEMENTS_MAX].join(", ");
        let fields = sent(&format!("X-Forwarded-For: {long}\r\n"), true);
        assert_eq!(value(&fields, "x-forwarded-for")[0].split(',').count(), FORWARDED_ELEMENTS_MAX + 1);
    }

    #[test]
    fn what_is_for_one_connection_ends_here() {
        let fields = sent(
            "Connection: Upgrade, X-Odd\r\nX-Odd: 1\r\nUpgrade: websocket\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\
             Cookie: a=1\r\nSec-WebSocket-Protocol: v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
            false,
        );
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..3], ["Cookie", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"]);
        assert!(names[3..].iter().all(|name| is_written_new(name)), "{names:?}");
    }

    #[test]
    fn via_grows_by_one_and_names_the_version_that_was_received() {
        assert_eq!(value(&sent("Via: 1.1 cdn\r\n", false), "via"), ["1.1 cdn, 1.1 stoa"]);
    }

    #[test]
    fn an_address_of_ipv6_stands_in_quotes() {
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(forwarded_element(address, "http", ""), "for=\"[2001:db8::1]\";proto=http");
        // An address of IPv4 on a socket of IPv6 is what it is.
        let peer: SocketAddr = "[::ffff:192.0.2.7]:1".parse().unwrap();
        let fields =
            for_backend(&request(""), &Sender { peer, secure: false, is_trusted: false, request_id: "r" });
        assert_eq!(value(&fields, "x-forwarded-for"), ["192.0.2.7"]);
    }

    #[test]
    fn a_response_loses_what_was_for_the_gateway_and_keeps_what_says_how_to_read_it() {
        let text = "HTTP/1.1 200 OK\r\nConnection: close, X-Odd, Content-Type\r\nX-Odd: 1\r\nContent-Type: text/html\r\n\
                    Alt-Svc: h3=\":9\"\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1\r\nVia: 1.1 app\r\n\r\n";
        let head = ResponseHead::parse(text.as_bytes(), HeadLimits::default()).unwrap();
        let fields = for_client(&head, "r1", Some("stick=2"));
        assert_eq!(value(&fields, "set-cookie"), ["a=1", "stick=2"]);
        assert_eq!(value(&fields, "content-type"), ["text/html"]);
        assert_eq!(value(&fields, "via"), ["1.1 app, 1.1 stoa"]);
        assert_eq!(value(&fields, "x-request-id"), ["r1"]);
        for gone in ["alt-svc", "x-odd", "connection", "transfer-encoding"] {
            assert!(value(&fields, gone).is_empty(), "{gone}");
        }
    }
}
