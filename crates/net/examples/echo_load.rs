//! Load for echo servers: `echo_load --url ws://127.0.0.1:9001/ --connections 64 --bytes 32 --in-flight 16 --seconds 5`.
//!
//! Prints messages per second and, given `--server PID`, the CPU time that the server spent on each message. That number
//! is worth more than the rate on a machine that others use too. With `--idle yes` nothing is sent, and the growth of the
//! server's resident memory is printed.
//!
//! It must cost less than the server that it measures: all frames are the same and made once, and what comes back is
//! compared with what must come back, not parsed. Several frames that return together are answered with one write.

use net::{DialOptions, Dialed, Stream, dial};
use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

/// What the command line asks for.
struct Plan {
    url: String,
    connections: usize,
    bytes: usize,
    in_flight: usize,
    seconds: f64,
    server: Option<String>,
    idle: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = Plan::from_arguments()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    let line = runtime
        .block_on(async { if plan.idle { measure_idle(&plan).await } else { measure_echo(&plan).await } })?;
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())?;
    std::process::exit(0)
}

impl Plan {
    fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut plan = Self {
            url: "ws://127.0.0.1:9001/".to_owned(),
            connections: 64,
            bytes: 32,
            in_flight: 16,
            seconds: 5.0,
            server: None,
            idle: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or("each flag needs a value")?;
            match flag.as_str() {
                "--url" => plan.url = value,
                "--connections" => plan.connections = value.parse()?,
                "--bytes" => plan.bytes = value.parse()?,
                "--in-flight" => plan.in_flight = value.parse()?,
                "--seconds" => plan.seconds = value.parse()?,
                "--server" => plan.server = Some(value),
                "--idle" => plan.idle = value == "yes",
                _ => return Err(format!("unknown flag {flag}").into()),
            }
        }
        Ok(plan)
    }
}

async fn measure_echo(plan: &Plan) -> Result<String, Box<dyn Error>> {
    let count = Rc::new(Cell::new(0_u64));
    let payload: Vec<u8> = (0..plan.bytes).map(|n| b'a' + (n % 26) as u8).collect();
    let sent: Rc<[u8]> = frame(&payload, Some([0x12, 0x34, 0x56, 0x78])).repeat(plan.in_flight).into();
    let expected: Rc<[u8]> = frame(&payload, None).into();
    for _ in 0..plan.connections {
        let dialed = dial(&plan.url, &DialOptions::default()).await?;
        let (sent, expected, count) = (Rc::clone(&sent), Rc::clone(&expected), Rc::clone(&count));
        let in_flight = plan.in_flight;
        drop(tokio::task::spawn_local(async move {
            if let Err(error) = bounce(dialed.stream, &sent, &expected, in_flight, &count).await {
                std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes()).ok();
                std::process::exit(1);
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let spent = || plan.server.as_deref().map_or(Ok(0), cpu_nanoseconds);
    let (start, before, spent_before) = (Instant::now(), count.get(), spent()?);
    tokio::time::sleep(Duration::from_secs_f64(plan.seconds)).await;
    let messages = (count.get() - before) as f64;
    let (rate, cpu) = (messages / start.elapsed().as_secs_f64(), (spent()? - spent_before) as f64 / messages);
    Ok(format!("{rate:.0} messages/s {cpu:.0} ns/message\n"))
}

/// Keeps `in_flight` frames on their way.
async fn bounce(
    mut stream: Stream,
    sent: &[u8],
    expected: &[u8],
    in_flight: usize,
    count: &Cell<u64>,
) -> std::io::Result<()> {
    let one = sent.len() / in_flight;
    let mut buffer = vec![0; 256 * 1024];
    let mut partial = 0;
    stream.write_all(sent).await?;
    loop {
        let size = std::future::poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut buffer);
            Pin::new(&mut stream).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
        })
        .await?;
        if size == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut read = &buffer[..size];
        let mut frames = 0;
        while !read.is_empty() {
            let part = read.len().min(expected.len() - partial);
            if read[..part] != expected[partial..partial + part] {
                return Err(std::io::Error::other("the echo is not what was sent"));
            }
            partial += part;
            read = &read[part..];
            if partial == expected.len() {
                partial = 0;
                frames += 1;
            }
        }
        count.set(count.get() + frames);
        stream.write_all(&sent[..one * frames as usize]).await?;
    }
}

/// A binary frame, masked or not.
fn frame(payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = ws::Prepared::binary(payload).bytes().to_vec();
    if let Some(key) = key {
        let header = frame.len() - payload.len();
        frame[1] |= 0x80;
        for (byte, key) in frame[header..].iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        frame.splice(header..header, key);
    }
    frame
}

async fn measure_idle(plan: &Plan) -> Result<String, Box<dyn Error>> {
    let process = plan.server.as_deref().ok_or("--idle needs --server")?;
    let before = resident_bytes(process)?;
    let mut open: Vec<Dialed> = Vec::new();
    for _ in 0..plan.connections {
        open.push(dial(&plan.url, &DialOptions::default()).await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = resident_bytes(process)?.saturating_sub(before);
    Ok(format!("{} bytes for each of {} connections\n", grown / open.len() as u64, open.len()))
}

/// `VmRSS` of a process.
fn resident_bytes(process: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: u64 = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
    Ok(kibibytes * 1024)
}

/// CPU time of all threads of a process.
fn cpu_nanoseconds(process: &str) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += text.split_whitespace().next().ok_or("no schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}
