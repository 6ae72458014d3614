//! The loop on pipes in memory: what passes, what waits, and how it ends.

use super::*;
use std::collections::VecDeque;
use std::task::Waker;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

const PIPE_BYTES: usize = 4096;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs");
    });
}

struct Pair {
    client: DuplexStream,
    backend: DuplexStream,
    control: Arc<Control>,
    ended: tokio::task::JoinHandle<Ended>,
}

fn pair_with(options: RelayOptions, observer: impl Observer + Unpin + 'static) -> Pair {
    let (client, near) = duplex(PIPE_BYTES);
    let (far, backend) = duplex(PIPE_BYTES);
    let control = Arc::new(Control::default());
    let relay = Relay::new(near, far, observer, options, Arc::clone(&control));
    Pair { client, backend, control, ended: tokio::task::spawn_local(relay) }
}

fn pair() -> Pair {
    pair_with(RelayOptions::default(), Unwatched)
}

#[test]
fn half_closed_pairs_go_on_the_other_way_until_both_sides_have_ended() {
    run(async {
        let mut pair = pair();
        pair.client.write_all(b"question").await.unwrap();
        pair.client.shutdown().await.unwrap();
        let mut question = Vec::new();
        pair.backend.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        pair.backend.write_all(b"late answer").await.unwrap();
        drop(pair.backend);
        let mut answer = Vec::new();
        pair.client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"late answer");
        let expect = Ended { end: End::Closed, first: Some(Side::Client), to_backend: 8, to_client: 11 };
        assert_eq!(pair.ended.await.unwrap(), expect);
    });
}

#[test]
fn megabytes_pass_unchanged_both_ways_at_once() {
    run(async {
        let pair = pair();
        let (mut client_in, mut client_out) = tokio::io::split(pair.client);
        let (mut backend_in, mut backend_out) = tokio::io::split(pair.backend);
        let data: Vec<u8> = (0..3_000_000_u32).map(|index| (index * 7 / 3) as u8).collect();
        let (up, down) = (data.clone(), data.iter().rev().copied().collect::<Vec<u8>>());
        let sent_down = down.clone();
        let up_task = tokio::task::spawn_local(async move {
            client_out.write_all(&up).await.unwrap();
            client_out.shutdown().await.unwrap();
        });
        let down_task = tokio::task::spawn_local(async move {
            backend_out.write_all(&sent_down).await.unwrap();
            backend_out.shutdown().await.unwrap();
        });
        let (mut got_up, mut got_down) = (Vec::new(), Vec::new());
        let (a, b) = tokio::join!(backend_in.read_to_end(&mut got_up), client_in.read_to_end(&mut got_down));
        assert_eq!((a.unwrap(), b.unwrap()), (data.len(), data.len()));
        assert!(got_up == data && got_down == down);
        up_task.await.unwrap();
        down_task.await.unwrap();
        assert_eq!(pair.ended.await.unwrap().end, End::Closed);
        assert_eq!(pair.control.bytes(Way::ToBackend), 3_000_000);
    });
}

#[test]
fn a_receiver_that_does_not_read_stops_its_sender_after_one_read() {
    run(async {
        let mut pair = pair();
        let mut taken = 0;
        let chunk = [7; 1024];
        while let Ok(size) = tokio::time::timeout(Duration::from_millis(200), pair.client.write(&chunk)).await
        {
            taken += size.unwrap();
        }
        let most = 2 * PIPE_BYTES + READ_BUFFER_BYTES;
        assert!(taken <= most, "{taken} bytes were taken, {most} are the limit");
        // And all of it arrives.
        pair.client.shutdown().await.unwrap();
        let mut got = Vec::new();
        pair.backend.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), taken);
    });
}

#[test]
fn a_pair_is_aborted_from_another_thread() {
    run(async {
        let mut pair = pair();
        let control = Arc::clone(&pair.control);
        tokio::task::yield_now().await;
        std::thread::spawn(move || control.abort()).join().unwrap();
        assert_eq!(pair.ended.await.unwrap().end, End::Aborted);
        assert_eq!(pair.client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn an_idle_pair_ends_and_a_busy_one_lives_until_its_lifetime_is_over() {
    run(async {
        let idle_timeout = Duration::from_millis(40);
        let idle = pair_with(RelayOptions { idle_timeout, ..RelayOptions::default() }, Unwatched);
        assert_eq!(idle.ended.await.unwrap().end, End::Idle);

        let half_closed_timeout = Some(idle_timeout);
        let mut half = pair_with(RelayOptions { half_closed_timeout, ..RelayOptions::default() }, Unwatched);
        half.client.shutdown().await.unwrap();
        assert_eq!(half.ended.await.unwrap().end, End::Idle);

        let lifetime = Some(Duration::from_millis(300));
        let idle_timeout = Duration::from_secs(60);
        let mut busy =
            pair_with(RelayOptions { idle_timeout, lifetime, ..RelayOptions::default() }, Unwatched);
        while busy.client.write_all(b"x").await.is_ok() {
            if busy.backend.read(&mut [0; 8]).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(busy.ended.await.unwrap().end, End::Lifetime);
    });
}

#[test]
fn what_is_sent_ahead_comes_first_and_in_order() {
    run(async {
        let (mut client, near) = duplex(PIPE_BYTES);
        let (far, mut backend) = duplex(PIPE_BYTES);
        let mut relay = Relay::new(near, far, Unwatched, RelayOptions::default(), Arc::default());
        relay.send_unseen(Way::ToBackend, b"PROXY ");
        relay.send_ahead(Way::ToBackend, b"hello ");
        client.write_all(b"more").await.unwrap();
        client.shutdown().await.unwrap();
        let ended = tokio::task::spawn_local(relay);
        let mut got = Vec::new();
        backend.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"PROXY hello more");
        drop(backend);
        assert_eq!(ended.await.unwrap().to_backend, 16);
    });
}

/// Answers by letters: `i` injects before it, `d` and `e` are left out, `E` ends behind it.
#[derive(Default)]
struct Letters {
    injected: bool,
}

impl Observer for Letters {
    fn see(&mut self, _way: Way, bytes: &[u8]) -> Seen {
        let Some(at) = bytes.iter().position(|byte| b"ideE".contains(byte)) else { return Seen::All };
        match bytes[at] {
            b'i' if std::mem::take(&mut self.injected) => Seen::InjectAfter(at + 1),
            b'i' => {
                self.injected = true;
                Seen::InjectAfter(at)
            }
            b'E' => Seen::EndAfter(at + 1),
            _ => Seen::DropAfter { pass: at, drop: 1 },
        }
    }

    fn inject(&mut self, _way: Way, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.injected { b"<" } else { b">" });
    }

    fn finish(&mut self, _way: Way, out: &mut Vec<u8>) {
        out.extend_from_slice(b"fin");
    }

    fn wake(&mut self, injections: &mut Injections<'_>) -> bool {
        injections.to_client.extend_from_slice(b"ping");
        true
    }
}

#[test]
fn an_observer_adds_leaves_out_and_has_the_last_word() {
    run(async {
        let mut pair = pair_with(RelayOptions::default(), Letters::default());
        pair.control.wake();
        pair.client.write_all(b"abc i deed xii").await.unwrap();
        pair.client.shutdown().await.unwrap();
        let mut got = Vec::new();
        pair.backend.read_to_end(&mut got).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&got), "abc <i>  x<i><i>fin");
        drop(pair.backend);
        let mut got = Vec::new();
        pair.client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"pingfin");
        assert_eq!(pair.ended.await.unwrap().end, End::Closed);
    });
}

