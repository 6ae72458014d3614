//! Hellos in literal bytes, in pieces, and wrong in every way.

use super::*;

/// A hello with extensions, in one record.
fn hello(extensions: &[u8]) -> Vec<u8> {
    in_records(&message(extensions), RECORD_BYTES_MAX)
}

fn message(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x5a; 32]);
    body.extend([0]); // no session id
    body.extend([0, 4, 0x0a, 0x0a, 0x13, 0x01]); // GREASE and TLS_AES_128_GCM_SHA256
    body.extend([1, 0]); // no compression
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1];
    message.extend(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend(body);
    message
}

fn in_records(message: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in message.chunks(size) {
        bytes.extend([22, 3, 1]);
        bytes.extend((piece.len() as u16).to_be_bytes());
        bytes.extend(piece);
    }
    bytes
}

fn read(bytes: &[u8]) -> Result<Option<ClientHello>, HelloError> {
    Reader::default().receive(bytes)
}

#[rustfmt::skip]
const EXTENSIONS: &[u8] = &[
    0x1a, 0x1a, 0, 0,                                                     // GREASE
    0, 0, 0, 16, 0, 14, 0, 0, 11, b'E', b'x', b'a', b'm', b'p', b'l', b'e', b'.', b'o', b'r', b'g',
    0, 16, 0, 17, 0, 15, 2, 0x2a, 0x2a, 2, b'h', b'2', 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1',
    0, 43, 0, 3, 2, 3, 4,                                                 // supported versions
];

fn expected() -> ClientHello {
    ClientHello {
        server_name: Some("example.org".into()),
        alpn: vec![vec![0x2a, 0x2a], b"h2".to_vec(), b"http/1.1".to_vec()],
        is_encrypted: false,
    }
}

#[test]
fn a_hello_says_its_name_and_its_protocols() {
    assert_eq!(read(&hello(EXTENSIONS)), Ok(Some(expected())));
}

#[test]
fn a_hello_is_the_same_in_records_and_pieces_of_any_size() {
    let message = message(EXTENSIONS);
    for record in 1..message.len() {
        let bytes = in_records(&message, record);
        assert_eq!(read(&bytes), Ok(Some(expected())), "records of {record}");
        let mut reader = Reader::default();
        let (last, first) = bytes.split_last().unwrap();
        for byte in first {
            assert_eq!(reader.receive(&[*byte]), Ok(None));
        }
        assert_eq!(reader.receive(&[*last]), Ok(Some(expected())), "byte by byte, records of {record}");
        assert_eq!(reader.into_bytes(), bytes);
    }
}

#[test]
fn what_follows_a_hello_is_kept_for_the_backend() {
    let bytes = [hello(EXTENSIONS), b"early data".to_vec()].concat();
    let mut reader = Reader::default();
    assert_eq!(reader.receive(&bytes), Ok(Some(expected())));
    assert_eq!(reader.bytes(), bytes);
}

#[test]
fn a_hello_without_extensions_asks_for_nothing() {
    let mut bytes = message(&[]);
    bytes.truncate(bytes.len() - 2);
    bytes[3] -= 2;
    assert_eq!(read(&in_records(&bytes, 9)), Ok(Some(ClientHello::default())));
    assert_eq!(read(&hello(&[])), Ok(Some(ClientHello::default())));
}

#[test]
fn an_encrypted_hello_shows_its_outer_name() {
    let extensions = [EXTENSIONS, &[0xfe, 0x0d, 0, 2, 0, 1]].concat();
    let expect = ClientHello { is_encrypted: true, ..expected() };
    assert_eq!(read(&hello(&extensions)), Ok(Some(expect)));
}

