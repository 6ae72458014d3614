//! The command line: which commands there are, and how each is explained.

use crate::bots::BotsArgs;
use crate::connect::ConnectArgs;
use crate::echo::EchoArgs;
use crate::gateway::GatewayArgs;
use crate::load::LoadArgs;
use crate::replay::ReplayArgs;
use crate::serve::ServeArgs;
use crate::token::TokenArgs;
use clap::{Args, Parser, Subcommand};

/// What stands below the help of every command.
const SOURCES: &str = "Every flag can also be set as STOA_<FLAG> in the environment (STOA_WORKERS=2) and, with --config, \
in a TOML file (workers = 2, at the top or in a table with the command's name). A flag wins over the environment, the \
environment over the file.";

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "stoa",
    version,
    about = "Real-time rooms over WebSockets: a server, and the tools to try and test it"
)]
#[command(after_help = SOURCES, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Serve chat: the WebSocket protocol, a web page, metrics
    #[command(
        after_help = "Examples:\n  stoa serve\n  stoa serve --listen 0.0.0.0:8080 --data /var/lib/stoa\n  \
        stoa serve --tls-listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\n  \
        stoa serve --jwt-key-file public.pem --jwt-audience my-app --allow-guests false\n  \
        stoa serve --config stoa.toml\n\n\
        SIGTERM or Ctrl-C drains and ends, a second one ends at once, SIGHUP reads the certificate again."
    )]
    Serve(Box<ServeArgs>),
    /// Answer every WebSocket message with the same message
    #[command(after_help = "Examples:\n  stoa echo\n  stoa echo --listen 127.0.0.1:0 --workers 1\n  \
        stoa echo --tls-listen 127.0.0.1:9443 --tls-self-signed")]
    Echo(EchoArgs),
    /// Bring connections to backends: balance, route, watch, drain
    #[command(
        after_help = "Examples:\n  stoa gateway --listen 127.0.0.1:8000 --mode stream --backend 127.0.0.1:8080\n  \
        stoa gateway --tls-listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --backend 10.0.0.1:8080 --backend 10.0.0.2:8080\n  \
        stoa gateway --config gateway.toml --check\n  stoa gateway --config gateway.toml\n  \
        stoa gateway top\n  stoa gateway drain 10.0.0.1:8080\n\n\
        SIGTERM or Ctrl-C drains and ends, a second one ends at once, SIGHUP reads the file and the certificates again, \
        SIGUSR2 has the program's file started anew, which takes over."
    )]
    Gateway(Box<GatewayArgs>),
    /// Talk to a WebSocket server from the terminal
    #[command(after_help = "Examples:\n  stoa connect ws://127.0.0.1:9001/\n  \
        echo hello | stoa connect ws://127.0.0.1:9001/ --exit-after 1\n  \
        stoa connect wss://127.0.0.1:8443/v1/chat --subprotocol stoa.chat.v1 --insecure\n  \
        stoa connect ws://127.0.0.1:8080/v1/chat --subprotocol stoa.chat.v1 --header 'Authorization: Bearer TOKEN' --json")]
    Connect(ConnectArgs),
    /// Make a token (JWT) for development
    #[command(after_help = "Examples:\n  stoa token --key-file dev.key --new-key --sub ann\n  \
        stoa token --key-file dev.key --sub bob --name Bob --ttl 8h\n  \
        openssl genpkey -algorithm ed25519 -out ed.pem && stoa token --key-file ed.pem --sub ann --aud my-app\n\n\
        The server takes the same secret file, or the public half of the PEM key, with --jwt-key-file.")]
    Token(TokenArgs),
    /// Fill matches with players
    #[command(after_help = "Examples:\n  stoa bots ws://127.0.0.1:8080 --players 40\n  \
        stoa bots ws://127.0.0.1:8080 --players 100 --match ID --style shooter --skill 80\n  \
        stoa bots wss://127.0.0.1:8443 --insecure --http 3 --players 200 --seconds 60\n\n\
        They play by a script over the network, as a stranger's client would, until the match is over or Ctrl-C.")]
    Bots(Box<BotsArgs>),
    /// Put load on a server, measure it, and check that it keeps its promises
    #[command(
        after_help = "Examples:\n  stoa load echo ws://127.0.0.1:9001/ --connections 64 --in-flight 16\n  \
        stoa load echo ws://127.0.0.1:9001/ --connections 100 --rate 10000 --size 128\n  \
        stoa load echo wss://127.0.0.1:9443/ --insecure --http 3 --connections 200 --compression no-takeover\n  \
        stoa load idle ws://127.0.0.1:9001/ --connections 15000 --pid $(pidof stoa)\n  \
        stoa load fanout ws://127.0.0.1:8080/v1/chat --connections 1000 --rate 1000 --size 128\n  \
        stoa load chat ws://127.0.0.1:8080/v1/chat --connections 64 --rooms 8 --rate max --in-flight 64\n  \
        stoa load match ws://127.0.0.1:8080 --players 256 --seconds 20 --stalled 5 --pid $(pidof stoa)\n\n\
        Latencies count from the time at which a message was due. Exit code 1: the server broke a promise. Exit code 3: \
        the generator was too slow, the numbers say nothing (INVALID).\n\
        A server that is to take more than its default limits allow needs, for example, --sends-per-second 1000000."
    )]
    Load(Box<LoadArgs>),
    /// Play a recorded match again and compare every hash
    #[command(after_help = "Examples:\n  stoa replay stoa-data/replays/k3v9xw2m5tq8c7hd4n6b.replay\n  \
        stoa replay match.replay --json\n\n\
        Exit code 1: something differs, the file is damaged, or it ends before the match does.")]
    Replay(ReplayArgs),
    /// A process of a load run with several; started by `stoa load`
    #[command(hide = true)]
    LoadPart,
}

/// How many threads a server has.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServerThreads {
    /// Threads that serve connections [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Keep each of these threads on one core. For machines that have nothing else to do
    #[arg(long)]
    pub pin_workers: bool,
}

impl ServerThreads {
    /// The number given, or that of the cores.
    pub(crate) fn count(&self) -> u16 {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get().min(1024) as u16);
        self.workers.unwrap_or_else(cores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        let mut command = Cli::command();
        for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:"), "{}", command.get_name());
        }
    }
}
