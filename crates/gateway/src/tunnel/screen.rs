//! What is refused before any backend hears of it.
//!
//! The readers of heads have refused already what two parsers could understand differently (see `ws::head`). Here is the
//! rest: what is no fault in HTTP, but what a backend that reads less carefully could take for something else.
//!
//! * **Methods**: TRACE shows a client what the gateway added for the backend; CONNECT without `:protocol` asks for a proxy.
//! * **Upgrades**: only to `websocket`, alone in its header, with all of RFC 6455 section 4.2.1 kept. Any other, `h2c` with
//!   its `HTTP2-Settings` before all, would make the rest of the connection something that nobody screens.
//! * **Nominated headers**: `Connection` may name headers that end here. If it names one that is meant for the backend, a
//!   gateway that obeys removes what the backend decides by (a cookie, the client's address).
//! * **Paths**: a path goes to the backend byte for byte, so what routes here must be what is looked up there. Paths that
//!   one side may shorten and the other may not are refused: empty segments (`//`), segments of dots in any spelling,
//!   escaped or literal slashes of both kinds within a segment, and `%` without two hex digits. The query is not judged.

use ws::handshake::{Refusal, ServerOffer, accept, is_websocket_request};
use ws::head::{Framing, RequestHead};

/// What a request that may pass asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A WebSocket, by a handshake that keeps all rules.
    WebSocket,
    /// An ordinary response. `has_body` tells that a body follows, or may follow.
    Response {
        /// Whether the request has a body.
        has_body: bool,
    },
}

/// Judges a request.
///
/// # Errors
///
/// The answer: its status, a sentence that says what is wrong, and what headers the status needs.
pub fn screen(head: &RequestHead) -> Result<Wish, Refusal> {
    check_method(head)?;
    check_path(head.path())?;
    check_nominated(head)?;
    check_upgrade(head)?;
    check_expectation(head)?;
    if is_websocket_request(head) {
        // What it would agree to does not matter here: the backend decides. What it checks does.
        accept(head, &ServerOffer::default())?;
        return Ok(Wish::WebSocket);
    }
    if head.header("sec-websocket-key").is_some() || head.header("sec-websocket-accept").is_some() {
        return Err(bad_request("This is half of a WebSocket handshake: its Upgrade is missing."));
    }
    Ok(Wish::Response { has_body: has_body(head)? })
}

/// Methods that a request with a body may not have: there is no meaning in one (RFC 9110 section 9.3.1), so some servers
/// do not read it, and take it for the next request.
const WITHOUT_BODY: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

fn has_body(head: &RequestHead) -> Result<bool, Refusal> {
    // A stream of HTTP/2 or HTTP/3 need not say beforehand whether a body comes; without one it ends behind the head.
    let is_said =
        matches!(head.framing(), Framing::Chunked) || matches!(head.framing(), Framing::Length(1..));
    let has_body = match head.framing() {
        Framing::None | Framing::Length(0) => false,
        Framing::Length(_) | Framing::Chunked => true,
        Framing::UntilEnd => !WITHOUT_BODY.contains(&head.method()),
    };
    if is_said && WITHOUT_BODY.contains(&head.method()) {
        return Err(bad_request("A request with this method has no body."));
    }
    Ok(has_body)
}

fn check_method(head: &RequestHead) -> Result<(), Refusal> {
    match head.method() {
        "TRACE" | "TRACK" => Err(Refusal {
            status: 405,
            headers: &[("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")],
            sentence: "Requests are not traced through this gateway.",
        }),
        "CONNECT" if head.protocol().is_none() => {
            Err(Refusal { status: 501, headers: &[], sentence: "This gateway is no proxy." })
        }
        "PRI" => Err(bad_request("PRI is no method.")),
        _ => Ok(()),
    }
}

/// See the module's page.
fn check_path(path: &str) -> Result<(), Refusal> {
    let Some(path) = path.strip_prefix('/') else {
        return Err(bad_request("The request target is not a path."));
    };
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(bad_request("The path has an empty segment."));
        }
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), Refusal> {
    let bytes = segment.as_bytes();
    let mut dots_alone = !bytes.is_empty();
    let mut at = 0;
    while at < bytes.len() {
        let (byte, size) = match bytes[at] {
            b'%' => (escaped(bytes, at)?, 3),
            byte => (byte, 1),
        };
        match byte {
            b'/' | b'\\' => return Err(bad_request("The path has an escaped slash or a backslash.")),
            b'.' => {}
            // Some servers cut a segment here, and then what is in front of it counts: `/..;/`.
            b';' => break,
            _ => dots_alone = false,
        }
        at += size;
    }
    // `;` at the very front leaves nothing, which is no dot.
    let dots_alone = dots_alone && at > 0;
    if dots_alone { Err(bad_request("The path has a segment of dots.")) } else { Ok(()) }
}

