//! Backends and clients that misbehave: others do not notice, and memory stays bounded.

use crate::costs::held_bytes;
use crate::rig::{Gateway, backend, config, named_echo, run};
use gateway::relay::{End, READ_BUFFER_BYTES, Side};
use gateway::stream::Outcome;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn idle_after(config: &mut gateway::config::Config, timeout: Duration) {
    config.routes[0].timeouts.idle = Some(timeout);
}

#[test]
fn a_backend_that_accepts_and_says_nothing_is_left_after_the_idle_timeout() {
    run(async {
        let silent = backend(|stream| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        });
        let mut config = config([silent.await]);
        idle_after(&mut config, Duration::from_millis(100));
        let mut gateway = Gateway::start(&config).await;
        let mut client = gateway.connect().await;
        client.write_all(b"anybody?").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0, "an end, and no reset");
        let Outcome::Ended(ended) = gateway.record().await.outcome else { panic!() };
        assert_eq!((ended.end, ended.to_backend), (End::Idle, 8));
    });
}

#[test]
fn a_backend_that_drips_keeps_its_connection_and_each_byte_passes_at_once() {
    run(async {
        let drips = backend(|mut stream| async move {
            // It writes the next byte only when the one before has been seen.
            let mut seen = [0];
            while stream.write_all(b".").await.is_ok() && stream.read_exact(&mut seen).await.is_ok() {}
        });
        let gateway = Gateway::start(&config([drips.await])).await;
        let mut client = gateway.connect().await;
        for _ in 0..1000 {
            let mut byte = [0];
            client.read_exact(&mut byte).await.unwrap();
            client.write_all(&byte).await.unwrap();
        }
    });
}

#[test]
fn a_backend_that_closes_in_the_middle_ends_its_client_and_nobody_else() {
    run(async {
        let named = named_echo("a").await;
        let quits = backend(|mut stream| async move {
            let _ = stream.read(&mut [0; 16]).await;
            let _ = stream.write_all(b"half a fr").await;
        });
        let (mut cut, whole) =
            (Gateway::start(&config([quits.await])).await, Gateway::start(&config([named])).await);
        let mut other = whole.connect().await;
        other.read_exact(&mut [0; 1]).await.unwrap();
        let mut client = cut.connect().await;
        client.write_all(b"x").await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"half a fr");
        drop(client);
        let Outcome::Ended(ended) = cut.record().await.outcome else { panic!() };
        assert_eq!((ended.end, ended.first), (End::Closed, Some(Side::Backend)));
        other.write_all(b"still here").await.unwrap();
        let mut heard = [0; 10];
        other.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still here");
    });
}

#[test]
fn a_backend_that_sends_gigabytes_to_a_client_that_does_not_read_is_stopped_in_bounded_memory() {
    run(async {
        let sent = Rc::new(Cell::new(0_u64));
        let counting = Rc::clone(&sent);
        let floods = backend(move |mut stream| {
            let sent = Rc::clone(&counting);
            async move {
                let block = vec![7; 64 * 1024];
                while let Ok(size) = stream.write(&block).await {
                    sent.set(sent.get() + size as u64);
                }
            }
        });
        let gateway = Gateway::start(&config([floods.await])).await;
        let warm = gateway.connect().await;
        stands_still(&sent).await;
        let (held, before) = (held_bytes(), sent.get());
        let clients: Vec<_> =
            [gateway.connect().await, gateway.connect().await, gateway.connect().await].into();
        stands_still(&sent).await;
        let more = held_bytes() - held;
        // What the kernel takes for six sockets is far more than what we hold: each client's rest of one read, the
        // backend's own block, and sockets and tasks.
        let each = READ_BUFFER_BYTES as i64 + 64 * 1024 + 16 * 1024;
        assert!(more <= 3 * each, "{more} bytes for three clients");
        assert!(sent.get() > before, "they were sent to");
        drop((warm, clients));
    });
}

/// Waits until no more is sent.
async fn stands_still(sent: &Cell<u64>) {
    loop {
        let before = sent.get();
        tokio::time::sleep(Duration::from_millis(300)).await;
        if before > 0 && sent.get() == before {
            return;
        }
    }
}

#[test]
fn a_backend_that_flaps_is_replaced_for_each_connection_that_it_refuses() {
    run(async {
        let steady = named_echo("s").await;
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let flapping = socket.local_addr().unwrap();
        drop(socket);
        let mut gateway = Gateway::start(&config([flapping, steady])).await;
        for round in 0..6 {
            let up = if round % 2 == 0 {
                let reusable = tokio::net::TcpSocket::new_v4().unwrap();
                reusable.set_reuseaddr(true).unwrap();
                reusable.bind(flapping).unwrap();
                let listening = reusable.listen(16).unwrap();
                Some(tokio::task::spawn_local(async move {
                    while let Ok((mut stream, _)) = listening.accept().await {
                        let _ = stream.write_all(b"f").await;
                        let _ = stream.read(&mut [0; 8]).await;
                    }
                }))
            } else {
                None
            };
            for _ in 0..4 {
                let mut client = gateway.connect().await;
                let mut name = [0];
                client.read_exact(&mut name).await.unwrap();
                assert!(name == *b"s" || up.is_some(), "only who listens answers");
                drop(client);
                gateway.record().await;
            }
            if let Some(up) = up {
                up.abort();
                let _ = up.await;
            }
        }
    });
}
