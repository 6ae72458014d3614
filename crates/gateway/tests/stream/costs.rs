//! What a pair costs, by counting: memory when idle, and allocations per message.

use crate::rig::{Gateway, config, named_echo, run};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread does.
struct Counting;

fn count(calls: u64, bytes: i64) {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + calls));
    let _ = HELD_BYTES.try_with(|held| held.set(held.get() + bytes));
}

#[expect(unsafe_code, reason = "the trait of allocators is unsafe; every call is passed on unchanged")]
// SAFETY: the methods hand their arguments and results through to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the pointer came from `System` with this layout, as all of them do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that this thread has allocated and not freed.
pub(crate) fn held_bytes() -> i64 {
    HELD_BYTES.get()
}

/// A user's end of a connection, on a thread whose memory nobody counts.
fn echo_elsewhere() -> std::net::SocketAddr {
    use std::io::{Read, Write};
    let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listening.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listening.accept() {
            let echoing = stream.try_clone().unwrap();
            open.push(echoing);
            if open.len() == 1 {
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(size @ 1..) = stream.read(&mut buffer) {
                        if stream.write_all(&buffer[..size]).is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    address
}

const PAIRS: usize = 200;
const PAIR_BYTES_MAX: i64 = 2048;

/// Connects until so many pairs are open. A few at a time, because nobody accepts meanwhile.
async fn connect(gateway: &Gateway, pairs: usize, users: &mut Vec<std::net::TcpStream>) {
    while users.len() < pairs {
        for _ in 0..20 {
            users.push(std::net::TcpStream::connect(gateway.address).unwrap());
        }
        while gateway.notes.opened.borrow().len() < users.len() {
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn an_idle_pair_costs_at_most_two_kibibytes_with_its_task_and_its_sockets() {
    run(async {
        let mut config = config([echo_elsewhere()]);
        config.listeners.get_mut("front").unwrap().limits.connections_max = 0;
        let gateway = Gateway::start(&config).await;
        // The first ones make the buffers of the thread and grow the tables of the runtime.
        let mut users = Vec::new();
        connect(&gateway, PAIRS, &mut users).await;
        gateway.notes.opened.borrow_mut().reserve(PAIRS);
        gateway.notes.reached.borrow_mut().reserve(PAIRS);
        users.reserve(PAIRS);
        let before = held_bytes();
        connect(&gateway, 2 * PAIRS, &mut users).await;
        let each = (held_bytes() - before) / PAIRS as i64;
        println!("{each} bytes per idle pair");
        assert!(each <= PAIR_BYTES_MAX, "{each} bytes per idle pair");
    });
}

#[test]
fn a_message_allocates_nothing() {
    run(async {
        let gateway = Gateway::start(&config([echo_elsewhere()])).await;
        let mut client = gateway.connect().await;
        let mut buffer = [0; 32];
        let mut allocations = 0;
        for round in 0..300 {
            if round == 100 {
                allocations = ALLOCATIONS.get();
            }
            client.write_all(&buffer).await.unwrap();
            client.read_exact(&mut buffer).await.unwrap();
        }
        assert_eq!(ALLOCATIONS.get() - allocations, 0, "in 200 messages there and back");
    });
}

#[test]
fn sixteen_messages_in_flight_on_each_of_64_connections_all_come_back() {
    run(async {
        let gateway = Gateway::start(&config([named_echo("").await])).await;
        let mut clients = Vec::new();
        for _ in 0..64 {
            clients.push(gateway.connect().await);
        }
        let sixteen = [5; 32 * 16];
        for _ in 0..20 {
            for client in &mut clients {
                client.write_all(&sixteen).await.unwrap();
            }
            for client in &mut clients {
                let mut back = [0; 32 * 16];
                client.read_exact(&mut back).await.unwrap();
                assert_eq!(back, sixteen);
            }
        }
    });
}
