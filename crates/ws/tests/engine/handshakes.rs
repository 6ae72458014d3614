//! Opening handshakes: the example of RFC 6455, every rule of sections 4.1 and 4.2, and one test for each attack.

use ws::deflate::{Mode, Parameters, Policy};
use ws::handshake::{
    Agreed, AnswerError, ClientHandshake, ClientOffer, HandshakeError, Refusal, ServerOffer, accept,
    is_websocket_request,
};
use ws::head::{HeadError, HeadLimits, RequestHead, ResponseHead, Version};

/// The request of section 1.2.
const EXAMPLE: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The nonce behind the key of the example.
const NONCE: [u8; 16] = *b"the sample nonce";

fn request(text: &str) -> RequestHead {
    RequestHead::parse(text.as_bytes(), HeadLimits::default()).expect("a valid head")
}

fn response(text: &str) -> ResponseHead {
    ResponseHead::parse(text.as_bytes(), HeadLimits::default()).expect("a valid head")
}

/// The example with one line replaced, or removed if the replacement is empty.
fn example_with(line_start: &str, replacement: &str) -> RequestHead {
    let lines = EXAMPLE.split_inclusive("\r\n");
    request(
        &lines.map(|line| if line.starts_with(line_start) { replacement } else { line }).collect::<String>(),
    )
}

#[track_caller]
fn check_refused(request: &RequestHead, status: u16) -> Refusal {
    let refusal = accept(request, &ServerOffer::default()).expect_err("a refusal");
    assert_eq!(refusal.status, status, "{}", refusal.sentence);
    let mut answer = Vec::new();
    refusal.write_response(&[], &mut answer).expect("valid headers");
    let text = String::from_utf8(answer).expect("text");
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").expect("a body");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
    assert!(body.starts_with(refusal.sentence));
    assert!(!text.contains("101"));
    refusal
}

#[test]
fn the_example_of_the_rfc_is_accepted_with_its_answer() {
    let request = request(EXAMPLE);
    assert!(is_websocket_request(&request));
    let accepted = accept(&request, &ServerOffer::default()).expect("accepted");
    let mut answer = Vec::new();
    accepted.write_response(&[("Server", "stoa")], &mut answer).expect("valid headers");
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nServer: stoa\r\n\r\n";
    assert_eq!(String::from_utf8(answer).expect("text"), expected);
}

#[test]
fn the_server_chooses_the_first_of_its_subprotocols_that_the_client_offers() {
    let choose = |ours: &[&str]| {
        let offer = ServerOffer { subprotocols: ours, ..ServerOffer::default() };
        accept(&request(EXAMPLE), &offer).expect("accepted").subprotocol
    };
    assert_eq!(choose(&["superchat", "chat"]).as_deref(), Some("superchat"));
    assert_eq!(choose(&["other", "chat"]).as_deref(), Some("chat"));
    assert_eq!(choose(&["CHAT"]), None);
    assert_eq!(choose(&[]), None);
    let required =
        ServerOffer { subprotocols: &["other"], subprotocol_required: true, ..ServerOffer::default() };
    assert_eq!(accept(&request(EXAMPLE), &required).expect_err("a refusal").status, 400);
}

#[test]
fn lists_may_be_long_mixed_and_spread_over_lines() {
    let lines = "Connection: keep-alive\r\nConnection: x, uPGRADE ,y\r\n";
    assert!(accept(&example_with("Connection", lines), &ServerOffer::default()).is_ok());
    let lines = "Upgrade: h2c, WebSocket\r\n";
    assert!(accept(&example_with("Upgrade", lines), &ServerOffer::default()).is_ok());
    let lines = "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, c\r\n";
    let offer = ServerOffer { subprotocols: &["c"], subprotocol_required: true, ..ServerOffer::default() };
    assert!(accept(&example_with("Sec-WebSocket-Protocol", lines), &offer).is_ok());
}