#[test]
fn a21_other_protocols_are_refused_at_their_first_bytes() {
    for other in [&b"G"[..], b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0", b"\x80\x2e\x01", b"\x16\x02", b"\0"] {
        assert_eq!(read(other), Err(HelloError::NotTls), "{other:?}");
    }
    assert_eq!(read(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Err(HelloError::NotAHello));
    assert_eq!(read(&[22, 3, 1, 0, 0]), Err(HelloError::Malformed("record length")));
    assert_eq!(read(&[22, 3, 1, 0x40, 1]), Err(HelloError::Malformed("record length")));
    let two = [&[22, 3, 1, 0, 1, 1][..], &[21, 3, 1, 0, 2, 1, 0]].concat();
    assert_eq!(read(&two), Err(HelloError::Malformed("record")));
}

#[test]
fn a_hello_that_never_ends_is_refused_at_its_limit() {
    assert_eq!(read(&[22, 3, 1, 0, 4, 1, 0, 0x40, 1]), Err(HelloError::TooLong));
    // Records of one byte: five bytes of head for each byte of a message.
    let mut reader = Reader::default();
    let mut received = 0;
    let head = [22, 3, 1, 0, 4, 1, 0, 0x3f, 0xff];
    let mut result = reader.receive(&head);
    while result == Ok(None) {
        received += 6;
        result = reader.receive(&[22, 3, 1, 0, 1, 0]);
    }
    assert_eq!(result, Err(HelloError::TooLong));
    assert!(received <= HELLO_BYTES_MAX, "{received}");
}

#[test]
fn malformed_hellos_say_what_is_wrong() {
    let cases: [(&[u8], &str); 11] = [
        (&[0, 0, 0, 1], "extension"),
        (&[0, 0, 0, 0], "server name"),
        (&[0, 0, 0, 5, 0, 3, 0, 0, 0], "server name"),
        (&[0, 0, 0, 6, 0, 4, 1, 0, 1, b'a'], "server name"),
        (&[0, 0, 0, 6, 0, 4, 0, 0, 1, b'/'], "server name"),
        (&[0, 0, 0, 6, 0, 4, 0, 0, 1, 0xc3], "server name"),
        (&[0, 0, 0, 7, 0, 4, 0, 0, 1, b'a', 0], "server name"),
        (&[0, 0, 0, 6, 0, 4, 0, 0, 1, b'a', 0, 0, 0, 6, 0, 4, 0, 0, 1, b'b'], "second server name"),
        (&[0, 16, 0, 2, 0, 0], "list of protocols"),
        (&[0, 16, 0, 3, 0, 1, 0], "list of protocols"),
        (&[0, 16, 0, 4, 0, 2, 5, b'h'], "list of protocols"),
    ];
    for (extensions, what) in cases {
        assert_eq!(read(&hello(extensions)), Err(HelloError::Malformed(what)), "{extensions:?}");
    }
    let whole = message(EXTENSIONS);
    for size in MESSAGE_HEADER_BYTES..whole.len() - 1 {
        let mut cut = whole[..size].to_vec();
        cut[2..4].copy_from_slice(&((size - MESSAGE_HEADER_BYTES) as u16).to_be_bytes());
        // Exactly one cut is valid: the one before the extensions.
        let result = read(&in_records(&cut, RECORD_BYTES_MAX));
        let is_before_extensions = size == whole.len() - EXTENSIONS.len() - 2;
        assert_eq!(result.is_err(), !is_before_extensions, "cut at {size}: {result:?}");
    }
}

#[test]
fn hellos_of_real_clients_are_read() {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = "Chat.Example.org".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    let hello = read(&bytes).unwrap().unwrap();
    assert_eq!(hello.server_name.as_deref(), Some("chat.example.org"));
    assert_eq!(hello.alpn, [b"h2"]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_the_same_however_they_are_cut(
        at in 0_usize..200, value: u8, cut in 1_usize..50
    ) {
        let mut bytes = hello(EXTENSIONS);
        let at = at % bytes.len();
        bytes[at] = value;
        let whole = read(&bytes);
        let mut reader = Reader::default();
        let mut pieces = Ok(None);
        for piece in bytes.chunks(cut) {
            pieces = reader.receive(piece);
            if pieces != Ok(None) {
                break;
            }
        }
        proptest::prop_assert_eq!(whole, pieces);
    }
}
