//! Headers in literal bytes, there and back, and wrong in every way.

use super::*;

fn addresses(source: &str, destination: &str) -> Option<Addresses> {
    Some(Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
}

fn full() -> Header {
    Header {
        addresses: addresses("192.0.2.1:50000", "198.51.100.7:443"),
        alpn: Some(b"h2".to_vec()),
        authority: Some("example.org".into()),
        unique_id: Some(b"\x01\x02".to_vec()),
    }
}

#[test]
fn version_1_is_one_line() {
    let cases = [
        (&b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n"[..], addresses("192.0.2.1:50000", "192.0.2.2:443")),
        (b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", addresses("[2001:db8::1]:1", "[::1]:65535")),
        (b"PROXY UNKNOWN\r\n", None),
    ];
    for (bytes, addresses) in cases {
        let header = Header { addresses, ..Header::default() };
        assert_eq!(decode(bytes), Ok(Some((header.clone(), bytes.len()))));
        assert_eq!(decode(&[bytes, b"GET /"].concat()), Ok(Some((header.clone(), bytes.len()))));
        let mut out = Vec::new();
        encode(Version::V1, &header, &mut out);
        assert_eq!(out, bytes);
        for size in 0..bytes.len() {
            assert_eq!(decode(&bytes[..size]), Ok(None), "{size} bytes");
        }
    }
    let ignored = b"PROXY UNKNOWN whatever 1 2 3\r\n";
    assert_eq!(decode(ignored), Ok(Some((Header::default(), ignored.len()))));
}

#[test]
fn a20_lines_of_version_1_with_any_doubt_are_refused() {
    for (line, what) in [
        ("TCP4 192.0.2.1 192.0.2.2 50000", "port"),
        ("TCP4 192.0.2.1 192.0.2.2 50000 443 ", "line"),
        ("TCP4 192.0.2.1 192.0.2.2 050 443", "port"),
        ("TCP4 192.0.2.1 192.0.2.2 +50 443", "port"),
        ("TCP4 192.0.2.1 192.0.2.2 65536 443", "port"),
        ("TCP4 192.0.2.1  192.0.2.2 1 443", "address"),
        ("TCP4 192.0.2.01 192.0.2.2 1 443", "address"),
        ("TCP4 ::1 192.0.2.2 1 443", "address"),
        ("TCP6 192.0.2.1 ::1 1 443", "address"),
        ("TCP 192.0.2.1 192.0.2.2 1 443", "family"),
        ("UDP4 192.0.2.1 192.0.2.2 1 443", "family"),
        ("", "family"),
    ] {
        let bytes = format!("PROXY {line}\r\n");
        assert_eq!(decode(bytes.as_bytes()), Err(ProxyError::Malformed(what)), "{line}");
    }
    assert_eq!(decode(b"PROXY UNKNOWN\n"), Err(ProxyError::Malformed("end of line")));
    assert_eq!(decode(b"PROXY \xff\r\n"), Err(ProxyError::Malformed("line")));
    let long = [&b"PROXY UNKNOWN "[..], &[b'x'; V1_BYTES_MAX]].concat();
    assert_eq!(decode(&long), Err(ProxyError::TooLong));
    assert_eq!(decode(&long[..V1_BYTES_MAX - 1]), Ok(None));
}

#[rustfmt::skip]
const V2_WITHOUT_TAGS: &[u8] = &[
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, // signature
    0x21, 0x11, 0, 12,                                                     // PROXY, TCP over IPv4
    192, 0, 2, 1, 198, 51, 100, 7, 0xc3, 0x50, 0x01, 0xbb,
];

#[test]
fn version_2_is_binary_and_has_tags() {
    let header = Header { addresses: full().addresses, ..Header::default() };
    assert_eq!(decode(V2_WITHOUT_TAGS), Ok(Some((header, 28))));
    let mut out = Vec::new();
    encode(Version::V2, &full(), &mut out);
    #[rustfmt::skip]
    let tags = [&[1, 0, 2][..], b"h2", &[2, 0, 11], b"example.org", &[5, 0, 2, 1, 2], &[3, 0, 4]].concat();
    assert_eq!(out[15] as usize, 12 + tags.len() + 4);
    assert_eq!(out[16..28], V2_WITHOUT_TAGS[16..]);
    assert_eq!(out[28..out.len() - 4], tags);
    assert_eq!(decode(&[&out[..], b"data"].concat()), Ok(Some((full(), out.len()))));
    for size in 0..out.len() {
        assert_eq!(decode(&out[..size]), Ok(None), "{size} bytes");
    }
}

#[test]
fn version_2_goes_there_and_back_for_all_kinds_of_addresses() {
    for addresses in [None, full().addresses, addresses("[2001:db8::1]:1", "[::1]:65535")] {
        let header = Header { addresses, ..full() };
        let mut out = b"before".to_vec();
        encode(Version::V2, &header, &mut out);
        assert_eq!(decode(&out[6..]), Ok(Some((header, out.len() - 6))));
    }
    // Unix sockets have no address that we could use; LOCAL is a proxy's own connection.
    let unix = [&V2_WITHOUT_TAGS[..12], &[0x21, 0x31, 0, 216], &[b'x'; 216]].concat();
    assert_eq!(decode(&unix), Ok(Some((Header::default(), unix.len()))));
    let local = [&V2_WITHOUT_TAGS[..12], &[0x20, 0xff, 0, 3], b"???"].concat();
    assert_eq!(decode(&local), Ok(Some((Header::default(), local.len()))));
}

#[test]
fn a20_each_flipped_bit_of_a_header_with_a_checksum_is_noticed() {
    let mut whole = Vec::new();
    encode(Version::V2, &full(), &mut whole);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // LOCAL says that all of the rest is to be ignored; a tag of the checksum that became another takes it away.
        let tells = bit / 8 == 12 && bit % 8 == 0 || bit / 8 == whole.len() - 7;
        let result = decode(&bytes);
        assert!(tells || !matches!(result, Ok(Some(_))), "bit {bit}: {result:?}");
    }
}

#[test]
fn a20_headers_of_version_2_with_any_doubt_are_refused() {
    let with = |command: u8, family: u8, rest: &[u8]| {
        let mut bytes = V2_WITHOUT_TAGS[..12].to_vec();
        bytes.extend([command, family, (rest.len() >> 8) as u8, rest.len() as u8]);
        bytes.extend(rest);
        decode(&bytes)
    };
    let v4 = &V2_WITHOUT_TAGS[16..];
    assert_eq!(with(0x11, 0x11, v4), Err(ProxyError::Malformed("version or command")));
    assert_eq!(with(0x22, 0x11, v4), Err(ProxyError::Malformed("version or command")));
    assert_eq!(with(0x21, 0x41, v4), Err(ProxyError::Malformed("family")));
    assert_eq!(with(0x21, 0x13, v4), Err(ProxyError::Malformed("family")));
    assert_eq!(with(0x21, 0x11, &v4[1..]), Err(ProxyError::Malformed("address")));
    assert_eq!(with(0x21, 0x21, v4), Err(ProxyError::Malformed("address")));
    assert_eq!(with(0x21, 0x31, v4), Err(ProxyError::Malformed("address")));
    let tagged = |tags: &[u8]| with(0x21, 0x11, &[v4, tags].concat());
    for (tags, error) in [
        (&[1, 0][..], ProxyError::Malformed("tag")),
        (&[1, 0, 2, b'h'], ProxyError::Malformed("tag")),
        (&[1, 0, 0], ProxyError::Malformed("protocol")),
        (&[2, 0, 1, 0xff], ProxyError::Malformed("authority")),
        (&[2, 0, 1, b'a', 2, 0, 1, b'b'], ProxyError::Malformed("second tag")),
        (&[3, 0, 3, 0, 0, 0], ProxyError::Malformed("checksum")),
        (&[3, 0, 4, 0, 0, 0, 0], ProxyError::Checksum),
    ] {
        assert_eq!(tagged(tags), Err(error), "{tags:?}");
    }
    assert_eq!(tagged(&[&[5, 0, 129][..], &[0; 129]].concat()), Err(ProxyError::Malformed("unique id")));
    assert!(
        tagged(&[0xe0, 0, 1, 9, 4, 0, 2, 0, 0]).is_ok_and(|header| header.is_some()),
        "others are ignored"
    );
    assert_eq!(with(0x21, 0x11, &vec![0; V2_BYTES_MAX]), Err(ProxyError::TooLong));
}

#[test]
fn what_begins_like_no_header_is_none() {
    for bytes in [&b"GET / HTTP/1.1"[..], b"PROXX", b"proxy ", b"\r\n\r\n\0\r\nQUIX", b"\x16"] {
        assert_eq!(decode(bytes), Err(ProxyError::Missing), "{bytes:?}");
    }
    assert_eq!(decode(b""), Ok(None));
}