#[test]
fn a06_another_method_or_http_1_0_opens_nothing() {
    for method in ["POST", "HEAD", "PUT", "get"] {
        let refusal = check_refused(&example_with("GET", &format!("{method} /chat HTTP/1.1\r\n")), 405);
        assert_eq!(refusal.headers, [("Allow", "GET")]);
    }
    check_refused(&example_with("GET", "GET /chat HTTP/1.0\r\n"), 400);
    check_refused(&example_with("Origin", "Content-Length: 5\r\n"), 400);
    check_refused(&example_with("Origin", "Transfer-Encoding: chunked\r\n"), 400);
    assert!(accept(&example_with("Origin", "Content-Length: 0\r\n"), &ServerOffer::default()).is_ok());
}

#[test]
fn a07_another_version_is_426_and_learns_which_one_is_spoken() {
    for version in ["99", "8", "013", "13, 8", ""] {
        let line = format!("Sec-WebSocket-Version: {version}\r\n");
        let refusal = check_refused(&example_with("Sec-WebSocket-Version", &line), 426);
        assert!(refusal.headers.contains(&("Sec-WebSocket-Version", "13")));
    }
    check_refused(&example_with("Sec-WebSocket-Version", ""), 400);
    let twice = "Sec-WebSocket-Version: 13\r\n".repeat(2);
    check_refused(&example_with("Sec-WebSocket-Version", &twice), 400);
}

#[test]
fn a08_a_key_that_is_missing_wrong_or_repeated_is_400() {
    check_refused(&example_with("Sec-WebSocket-Key", ""), 400);
    for key in [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25jZSEh",
        "dGhlIHNhbXBsZSBub25j!Q==",
        "dGhlIHNhbXBsZSBub25jZSEhISEhISEhISEhISEhISE=",
    ] {
        check_refused(&example_with("Sec-WebSocket-Key", &format!("Sec-WebSocket-Key: {key}\r\n")), 400);
    }
    let twice = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n".repeat(2);
    check_refused(&example_with("Sec-WebSocket-Key", &twice), 400);
}

#[test]
fn a09_an_upgrade_without_connection_upgrade_is_not_101() {
    check_refused(&example_with("Connection", ""), 400);
    check_refused(&example_with("Connection", "Connection: keep-alive\r\n"), 400);
    check_refused(&example_with("Connection", "Connection: upgraded\r\n"), 400);
}

#[test]
fn a10_other_upgrades_are_ordinary_http() {
    let h2c = example_with("Upgrade", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n");
    assert!(!is_websocket_request(&h2c));
    check_refused(&h2c, 400);
    assert!(!is_websocket_request(&example_with("Upgrade", "")));
}

#[test]
fn a15_lists_of_ten_thousand_members_are_400() {
    for (name, value) in [
        ("Sec-WebSocket-Extensions", format!("x{}", ";p".repeat(6000))),
        ("Sec-WebSocket-Extensions", "x,".repeat(6000)),
        ("Sec-WebSocket-Extensions", format!("x;a=\"{}", "\\\"".repeat(3000))),
        ("Sec-WebSocket-Extensions", "x;".repeat(6000)),
        ("Sec-WebSocket-Extensions", format!("x{}y", " ".repeat(12_000))),
        ("Sec-WebSocket-Protocol", "p,".repeat(6000)),
        ("Sec-WebSocket-Protocol", format!("x{}y", " ".repeat(12_000))),
    ] {
        check_refused(&example_with("Origin", &format!("{name}: {value}\r\n")), 400);
    }
    let spaces = format!("Sec-WebSocket-Extensions: {}\r\n", " ".repeat(32_000));
    let text = EXAMPLE.replace("Origin: http://example.com\r\n", &spaces);
    assert_eq!(RequestHead::parse(text.as_bytes(), HeadLimits::default()).err(), Some(HeadError::TooLong));
}

#[test]
fn a15_names_of_object_properties_are_names_like_others() {
    for name in ["constructor", "__proto__", "toString"] {
        let lines = format!("Sec-WebSocket-Extensions: {name}; {name}\r\nSec-WebSocket-Protocol: {name}\r\n");
        let accepted = accept(&example_with("Origin", &lines), &ServerOffer::default()).expect("accepted");
        assert_eq!(accepted.subprotocol, None);
    }
}

#[test]
fn a_good_extension_offer_is_declined_and_a_bad_one_is_400() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let accepted = accept(&example_with("Origin", offer), &ServerOffer::default()).expect("accepted");
    let mut answer = Vec::new();
    accepted.write_response(&[], &mut answer).expect("valid headers");
    assert!(!String::from_utf8(answer).expect("text").contains("Extensions"));
    check_refused(&example_with("Origin", "Sec-WebSocket-Extensions: a b\r\n"), 400);
}

