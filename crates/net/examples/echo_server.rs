//! An echo server, to measure: `echo_server --listen 127.0.0.1:9001 --workers 1 [--tls DIRECTORY]`.

use net::echo::{self, Echo};
use net::{Listen, Options, Tls, Workers};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut listen = "127.0.0.1:9001".to_owned();
    let mut workers = "1".to_owned();
    let mut tls = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or("each flag needs a value")?;
        match flag.as_str() {
            "--listen" => listen = value,
            "--workers" => workers = value,
            "--tls" => tls = Some(Tls::development(Path::new(&value), &[])?),
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let mut options = Options::new(workers.parse()?, []);
    options.listen.push(Listen { address: listen.parse()?, http3: tls.is_some(), tls });
    options.limits = echo::roomy_limits();
    options.limits.pending_bytes_max = 64 << 20;
    let config = Arc::new(echo::roomy_config());
    let workers = Workers::start(options, move |_| Echo::new(Arc::clone(&config)))?;
    let mut output = std::io::stdout();
    std::io::Write::write_all(&mut output, format!("listening on {:?}\n", workers.addresses()).as_bytes())?;
    loop {
        std::thread::park();
    }
}
