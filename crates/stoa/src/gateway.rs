//! `stoa gateway`: a gateway from flags or from a file, and the commands to a running one.

mod control;
mod top;

use crate::failure::Failure;
use crate::terminal::{print, say};
use clap::{Args, Subcommand, ValueEnum};
use gateway::config::{Admin, Config, Flags, Mode, PemFiles, UpstreamHttp};
use gateway::node::{Gateway, Order, Orders, Overrides, Start, TakeOver};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::runtime::LocalOptions;
use tokio::signal::unix::{SignalKind, signal};

/// Where the admin page is if nobody says otherwise.
const ADMIN: &str = "127.0.0.1:9091";

/// Flags of `stoa gateway`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GatewayArgs {
    /// Talk to a gateway that runs
    #[command(subcommand)]
    pub command: Option<GatewayCommand>,
    /// The gateway's own configuration, in TOML: listeners, routes, pools. Read again when it changes and at SIGHUP
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "tls_listen", "backend", "backend_http", "mode"])]
    pub config: Option<PathBuf>,
    /// Address to listen on without TLS; may be given several times
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<SocketAddr>,
    /// Address where TLS ends: HTTP/1.1, HTTP/2 and, on UDP, HTTP/3; may be given several times
    #[arg(long, value_name = "ADDR")]
    pub tls_listen: Vec<SocketAddr>,
    /// Make a certificate for this machine; for development, browsers warn of it
    #[arg(long)]
    pub tls_self_signed: bool,
    /// PEM file with a certificate, and its chain after it; may be given several times
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_signed")]
    pub tls_cert: Vec<PathBuf>,
    /// PEM file with the private key of the certificate in the same place of the order
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Vec<PathBuf>,
    /// stream moves bytes and leaves TLS alone; tunnel speaks HTTP on both sides
    #[arg(long, value_name = "MODE", value_enum, default_value_t = ModeName::Tunnel)]
    pub mode: ModeName,
    /// Address of a backend; may be given several times
    #[arg(long, value_name = "ADDR")]
    pub backend: Vec<SocketAddr>,
    /// Version of HTTP to backends in tunnel mode; 2 carries many WebSockets on one connection
    #[arg(long, value_name = "VERSION", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub backend_http: u8,
    /// Threads that carry connections [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Address of the admin page, or off [default: 127.0.0.1:9091, or what the file says]
    #[arg(long, value_name = "ADDR", value_parser = parse_admin)]
    pub admin_listen: Option<AdminAddress>,
    /// Read the configuration, say whether it is right, and end
    #[arg(long)]
    pub check: bool,
    /// Print the whole configuration as a file, and end
    #[arg(long)]
    pub print_config: bool,
    /// Directory for a self-signed certificate
    #[arg(long, value_name = "DIR", default_value = "stoa-data")]
    pub data: PathBuf,
    /// What is logged, as in RUST_LOG; `access` are the lines of connections
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// How lines of the log look
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// What a running gateway can be told.
#[derive(Subcommand, Debug)]
pub(crate) enum GatewayCommand {
    /// Show the connections of a running gateway
    #[command(
        after_help = "Examples:\n  stoa gateway top\n  stoa gateway top --once\n  stoa gateway top --json"
    )]
    Top(top::TopArgs),
    /// Send the connections of a backend away, and give it no new ones
    #[command(
        after_help = "Examples:\n  stoa gateway drain 127.0.0.1:9001\n  stoa gateway drain chat/one --admin 127.0.0.1:9191"
    )]
    Drain(control::DrainArgs),
    /// Give a backend that was drained new connections again
    #[command(after_help = "Examples:\n  stoa gateway undrain 127.0.0.1:9001")]
    Undrain(control::DrainArgs),
    /// Have a running gateway read its file again
    #[command(after_help = "Examples:\n  stoa gateway reload\n  stoa gateway reload --admin 127.0.0.1:9191")]
    Reload(control::AdminArgs),
    /// Start the program's file anew, so that a new version takes over and nobody is disconnected
    #[command(
        after_help = "Examples:\n  stoa gateway upgrade\n  stoa gateway upgrade --admin 127.0.0.1:9191"
    )]
    Upgrade(control::AdminArgs),
}

