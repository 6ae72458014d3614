//! What holds for all streams: how the bytes are cut into reads changes nothing, and what is sent is what arrives.

use h3::{Config, RequestStream, Role, UniStream};
use proptest::prelude::*;

use crate::wire::*;

const LIMIT: u32 = 400;

fn streams() -> [RequestStream; 3] {
    let config = Config { field_section_bytes_max: LIMIT, ..Config::default() };
    [server_stream_with(config), client_stream(), client_tunnel()]
}

/// The pieces into which these cuts divide the bytes.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

fn check_request_streams(bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    for (whole, cut) in streams().into_iter().zip(streams()) {
        prop_assert_eq!(read(whole, bytes), read_pieces(cut, pieces(bytes, cuts)));
    }
    for mut stream in streams() {
        let mut seen = Vec::new();
        for byte in bytes.chunks(1) {
            if feed(&mut stream, byte, &mut seen).is_err() {
                break;
            }
            prop_assert!(stream.buffered_bytes() <= 2 * 16 * 1024);
        }
    }
    Ok(())
}

fn check_uni_streams(bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    for role in [Role::Server, Role::Client] {
        let whole = read_uni(&mut connection(role), bytes);
        let (mut connection, mut stream) = (connection(role), UniStream::new());
        let cut = read_uni_pieces(&mut connection, &mut stream, pieces(bytes, cuts));
        prop_assert_eq!(whole, cut);
        prop_assert!(stream.buffered_bytes() <= 2 * h3::SETTINGS_BYTES_MAX);
    }
    Ok(())
}

fn any_kind() -> impl Strategy<Value = u64> {
    let known =
        vec![DATA, HEADERS, CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID, 0x02, 0x06, 0x08, 0x09];
    prop_oneof![
        6 => prop::sample::select(vec![DATA, GREASE, 0x41]),
        1 => prop::sample::select(known),
        1 => 0..1_u64 << 62,
    ]
}

/// Identifiers and values, most of them small.
fn any_settings() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let identifier = prop_oneof![0..80_u64, 0..1_u64 << 62];
    let value = prop_oneof![0..2_u64, 0..1_u64 << 62];
    prop::collection::vec((identifier, value), 0..6)
}

/// A frame that is mostly one that may come.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let small = || prop::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        4 => (any_kind(), small()).prop_map(|(kind, payload)| frame(kind, &payload)),
        2 => prop::sample::select(vec![headers(GET), headers(WEBSOCKET), headers(OK), headers(&[("a", "b")])]),
        1 => any_field_section().prop_map(|fields| {
            let mut section = Vec::new();
            h3::qpack::encode_section(fields, &mut section);
            frame(HEADERS, &section)
        }),
        1 => small().prop_map(|payload| frame(HEADERS, &payload)),
        1 => small(),
    ]
}

fn any_field_section() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "cookie",
            ":path",
            "accept",
            ":status",
            "x-frame-options",
            "server",
            ":method"
        ])
        .prop_map(str::to_owned),
        "[a-z0-9-]{0,40}",
        "\\PC{0,10}",
    ];
    let value = prop_oneof![
        prop::sample::select(vec!["deny", "/", "200", "GET", "*/*", ""]).prop_map(str::to_owned),
        "[ -~]{0,60}",
        "\\PC{0,200}",
    ];
    prop::collection::vec((name, value), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_any_frames_on_a_request_stream_gives_the_same_events_and_end(
        frames in prop::collection::vec(any_frame(), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        check_request_streams(&frames.concat(), &cuts)?;
        check_request_streams(&[headers(GET), frames.concat()].concat(), &cuts)?;
    }

    #[test]
    fn any_cut_of_any_frames_on_a_control_stream_gives_the_same_events_and_end(
        pairs in any_settings(),
        frames in prop::collection::vec(any_frame(), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let bytes = [varint(CONTROL_STREAM), frame(SETTINGS, &settings(&pairs)), frames.concat()].concat();
        check_uni_streams(&bytes, &cuts)?;
    }

    #[test]
    fn any_cut_of_any_bytes_gives_the_same_events_and_end(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        first in 0..5_u8,
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        check_request_streams(&bytes, &cuts)?;
        check_uni_streams(&[&[first], &bytes[..]].concat(), &cuts)?;
    }

    #[test]
    fn any_fields_that_are_encoded_come_out_again(fields in any_field_section()) {
        let mut section = Vec::new();
        h3::qpack::encode_section(fields.iter().map(|(name, value)| (name, value)), &mut section);
        let decoded = h3::qpack::decode_section(&section, u32::MAX).unwrap();
        let expected: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        prop_assert_eq!(decoded.iter().collect::<Vec<_>>(), expected);
        let section_bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        prop_assert_eq!(decoded.section_bytes(), section_bytes);
        // What the limit on an encoded section relies on: our own encoder never makes more of it than it counts.
        prop_assert!(section.len() <= section_bytes + 2);
    }

    #[test]
    fn a_section_is_decoded_the_same_or_too_large_with_any_limit(
        section in prop::collection::vec(any::<u8>(), 0..100), limit in 0..600_u32,
    ) {
        let section = [&[0, 0], &section[..]].concat();
        let unlimited = h3::qpack::decode_section(&section, u32::MAX);
        match h3::qpack::decode_section(&section, limit) {
            Err(h3::qpack::DecodeError::TooLarge) => {
                prop_assert!(unlimited.map_or(true, |fields| fields.section_bytes() > limit as usize));
            }
            limited => prop_assert_eq!(limited, unlimited),
        }
    }
}
