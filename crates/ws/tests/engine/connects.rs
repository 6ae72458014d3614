//! Heads and handshakes of HTTP/2 and HTTP/3: what is malformed, what is refused, and that both sides agree.

use proptest::prelude::*;
use ws::handshake::{
    Agreed, AnswerError, ClientHandshake, ClientOffer, HandshakeError, ServerOffer, accept,
    is_websocket_request,
};
use ws::head::{Framing, HeadError, HeadLimits, Pseudo, RequestHead, ResponseHead, Version};

const CONNECT: Pseudo<'static> = Pseudo {
    method: "CONNECT",
    scheme: Some("https"),
    authority: Some("example.org:8443"),
    path: Some("/chat?x=1"),
    protocol: Some("websocket"),
};

const GET: Pseudo<'static> = Pseudo { method: "GET", protocol: None, ..CONNECT };

type Field<'a> = (&'a str, &'a str);

fn request(pseudo: Pseudo<'_>, fields: &[Field<'_>]) -> Result<RequestHead, HeadError> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    RequestHead::from_fields(Version::Http2, pseudo, fields, HeadLimits::default())
}

fn response(status: u16, fields: &[Field<'_>]) -> Result<ResponseHead, HeadError> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    ResponseHead::from_fields(Version::Http3, status, fields, HeadLimits::default())
}

#[track_caller]
fn check(pseudo: Pseudo<'_>, fields: &[Field<'_>], error: HeadError) {
    assert_eq!(request(pseudo, fields).err(), Some(error), "{pseudo:?} {fields:?}");
}

#[test]
fn a_head_of_http_2_reads_like_one_of_http_1() {
    let fields =
        [("cookie", "a=1"), ("origin", "https://example.org"), ("cookie", "b=2"), ("content-length", "7")];
    let head = request(GET, &fields).unwrap();
    assert_eq!((head.method(), head.target(), head.version()), ("GET", "/chat?x=1", Version::Http2));
    assert_eq!((head.path(), head.query(), head.scheme()), ("/chat", Some("x=1"), Some("https")));
    assert_eq!((head.authority(), head.header("Host")), (Some("example.org:8443"), Some("example.org:8443")));
    assert_eq!((head.protocol(), head.framing(), head.keeps_alive()), (None, Framing::Length(7), true));
    assert_eq!(head.header_all("cookie").collect::<Vec<_>>(), ["a=1; b=2"]);
    assert_eq!(head.headers().count(), 4);
    assert_eq!(request(GET, &[]).unwrap().framing(), Framing::UntilEnd);
    let options = request(Pseudo { method: "OPTIONS", path: Some("*"), ..GET }, &[]).unwrap();
    assert_eq!(options.target(), "*");
}

#[test]
fn t12_what_is_malformed_in_http_2_is_refused() {
    for name in ["Origin", "x y", "", ":path", "x\r\ny", "\u{e9}"] {
        check(GET, &[(name, "a")], HeadError::HeaderInvalid);
    }
    for name in ["connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"] {
        check(GET, &[(name, "a")], HeadError::ConnectionSpecific);
        let fields = [(name, "a")];
        assert_eq!(response(200, &fields).err(), Some(HeadError::ConnectionSpecific));
    }
    check(GET, &[("te", "gzip")], HeadError::ConnectionSpecific);
    assert!(request(GET, &[("te", "trailers")]).is_ok());
    for value in ["a\r\nx: b", "a\nb", "a\0", "\u{7f}"] {
        check(GET, &[("x", value)], HeadError::ControlCharacter);
    }
    for value in [" a", "a ", "\ta"] {
        check(GET, &[("x", value)], HeadError::HeaderInvalid);
    }
    for path in ["", "x", "/a b", "/a\r\nx: y", "https://example.org/", "/#f", "/\u{e9}", "*"] {
        check(Pseudo { path: Some(path), ..GET }, &[], HeadError::TargetInvalid);
    }
    for path in ["/%0d%0aX:%20y", "/%00", "/%0A"] {
        check(Pseudo { path: Some(path), ..CONNECT }, &[], HeadError::TargetEscapesControl);
    }
    for method in ["", "GE T", "G\r\n"] {
        check(Pseudo { method, ..GET }, &[], HeadError::StartLineInvalid);
    }
    for pseudo in [
        Pseudo { scheme: None, ..GET },
        Pseudo { scheme: Some("ftp"), ..GET },
        Pseudo { path: None, ..GET },
        Pseudo { path: None, ..CONNECT },
        Pseudo { scheme: None, ..CONNECT },
        Pseudo { protocol: Some("web socket"), ..CONNECT },
    ] {
        check(pseudo, &[], HeadError::PseudoHeaderInvalid);
    }
    let bytes = [(&b"x"[..], &b"\xff"[..])];
    let head = RequestHead::from_fields(Version::Http3, GET, bytes.into_iter(), HeadLimits::default());
    assert_eq!(head.err(), Some(HeadError::NotUtf8));
}

