//! What a connection and its streams cost in memory, counted by the allocator: nothing while they wait, nothing per
//! DATA frame, and never more than the limits say, whatever the peer claims.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use h3::{Config, Connection, RequestEvent, RequestStream, Role, UniStream};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<usize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls and bytes of each thread.
struct Counting;

fn grew(bytes: usize) {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    let held = HELD_BYTES.try_with(|held| {
        held.set(held.get().wrapping_add(bytes));
        held.get()
    });
    let _ = PEAK_BYTES.try_with(|peak| peak.set(peak.get().max(held.unwrap_or(0))));
}

fn shrank(bytes: usize) {
    let _ = HELD_BYTES.try_with(|held| held.set(held.get().wrapping_sub(bytes)));
}

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrank(layout.size());
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new block may be there at the same time.
        grew(size);
        shrank(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `run` allocated: how often, and how many bytes there were more at the worst moment than before.
fn count(run: impl FnOnce()) -> (u64, usize) {
    let (before, held) = (ALLOCATIONS.get(), HELD_BYTES.get());
    PEAK_BYTES.set(held);
    run();
    (ALLOCATIONS.get() - before, PEAK_BYTES.get() - held)
}

const LIMIT: u32 = 16 * 1024;

fn server() -> Connection {
    Connection::new(Role::Server, Config { field_section_bytes_max: LIMIT, ..Config::default() })
}

fn frame(frame_type: u8, payload: &[u8]) -> Vec<u8> {
    let length = (0x8000_0000 | payload.len() as u32).to_be_bytes();
    [&[frame_type], &length[..], payload].concat()
}

fn websocket() -> Vec<u8> {
    let mut section = Vec::new();
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/chat"),
        ("sec-websocket-version", "13"),
        ("origin", "https://a.example"),
        ("user-agent", "some browser with a long name, as they all have"),
    ];
    h3::qpack::encode_section(fields, &mut section);
    frame(1, &section)
}

/// Feeds all of it and gives what came as data, in bytes.
fn feed(stream: &mut RequestStream, mut input: &[u8]) -> usize {
    let mut bytes = 0;
    while let Ok(Some(event)) = stream.receive(&mut input) {
        if let RequestEvent::Data(piece) = event {
            bytes += piece.len();
        }
    }
    bytes
}

#[test]
fn a_stream_that_waits_owns_no_heap_memory() {
    let (mut connection, request) = (server(), websocket());
    let mut streams = Vec::with_capacity(1000);
    let (_, peak) = count(|| {
        for number in 0..1000 {
            let mut stream = connection.accept_request(number * 4).unwrap();
            feed(&mut stream, &request);
            feed(&mut stream, b"\x00\x02ab\x00\x05ab");
            assert_eq!(stream.buffered_bytes(), 0);
            streams.push(stream);
        }
    });
    assert!(peak < 2048, "{peak} bytes, those of one request while it is read");
    assert!(size_of::<RequestStream>() <= 64);
    assert!(size_of::<UniStream>() <= 64);
}