/// How deep a gateway looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// Layer 4: bytes, TLS untouched
    Stream,
    /// Layer 7: HTTP on both sides
    Tunnel,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One object for each line
    Json,
}

/// The value of `--admin-listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AdminAddress(Option<SocketAddr>);

fn parse_admin(text: &str) -> Result<AdminAddress, String> {
    if text == "off" {
        return Ok(AdminAddress(None));
    }
    let address = text.parse().map_err(|_| "give an address such as 127.0.0.1:9091, or off".to_owned())?;
    Ok(AdminAddress(Some(address)))
}

/// Runs a gateway until it is told to end, or talks to one.
pub(crate) fn run(args: &GatewayArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        Some(GatewayCommand::Top(args)) => return top::run(args),
        Some(GatewayCommand::Drain(args)) => return control::drain(args, false),
        Some(GatewayCommand::Undrain(args)) => return control::drain(args, true),
        Some(GatewayCommand::Reload(args)) => return control::reload(args),
        Some(GatewayCommand::Upgrade(args)) => return control::upgrade(args),
        None => {}
    }
    let config = args.config()?;
    if args.print_config {
        print(&config.to_toml());
        return Ok(ExitCode::SUCCESS);
    }
    config.is_ready().map_err(Failure::wrong)?;
    if args.check {
        say("the configuration is right");
        return Ok(ExitCode::SUCCESS);
    }
    start_log(&args.log, args.log_format)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(Failure::failed)?;
    runtime.block_on(serve(args, config))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &GatewayArgs, config: Config) -> Result<(), Failure> {
    let mut take_over = TakeOver::receive()
        .map_err(|error| Failure::failed(format!("the sockets of the old process did not come: {error}")))?;
    let inherited = take_over.as_mut().map(|old| std::mem::take(&mut old.sockets)).unwrap_or_default();
    let (file, data) = (args.config.clone(), args.data.clone());
    let start = Start { config, file, overrides: args.overrides(), data, inherited };
    let mut gateway = Gateway::start(start).await.map_err(Failure::failed)?;
    if let Some(old) = take_over
        && old.say_ready().is_err()
    {
        say("the old process has gone already");
    }
    for (name, address) in gateway.addresses() {
        say(&format!("listening {name:<10} {address}"));
    }
    if let Some(address) = gateway.admin_address() {
        say(&format!("admin      http://{address}/metrics"));
    }
    say("press Ctrl-C to stop");
    let orders = gateway.orders();
    let signals = tokio::task::spawn_local(follow_signals(orders));
    tokio::select! {
        () = gateway.run() => Ok(()),
        // It ends only at a second signal to end, or if signals cannot be had.
        result = signals => result.unwrap_or(Ok(())),
    }
}

/// Turns signals into orders. Returns when a second one says to end.
async fn follow_signals(orders: Orders) -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(Failure::failed);
    let mut hangup = listen(SignalKind::hangup())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut upgrade = listen(SignalKind::user_defined2())?;
    let mut ending = false;
    loop {
        let end = tokio::select! {
            _ = hangup.recv() => false,
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = upgrade.recv() => {
                // What came of it is in the log.
                let _ = orders.give(Order::Upgrade).await;
                continue;
            }
        };
        if end && ending {
            return Ok(());
        }
        ending |= end;
        if end {
            orders.end().await;
        } else {
            // What came of it is in the log.
            let _ = orders.give(Order::Reload).await;
        }
    }
}

fn start_log(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| Failure::wrong(format!("--log {filter}: {error}")))?;
    let colours = crate::terminal::colours() && format == LogFormat::Text;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // It fails only if somebody has started a log before, and nobody has.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    Ok(())
}

impl GatewayArgs {
    /// What the flags or the file say, checked.
    fn config(&self) -> Result<Config, Failure> {
        let mut config = match &self.config {
            Some(path) => read(path)?,
            None => self.flags()?,
        };
        self.overrides().lay_over(&mut config);
        Ok(config)
    }