#[test]
fn a17_line_breaks_cannot_be_smuggled_into_an_answer_or_a_request() {
    let accepted = accept(&request(EXAMPLE), &ServerOffer::default()).expect("accepted");
    let refusal = Refusal { status: 400, headers: &[], sentence: "no" };
    for header in
        [("X", "a\r\nSet-Cookie: b"), ("X", "a\nb"), ("X", "a\0b"), ("X\r\nY", "a"), ("X:", "a"), ("", "a")]
    {
        let mut output = Vec::new();
        assert_eq!(accepted.write_response(&[header], &mut output), Err(AnswerError::HeaderInvalid));
        assert_eq!(refusal.write_response(&[header], &mut output), Err(AnswerError::HeaderInvalid));
        assert_eq!(output, b"");
        let error = ClientHandshake::new(
            "a",
            "/",
            &ClientOffer { headers: &[header], ..ClientOffer::default() },
            NONCE,
        )
        .err();
        assert_eq!(error, Some(HandshakeError::HeaderInvalid));
    }
    let smuggled = "Sec-WebSocket-Protocol: a%0d%0ab, chat\r\n";
    let offer = ServerOffer { subprotocols: &["chat"], subprotocol_required: true, ..ServerOffer::default() };
    // A percent sign is a token character; what counts is that only our own name is ever sent back.
    let accepted = accept(&example_with("Sec-WebSocket-Protocol", smuggled), &offer).expect("accepted");
    assert_eq!(accepted.subprotocol.as_deref(), Some("chat"));
}