#[test]
fn t13_authority_and_host_name_one_place() {
    check(Pseudo { authority: None, ..GET }, &[], HeadError::HostMissing);
    check(Pseudo { authority: None, ..GET }, &[("host", "example.org")], HeadError::HostMissing);
    for authority in ["", "user@example.org", "example.org/x", "a b", "a,b", "example.org:x"] {
        check(Pseudo { authority: Some(authority), ..GET }, &[], HeadError::HostInvalid);
    }
    check(GET, &[("host", "example.org")], HeadError::AuthorityDiffersFromHost);
    check(GET, &[("host", "Example.org:8443"), ("host", "example.org:8443")], HeadError::HostRepeated);
    let head = request(GET, &[("host", "EXAMPLE.org:8443")]).unwrap();
    assert_eq!(head.header_all("host").collect::<Vec<_>>(), ["example.org:8443"]);
}

#[test]
fn lengths_and_limits_hold_in_http_2() {
    for length in ["+1", "", "1, 1", "0x1", "18446744073709551616"] {
        check(GET, &[("content-length", length)], HeadError::LengthInvalid);
    }
    check(GET, &[("content-length", "1"), ("content-length", "1")], HeadError::LengthRepeated);
    check(Pseudo { method: "ABCDEFGHIJKLMNOPQ", ..GET }, &[], HeadError::MethodTooLong);
    let path = format!("/{}", "a".repeat(8 * 1024));
    check(Pseudo { path: Some(&path), ..GET }, &[], HeadError::TargetTooLong);
    assert!(request(GET, &[("x", "y"); 100]).is_ok());
    check(GET, &[("x", "y"); 101], HeadError::TooManyHeaders);
    check(GET, &[("cookie", "y"); 101], HeadError::TooManyHeaders);
    let value = "v".repeat(1000);
    let fifteen = [("x", value.as_str()); 16];
    assert!(request(GET, &fifteen).is_ok());
    check(GET, &[("x", value.as_str()); 17], HeadError::TooLong);
    check(GET, &[("cookie", value.as_str()); 17], HeadError::TooLong);
}

#[test]
fn t10_only_an_extended_connect_for_websockets_opens_one() {
    check(Pseudo { protocol: None, ..CONNECT }, &[], HeadError::ConnectUnsupported);
    check(Pseudo { method: "GET", ..CONNECT }, &[], HeadError::ProtocolMisplaced);
    let refusal = |pseudo, fields: &[Field<'_>]| {
        let head = request(pseudo, fields).unwrap();
        assert!(is_websocket_request(&head));
        accept(&head, &ServerOffer::default()).unwrap_err()
    };
    let version = ("sec-websocket-version", "13");
    assert_eq!(refusal(Pseudo { protocol: Some("connect-udp"), ..CONNECT }, &[version]).status, 501);
    for fields in [
        &[version, ("content-length", "0")][..],
        &[version, ("content-length", "5")],
        &[],
        &[version, version],
        &[version, ("sec-websocket-extensions", "a b")],
    ] {
        assert_eq!(refusal(CONNECT, fields).status, 400, "{fields:?}");
    }
    let other = refusal(CONNECT, &[("sec-websocket-version", "12")]);
    assert_eq!((other.status, other.headers), (400, &[("Sec-WebSocket-Version", "13")][..]));

    let plain = request(GET, &[version, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]).unwrap();
    assert!(!is_websocket_request(&plain));
    assert_eq!(accept(&plain, &ServerOffer::default()).unwrap_err().status, 400);
    assert!(accept(&request(CONNECT, &[version]).unwrap(), &ServerOffer::default()).is_ok());
    let odd = Pseudo { protocol: Some("WebSocket"), ..CONNECT };
    assert!(accept(&request(odd, &[version]).unwrap(), &ServerOffer::default()).is_ok());
}

