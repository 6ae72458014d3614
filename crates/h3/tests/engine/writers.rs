//! What is written: valid, within the peer's limit, or not at all.

use h3::{Connection, OpenError, Request, RequestStream, Role, WriteError, write_response, write_trailers};

use crate::wire::*;

const NO_LIMIT: u64 = u64::MAX;

fn response(status: u16, fields: Fields<'_>) -> Result<Vec<u8>, WriteError> {
    let mut output = b"before".to_vec();
    let result = write_response(status, fields.iter().copied(), NO_LIMIT, &mut output);
    assert!(result.is_ok() || output == b"before", "nothing is written of what is refused");
    result.map(|()| output.split_off(6))
}

fn request(request: &Request<'_>, fields: Fields<'_>) -> Result<Vec<u8>, OpenError> {
    let mut client = connection(Role::Client);
    assert_eq!(read_uni(&mut client, &connection(Role::Server).control_bytes()).end, Ok(()));
    let mut output = b"before".to_vec();
    let result = client.open_request(request, fields.iter().copied(), &mut output);
    assert!(result.is_ok() || output == b"before", "nothing is written of what is refused");
    result.map(|_| output.split_off(6))
}

#[test]
fn a_websocket_is_opened_with_one_small_frame() {
    let written =
        request(&Request::websocket("a.example", "/chat"), &[("sec-websocket-version", "13")]).unwrap();
    // HEADERS; no dynamic table; CONNECT and https of the static table.
    assert_eq!(written[..7], [0x01, 0x40, (written.len() - 3) as u8, 0x00, 0x00, 0xcf, 0xd7]);
    assert!(written.len() < 60, "{} bytes", written.len());
    let outcome = read(server_stream(), &written);
    let expected: Fields<'_> = &[
        (":method", "CONNECT"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/chat"),
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
    ];
    assert_eq!(outcome, Outcome { seen: vec![head(expected)], end: Ok(()) });
}

#[test]
fn a_response_is_written_with_these_bytes() {
    assert_eq!(response(200, &[]).unwrap(), b"\x01\x40\x03\x00\x00\xd9");
    assert_eq!(response(103, &[("link", "&")]).unwrap(), b"\x01\x40\x06\x00\x00\xd8\x5b\x01&");
    // Not in the table, and its digits take two bytes and a half when compressed.
    assert_eq!(response(418, &[]).unwrap(), b"\x01\x40\x08\x00\x00\x5f\x09\x03418");
}

#[test]
fn each_status_that_is_written_is_read() {
    for status in (100..=999).filter(|status| *status != 101) {
        let bytes = [response(status, &[]).unwrap(), response(200, &[]).unwrap()].concat();
        let text = status.to_string();
        assert_eq!(read(client_stream(), &bytes).seen.first(), Some(&head(&[(":status", &text)])));
    }
    for status in [0, 99, 101, 1000, u16::MAX] {
        assert!(matches!(response(status, &[]), Err(WriteError::Malformed(_))), "{status}");
    }
}