#[test]
fn a_client_and_a_server_agree() {
    let client = ClientHandshake::new(
        "server.example.com:8080",
        "/chat?x=1",
        &ClientOffer {
            subprotocols: &["chat", "superchat"],
            headers: &[("Origin", "http://example.com"), ("Authorization", "Bearer x")],
            ..ClientOffer::default()
        },
        NONCE,
    )
    .expect("a valid request");
    let request = RequestHead::parse(client.request(), HeadLimits::default()).expect("a valid head");
    assert_eq!(request.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!((request.target(), request.header("authorization")), ("/chat?x=1", Some("Bearer x")));
    let offer =
        ServerOffer { subprotocols: &["superchat"], subprotocol_required: true, ..ServerOffer::default() };
    let mut answer = Vec::new();
    accept(&request, &offer).expect("accepted").write_response(&[], &mut answer).expect("valid headers");
    let response = ResponseHead::parse(&answer, HeadLimits::default()).expect("a valid head");
    assert_eq!(
        client.verify(&response),
        Ok(Agreed { subprotocol: Some("superchat".to_owned()), compression: None })
    );
}

#[test]
fn a_client_checks_every_part_of_the_answer() {
    let offer = ClientOffer { subprotocols: &["chat"], ..ClientOffer::default() };
    let client = ClientHandshake::new("a", "/", &offer, NONCE).expect("a valid request");
    let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(client.verify(&response(good)), Ok(Agreed { subprotocol: None, compression: None }));
    let check = |from: &str, to: &str, error: HandshakeError| {
        assert!(good.contains(from), "{from}");
        assert_eq!(client.verify(&response(&good.replace(from, to))), Err(error), "{to}");
    };
    check("101 Switching Protocols", "403 Forbidden", HandshakeError::Refused { status: 403 });
    check("101 Switching Protocols", "200 OK", HandshakeError::Refused { status: 200 });
    check("HTTP/1.1", "HTTP/1.0", HandshakeError::VersionInvalid);
    check("Upgrade: WebSocket\r\n", "", HandshakeError::UpgradeMissing);
    check("WebSocket\r\n", "h2c\r\n", HandshakeError::UpgradeMissing);
    check("Connection: upgrade\r\n", "", HandshakeError::ConnectionMissing);
    check("Connection: upgrade\r\n", "Connection: close\r\n", HandshakeError::ConnectionMissing);
    check("s3pP", "s3pp", HandshakeError::AcceptInvalid);
    check("Sec-WebSocket-Accept: ", "X: ", HandshakeError::AcceptInvalid);
    let twice = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Accept: ";
    check("Sec-WebSocket-Accept: ", twice, HandshakeError::AcceptInvalid);
    let with = |line: &str| format!("Connection: upgrade\r\n{line}\r\n");
    let extension = with("Sec-WebSocket-Extensions: permessage-deflate");
    check("Connection: upgrade\r\n", &extension, HandshakeError::ExtensionNotOffered);
    for line in
        ["Sec-WebSocket-Protocol: other", "Sec-WebSocket-Protocol: chat, x", "Sec-WebSocket-Protocol: CHAT"]
    {
        check("Connection: upgrade\r\n", &with(line), HandshakeError::SubprotocolNotOffered);
    }
    let twice = with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat");
    check("Connection: upgrade\r\n", &twice, HandshakeError::SubprotocolNotOffered);
}

#[test]
fn a_client_refuses_to_write_a_request_that_is_none() {
    let new = |host: &str, target: &str, subprotocols: &[&str], headers: &[(&str, &str)]| {
        ClientHandshake::new(
            host,
            target,
            &ClientOffer { subprotocols, headers, ..ClientOffer::default() },
            NONCE,
        )
        .err()
    };
    for host in ["", "a b", "a/b", "u@a", "a\r\nX: y", "a:b"] {
        assert_eq!(new(host, "/", &[], &[]), Some(HandshakeError::HostInvalid), "{host}");
    }
    for target in ["", "x", "/a b", "/a\r\nX: y", "/#f", "/\u{e9}", "http://a/"] {
        assert_eq!(new("a", target, &[], &[]), Some(HandshakeError::TargetInvalid), "{target}");
    }
    for subprotocols in [&[""][..], &["a b"], &["a,b"], &["a\r\nb"], &["a", "a"], &["x"; 65]] {
        assert_eq!(new("a", "/", subprotocols, &[]), Some(HandshakeError::SubprotocolInvalid));
    }
    for name in
        ["host", "Upgrade", "CONNECTION", "Sec-WebSocket-Key", "sec-websocket-extensions", "Content-Length"]
    {
        assert_eq!(new("a", "/", &[], &[(name, "x")]), Some(HandshakeError::HeaderInvalid), "{name}");
    }
}

/// What a server with this policy answers to these offers.
fn answer_to(offers: &str, policy: Policy) -> (Option<Parameters>, String) {
    let lines = format!("Sec-WebSocket-Extensions: {offers}\r\n");
    let offer = ServerOffer { compression: policy, ..ServerOffer::default() };
    let accepted = accept(&example_with("Origin", &lines), &offer).expect("accepted");
    let mut answer = Vec::new();
    accepted.write_response(&[], &mut answer).expect("valid headers");
    let response = ResponseHead::parse(&answer, HeadLimits::default()).expect("a valid head");
    let header = response.header("sec-websocket-extensions").unwrap_or_default().to_owned();
    (accepted.compression, header)
}

#[test]
fn compression_is_agreed_on_only_if_both_sides_want_it() {
    let browser = "permessage-deflate; client_max_window_bits";
    assert_eq!(answer_to(browser, Policy::default()), (None, String::new()));
    let (parameters, header) = answer_to(browser, Policy::with_mode(Mode::NoTakeover));
    let parameters = parameters.expect("agreed");
    assert!(parameters.server_no_context_takeover && parameters.client_no_context_takeover);
    assert_eq!(header, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    let policy = Policy::with_mode(Mode::Takeover { window_bits_max: 11 });
    let (parameters, _) = answer_to(browser, policy);
    let parameters = parameters.expect("agreed");
    assert_eq!((parameters.server_max_window_bits, parameters.client_max_window_bits), (11, 11));
    assert_eq!(answer_to("x-webkit-deflate-frame", policy), (None, String::new()));
}

#[test]
fn z04_an_offer_that_is_not_understood_is_declined_and_the_connection_works() {
    let policy = Policy::with_mode(Mode::Takeover { window_bits_max: 15 });
    for offer in [
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; unheard_of",
    ] {
        assert_eq!(answer_to(offer, policy), (None, String::new()), "{offer}");
        let (second, _) = answer_to(&format!("{offer}, permessage-deflate"), policy);
        assert!(second.is_some(), "{offer}");
    }
}

#[test]
fn every_pair_of_policies_agrees_over_every_version_of_http() {
    let mut modes = vec![Mode::Off, Mode::NoTakeover];
    modes.extend((8..=15).map(|window_bits_max| Mode::Takeover { window_bits_max }));
    for (ours, theirs) in modes.iter().flat_map(|ours| modes.iter().map(move |theirs| (*ours, *theirs))) {
        let offer = ClientOffer { compression: Policy::with_mode(ours), ..ClientOffer::default() };
        let server = ServerOffer { compression: Policy::with_mode(theirs), ..ServerOffer::default() };
        let client = ClientHandshake::new("a", "/", &offer, NONCE).expect("a valid request");
        let request = RequestHead::parse(client.request(), HeadLimits::default()).expect("a valid head");
        let accepted = accept(&request, &server).expect("accepted");
        let mut answer = Vec::new();
        accepted.write_response(&[], &mut answer).expect("valid headers");
        let response = ResponseHead::parse(&answer, HeadLimits::default()).expect("a valid head");
        let agreed = client.verify(&response).expect("verified").compression;

        let client = ClientHandshake::for_connect(true, "a", "/", &offer).expect("a valid request");
        let fields: Vec<(String, String)> =
            client.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let pseudo = client.pseudo().expect("a CONNECT");
        let request = RequestHead::from_fields(Version::Http2, pseudo, fields, HeadLimits::default())
            .expect("a valid head");
        let over_connect = accept(&request, &server).expect("accepted");
        assert_eq!(over_connect.compression, accepted.compression);
        let fields = over_connect.fields().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let response = ResponseHead::from_fields(Version::Http2, 200, fields, HeadLimits::default())
            .expect("a valid head");
        assert_eq!(client.verify(&response).expect("verified").compression, agreed);

        assert_eq!(agreed.is_some(), ours != Mode::Off && theirs != Mode::Off, "{ours:?} {theirs:?}");
        let (Some(agreed), Some(accepted)) = (agreed, accepted.compression) else { continue };
        // The client may use less for itself than what was agreed on, and nothing else may differ.
        let own = Parameters {
            client_no_context_takeover: agreed.client_no_context_takeover,
            client_max_window_bits: agreed.client_max_window_bits,
            ..accepted
        };
        assert_eq!(agreed, own, "{ours:?} {theirs:?}");
        assert!(agreed.client_no_context_takeover || !accepted.client_no_context_takeover);
        assert!(agreed.client_max_window_bits <= accepted.client_max_window_bits);
    }
}
