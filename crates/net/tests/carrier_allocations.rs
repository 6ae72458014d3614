//! What a message costs the server in allocations, compressed and on each version of HTTP, counted on the worker's thread.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use net::{Answer, DialOptions, Endpoint, HttpVersion, Listen, Options, Outgoing, Request, Site, Tls};
use net::{Trust, WebSocket, Workers};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use ws::Message;
use ws::deflate::{Mode, Policy, WorkLimits};
use ws::handshake::{ServerOffer, accept};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

fn count() {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Echoes, and answers an empty message with the number of allocations of its thread so far.
struct Counter;

impl Endpoint for Counter {
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        if message.payload().is_empty() {
            let number = ALLOCATIONS.get().to_be_bytes();
            let _ = out.send_plain(Message::Binary(&number));
        } else {
            let _ = out.send(message);
        }
    }
}

struct CountingSite(Arc<ws::Config>);

impl Site for CountingSite {
    type Endpoint = Counter;

    fn respond(&self, request: &Request<'_>) -> Answer<Counter> {
        let offer = ServerOffer { compression: self.0.compression, ..ServerOffer::default() };
        let config = Arc::clone(&self.0);
        match accept(request.head, &offer) {
            Ok(accepted) => Answer::Upgrade { accepted, endpoint: Box::new(|_| Counter), config },
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}

/// Messages between the two counts.
const MESSAGES: u64 = 1000;

/// Allocations of the server per message, in thousandths.
fn allocations_per_thousand(http: HttpVersion, secure: bool, mode: Mode) -> u64 {
    let compression =
        Policy { compress: WorkLimits::UNLIMITED, inflate: WorkLimits::UNLIMITED, ..Policy::with_mode(mode) };
    let config = Arc::new(ws::Config { compression, ..ws::Config::default() });
    let name = format!("stoa-carriers-{}-{:?}", std::process::id(), std::thread::current().id());
    let directory = std::env::temp_dir().join(name);
    let tls = secure.then(|| Tls::development(&directory, &[]).unwrap());
    let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls, http3: http == HttpVersion::Http3 };
    let options = Options { listen: vec![listen], ..Options::new(1, []) };
    let server_config = Arc::clone(&config);
    let workers = Workers::start(options, move |_| CountingSite(Arc::clone(&server_config))).unwrap();
    let url = format!("{}://{}/", if secure { "wss" } else { "ws" }, workers.addresses()[0]);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    let counts = runtime.unwrap().block_on(async {
        let options = DialOptions { http, config, trust: Trust::Anybody, ..DialOptions::default() };
        let mut socket = WebSocket::connect(&url, &options).await.unwrap();
        let text =
            r#"{"t":"event","room":"lobby","seq":43,"kind":"message","from":"guest-6b1f","body":"Hello"}"#;
        let mut counts = [0; 2];
        for count in &mut counts {
            for number in 0..MESSAGES {
                let message = format!("{text}{number}");
                socket.send(Message::Text(&message)).await.unwrap();
                assert_eq!(socket.receive().await.unwrap().as_text(), Some(message.as_str()));
            }
            socket.send(Message::Binary(&[])).await.unwrap();
            let number = socket.receive().await.unwrap();
            *count = u64::from_be_bytes(number.as_message().payload().try_into().unwrap());
        }
        counts
    });
    drop(workers);
    let _ = std::fs::remove_dir_all(directory);
    counts[1] - counts[0]
}

const MODES: [Mode; 3] = [Mode::Off, Mode::NoTakeover, Mode::Takeover { window_bits_max: 12 }];

/// A timer of the runtime may fire between the two counts; so many allocations are none per message.
const NOISE: u64 = 20;

#[test]
fn a_message_allocates_nothing_on_http1_compressed_or_not() {
    for mode in MODES {
        let allocations = allocations_per_thousand(HttpVersion::Http1, false, mode);
        assert!(allocations <= NOISE, "{allocations} for {MESSAGES} messages, {mode:?}");
    }
}

/// rustls makes one allocation for each record, in each direction, and frees it at once. Nothing is added to that.
#[test]
fn over_tls_a_message_allocates_what_rustls_does_for_two_records_and_no_more() {
    for mode in MODES {
        let allocations = allocations_per_thousand(HttpVersion::Http1, true, mode);
        assert!(allocations <= 2 * MESSAGES + NOISE, "{allocations} for {MESSAGES} messages, {mode:?}");
    }
}

/// What h2 and quinn allocate for frames and packets is theirs. These bounds say how many there are today, with some room,
/// so that more of them are noticed; docs/benchmarks.md has the numbers.
#[test]
fn a_message_allocates_a_bounded_number_of_times_on_http2_and_http3() {
    for (http, secure, most) in [
        (HttpVersion::Http2, false, 4 * MESSAGES),
        (HttpVersion::Http2, true, 4 * MESSAGES),
        (HttpVersion::Http3, true, 16 * MESSAGES),
    ] {
        let allocations = allocations_per_thousand(http, secure, Mode::Off);
        assert!(allocations <= most, "{allocations} for {MESSAGES} messages on {http}");
    }
}
