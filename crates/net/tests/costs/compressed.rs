//! Through our own client, compressed: compression adds no allocation to what each way of transport costs.

use crate::counting::Notes;
use net::{DialOptions, HttpVersion, Listen, Options, Tls, Trust, WebSocket, Workers};
use std::sync::Arc;
use ws::Message;
use ws::deflate::{Mode, Policy, WorkLimits};

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
    let notes = Notes { config: Arc::clone(&config), ..Notes::default() };
    let seen = Arc::clone(&notes.seen);
    let workers = Workers::start(options, move |_| notes.clone()).unwrap();
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
            *count = seen.allocations();
        }
        counts
    });
    drop(workers);
    let _ = std::fs::remove_dir_all(directory);
    counts[1] - counts[0]
}

const MODES: [Mode; 2] = [Mode::NoTakeover, Mode::Takeover { window_bits_max: 12 }];

/// A timer of the runtime may fire between the two counts; so many allocations are none per message.
const NOISE: u64 = 20;

/// rustls makes one allocation for each record, in each direction. What h2 and quinn allocate for frames and packets is
/// theirs; these bounds say how many there are today, with some room, so that more of them are noticed. docs/benchmarks.md
/// has the numbers.
#[test]
fn a_compressed_message_allocates_no_more_than_its_transport_does() {
    for (http, secure, most) in [
        (HttpVersion::Http1, false, NOISE),
        (HttpVersion::Http1, true, 2 * MESSAGES + NOISE),
        (HttpVersion::Http2, true, 4 * MESSAGES),
        (HttpVersion::Http3, true, 16 * MESSAGES),
    ] {
        for mode in MODES {
            let allocations = allocations_per_thousand(http, secure, mode);
            assert!(allocations <= most, "{allocations} for {MESSAGES} messages on {http}, {mode:?}");
        }
    }
}
