//! Heads of HTTP/1.1 messages: what is read, and one test for each attack on the reading.

use ws::head::{Framing, HeadError, HeadLimits, RequestHead, ResponseHead, Version};
use ws::http1::HeadReader;

/// A request with these lines behind its `Host`.
fn request(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: example.com\r\n{lines}\r\n")
}

/// Parses a request at once, and again byte by byte: the verdict must be the same.
#[track_caller]
fn parse(text: impl AsRef<[u8]>) -> Result<RequestHead, HeadError> {
    let bytes = text.as_ref();
    let limits = HeadLimits { reads_max: u32::MAX, ..HeadLimits::default() };
    let at_once = RequestHead::parse(bytes, limits);
    let mut reader = HeadReader::for_requests(limits);
    let pushed = bytes.iter().try_for_each(|byte| reader.push(&[*byte]).map(|_| ()));
    let bytewise = pushed.and_then(|()| reader.take_request());
    assert_eq!(at_once.as_ref().err(), bytewise.as_ref().err());
    at_once
}

#[track_caller]
fn check_refused(text: impl AsRef<[u8]>, status: u16, error: HeadError) {
    assert_eq!(parse(&text).err(), Some(error), "{}", String::from_utf8_lossy(text.as_ref()));
    assert_eq!(error.status(), status);
    assert!(error.to_string().ends_with('.'), "the answer is a sentence");
}

#[test]
fn a_request_is_read_with_all_its_parts() {
    let head =
        parse("GET /a/b?c=d%20e HTTP/1.1\r\nHost: [::1]:8080\r\nX-Name: J\u{f6}rg \r\nx-name:2\r\n\r\n")
            .unwrap();
    assert_eq!((head.method(), head.target(), head.version()), ("GET", "/a/b?c=d%20e", Version::Http11));
    assert_eq!((head.path(), head.query()), ("/a/b", Some("c=d%20e")));
    assert_eq!(head.header("X-NAME"), Some("J\u{f6}rg"));
    assert_eq!(head.header_all("x-name").collect::<Vec<_>>(), ["J\u{f6}rg", "2"]);
    assert_eq!(head.headers().count(), 3);
    assert_eq!((head.header("missing"), head.framing(), head.keeps_alive()), (None, Framing::None, true));
}

#[test]
fn the_length_of_the_body_is_what_the_head_says() {
    assert_eq!(parse(request("Content-Length: 12\r\n")).unwrap().framing(), Framing::Length(12));
    assert_eq!(parse(request("Transfer-Encoding: Chunked\r\n")).unwrap().framing(), Framing::Chunked);
    let response = |text: &str| ResponseHead::parse(text.as_bytes(), HeadLimits::default()).unwrap();
    assert_eq!(response("HTTP/1.1 200 OK\r\n\r\n").framing(), Framing::UntilEnd);
    assert_eq!(response("HTTP/1.1 404 \r\nContent-Length: 3\r\n\r\n").framing(), Framing::Length(3));
    assert_eq!(response("HTTP/1.1 101 Switching\r\nContent-Length: 3\r\n\r\n").framing(), Framing::None);
    assert_eq!(response("HTTP/1.0 204 None at all\r\n\r\n").framing(), Framing::None);
}

#[test]
fn bytes_behind_the_head_are_left_to_the_caller() {
    let text = request("");
    let mut reader = HeadReader::for_requests(HeadLimits::default());
    let stream = [text.as_bytes(), b"body"].concat();
    assert_eq!(reader.push(&stream[..10]), Ok(None));
    assert_eq!(reader.take_request().err(), Some(HeadError::Incomplete));
    assert_eq!(reader.push(&stream[10..]), Ok(Some(text.len() - 10)));
    assert_eq!(reader.push(b"more"), Ok(Some(0)));
    assert_eq!(reader.take_request().unwrap().header("host"), Some("example.com"));
    assert!(reader.is_empty());
    assert_eq!(reader.push(text.as_bytes()), Ok(Some(text.len())), "the reader starts over");
}

