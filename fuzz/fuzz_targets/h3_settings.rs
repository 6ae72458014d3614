//! Any bytes on the unidirectional streams of HTTP/3: no panic, bounded memory, bounded work, and the same result
//! however the bytes are cut.

#![no_main]

use h3::{Code, Config, Connection, Role, SETTINGS_BYTES_MAX, Scope, UniEvent, UniStream};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first bytes choose the side and the cuts, the rest are two streams.
    let Some((&[side, split, cuts @ ..], bytes)) = data.split_first_chunk::<8>() else { return };
    let role = if side & 1 == 0 { Role::Server } else { Role::Client };
    let streams = bytes.split_at(usize::from(split).min(bytes.len()));
    let at_once = observe(role, streams, &[]);
    assert_eq!(at_once, observe(role, streams, &cuts));
    assert_eq!(at_once, observe(role, streams, &[1]));
});

/// Everything that can be observed about a connection whose peer opens two streams, one after the other, that come in
/// pieces of these sizes.
fn observe(role: Role, streams: (&[u8], &[u8]), sizes: &[u8]) -> String {
    let mut connection = Connection::new(role, Config::default());
    let first = read(&mut connection, streams.0, sizes);
    let second = read(&mut connection, streams.1, sizes);
    if let Some(settings) = connection.peer_settings() {
        assert_eq!(connection.peer_field_section_bytes_max(), settings.field_section_bytes_max);
    }
    assert_eq!(connection.is_refused(u64::MAX), role == Role::Client && connection.peer_goes_away());
    format!("{first:?} {second:?} {connection:?}")
}

fn read(
    connection: &mut Connection,
    mut rest: &[u8],
    sizes: &[u8],
) -> (Vec<UniEvent>, Result<(), h3::Error>) {
    let mut stream = UniStream::new();
    let mut sizes = sizes.iter().cycle();
    let mut events = Vec::new();
    let mut received = 0;
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |&size| usize::from(size).clamp(1, rest.len()));
        let (mut piece, after) = rest.split_at(size);
        rest = after;
        received += size;
        loop {
            match connection.receive_uni(&mut stream, &mut piece) {
                Ok(None) => break,
                Ok(Some(event)) => events.push(event),
                Err(error) => {
                    assert_eq!(error.scope, Scope::Connection);
                    return (events, Err(error));
                }
            }
            // A stream type has a byte, and a frame with an event at least two.
            assert!(events.len() <= received, "more events than frames");
        }
        assert!(piece.is_empty());
        assert!(stream.buffered_bytes() <= 2 * SETTINGS_BYTES_MAX);
    }
    let closed = connection.close_uni(&stream);
    if let Err(error) = closed {
        assert_eq!(error.code, Code::CLOSED_CRITICAL_STREAM);
    }
    (events, closed)
}
