//! Field sections on their own (RFC 9204).

use h3::qpack::{DecodeError, decode_section, encode_section};

const ROOM: u32 = 16 * 1024;

#[track_caller]
fn decoded(section: &[u8]) -> Vec<(String, String)> {
    let fields = decode_section(section, ROOM).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    fields.iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[track_caller]
fn is_invalid(section: &[u8]) {
    let result = decode_section(section, ROOM);
    assert!(matches!(result, Err(DecodeError::Invalid(_))), "{section:?}: {result:?}");
}

fn encoded(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut section = Vec::new();
    encode_section(fields.iter().copied(), &mut section);
    section
}

fn field(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn the_example_of_rfc_9204_appendix_b_1_is_read() {
    assert_eq!(decoded(b"\x00\x00\x51\x0b/index.html"), field(":path", "/index.html"));
}

#[test]
fn the_examples_of_rfc_9204_that_need_a_dynamic_table_are_refused() {
    // Appendix B.2 and B.4.
    is_invalid(b"\x03\x81\x10\x11");
    is_invalid(b"\x05\x00\x80\xc1\x81");
}

#[test]
fn each_representation_is_read() {
    assert_eq!(decoded(b"\x00\x00"), []);
    assert_eq!(decoded(b"\x00\x00\xc1"), field(":path", "/"));
    assert_eq!(decoded(b"\x00\x00\xff\x00"), field(":status", "100"), "entry 63 needs a second byte");
    assert_eq!(decoded(b"\x00\x00\xff\x23"), field("x-frame-options", "sameorigin"));
    assert_eq!(decoded(b"\x00\x00\x5f\x50\x05hello"), field("user-agent", "hello"));
    assert_eq!(decoded(b"\x00\x00\x7f\x50\x05hello"), field("user-agent", "hello"), "never to be indexed");
    assert_eq!(decoded(b"\x00\x00\x21a\x01b"), field("a", "b"));
    assert_eq!(decoded(b"\x00\x00\x31a\x01b"), field("a", "b"), "never to be indexed");
    assert_eq!(decoded(b"\x00\x00\x29\x1f\x81\x8f"), field("a", "b"), "both compressed");
    assert_eq!(
        decoded(b"\x00\x00\x20\x00"),
        field("", ""),
        "whether a name may be empty is not for QPACK to say"
    );
}

#[test]
fn the_base_may_be_anything_that_is_not_negative() {
    for base in [&b"\x00"[..], b"\x01", b"\x7e", b"\x7f\x80\x01"] {
        assert_eq!(decoded(&[b"\x00", base, b"\xc1"].concat()), field(":path", "/"));
    }
    is_invalid(b"\x00\x80\xc1");
    is_invalid(b"\x00\xff\x00\xc1");
}

#[test]
fn a_required_insert_count_is_refused() {
    is_invalid(b"\x01\x00\xc1");
    is_invalid(b"\xff\x00\x00\xc1");
}

#[test]
fn references_to_the_dynamic_table_are_refused_in_every_form() {
    is_invalid(b"\x00\x00\x80"); // Indexed.
    is_invalid(b"\x00\x00\x10"); // Indexed, post-base.
    is_invalid(b"\x00\x00\x40\x01a"); // Name reference.
    is_invalid(b"\x00\x00\x60\x01a"); // The same, never to be indexed.
    is_invalid(b"\x00\x00\x00\x01a"); // Name reference, post-base.
    is_invalid(b"\x00\x00\x08\x01a"); // The same, never to be indexed.
}

#[test]
fn entries_that_the_static_table_does_not_have_are_refused() {
    is_invalid(b"\x00\x00\xff\x24"); // 99
    is_invalid(b"\x00\x00\x5f\x54\x01a");
    is_invalid(b"\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
}

#[test]
fn a_section_that_is_cut_off_anywhere_within_a_field_is_refused() {
    let fields = [
        (":path", "/index.html"),
        ("user-agent", "a"),
        ("x-custom", "some value"),
        ("x-frame-options", "deny"),
    ];
    let section = encoded(&fields);
    let ends: Vec<usize> = (0..=fields.len()).map(|count| encoded(&fields[..count]).len()).collect();
    for end in 0..section.len() {
        if ends.contains(&end) {
            assert!(decode_section(&section[..end], ROOM).is_ok());
        } else {
            is_invalid(&section[..end]);
        }
    }
}

#[test]
fn a_string_longer_than_the_section_is_refused_without_being_waited_for() {
    is_invalid(b"\x00\x00\x21a\x7f\xff\xff\xff\xff\x0f");
    is_invalid(b"\x00\x00\x27\xff\xff\xff\xff\xff\xff\xff\xff\x3f");
    is_invalid(b"\x00\x00\x21a\x02b");
}

#[test]
fn q7_broken_compression_is_refused() {
    is_invalid(b"\x00\x00\x51\x81\xff"); // Eight bits of padding.
    is_invalid(b"\x00\x00\x51\x81\x18"); // Padding of zeros.
    is_invalid(b"\x00\x00\x51\x84\xff\xff\xff\xff"); // The end-of-string symbol.
}

#[test]
fn q7_a_section_is_decoded_up_to_its_limit_and_no_further() {
    let sections = [
        encoded(&[(":path", "/index.html")]),
        b"\x00\x00\x51\x0b/index.html".to_vec(),
        b"\x00\x00\x25:path\x0b/index.html".to_vec(),
    ];
    for section in sections {
        let bytes = 5 + 11 + 32;
        assert_eq!(decode_section(&section, bytes).unwrap().section_bytes(), bytes as usize);
        for too_few in 0..bytes {
            assert_eq!(decode_section(&section, too_few), Err(DecodeError::TooLarge));
        }
    }
    assert_eq!(decode_section(b"\x00\x00", 0).unwrap().len(), 0);
}

#[test]
fn encoding_uses_the_static_table_and_compresses_what_gets_shorter() {
    assert_eq!(
        encoded(&[(":method", "CONNECT"), (":scheme", "https"), (":path", "/")]),
        b"\x00\x00\xcf\xd7\xc1"
    );
    assert_eq!(encoded(&[(":status", "200"), ("x-frame-options", "sameorigin")]), b"\x00\x00\xd9\xff\x23");
    assert_eq!(encoded(&[("user-agent", "&&&&")]), b"\x00\x00\x5f\x50\x04&&&&", "as long when compressed");
    assert_eq!(encoded(&[("a", "b")]), b"\x00\x00\x21a\x01b", "one byte either way");
    // RFC 7541 appendix C.4.3 has these strings.
    assert_eq!(
        encoded(&[("custom-key", "custom-value")]),
        b"\x00\x00\x2f\x01\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf"
    );
    assert_eq!(encoded(&[]), b"\x00\x00");
}

#[test]
fn secrets_are_marked_never_to_be_indexed() {
    assert_eq!(encoded(&[("authorization", "&")]), b"\x00\x00\x7f\x45\x01&");
    assert_eq!(encoded(&[("cookie", "&")]), b"\x00\x00\x75\x01&");
    assert_eq!(encoded(&[("set-cookie", "&")]), b"\x00\x00\x7e\x01&");
    assert_eq!(encoded(&[("proxy-authorization", "&")])[2] & 0b0001_0000, 0b0001_0000);
    assert_eq!(encoded(&[("accept-language", "&")]), b"\x00\x00\x5f\x39\x01&");
}
