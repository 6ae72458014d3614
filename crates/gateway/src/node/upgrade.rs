//! Another process takes over: the newer binary gets the listening sockets of the older one, which stays until its connections
//! have gone.
//!
//! ```text
//!   old process                                     new process
//!   starts it with one end of a socket as its input
//!   ──── name of a listener, its descriptors ────►  ...once for each
//!   ──── end ─────────────────────────────────────► reads its configuration, opens what is not inherited, listens
//!   ◄─── ready ──────────────────────────────────── both accept now
//!   stops listening, lives until it is empty
//! ```
//!
//! If the new process ends, or does not say that it is ready in time, the old one goes on as if nothing had been. The sockets
//! are the same in both processes, with the same queues in the kernel, so nobody is refused in between.
//!
//! Connections of HTTP/3 are closed when the new process is ready, because their datagrams arrive there; their clients come
//! back at once.

use crate::node::listening::Inherited;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Tells a process that its standard input is a socket with descriptors.
const VARIABLE: &str = "STOA_GATEWAY_TAKES_OVER";

/// How long the new process may take until it is ready.
pub const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the new process waits for the descriptors.
const SOCKETS_TIMEOUT: Duration = Duration::from_secs(10);

/// Descriptors in one message. The kernel allows 253.
const DESCRIPTORS_MAX: usize = 128;

/// Bytes of one message: a name and two numbers.
const MESSAGE_BYTES_MAX: usize = 4096;

const READY: &[u8] = b"ready";

/// What one message says of the descriptors that it carries.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    listener: String,
    /// The first so many are of TCP, the others of UDP.
    tcp: usize,
    /// There are no more messages.
    end: bool,
}

/// Starts this program again, with the same arguments, and gives it the sockets. Returns its process id when it is ready.
///
/// # Errors
///
/// The sentence that says why nothing has changed.
pub(crate) async fn hand_over(sockets: Inherited) -> Result<u32, String> {
    // The talk with the new process blocks, and workers go on meanwhile.
    let talk = tokio::task::spawn_blocking(move || talk(&sockets)).await;
    let result = talk.unwrap_or_else(|error| Err(error.to_string()));
    result.map_err(|why| format!("{why}. This process goes on"))
}

fn talk(sockets: &Inherited) -> Result<u32, String> {
    let (ours, theirs) = pair().map_err(|error| format!("cannot make a socket: {error}"))?;
    let program = program().map_err(|error| format!("cannot find this program's file: {error}"))?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut child = Command::new(&program)
        .args(arguments)
        .env(VARIABLE, "1")
        .stdin(Stdio::from(theirs))
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let error = match give(&ours, sockets).and_then(|()| wait_until_ready(&ours)) {
        Ok(()) => return Ok(child.id()),
        Err(error) => error,
    };
    end(&mut child);
    Err(match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            "the new process has ended before it was ready, its log says why".to_owned()
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("the new process was not ready within {READY_TIMEOUT:?}")
        }
        _ => format!("the new process cannot be talked to: {error}"),
    })
}

/// Two ends of a socket that keeps messages apart. Ours waits no longer than it should.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    for timeout in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(&ours, timeout, Some(READY_TIMEOUT))?;
    }
    set_socket_timeout(&theirs, Timeout::Recv, Some(SOCKETS_TIMEOUT))?;
    Ok((ours, theirs))
}

/// The file of this program. If it was replaced, as an upgrade does, the kernel marks its old path.
fn program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

fn end(child: &mut Child) {
    let _ = child.kill();
    // It was killed, so this does not wait long; without it a dead process would stay in the table.
    let _ = child.wait();
}