#[test]
fn data_in_steady_state_allocates_nothing_however_it_is_cut() {
    let mut stream = server().accept_request(0).unwrap();
    feed(&mut stream, &websocket());
    let frames = [frame(0, &[7; 300]), frame(0, b""), frame(0x21, &[7; 90]), frame(0, &[7; 5])].concat();
    let mut output = Vec::with_capacity(64);
    let (allocations, _) = count(|| {
        for size in 1..=frames.len() {
            let bytes: usize = frames.chunks(size).map(|piece| feed(&mut stream, piece)).sum();
            assert_eq!(bytes, 305);
            output.clear();
            output.extend_from_slice(&h3::data_frame_header(bytes));
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn a_request_in_one_piece_takes_two_allocations() {
    let (mut stream, request) = (server().accept_request(0).unwrap(), websocket());
    let (allocations, _) = count(|| {
        feed(&mut stream, &request);
    });
    assert_eq!(allocations, 2);
}

#[test]
fn a_response_is_written_without_an_allocation_if_there_is_room() {
    let mut output = Vec::with_capacity(256);
    let (allocations, _) = count(|| {
        h3::write_response(200, [("server", "stoa"), ("content-type", "text/html")], u64::MAX, &mut output)
            .unwrap();
    });
    assert_eq!(allocations, 0);
}

#[test]
fn q7_a_header_that_only_claims_to_be_large_costs_nothing() {
    for length in [&b"\x80\x00\x40\x00"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff"] {
        let mut stream = server().accept_request(0).unwrap();
        let (allocations, _) = count(|| {
            feed(&mut stream, &[1]);
            feed(&mut stream, length);
        });
        assert_eq!(allocations, 0);
    }
}

#[test]
fn q7_a_field_section_never_costs_more_than_a_few_times_its_limit() {
    // The worst of each kind: entries of the static table, tiny fields, one long compressed value, each too large and
    // just not too large.
    let longest_entry = [&[0, 0][..], &[0xff, 0x16].repeat(8000)].concat();
    let tiny_fields = [&[0, 0][..], &b"\x21a\x00".repeat(4000)].concat();
    let tiny_fields_within = [&[0, 0][..], &b"\x21a\x00".repeat(LIMIT as usize / 33)].concat();
    let mut compressed = Vec::new();
    h3::qpack::encode_section([("x", "0".repeat(25_000))], &mut compressed);
    let mut within = Vec::new();
    h3::qpack::encode_section([("x", "0".repeat(LIMIT as usize - 33))], &mut within);
    for section in [longest_entry, tiny_fields, tiny_fields_within, compressed, within] {
        for piece_bytes in [1, 1000, section.len() + 5] {
            let bytes = frame(1, &section);
            let (_, peak) = count(|| {
                let mut stream = server().accept_request(0).unwrap();
                for piece in bytes.chunks(piece_bytes) {
                    feed(&mut stream, piece);
                }
                assert_eq!(stream.buffered_bytes(), 0);
            });
            assert!(
                peak <= 4 * LIMIT as usize,
                "{peak} bytes for {} in pieces of {piece_bytes}",
                section.len()
            );
        }
    }
}

#[test]
fn q7_unknown_frames_and_streams_cost_nothing() {
    let mut stream = server().accept_request(0).unwrap();
    let noise = frame(0x21, &[7; 60_000]);
    let (allocations, _) = count(|| {
        for piece in noise.chunks(1000) {
            feed(&mut stream, piece);
        }
    });
    assert_eq!(allocations, 0);
    // A stream of an unknown type, and a control stream with an unknown frame on it.
    for start in [&[0x21][..], &[0x00, 0x04, 0x00]] {
        let (mut connection, mut stream) = (server(), UniStream::new());
        let (allocations, _) = count(|| {
            for mut piece in [start].into_iter().chain(noise.chunks(1000)) {
                while let Ok(Some(_)) = connection.receive_uni(&mut stream, &mut piece) {}
            }
        });
        assert_eq!(allocations, 0);
    }
}

#[test]
fn q7_settings_never_cost_more_than_a_few_times_their_limit() {
    let pairs: Vec<u8> = (0..h3::SETTINGS_BYTES_MAX / 4)
        .flat_map(|number| [(0x4100 + number as u16).to_be_bytes(), [0x40, 0x00]].concat())
        .collect();
    let bytes = [&[0][..], &frame(4, &pairs)].concat();
    let (_, peak) = count(|| {
        let (mut connection, mut stream) = (server(), UniStream::new());
        for byte in bytes.chunks(1) {
            let mut input = byte;
            while connection.receive_uni(&mut stream, &mut input).unwrap().is_some() {}
        }
        assert!(connection.peer_settings().is_some());
        assert_eq!(stream.buffered_bytes(), 0);
    });
    assert!(peak <= 6 * h3::SETTINGS_BYTES_MAX, "{peak} bytes");
}
