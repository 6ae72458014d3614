//! Any bytes on a request stream of HTTP/3: no panic, bounded memory, bounded work, the same result however the bytes
//! are cut, and nothing doubtful in a message that passes.

#![no_main]

use h3::{Config, Connection, Request, RequestEvent, RequestStream, Role, UniStream};
use libfuzzer_sys::fuzz_target;

const SECTION_BYTES_MAX: u32 = 1000;

fuzz_target!(|data: &[u8]| {
    // The first bytes choose the side and the cuts, the rest is the stream.
    let Some((&[side, cuts @ ..], stream)) = data.split_first_chunk::<8>() else { return };
    let at_once = observe(side, stream, &[]);
    assert_eq!(at_once, observe(side, stream, &cuts));
    assert_eq!(at_once, observe(side, stream, &[1]));
});

/// A server's stream, or that of a client that asked for a page or for a WebSocket.
fn new_stream(side: u8) -> RequestStream {
    let config = Config { field_section_bytes_max: SECTION_BYTES_MAX, ..Config::default() };
    if side & 1 == 0 {
        return Connection::new(Role::Server, config).accept_request(0).expect("a request");
    }
    let mut client = Connection::new(Role::Client, config);
    let offer = Connection::new(Role::Server, config).control_bytes();
    client.receive_uni(&mut UniStream::new(), &mut &offer[..]).expect("valid settings");
    let request = if side & 2 == 0 { Request::https("GET", "a", "/") } else { Request::websocket("a", "/") };
    client.open_request(&request, [("x", "y")], &mut Vec::new()).expect("a valid request")
}

/// Everything that can be observed about a stream that comes in pieces of these sizes, in turn.
fn observe(side: u8, mut rest: &[u8], sizes: &[u8]) -> (Vec<String>, Vec<u8>, String) {
    let mut stream = new_stream(side);
    let mut sizes = sizes.iter().cycle();
    let (mut events, mut data) = (Vec::new(), Vec::new());
    let (mut received, mut steps) = (0, 0);
    let end = loop {
        if rest.is_empty() {
            break stream.finish();
        }
        let size = sizes.next().map_or(rest.len(), |&size| usize::from(size).clamp(1, rest.len()));
        let (mut piece, after) = rest.split_at(size);
        rest = after;
        received += size;
        // A call gives an event, or it is the last one for this piece.
        steps += 1;
        let failed = loop {
            match stream.receive(&mut piece) {
                Ok(None) => break None,
                Err(error) => break Some(error),
                Ok(Some(RequestEvent::Data(bytes))) => {
                    assert!(!bytes.is_empty());
                    data.extend_from_slice(bytes);
                }
                Ok(Some(event)) => {
                    check(&event);
                    // Data before and after it are told apart.
                    events.push(format!("{} {event:?}", data.len()));
                }
            }
            steps += 1;
            assert!(steps <= 2 * received, "more steps than bytes allow");
        };
        assert!(stream.buffered_bytes() <= 2 * SECTION_BYTES_MAX as usize);
        if let Some(error) = failed {
            break Err(error);
        }
        assert!(piece.is_empty());
    };
    assert!(data.len() <= received);
    assert_eq!(stream.buffered_bytes(), 0);
    assert_eq!(stream.receive(&mut &b"\x01\x00"[..]), Ok(None), "after the end nothing matters");
    (events, data, format!("{end:?}"))
}

/// What the rest of the program relies on.
fn check(event: &RequestEvent<'_>) {
    let section = match event {
        RequestEvent::Request(request) => {
            let parts = [request.scheme(), request.authority(), request.path(), request.protocol()];
            for part in parts.into_iter().flatten().chain([request.method()]) {
                assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            let is_connect = request.method() == "CONNECT";
            assert!(is_connect || request.protocol().is_none());
            assert_eq!(request.path().is_some(), !is_connect || request.protocol().is_some());
            if request.scheme() == Some("https") {
                assert!(request.authority().is_some() || request.field("host").is_some());
            }
            request.section()
        }
        RequestEvent::Response(response) => {
            assert!((100..1000).contains(&response.status()) && response.status() != 101);
            response.section()
        }
        RequestEvent::Trailers(section) => section,
        RequestEvent::Data(_) => return,
    };
    assert!(section.section_bytes() <= SECTION_BYTES_MAX as usize);
    for (name, value) in section.iter() {
        assert!(
            !name.is_empty()
                && !name.iter().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_whitespace())
        );
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
        assert!(!matches!(name, b"connection" | b"transfer-encoding" | b"upgrade"));
    }
}