/// Sends all sockets.
fn give(socket: &OwnedFd, sockets: &Inherited) -> io::Result<()> {
    for (name, descriptors) in sockets {
        for (all, is_tcp) in [(&descriptors.tcp, true), (&descriptors.udp, false)] {
            for some in all.chunks(DESCRIPTORS_MAX) {
                let tcp = if is_tcp { some.len() } else { 0 };
                let borrowed: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
                send_parcel(socket, &Parcel { listener: name.clone(), tcp, end: false }, &borrowed)?;
            }
        }
    }
    send_parcel(socket, &Parcel { listener: String::new(), tcp: 0, end: true }, &[])
}

fn send_parcel(socket: &OwnedFd, parcel: &Parcel, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(parcel)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn wait_until_ready(socket: &OwnedFd) -> io::Result<()> {
    let mut bytes = [0; READY.len()];
    let (_, length) = recv(socket, &mut bytes[..], RecvFlags::empty())?;
    match length {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if bytes[..length.min(READY.len())] == *READY => Ok(()),
        _ => Err(io::Error::other("it says something else than that it is ready")),
    }
}

/// What a process that takes over has got.
#[derive(Debug)]
pub struct TakeOver {
    /// The sockets.
    pub sockets: Inherited,
    socket: OwnedFd,
}

impl TakeOver {
    /// Takes what the process before this one gives. None if nobody started this one to take over.
    ///
    /// # Errors
    ///
    /// If nothing comes, or not what should.
    pub fn receive() -> io::Result<Option<Self>> {
        if std::env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        let mut sockets = Inherited::new();
        loop {
            let (parcel, descriptors) = receive_parcel(&socket)?;
            if parcel.end {
                return Ok(Some(Self { sockets, socket }));
            }
            let listener = sockets.entry(parcel.listener).or_default();
            for (place, descriptor) in descriptors.into_iter().enumerate() {
                let kind = if place < parcel.tcp { &mut listener.tcp } else { &mut listener.udp };
                kind.push(descriptor);
            }
        }
    }

    /// Tells the other process that this one listens.
    ///
    /// # Errors
    ///
    /// If the other process has gone. This one can stay.
    pub fn say_ready(&self) -> io::Result<()> {
        send(&self.socket, READY, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

fn receive_parcel(socket: &OwnedFd) -> io::Result<(Parcel, Vec<OwnedFd>)> {
    let mut bytes = [0; MESSAGE_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(all) = message {
            descriptors.extend(all);
        }
    }
    Ok((serde_json::from_slice(&bytes[..received.bytes])?, descriptors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::Descriptors;
    use std::net::TcpListener;

    #[test]
    fn every_socket_arrives_under_the_name_of_its_listener() {
        let (ours, theirs) = pair().unwrap();
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        let many = (0..DESCRIPTORS_MAX + 3).map(|_| first.try_clone().unwrap().into()).collect();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sockets = Inherited::new();
        sockets.insert("plain".to_owned(), Descriptors { tcp: many, udp: vec![udp.into()] });
        sockets.insert(String::new(), Descriptors { tcp: vec![first.into()], udp: Vec::new() });
        give(&ours, &sockets).unwrap();

        let (mut tcp, mut udp) = (Vec::new(), 0);
        loop {
            let (parcel, descriptors) = receive_parcel(&theirs).unwrap();
            if parcel.end {
                break;
            }
            if parcel.listener == "plain" {
                udp += descriptors.len() - parcel.tcp;
                tcp.extend(descriptors.into_iter().take(parcel.tcp));
            }
        }
        assert_eq!((tcp.len(), udp), (DESCRIPTORS_MAX + 3, 1));
        assert_eq!(TcpListener::from(tcp.pop().unwrap()).local_addr().unwrap(), address);
    }

    #[test]
    fn a_process_that_ends_before_it_is_ready_is_noticed() {
        let (ours, theirs) = pair().unwrap();
        drop(theirs);
        assert_eq!(wait_until_ready(&ours).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let (ours, theirs) = pair().unwrap();
        send(&theirs, READY, SendFlags::NOSIGNAL).unwrap();
        wait_until_ready(&ours).unwrap();
    }
}