#[test]
fn what_a_peer_would_refuse_is_not_written() {
    let refused: [(&str, &str); 9] = [
        ("Server", "stoa"),
        ("", "x"),
        ("a b", "x"),
        (":status", "200"),
        ("connection", "close"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
        ("x", "a\r\nset-cookie: b"),
        ("x", " a"),
    ];
    for field in refused {
        assert!(
            matches!(response(200, &[("server", "stoa"), field]), Err(WriteError::Malformed(_))),
            "{field:?}"
        );
        let mut output = Vec::new();
        let written = write_trailers([field], NO_LIMIT, &mut output);
        assert!(matches!(written, Err(WriteError::Malformed(_))), "{field:?}");
        assert_eq!(output, b"");
    }
    let get = Request::https("GET", "a", "/");
    for field in refused.into_iter().filter(|field| field.0 != "te") {
        assert!(
            matches!(request(&get, &[field]), Err(OpenError::Write(WriteError::Malformed(_)))),
            "{field:?}"
        );
    }
    assert!(request(&get, &[("te", "trailers")]).is_ok());
}

#[test]
fn a_malformed_request_is_not_written() {
    let get = Request::https("GET", "a", "/");
    let malformed = [
        Request { method: "", ..get },
        Request { path: None, ..get },
        Request { path: Some("no-slash"), ..get },
        Request { scheme: None, ..get },
        Request { authority: None, ..get },
        Request { authority: Some("ann@a"), ..get },
        Request { method: "CONNECT", ..get },
        Request { protocol: Some("websocket"), ..get },
    ];
    for wrong in malformed {
        assert!(matches!(request(&wrong, &[]), Err(OpenError::Write(WriteError::Malformed(_)))), "{wrong:?}");
    }
    assert!(request(&get, &[("host", "b")]).is_err());
    assert!(request(&get, &[("host", "a"), ("host", "a")]).is_err());
    assert!(request(&Request { authority: None, ..get }, &[("host", "a")]).is_ok());
}

#[test]
fn q7_a_section_that_the_peer_does_not_want_is_not_written() {
    let bytes = (":status".len() + 3 + 32) + ("server".len() + 4 + 32);
    let mut output = Vec::new();
    let fields = [("server", "stoa")];
    let too_large = WriteError::TooLarge { section_bytes: bytes as u64, section_bytes_max: bytes as u64 - 1 };
    assert_eq!(write_response(200, fields, bytes as u64 - 1, &mut output), Err(too_large));
    assert_eq!(output, b"");
    assert_eq!(write_response(200, fields, bytes as u64, &mut output), Ok(()));

    let mut client = connection(Role::Client);
    let small = [varint(CONTROL_STREAM), frame(SETTINGS, &settings(&[(0x06, 100)]))].concat();
    assert_eq!(read_uni(&mut client, &small).end, Ok(()));
    let none: Fields<'_> = &[];
    let get = Request::https("GET", "a", "/");
    let opened = client.open_request(&get, none.iter().copied(), &mut output).map(drop);
    assert!(matches!(opened, Err(OpenError::Write(WriteError::TooLarge { section_bytes_max: 100, .. }))));
}

#[test]
fn a_large_section_has_a_longer_length_and_is_read_as_well() {
    for value_bytes in [16_000, 20_000, 70_000].into_iter().chain(16_370..16_390) {
        let value = "&".repeat(value_bytes);
        let bytes = response(200, &[("x", &value)]).unwrap();
        let mut client = Connection::new(
            Role::Client,
            h3::Config { field_section_bytes_max: 100_000, ..h3::Config::default() },
        );
        let none: Fields<'_> = &[];
        let get = Request::https("GET", "a", "/");
        let stream: RequestStream = client.open_request(&get, none.iter().copied(), &mut Vec::new()).unwrap();
        assert_eq!(read(stream, &bytes).seen, [head(&[(":status", "200"), ("x", &value)])]);
        assert!(client.accept_request(0).is_err());
    }
}

#[test]
fn trailers_are_written_as_a_headers_frame() {
    let mut output = Vec::new();
    write_trailers([("a", "b")], NO_LIMIT, &mut output).unwrap();
    assert_eq!(output, b"\x01\x40\x06\x00\x00\x21a\x01b");
}

#[test]
fn a_data_header_tells_the_length_in_the_shortest_form() {
    for (bytes, header) in [
        (0, &b"\x00\x00"[..]),
        (63, b"\x00\x3f"),
        (64, b"\x00\x40\x40"),
        (16_383, b"\x00\x7f\xff"),
        (16_384, b"\x00\x80\x00\x40\x00"),
        (1 << 30, b"\x00\xc0\x00\x00\x00\x40\x00\x00\x00"),
    ] {
        assert_eq!(&*h3::data_frame_header(bytes), header);
    }
}