/// The byte that the escape at `at` stands for.
fn escaped(bytes: &[u8], at: usize) -> Result<u8, Refusal> {
    let digit = |at: usize| bytes.get(at).and_then(|&digit| char::from(digit).to_digit(16));
    match (digit(at + 1), digit(at + 2)) {
        (Some(high), Some(low)) => Ok((high * 16 + low) as u8),
        _ => Err(bad_request("The path has a % that is no escape.")),
    }
}

/// What `Connection` may name: its own options, and headers that end at the next hop anyhow. Unknown ones may be named,
/// and end here; those that backends decide by may not (RFC 9110 section 7.6.1: "MUST NOT send a connection option
/// corresponding to a field that is intended for all recipients").
fn check_nominated(head: &RequestHead) -> Result<(), Refusal> {
    for option in head.header_all("connection").flat_map(|value| value.split(',')).map(str::trim) {
        if is_for_backends(option) {
            return Err(bad_request(
                "The Connection header field names a header that is not for one connection.",
            ));
        }
    }
    Ok(())
}

/// Headers that no `Connection` may remove.
fn is_for_backends(name: &str) -> bool {
    const NAMES: [&str; 15] = [
        "host",
        "cookie",
        "authorization",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "origin",
        "forwarded",
        "via",
        "range",
        "cache-control",
        "x-real-ip",
        "x-request-id",
        "expect",
    ];
    const PREFIXES: [&str; 3] = ["sec-", "x-forwarded-", "x-client-"];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
        || PREFIXES.iter().any(|prefix| starts_with_ignoring_case(name, prefix))
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

fn check_upgrade(head: &RequestHead) -> Result<(), Refusal> {
    if head.header("http2-settings").is_some() {
        return Err(bad_request("HTTP/2 is not reached by an upgrade here."));
    }
    let mut upgrades = head.header_all("upgrade");
    match (upgrades.next(), upgrades.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.trim().eq_ignore_ascii_case("websocket") => Ok(()),
        _ => Err(bad_request("The only upgrade here is to websocket, and it is named alone.")),
    }
}

/// RFC 9110 section 10.1.1 knows one expectation, which is answered on this side.
fn check_expectation(head: &RequestHead) -> Result<(), Refusal> {
    let all_known = head.header_all("expect").all(|value| value.eq_ignore_ascii_case("100-continue"));
    if all_known {
        Ok(())
    } else {
        Err(Refusal { status: 417, headers: &[], sentence: "Only 100-continue can be expected." })
    }
}

fn bad_request(sentence: &'static str) -> Refusal {
    Refusal { status: 400, headers: &[], sentence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ws::head::{HeadLimits, Pseudo, Version};

    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn judged(request: &str) -> Result<Wish, u16> {
        let bytes = format!("{request}\r\n");
        let head =
            RequestHead::parse(bytes.as_bytes(), HeadLimits::default()).map_err(|error| error.status())?;
        screen(&head).map_err(|refusal| refusal.status)
    }

    fn handshake(method: &str, version: u16, more: &str) -> String {
        format!(
            "{method} /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{KEY}\
             Sec-WebSocket-Version: {version}\r\n{more}"
        )
    }

    fn get(path: &str) -> Result<Wish, u16> {
        judged(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n"))
    }

    #[test]
    fn a_proper_handshake_and_ordinary_requests_pass() {
        assert_eq!(judged(&handshake("GET", 13, "")), Ok(Wish::WebSocket));
        assert_eq!(get("/"), Ok(Wish::Response { has_body: false }));
        let post = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n";
        assert_eq!(judged(post), Ok(Wish::Response { has_body: true }));
        let chunked = "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n";
        assert_eq!(judged(chunked), Ok(Wish::Response { has_body: true }));
    }

    #[test]
    fn smuggling_by_a_handshake_that_only_looks_like_one_is_refused() {
        assert_eq!(judged(&handshake("GET", 1337, "")), Err(426));
        assert_eq!(judged(&handshake("POST", 13, "")), Err(405));
        assert_eq!(judged(&handshake("GET", 13, "Content-Length: 5\r\n")), Err(400));
        assert_eq!(judged(&handshake("GET", 13, "Transfer-Encoding: chunked\r\n")), Err(400));
        assert_eq!(judged(&handshake("GET", 13, KEY)), Err(400));
        assert_eq!(judged(&handshake("GET", 13, "").replace(KEY, "Sec-WebSocket-Key: short\r\n")), Err(400));
        assert_eq!(
            judged(&handshake("GET", 13, "").replace("Connection: Upgrade", "Connection: close")),
            Err(400)
        );
        assert_eq!(judged(&handshake("GET", 13, "").replace("HTTP/1.1", "HTTP/1.0")), Err(400));
        let no_upgrade = handshake("GET", 13, "").replace("Upgrade: websocket\r\n", "");
        assert_eq!(judged(&no_upgrade), Err(400));
    }

    #[test]
    fn the_only_upgrade_is_to_websocket_and_alone() {
        for upgrade in ["h2c", "websocket, h2c", "h2c, websocket", "TLS/1.0", "websocket/13", ""] {
            let request =
                handshake("GET", 13, "").replace("Upgrade: websocket", &format!("Upgrade: {upgrade}"));
            assert_eq!(judged(&request), Err(400), "{upgrade:?}");
        }
        assert_eq!(judged(&handshake("GET", 13, "Upgrade: h2c\r\n")), Err(400));
        let settings =
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n";
        assert_eq!(judged(settings), Err(400));
    }

    #[test]
    fn a_header_for_the_backend_cannot_be_nominated_away() {
        for name in
            ["Cookie", "x-forwarded-for", "Authorization", "Sec-WebSocket-Key", "Host", "content-length"]
        {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, {name}\r\n");
            assert_eq!(judged(&request), Err(400), "{name}");
        }
        assert!(judged("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Odd\r\nX-Odd: 1\r\n").is_ok());
    }

    #[test]
    fn methods_that_are_no_business_of_a_backend_are_refused() {
        assert_eq!(judged("TRACE / HTTP/1.1\r\nHost: a\r\n"), Err(405));
        assert_eq!(judged("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n"), Err(400));
        assert_eq!(judged("CONNECT / HTTP/1.1\r\nHost: a\r\n"), Err(501));
        assert_eq!(judged("OPTIONS * HTTP/1.1\r\nHost: a\r\n"), Err(400));
        assert_eq!(judged("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"), Err(400));
        assert_eq!(judged("POST / HTTP/1.1\r\nHost: a\r\nExpect: fireworks\r\n"), Err(417));
    }

    #[test]
    fn a_path_that_two_servers_could_look_up_differently_is_refused() {
        for path in [
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e",
            "/a/.%2E/b",
            "/%2e%2e/",
            "/..;/b",
            "/a/..;x=1/b",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%",
            "/a%2",
            "/a%zz",
        ] {
            assert_eq!(get(path), Err(400), "{path}");
        }
        for path in
            ["/", "/a", "/a/", "/a.b", "/.well-known/x", "/..a", "/a%20b", "/a;b", "/;", "/a?x=//../%2f%"]
        {
            assert!(get(path).is_ok(), "{path}");
        }
    }

    fn on_stream(method: &str, protocol: Option<&str>, fields: &[(&str, &str)]) -> Result<Wish, u16> {
        let pseudo =
            Pseudo { method, scheme: Some("https"), authority: Some("a"), path: Some("/chat"), protocol };
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = RequestHead::from_fields(Version::Http2, pseudo, fields, HeadLimits::default())
            .map_err(|error| error.status())?;
        screen(&head).map_err(|refusal| refusal.status)
    }

    #[test]
    fn on_streams_a_websocket_is_an_extended_connect_and_nothing_else() {
        let version = ("sec-websocket-version", "13");
        assert_eq!(on_stream("CONNECT", Some("websocket"), &[version]), Ok(Wish::WebSocket));
        assert_eq!(on_stream("CONNECT", Some("websocket"), &[("sec-websocket-version", "12")]), Err(400));
        assert_eq!(on_stream("CONNECT", Some("connect-udp"), &[version]), Err(501));
        assert_eq!(on_stream("CONNECT", Some("websocket"), &[version, ("content-length", "4")]), Err(400));
        assert_eq!(on_stream("GET", None, &[("upgrade", "websocket")]), Err(400));
        assert_eq!(on_stream("GET", None, &[("http2-settings", "AAMAAABk")]), Err(400));
        assert_eq!(on_stream("GET", None, &[]), Ok(Wish::Response { has_body: false }));
        assert_eq!(on_stream("POST", None, &[]), Ok(Wish::Response { has_body: true }));
        assert_eq!(on_stream("GET", None, &[("content-length", "4")]), Err(400));
    }
}
