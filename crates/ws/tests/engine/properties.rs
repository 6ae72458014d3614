//! What holds for all streams: how the bytes are cut into reads changes nothing, and what is sent is what arrives.

use proptest::prelude::*;
use ws::{Config, End, Limits, Message, Role};

use crate::wire::*;

/// Everything that can be observed about a server that received a stream.
fn observe(config: &Config, stream: &[u8], cuts: &[usize]) -> (Vec<Seen>, Vec<u8>, Option<End>) {
    let mut server = Peer::new(Role::Server, config.clone());
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    for piece in cuts.windows(2) {
        server.feed(&stream[piece[0]..piece[1]]);
        assert!(server.connection.buffered_bytes() <= 2 * config.limits.message_bytes_max + 1024);
    }
    (server.seen.clone(), server.output.clone(), server.connection.end().cloned())
}

fn small_limits() -> Config {
    let limits = Limits {
        frame_bytes_max: 300,
        message_bytes_max: 500,
        fragments_max: 6,
        control_frames_burst_max: 8,
        empty_frames_burst_max: 8,
        ..Limits::default()
    };
    Config { limits, ..Config::default() }
}

/// A frame that is mostly right, with any first byte and any short payload.
pub(crate) fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![TEXT, BINARY, TEXT_START, BINARY_START, MIDDLE, LAST, PING, PONG]),
        1 => Just(CLOSE),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..8),
        1 => prop::collection::vec(any::<u8>(), 100..310),
        1 => Just(close_body(1000, "bye")),
    ];
    (first, payload, prop::bool::weighted(0.98)).prop_map(|(first, payload, is_masked)| {
        if is_masked { masked(first, &payload) } else { unmasked(first, &payload) }
    })
}

/// A message in any number of fragments, with a Ping behind each.
fn fragmented(message: &Message<'_>, sizes: &[usize]) -> Vec<u8> {
    let mut first = if matches!(message, Message::Text(_)) { TEXT_START } else { BINARY_START };
    let mut rest = message.payload();
    let mut stream = Vec::new();
    for size in sizes {
        let (fragment, after) = rest.split_at(size % (rest.len() + 1));
        stream.extend(masked(first, fragment));
        stream.extend(masked(PING, b"between"));
        (first, rest) = (MIDDLE, after);
    }
    stream.extend(masked(first | 0x80, rest));
    stream
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_any_frames_gives_the_same_events_answers_and_end(
        frames in prop::collection::vec(any_frame(), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let (config, stream) = (small_limits(), frames.concat());
        prop_assert_eq!(observe(&config, &stream, &cuts), observe(&config, &stream, &[]));
    }

    #[test]
    fn any_cut_of_any_bytes_gives_the_same_events_answers_and_end(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let config = small_limits();
        prop_assert_eq!(observe(&config, &stream, &cuts), observe(&config, &stream, &[]));
    }

    #[test]
    fn a_message_in_any_fragments_and_any_cuts_arrives_whole(
        content in "\\PC{0,60}",
        is_text in any::<bool>(),
        sizes in prop::collection::vec(any::<usize>(), 0..10),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let message = if is_text { Message::Text(&content) } else { Message::Binary(content.as_bytes()) };
        let expected = if is_text { text(&content) } else { Seen::Binary(content.as_bytes().to_vec()) };
        let (seen, output, end) = observe(&Config::default(), &fragmented(&message, &sizes), &cuts);
        prop_assert_eq!(end, None);
        prop_assert_eq!(output, unmasked(PONG, b"between").repeat(sizes.len()));
        let (last, pings) = seen.split_last().expect("the message");
        prop_assert_eq!(last, &expected);
        prop_assert!(pings.iter().all(|seen| *seen == Seen::Ping(b"between".to_vec())));
    }

    #[test]
    fn what_one_side_sends_the_other_receives(
        content in "\\PC{0,300}",
        from_client in any::<bool>(),
    ) {
        let (mut client, mut server) = (Peer::new(Role::Client, Config::default()), Peer::server());
        let (from, to) = if from_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
        from.send(Message::Text(&content)).expect("open");
        from.send(Message::Binary(content.as_bytes())).expect("open");
        prop_assert_eq!(to.feed(&from.sent()), [text(&content), Seen::Binary(content.into_bytes())]);
    }
}