    /// What counts more than the file.
    fn overrides(&self) -> Overrides {
        let admin = match self.admin_listen {
            Some(AdminAddress(address)) => Some(address.map(|address| Admin { address })),
            None if self.config.is_none() => Some(ADMIN.parse().ok().map(|address| Admin { address })),
            None => None,
        };
        Overrides { workers: self.workers.map(usize::from), admin }
    }

    fn flags(&self) -> Result<Config, Failure> {
        if self.listen.is_empty() && self.tls_listen.is_empty() {
            return Err(Failure::wrong(
                "there is nothing to listen on: give --config FILE, or --listen ADDR and --backend ADDR",
            ));
        }
        if self.backend.is_empty() {
            return Err(Failure::wrong("there is nowhere to go: give at least one --backend ADDR"));
        }
        if self.tls_cert.len() != self.tls_key.len() {
            return Err(Failure::wrong(format!(
                "there are {} --tls-cert and {} --tls-key: give one key for each certificate, in the same order",
                self.tls_cert.len(),
                self.tls_key.len()
            )));
        }
        if !self.tls_listen.is_empty() && self.tls_cert.is_empty() && !self.tls_self_signed {
            return Err(Failure::wrong(
                "--tls-listen needs --tls-cert and --tls-key, or --tls-self-signed for development",
            ));
        }
        let pairs = self.tls_cert.iter().cloned().zip(self.tls_key.iter().cloned());
        let flags = Flags {
            listen: self.listen.clone(),
            tls_listen: self.tls_listen.clone(),
            tls_self_signed: self.tls_self_signed,
            tls_pairs: pairs.map(|(certificate, key)| PemFiles { certificate, key }).collect(),
            mode: match self.mode {
                ModeName::Stream => Mode::Stream,
                ModeName::Tunnel => Mode::Tunnel,
            },
            backends: self.backend.clone(),
            http: if self.backend_http == 2 { UpstreamHttp::H2 } else { UpstreamHttp::H1 },
            workers: self.workers.unwrap_or(0).into(),
        };
        Config::from_flags(&flags).map_err(Failure::wrong)
    }
}

fn read(path: &Path) -> Result<Config, Failure> {
    let cannot = |why: &dyn std::fmt::Display| Failure::wrong(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    Config::from_toml(&text).map_err(|error| cannot(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn config(flags: &str) -> Result<Config, String> {
        let words = format!("stoa gateway {flags}");
        let cli = Cli::try_parse_from(words.split_whitespace()).map_err(|error| error.to_string())?;
        let Command::Gateway(args) = cli.command else { panic!("not gateway") };
        args.config().map_err(|failure| match failure {
            Failure::Wrong(why) | Failure::Failed(why) => why,
            Failure::Usage(error) => error.to_string(),
        })
    }

    #[test]
    fn one_line_says_the_same_as_the_file_that_it_prints() {
        let config = config(
            "--listen 127.0.0.1:7000 --mode stream --backend 127.0.0.1:7001 --backend 127.0.0.1:7002 --workers 3",
        )
        .unwrap();
        assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
        assert_eq!((config.workers, config.listeners.len()), (3, 1));
        assert_eq!(config.pools.values().next().unwrap().backends.len(), 2);
        assert_eq!(config.admin.unwrap().address, ADMIN.parse().unwrap());
    }

    #[test]
    fn flags_that_cannot_work_are_refused_with_a_sentence_that_helps() {
        let listen = "--listen 127.0.0.1:7000";
        for (flags, word) in [
            (String::new(), "--config FILE, or --listen"),
            (listen.to_owned(), "at least one --backend"),
            ("--tls-listen 127.0.0.1:1 --backend 127.0.0.1:2".to_owned(), "needs --tls-cert and --tls-key"),
            (format!("{listen} --backend example.org:1"), "--backend"),
            (format!("{listen} --config gateway.toml"), "--config"),
            (format!("{listen} --admin-listen on"), "or off"),
            ("--config /no/such/file.toml".to_owned(), "/no/such/file.toml"),
        ] {
            let why = config(&flags).unwrap_err();
            assert!(why.contains(word), "{flags}: {why}");
        }
    }
}
