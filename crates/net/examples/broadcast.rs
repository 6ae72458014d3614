//! Everybody hears everybody: `cargo run -p net --example broadcast`, then some `cargo run -- connect ws://127.0.0.1:9002/`.
//!
//! Each message is encoded once and shared by all who get it. Who reads too slowly is left out, and nobody waits for them.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use net::{Options, Sender, WebSocket, serve};
use std::cell::RefCell;
use std::error::Error;
use ws::{Message, Prepared};

thread_local! {
    /// Who is here. One worker is one thread, so this needs no lock.
    static PRESENT: RefCell<Vec<Sender>> = const { RefCell::new(Vec::new()) };
}

async fn converse(socket: WebSocket) {
    let (sender, mut receiver) = socket.split();
    PRESENT.with_borrow_mut(|present| present.push(sender.clone()));
    while let Some(message) = receiver.receive().await {
        let prepared = match message.as_message() {
            Message::Text(text) => Prepared::text(text),
            Message::Binary(bytes) => Prepared::binary(bytes),
        };
        PRESENT.with_borrow(|present| {
            for somebody in present {
                let _ = somebody.try_send_prepared(&prepared);
            }
        });
    }
    PRESENT.with_borrow_mut(|present| present.retain(Sender::is_open));
}

fn main() -> Result<(), Box<dyn Error>> {
    let workers = serve(Options::new(1, ["127.0.0.1:9002".parse()?]), converse)?;
    println!("listening on {:?}; Ctrl-C ends", workers.addresses());
    loop {
        std::thread::park();
    }
}