#[test]
fn keep_alive_follows_the_version_and_the_connection_field() {
    let keeps_alive = |version: &str, connection: &str| {
        let text = format!("GET / {version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
        parse(text).unwrap().keeps_alive()
    };
    assert!(keeps_alive("HTTP/1.1", "Upgrade"));
    assert!(!keeps_alive("HTTP/1.1", "x, Close"));
    assert!(!keeps_alive("HTTP/1.0", "x"));
    assert!(keeps_alive("HTTP/1.0", "Keep-Alive"));
    assert!(!keeps_alive("HTTP/1.0", "keep-alive, close"));
}

#[test]
fn a01_a_request_has_exactly_one_plain_host() {
    check_refused("GET / HTTP/1.1\r\n\r\n", 400, HeadError::HostMissing);
    check_refused(request("Host: example.com\r\n"), 400, HeadError::HostRepeated);
    for host in [
        "",
        "user@example.com",
        "example.com/path",
        "a b",
        "a,b",
        "a:b",
        "a:",
        "a:99999",
        "a:1:2",
        "[::1",
        "[x]",
        "[::1]x",
    ] {
        check_refused(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400, HeadError::HostInvalid);
    }
    for host in ["a", "example.com:443", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:8080", "x_y.local"] {
        assert!(parse(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
    }
    assert!(parse("GET / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 needs no Host");
}

#[test]
fn a02_a_doubtful_length_is_400() {
    check_refused(
        request("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        400,
        HeadError::LengthAndTransferEncoding,
    );
    check_refused(request("Content-Length: 1\r\nContent-Length: 2\r\n"), 400, HeadError::LengthRepeated);
    check_refused(request("Content-Length: 1\r\nContent-Length: 1\r\n"), 400, HeadError::LengthRepeated);
    for length in
        ["+5", "-1", "0x5", "18446744073709551616", "", "1, 1", "1 1", "5\t", "\t5", "5 ", "1_0", "١"]
    {
        check_refused(request(&format!("Content-Length: {length}\r\n")), 400, HeadError::LengthInvalid);
    }
    let largest = request("Content-Length: 18446744073709551615\r\n");
    assert_eq!(parse(largest).unwrap().framing(), Framing::Length(u64::MAX));
}

#[test]
fn a03_a_transfer_encoding_that_is_not_exactly_chunked_is_refused() {
    let invalid = HeadError::TransferEncodingInvalid;
    for line in [
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: chunked\t",
        "Transfer-Encoding: chunked ",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: , chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ] {
        check_refused(request(&format!("{line}\r\n")), 400, invalid);
    }
    for line in
        ["Transfer-Encoding: xchunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity"]
    {
        check_refused(request(&format!("{line}\r\n")), 501, HeadError::TransferEncodingUnsupported);
    }
    check_refused(request("Transfer-Encoding: \x0bchunked\r\n"), 400, HeadError::ControlCharacter);
    check_refused(request("Transfer-Encoding: chunked\0\r\n"), 400, HeadError::ControlCharacter);
    check_refused(request("Transfer-Encoding:\r\n chunked\r\n"), 400, HeadError::FoldedHeader);
    check_refused(request("Transfer-Encoding : chunked\r\n"), 400, HeadError::HeaderInvalid);
    check_refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, invalid);
}

#[test]
fn a04_bare_line_ends_folds_and_control_characters_are_400() {
    check_refused("GET / HTTP/1.1\nHost: a\n\n", 400, HeadError::BareLineFeed);
    check_refused(request("X: a\nY: b\r\n"), 400, HeadError::BareLineFeed);
    check_refused(request("X: a\rY: b\r\n"), 400, HeadError::BareCarriageReturn);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\n\rX", 400, HeadError::BareCarriageReturn);
    check_refused(request("X: a\r\n\tb\r\n"), 400, HeadError::FoldedHeader);
    for control in (0..0x20).filter(|byte| !b"\t\r\n".contains(byte)).chain([0x7f]) {
        let line = format!("X: a{}b\r\n", char::from(control));
        check_refused(request(&line), 400, HeadError::ControlCharacter);
    }
    check_refused("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, HeadError::StartLineInvalid);
}

#[test]
fn a04_header_fields_that_two_parsers_could_read_differently_are_400() {
    for line in ["No colon", ": no name", "Na me: x", "Name : x", "N\u{e4}me: x", "(x): y"] {
        check_refused(request(&format!("{line}\r\n")), 400, HeadError::HeaderInvalid);
    }
    check_refused(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n", 400, HeadError::NotUtf8);
}

#[test]
fn a05_what_is_too_long_is_refused_with_its_own_status() {
    let long = "x".repeat(100_000);
    check_refused(format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, HeadError::TargetTooLong);
    check_refused(request(&format!("X: {long}\r\n")), 431, HeadError::TooLong);
    check_refused(request(&"X:\r\n".repeat(10_000)), 431, HeadError::TooManyHeaders);
    check_refused(format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"), 501, HeadError::MethodTooLong);
    check_refused(format!("GET / HTTP/{long}\r\nHost: a\r\n\r\n"), 400, HeadError::StartLineInvalid);
}

#[test]
fn a05_what_is_just_short_enough_passes() {
    let limits = HeadLimits::default();
    let target = "x".repeat(limits.target_bytes_max - 1);
    assert!(parse(format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n")).is_ok());
    assert!(parse(request(&"X:\r\n".repeat(99))).is_ok());
    check_refused(request(&"X:\r\n".repeat(100)), 431, HeadError::TooManyHeaders);
    let filler = "x".repeat(limits.head_bytes_max - request("X: \r\n").len());
    assert!(parse(request(&format!("X: {filler}\r\n"))).is_ok());
    check_refused(request(&format!("X: {filler}x\r\n")), 431, HeadError::TooLong);
    let method = "M".repeat(limits.method_bytes_max);
    assert!(parse(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).is_ok());
}

#[test]
fn versions_that_are_not_spoken_are_505_and_nonsense_is_400() {
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.1"] {
        check_refused(format!("GET / {version}\r\nHost: a\r\n\r\n"), 505, HeadError::VersionUnsupported);
    }
    for version in ["", "http/1.1", "HTTP/1", "HTTP/11", "HTTPS/1.1", "1.1"] {
        check_refused(format!("GET / {version}\r\nHost: a\r\n\r\n"), 400, HeadError::StartLineInvalid);
    }
    check_refused("GET /\r\n\r\n", 400, HeadError::ControlCharacter);
    check_refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, HeadError::StartLineInvalid);
    check_refused("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, HeadError::StartLineInvalid);
}

#[test]
fn targets_that_are_not_paths_are_400() {
    for target in ["http://169.254.169.254/", "example.com:80", "*", "x", "/a#b", "//"] {
        let result = parse(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let expected = if target == "//" { None } else { Some(HeadError::TargetInvalid) };
        assert_eq!(result.err(), expected, "{target}");
    }
    assert_eq!(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().target(), "*");
    check_refused("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400, HeadError::StartLineInvalid);
}

#[test]
fn a14_a_head_in_single_bytes_is_looked_at_once_and_ends_at_the_budget_of_reads() {
    let text = request(&format!("X: {}\r\n", "x".repeat(10_000)));
    let mut reader = HeadReader::for_requests(HeadLimits::default());
    let mut reads = 0;
    let error = text.bytes().find_map(|byte| {
        reads += 1;
        reader.push(&[byte]).err()
    });
    assert_eq!((error, reads), (Some(HeadError::TooManyReads), 513));
}

#[test]
fn a14_a_head_of_a_megabyte_in_single_bytes_costs_linear_time() {
    // A parser that starts from the first byte for each read would look at 4 * 10^11 bytes here, and take minutes.
    let limits = HeadLimits { head_bytes_max: 1 << 20, reads_max: u32::MAX, ..HeadLimits::default() };
    let mut reader = HeadReader::for_requests(limits);
    let text = request("X: ");
    text.trim_end().bytes().for_each(|byte| assert_eq!(reader.push(&[byte]), Ok(None)));
    (0..900_000).for_each(|_| assert_eq!(reader.push(b"x"), Ok(None)));
    assert_eq!(reader.push(b"\r\n\r\n"), Ok(Some(4)));
}

#[test]
fn a17_escaped_line_breaks_in_the_target_are_400() {
    for target in ["/a%0d%0aX:%20y", "/%0A", "/?q=%0D", "/%00"] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        check_refused(text, 400, HeadError::TargetEscapesControl);
    }
    assert!(parse("GET /%0 HTTP/1.1\r\nHost: a\r\n\r\n").is_ok());
}

#[test]
fn a21_other_protocols_on_this_port_are_recognised_by_their_first_bytes() {
    check_refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, HeadError::TlsHello);
    check_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, HeadError::Http2Preface);
    check_refused(b"G\x16\x03", 400, HeadError::StartLineInvalid);
    check_refused([0x80, 0x9e, 0x01, 0xff], 400, HeadError::StartLineInvalid);
    // Recognised as soon as the bytes are there, and not only when a head is complete.
    let mut reader = HeadReader::for_requests(HeadLimits::default());
    assert_eq!(reader.push(b"\x16"), Err(HeadError::TlsHello));
    let mut reader = HeadReader::for_requests(HeadLimits::default());
    assert_eq!(reader.push(b"PRI "), Err(HeadError::Http2Preface));
}

#[test]
fn a_response_that_is_none_is_refused() {
    for text in
        ["HTTP/1.1\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"]
    {
        assert!(ResponseHead::parse(text.as_bytes(), HeadLimits::default()).is_err(), "{text}");
    }
    let split = b"HTTP/1.1 200 OK\r\nSet-Cookie: a\nb\r\n\r\n";
    assert_eq!(ResponseHead::parse(split, HeadLimits::default()).err(), Some(HeadError::BareLineFeed));
}