#[test]
fn a_client_and_a_server_agree_over_connect() {
    let offer = ClientOffer {
        subprotocols: &["a", "b"],
        headers: &[("Origin", "https://example.org")],
        ..ClientOffer::default()
    };
    let client = ClientHandshake::for_connect(true, "example.org:8443", "/chat?x=1", &offer).unwrap();
    assert_eq!((client.pseudo(), client.request()), (Some(CONNECT), &b""[..]));
    let head = request(client.pseudo().unwrap(), &client.fields().collect::<Vec<_>>()).unwrap();
    assert_eq!(head.header("origin"), Some("https://example.org"));
    assert_eq!((head.header("sec-websocket-key"), head.header("upgrade")), (None, None));

    let offer = ServerOffer { subprotocols: &["b"], subprotocol_required: true, ..ServerOffer::default() };
    let accepted = accept(&head, &offer).unwrap();
    assert_eq!(accepted.write_response(&[], &mut Vec::new()), Err(AnswerError::NotHttp1));
    let fields: Vec<_> = accepted.fields().collect();
    assert_eq!((accepted.status(), &fields[..]), (200, &[("sec-websocket-protocol", "b")][..]));
    let answer = response(accepted.status(), &fields).unwrap();
    assert_eq!(client.verify(&answer), Ok(Agreed { subprotocol: Some("b".to_owned()), compression: None }));
}

#[test]
fn a_client_checks_the_answer_to_its_connect() {
    let offer = ClientOffer { subprotocols: &["a"], ..ClientOffer::default() };
    let client = ClientHandshake::for_connect(false, "a", "/", &offer).unwrap();
    let verify = |status, fields: &[Field<'_>]| client.verify(&response(status, fields).unwrap());
    assert_eq!(verify(204, &[]), Ok(Agreed { subprotocol: None, compression: None }));
    for status in [101, 301, 403, 501] {
        assert_eq!(verify(status, &[]), Err(HandshakeError::Refused { status }));
    }
    let subprotocol = [("sec-websocket-protocol", "b")];
    assert_eq!(verify(200, &subprotocol), Err(HandshakeError::SubprotocolNotOffered));
    let extension = [("sec-websocket-extensions", "permessage-deflate")];
    assert_eq!(verify(200, &extension), Err(HandshakeError::ExtensionNotOffered));
    let upgraded = ResponseHead::parse(b"HTTP/1.1 200 OK\r\n\r\n", HeadLimits::default()).unwrap();
    assert_eq!(client.verify(&upgraded), Err(HandshakeError::VersionInvalid));
    assert_eq!(response(99, &[]).err(), Some(HeadError::StartLineInvalid));
    for name in ["te", "Host", "connection", "sec-websocket-version"] {
        let offer = ClientOffer { headers: &[(name, "x")], ..ClientOffer::default() };
        let error = ClientHandshake::for_connect(true, "a", "/", &offer).err();
        assert_eq!(error, Some(HandshakeError::HeaderInvalid), "{name}");
    }
}

/// Text that may be what it should be, and may hold what breaks a line.
fn risky(good: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::string::string_regex(good).expect("an expression"),
        1 => "[a-z:/ \\r\\n\\t%0-9\\x00é]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn t12_what_passes_says_the_same_in_http_1_1(
        method in risky("GET|HEAD|POST"),
        authority in risky("[a-z]{1,8}(:[0-9]{1,4})?"),
        path in risky("/[a-z/?=%2]{0,20}"),
        fields in prop::collection::vec((risky("[a-z-]{1,10}|host|cookie|te"), risky("[a-z0-9;= ]{0,12}")), 0..6),
    ) {
        let pseudo = Pseudo {
            method: &method,
            scheme: Some("https"),
            authority: Some(&authority),
            path: Some(&path),
            protocol: None,
        };
        let fields: Vec<Field<'_>> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Ok(head) = request(pseudo, &fields) {
            let mut same = format!("{} {} HTTP/1.1\r\n", head.method(), head.target());
            head.headers().for_each(|(name, value)| same += &format!("{name}: {value}\r\n"));
            same += "\r\n";
            let same = RequestHead::parse(same.as_bytes(), HeadLimits::default()).expect("the same request");
            prop_assert_eq!((same.method(), same.target()), (head.method(), head.target()));
            prop_assert!(same.headers().eq(head.headers()));
            prop_assert_eq!(head.authority(), Some(authority.as_str()));
        }
    }
}
