//! Any bytes as frames: no panic, bounded memory, bounded work, and the same result however the bytes are cut.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ws::deflate::{Codec, Parameters};
use ws::{Config, Connection, End, Event, Limits, Message, Role, State};

/// What compression may add to the memory of a connection: two small windows, and what says which.
const CONTEXT_BYTES_MAX: usize = 256 + 512 + 200;

fuzz_target!(|data: &[u8]| {
    // The first bytes choose the role, what was agreed on and the cuts; the rest is the stream.
    let Some((&[choice, cuts @ ..], stream)) = data.split_first_chunk::<8>() else { return };
    let at_once = observe(choice, stream, &[]);
    let cut = observe(choice, stream, &cuts);
    let bytewise = observe(choice, stream, &[1]);
    assert_eq!(at_once, cut);
    assert_eq!(at_once, bytewise);
});

/// Everything that can be observed about a connection that receives the stream in pieces of these sizes, in turn.
fn observe(choice: u8, stream: &[u8], sizes: &[u8]) -> (Vec<String>, Vec<u8>, Option<End>) {
    let limits = Limits {
        frame_bytes_max: 700,
        message_bytes_max: 1000,
        fragments_max: 8,
        control_frames_burst_max: 16,
        empty_frames_burst_max: 16,
        ..Limits::default()
    };
    let config = Arc::new(Config { limits, ..Config::default() });
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let parameters = (choice & 2 != 0).then_some(Parameters {
        server_no_context_takeover: choice & 4 != 0,
        client_no_context_takeover: choice & 8 != 0,
        server_max_window_bits: 8,
        client_max_window_bits: 9,
    });
    let mut connection = Connection::new(role, config, Duration::ZERO, [1, 2]).with_compression(parameters);
    let mut codec = Codec::default();
    let mut stream = stream.to_vec();
    let (mut rest, mut sizes) = (&mut stream[..], sizes.iter().cycle());
    let (mut events, mut output) = (Vec::new(), Vec::new());
    let mut received = 0;
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |&size| usize::from(size).clamp(1, rest.len()));
        let (mut piece, after) = rest.split_at_mut(size);
        received += size;
        rest = after;
        while let Some(event) =
            connection.receive(Duration::from_secs(1), &mut piece, &mut output, &mut codec)
        {
            if let Event::Message(Message::Text(text)) = event {
                assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            }
            events.push(format!("{event:?}"));
            // The smallest frame has two bytes.
            assert!(events.len() <= received / 2, "more events than frames");
        }
        assert!(piece.is_empty());
        assert!(
            connection.buffered_bytes() <= 2 * 1000 + 512 + CONTEXT_BYTES_MAX,
            "{} bytes",
            connection.buffered_bytes()
        );
        // Answers are at most as long as what they answer, with a mask more and one Close frame.
        assert!(output.len() <= 4 * received + 131);
        assert_eq!(connection.end().is_some(), connection.state() == State::Closed);
        if let Some(deadline) = connection.poll_timeout() {
            assert!(deadline > Duration::from_secs(1));
        }
    }
    (events, output, connection.end().cloned())
}
