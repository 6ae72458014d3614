//! Row S1: what is too old is refused with an alert, what is in Mozilla's intermediate list is not.

use crate::place::{development, fatal_alert, openssl};
use crate::rig::connect;
use std::io::Write;

/// RFC 8446 section 6.2.
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

#[test]
fn s1_old_versions_and_old_ciphers_get_an_alert() {
    let (_directory, _tls, _workers, address) = development("s1");
    for (version, suite, alert) in [
        ([3, 0], [0xc0, 0x13], PROTOCOL_VERSION),
        ([3, 1], [0xc0, 0x13], PROTOCOL_VERSION),
        ([3, 2], [0xc0, 0x13], PROTOCOL_VERSION),
        ([3, 3], [0xc0, 0x13], HANDSHAKE_FAILURE),
        ([3, 3], [0x00, 0x9c], HANDSHAKE_FAILURE),
    ] {
        // RFC 5246 section 7.4.1.2: version, random, no session, one suite, no compression, and two extensions: groups and
        // signatures, without which rustls does not look further.
        let mut body = version.to_vec();
        body.extend([7; 32]);
        body.extend([0, 0, 2, suite[0], suite[1], 1, 0]);
        body.extend([0, 16, 0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3]);
        let mut message = vec![1, 0, 0, body.len() as u8];
        message.extend(&body);
        let mut record = vec![22, 3, 1, 0, message.len() as u8];
        record.extend(&message);
        let mut stream = connect(address);
        stream.write_all(&record).unwrap();
        assert_eq!(fatal_alert(&mut stream), alert, "{version:?} {suite:?}");
    }
}

#[test]
fn s1_an_independent_client_finds_the_intermediate_list_and_nothing_older() {
    let (_directory, _tls, _workers, address) = development("s1-openssl");
    let old = "ALL:@SECLEVEL=0";
    for refused in [
        &["-tls1", "-cipher", old][..],
        &["-tls1_1", "-cipher", old],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
        &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
    ] {
        let said = openssl(address, refused, "");
        assert!(
            said.contains("alert protocol version") || said.contains("alert handshake failure"),
            "{said}"
        );
    }
    for (flags, suite) in [
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"][..], "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (&["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], "TLS_AES_256_GCM_SHA384"),
        (
            &["-tls1_3", "-groups", "P-384", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
            "TLS_AES_128_GCM_SHA256",
        ),
    ] {
        let said = openssl(address, flags, "");
        assert!(said.contains(&format!("Cipher is {suite}")), "{suite}: {said}");
    }
}

#[test]
fn the_server_prefers_http_2_and_takes_http_1_1() {
    let (_directory, _tls, _workers, address) = development("alpn");
    for (offer, agreed) in [
        ("http/1.1,h2", "ALPN protocol: h2"),
        ("http/1.1", "ALPN protocol: http/1.1"),
        ("h3,http/1.1", "ALPN protocol: http/1.1"),
    ] {
        let said = openssl(address, &["-alpn", offer], "");
        assert!(said.contains(agreed), "{offer}: {said}");
    }
    assert!(openssl(address, &[], "").contains("No ALPN negotiated"));
}
