//! A client and a server of this crate, with their streams in memory.

use h3::{Config, Connection, Request, RequestEvent, Role, UniEvent, UniStream, write_response};

use crate::wire::*;

struct Pair {
    client: Connection,
    server: Connection,
}

/// Both sides, after their control streams have arrived.
fn pair(grease: Option<u64>) -> Pair {
    let config = Config { grease, ..Config::default() };
    let mut pair =
        Pair { client: Connection::new(Role::Client, config), server: Connection::new(Role::Server, config) };
    let (from_client, from_server) = (pair.client.control_bytes(), pair.server.control_bytes());
    for (connection, bytes) in [(&mut pair.server, from_client), (&mut pair.client, from_server)] {
        let mut stream = UniStream::new();
        let outcome = read_uni_pieces(connection, &mut stream, bytes.chunks(1));
        assert!(matches!(outcome.seen[..], [UniEvent::Settings(_)]) && outcome.end.is_ok());
    }
    pair
}

#[test]
fn a_websocket_is_opened_carries_bytes_both_ways_and_ends_in_order() {
    for grease in [None, Some(1), Some(0x9999_9999)] {
        let mut pair = pair(grease);
        let offer = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "stoa.chat.v1")];
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let request = Request::websocket("a.example", "/chat?room=7");
        let mut at_client = pair.client.open_request(&request, offer, &mut to_server).unwrap();
        if let Some(seed) = grease {
            h3::write_grease_frame(seed, &mut to_server);
        }

        let mut at_server = pair.server.accept_request(0).unwrap();
        let mut input = &to_server[..];
        let Ok(Some(RequestEvent::Request(received))) = at_server.receive(&mut input) else {
            panic!("refused")
        };
        assert_eq!(received.request(), request);
        assert_eq!(received.field("sec-websocket-protocol"), Some(&b"stoa.chat.v1"[..]));
        assert_eq!(at_server.receive(&mut input), Ok(None));

        let limit = pair.server.peer_field_section_bytes_max();
        assert_eq!(limit, 16 * 1024);
        write_response(200, [("sec-websocket-protocol", "stoa.chat.v1")], limit, &mut to_client).unwrap();
        let (mut said_by_client, mut said_by_server) = (Vec::new(), Vec::new());
        to_server.clear();
        for number in 0..200_u32 {
            let message = number.to_string().repeat(number as usize + 1);
            for (wire, said) in [(&mut to_server, &mut said_by_client), (&mut to_client, &mut said_by_server)]
            {
                wire.extend_from_slice(&h3::data_frame_header(message.len()));
                wire.extend_from_slice(message.as_bytes());
                said.extend_from_slice(message.as_bytes());
            }
        }
        let mut seen = Vec::new();
        for piece in to_server.chunks(1000) {
            feed(&mut at_server, piece, &mut seen).unwrap();
            assert_eq!(at_server.buffered_bytes(), 0);
        }
        assert_eq!(seen, [data(&said_by_client)]);
        let mut seen = Vec::new();
        for piece in to_client.chunks(777) {
            feed(&mut at_client, piece, &mut seen).unwrap();
        }
        let answer: Fields<'_> = &[(":status", "200"), ("sec-websocket-protocol", "stoa.chat.v1")];
        assert_eq!(seen, [head(answer), data(&said_by_server)]);
        assert_eq!((at_client.finish(), at_server.finish()), (Ok(()), Ok(())));
    }
}

#[test]
fn many_requests_share_a_connection_and_a_malformed_one_harms_no_other() {
    let mut pair = pair(None);
    let mut streams = Vec::new();
    for number in 0..100_u64 {
        let (path, mut bytes) = (format!("/{number}"), Vec::new());
        let none: Fields<'_> = &[];
        let request = Request::https("GET", "a.example", &path);
        pair.client.open_request(&request, none.iter().copied(), &mut bytes).unwrap();
        if number == 50 {
            bytes = headers(&[(":method", "GET")]);
        }
        streams.push((pair.server.accept_request(number * 4).unwrap(), bytes, path));
    }
    // All of them arrive at the same time, byte by byte.
    let longest = streams.iter().map(|(_, bytes, _)| bytes.len()).max().unwrap();
    let mut received = 0;
    for at in 0..longest {
        for (number, (stream, bytes, path)) in streams.iter_mut().enumerate() {
            let Some(byte) = bytes.get(at..=at) else { continue };
            match stream.receive(&mut &byte[..]) {
                Ok(Some(RequestEvent::Request(request))) => {
                    assert_eq!(request.path(), Some(&path[..]));
                    received += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    assert_eq!((number, error.scope), (50, h3::Scope::Stream));
                }
                Ok(Some(event)) => panic!("{event:?}"),
            }
        }
    }
    assert_eq!(received, 99);
}

#[test]
fn a_shutdown_is_understood_by_the_other_side() {
    let mut pair = pair(None);
    let mut bytes = Vec::new();
    pair.server.accept_request(0).unwrap();
    pair.server.announce_shutdown(&mut bytes);
    pair.server.refuse_requests(&mut bytes);
    // A second client, because the streams of the first have been read.
    let mut client = connection(Role::Client);
    let outcome = read_uni(&mut client, &control(&[bytes]));
    assert_eq!(outcome.seen[1..], [UniEvent::GoAway((1 << 62) - 4), UniEvent::GoAway(4)]);
    assert!(!client.is_refused(0) && client.is_refused(4));

    let mut bytes = Vec::new();
    pair.client.announce_shutdown(&mut bytes);
    pair.client.refuse_requests(&mut bytes);
    let outcome = read_uni(&mut connection(Role::Server), &control(&[bytes]));
    assert_eq!(outcome.seen[1..], [UniEvent::GoAway(h3::VARINT_MAX), UniEvent::GoAway(0)]);
}
