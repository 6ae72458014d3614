//! Commands to a running gateway, by its admin page.

use crate::failure::Failure;
use crate::terminal::say;
use clap::Args;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// How long the admin page may take.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Bytes of an answer that are read: a page of the table has less.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Which gateway.
#[derive(Args, Debug)]
pub(crate) struct AdminArgs {
    /// Address of the gateway's admin page
    #[arg(long, value_name = "ADDR", default_value = super::ADMIN)]
    pub admin: SocketAddr,
}

/// Flags of `stoa gateway drain` and `undrain`.
#[derive(Args, Debug)]
pub(crate) struct DrainArgs {
    /// Name of the backend, or POOL/NAME where several pools have the name
    #[arg(value_name = "BACKEND")]
    pub backend: String,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Drains a backend, or takes that back.
pub(crate) fn drain(args: &DrainArgs, undo: bool) -> Result<ExitCode, Failure> {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "-_.:/[]".contains(c);
    if !args.backend.chars().all(is_sound) {
        return Err(Failure::wrong("a backend's name has letters, digits and - _ . : only"));
    }
    let what = if undo { "undrain" } else { "drain" };
    command(args.admin.admin, &format!("/backends/{}/{what}", args.backend))
}

/// Has the file read again.
pub(crate) fn reload(args: &AdminArgs) -> Result<ExitCode, Failure> {
    command(args.admin, "/reload")
}

/// Has a new process take over.
pub(crate) fn upgrade(args: &AdminArgs) -> Result<ExitCode, Failure> {
    command(args.admin, "/upgrade")
}

/// Posts a command and says what came of it.
fn command(admin: SocketAddr, path: &str) -> Result<ExitCode, Failure> {
    let (status, text) = ask(admin, "POST", path)?;
    let text = text.trim_end();
    if status != 200 {
        return Err(Failure::failed(text));
    }
    say(text);
    Ok(ExitCode::SUCCESS)
}

/// One request to the admin page: status and body.
pub(crate) fn ask(admin: SocketAddr, method: &str, path: &str) -> Result<(u16, String), Failure> {
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "no gateway answers at {admin}: {why}. Give the address of its admin page with --admin ADDR"
        ))
    };
    let mut stream = TcpStream::connect_timeout(&admin, TIMEOUT).map_err(|error| cannot(&error))?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(|error| cannot(&error))?;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| cannot(&error))?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).map_err(|error| cannot(&error))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| cannot(&"its answer is not HTTP"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| cannot(&"its answer is not HTTP"))?, body.to_owned()))
}
