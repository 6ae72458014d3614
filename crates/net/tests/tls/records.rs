//! Rows S2, S3 and S5: records cut small, handshakes that stall, messages that are absurd.

use crate::place::{client, development, hello, openssl, request};
use crate::rig::{self, connect, read_to_end, status};
use net::Tls;
use rustls::{ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

#[test]
fn s2_a_hello_in_records_of_one_byte_is_a_hello() {
    let (_directory, tls, _workers, address) = development("s2");
    let mut connection = client(&tls, "localhost");
    let whole = hello(&mut connection);
    let mut socket = connect(address);
    for byte in &whole[5..] {
        socket.write_all(&[22, 3, 1, 0, 1, *byte]).unwrap();
    }
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 200);
}

#[test]
fn s3_a_handshake_that_stalls_or_is_called_off_ends() {
    let (_directory, tls, workers, address) = development("s3");
    let mut stalled = connect(address);
    stalled.write_all(&hello(&mut client(&tls, "localhost"))).unwrap();
    let mut called_off = connect(address);
    called_off.write_all(&hello(&mut client(&tls, "localhost"))).unwrap();
    called_off.write_all(&[21, 3, 3, 0, 2, 1, 0]).unwrap();
    read_to_end(&mut stalled);
    read_to_end(&mut called_off);
    rig::eventually("both are gone", || workers.totals().requesting == 0);
    assert_eq!(workers.totals().tls_failed, 2);
}

#[test]
fn s3_a_goodbye_in_the_middle_of_a_handshake_ends_it_without_a_loop() {
    let (_directory, tls, workers, address) = development("s3-notify");
    for version in [[3, 1], [3, 3]] {
        let mut socket = connect(address);
        let hello = hello(&mut client(&tls, "localhost"));
        // Half of the greeting, then close_notify (RFC 8446 section 6.1), again and again.
        let half = (hello.len() - 5) / 2;
        socket.write_all(&[22, 3, 1, (half >> 8) as u8, half as u8]).unwrap();
        socket.write_all(&hello[5..5 + half]).unwrap();
        for _ in 0..100 {
            if socket.write_all(&[21, version[0], version[1], 0, 2, 1, 0]).is_err() {
                break;
            }
        }
        read_to_end(&mut socket);
    }
    rig::eventually("both are gone", || workers.totals().requesting == 0);
    assert_eq!(workers.totals().tls_failed, 2);
}

#[test]
fn s5_a_handshake_message_without_end_ends_its_connection() {
    let (_directory, tls, workers, address) = development("s5");
    // One that says it is 16 MiB long, and one of 64 KiB and a byte: rustls takes 65,535 bytes.
    for length in [[0xff, 0xff, 0xff], [1, 0, 1]] {
        let mut socket = connect(address);
        let mut record = vec![22, 3, 1, 0x40, 0x00, 1];
        record.extend(length);
        record.resize(5 + 0x4000, 0);
        for _ in 0..64 {
            if socket.write_all(&record).is_err() {
                break;
            }
        }
        read_to_end(&mut socket);
    }
    rig::eventually("both are counted", || workers.totals().tls_failed == 2);
    assert_eq!(status(&request(address, &tls, "localhost", "localhost")), 200, "others are served");
}

/// An open WebSocket over TLS, and the socket under it.
fn websocket(address: SocketAddr, tls: &Tls) -> (ClientConnection, TcpStream) {
    let mut stream = StreamOwned::new(client(tls, "localhost"), connect(address));
    write!(stream, "{}\r\n", rig::HANDSHAKE).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (stream.conn, stream.sock)
}

/// Sends what the session wants to send. An error means that the server has closed.
fn send(session: &mut ClientConnection, socket: &mut TcpStream) -> std::io::Result<()> {
    while session.wants_write() {
        session.write_tls(socket)?;
    }
    Ok(())
}

#[test]
fn s5_a_flood_of_new_keys_ends_its_connection_and_no_other() {
    let (_directory, tls, workers, address) = development("s5-keys");
    let (mut session, mut socket) = websocket(address, &tls);
    for _ in 0..2000 {
        session.refresh_traffic_keys().unwrap();
        if send(&mut session, &mut socket).is_err() {
            break;
        }
    }
    read_to_end(&mut socket);
    rig::eventually("it is gone", || workers.totals().websockets_open == 0);
    assert_eq!(status(&request(address, &tls, "localhost", "localhost")), 200, "others are served");
}

#[test]
fn s5_new_keys_now_and_then_are_fine() {
    let (_directory, tls, _workers, address) = development("s5-some-keys");
    let (session, socket) = websocket(address, &tls);
    let mut stream = StreamOwned::new(session, socket);
    for _ in 0..100 {
        stream.conn.refresh_traffic_keys().unwrap();
        stream.write_all(&rig::masked(0x82, b"hello")).unwrap();
        let mut echo = [0; 7];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"\x82\x05hello");
    }
}

#[test]
fn s5_an_independent_client_that_asks_for_another_handshake_is_refused() {
    let (_directory, tls, workers, address) = development("s5-again");
    // A line that is an R makes the client renegotiate, which TLS 1.3 does not have and rustls does not do.
    let said = openssl(address, &["-tls1_2"], "R\n");
    assert!(said.contains("no renegotiation"), "{said}");
    rig::eventually("it is gone", || workers.totals().requesting == 0);
    assert_eq!(status(&request(address, &tls, "localhost", "localhost")), 200, "others are served");
}
