//! What a broadcast costs besides the system call: a thousand connections are woken, and each sends one prepared message of
//! 128 bytes to a stream that takes everything and does nothing. Prints nanoseconds per delivery.

use net::{Driver, Endpoint, Limits, Local, Outgoing, Wake};
use std::cell::Cell;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws::{Connection, Message, Prepared, Role};

const MEMBERS: usize = 1000;
const ROUNDS: usize = 2000;

/// Nothing ever arrives; what is written is gone.
struct Sink;

impl AsyncRead for Sink {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(std::hint::black_box(bytes).len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Sends the room's message each time it is woken.
struct Member {
    message: Rc<Prepared>,
    delivered: Rc<Cell<usize>>,
}

impl Endpoint for Member {
    fn on_message(&mut self, _: Message<'_>, _: &mut Outgoing<'_>) {}
    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        if out.send_prepared(&self.message).is_ok() {
            self.delivered.set(self.delivered.get() + 1);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    let elapsed = runtime.block_on(async {
        let local = Local::new(Limits::default());
        let message = Rc::new(Prepared::binary(&[7; 128]));
        let delivered = Rc::new(Cell::new(0));
        let config = Arc::new(ws::Config { ping_interval: None, ..ws::Config::default() });
        let mut wakes: Vec<Wake> = Vec::new();
        for _ in 0..MEMBERS {
            let connection = Connection::new(Role::Server, Arc::clone(&config), net::now(), [0; 2]);
            let member = Member { message: Rc::clone(&message), delivered: Rc::clone(&delivered) };
            let driver = Driver::new(Rc::clone(&local), Sink, connection, Vec::new(), |_| member);
            wakes.push(driver.wake());
            drop(tokio::task::spawn_local(driver));
        }
        while delivered.get() < MEMBERS {
            tokio::task::yield_now().await;
        }
        let start = Instant::now();
        for round in 2..ROUNDS + 2 {
            wakes.iter().for_each(Wake::wake);
            while delivered.get() < MEMBERS * round {
                tokio::task::yield_now().await;
            }
        }
        start.elapsed()
    });
    let line = format!("{} ns per delivery\n", elapsed.as_nanos() / (MEMBERS * ROUNDS) as u128);
    io::Write::write_all(&mut io::stdout(), line.as_bytes())?;
    Ok(())
}