#[test]
fn an_observer_ends_a_session_and_what_it_let_pass_arrives() {
    run(async {
        let mut pair = pair_with(RelayOptions::default(), Letters::default());
        pair.backend.write_all(b"bye E never").await.unwrap();
        let mut got = Vec::new();
        pair.client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"by E");
        got.clear();
        pair.backend.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"");
        assert_eq!(pair.ended.await.unwrap().end, End::Observer);
    });
}

/// An observer that never lets go does not hang the thread.
struct Stuck;

impl Observer for Stuck {
    fn see(&mut self, _way: Way, _bytes: &[u8]) -> Seen {
        Seen::DropAfter { pass: 0, drop: 0 }
    }
}

#[test]
fn an_observer_that_stands_still_is_passed_by() {
    let mut spare = Vec::new();
    assert_eq!(observer::watch(&mut Stuck, Way::ToClient, b"abc", &mut spare), (&b"abc"[..], false));
}

/// A stream of scripted reads that takes all writes, or fails them.
#[derive(Default)]
struct Script {
    reads: VecDeque<io::Result<Vec<u8>>>,
    endless: bool,
    written: Vec<u8>,
    write_fails: bool,
    is_shut: bool,
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.endless {
            buffer.initialize_unfilled();
            buffer.advance(buffer.remaining());
            return Poll::Ready(Ok(()));
        }
        match this.reads.pop_front() {
            None => Poll::Pending,
            Some(Ok(bytes)) => {
                buffer.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.write_fails {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        this.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().is_shut = true;
        Poll::Ready(Ok(()))
    }
}

fn poll_once(client: Script, backend: Script) -> (Poll<Ended>, Script, Script) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut relay = Relay::new(client, backend, Unwatched, RelayOptions::default(), Arc::default());
    let polled = Pin::new(&mut relay).poll(&mut Context::from_waker(Waker::noop()));
    let (client, backend, Unwatched) = relay.into_parts();
    (polled, client, backend)
}

#[test]
fn a_reset_side_ends_the_pair_and_what_it_had_sent_is_passed_on_without_an_orderly_end() {
    let reset = io::ErrorKind::ConnectionReset;
    let client = Script { reads: [Ok(b"last".to_vec()), Err(reset.into())].into(), ..Script::default() };
    let (polled, client, backend) = poll_once(client, Script::default());
    let expect = Ended {
        end: End::Failed(Side::Client, reset),
        first: Some(Side::Client),
        to_backend: 4,
        to_client: 0,
    };
    assert_eq!(polled, Poll::Ready(expect));
    assert_eq!((&backend.written[..], backend.is_shut, client.is_shut), (&b"last"[..], false, false));
}

#[test]
fn an_answer_of_a_backend_that_takes_nothing_more_still_arrives() {
    let client = Script { reads: [Ok(b"upload".to_vec())].into(), ..Script::default() };
    let answer = [Ok(b"413".to_vec()), Ok(Vec::new())].into();
    let backend = Script { reads: answer, write_fails: true, ..Script::default() };
    let (polled, client, _) = poll_once(client, backend);
    let Poll::Ready(ended) = polled else { panic!("both ways are over") };
    assert_eq!(ended.end, End::Failed(Side::Backend, io::ErrorKind::BrokenPipe));
    assert_eq!((&client.written[..], client.is_shut), (&b"413"[..], true));
}

#[test]
fn a_flood_in_one_direction_yields_to_others_after_its_share() {
    let client = Script { endless: true, ..Script::default() };
    let (polled, _, backend) = poll_once(client, Script::default());
    assert_eq!(polled, Poll::Pending);
    let passed = backend.written.len();
    assert!((BYTES_PER_TURN..BYTES_PER_TURN + READ_BUFFER_BYTES).contains(&passed), "{passed}");
}
