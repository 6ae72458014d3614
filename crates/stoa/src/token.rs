//! `stoa token`: makes a JWT that a server with the same key takes. For development; a product's own login system makes
//! them in production.

use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde::Serialize;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Shortest secret, in bytes (RFC 7518 section 3.2: not shorter than the hash).
const SECRET_BYTES_MIN: usize = 32;

/// Flags of `stoa token`.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    /// The secret (HS256), or a private key in PEM form: Ed25519 (EdDSA) or RSA (RS256)
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// Make the file first, with a random secret; it must not exist
    #[arg(long)]
    pub new_key: bool,
    /// The user's id
    #[arg(long, value_name = "USER", default_value = "dev")]
    pub sub: String,
    /// The user's display name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// For whom the token is (the server's --jwt-audience)
    #[arg(long, value_name = "AUDIENCE")]
    pub aud: Option<String>,
    /// Who made the token (the server's --jwt-issuer)
    #[arg(long, value_name = "ISSUER")]
    pub iss: Option<String>,
    /// The key's name, for servers with several keys
    #[arg(long, value_name = "KEY-ID")]
    pub kid: Option<String>,
    /// How long the token is valid: 90s, 15m, 1h, 30d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_time)]
    pub ttl: Duration,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    iat: u64,
    exp: u64,
}

/// Prints the token, alone, on standard output.
pub(crate) fn run(args: &TokenArgs) -> Result<ExitCode, Failure> {
    chat::ids::UserId::new(&args.sub).map_err(|_| {
        Failure::wrong("--sub must be 1 to 64 bytes of text without spaces and control characters")
    })?;
    if args.new_key {
        make_secret(&args.key_file)?;
    }
    let (algorithm, key) = read_key(&args.key_file)?;
    terminal::print(&mint(args, algorithm, &key, get_current_timestamp())?);
    Ok(ExitCode::SUCCESS)
}

fn mint(args: &TokenArgs, algorithm: Algorithm, key: &EncodingKey, now: u64) -> Result<String, Failure> {
    let claims = Claims {
        sub: &args.sub,
        name: args.name.as_deref(),
        aud: args.aud.as_deref(),
        iss: args.iss.as_deref(),
        iat: now,
        exp: now.saturating_add(args.ttl.as_secs()),
    };
    let header = Header { kid: args.kid.clone(), ..Header::new(algorithm) };
    encode(&header, &claims, key)
        .map_err(|error| Failure::failed(format!("the token cannot be signed: {error}")))
}

fn make_secret(path: &Path) -> Result<(), Failure> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Failure::failed)?;
    let text: String = secret.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::failed(format!("{} exists already; leave out --new-key to use it", path.display()))
        }
        _ => Failure::failed(format!("cannot make {}: {error}", path.display())),
    })
}

/// Reads a key; its kind is seen from its content, as the server does it.
fn read_key(path: &Path) -> Result<(Algorithm, EncodingKey), Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::NotFound { "; make it with --new-key" } else { "" };
        Failure::failed(format!("cannot read {}: {error}{hint}", path.display()))
    })?;
    let wrong = |what: &str| Failure::failed(format!("{}: {what}", path.display()));
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        // The server takes the bytes without the line's end, too.
        let secret = bytes.trim_ascii_end();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(wrong("a secret for HS256 must have at least 32 bytes; make one with --new-key"));
        }
        return Ok((Algorithm::HS256, EncodingKey::from_secret(secret)));
    }
    if !String::from_utf8_lossy(&bytes).contains("PRIVATE KEY") {
        return Err(wrong("this is not a private key, and only a private key can sign"));
    }
    let ed = EncodingKey::from_ed_pem(&bytes).map(|key| (Algorithm::EdDSA, key));
    ed.or_else(|_| EncodingKey::from_rsa_pem(&bytes).map(|key| (Algorithm::RS256, key)))
        .map_err(|_| wrong("not an Ed25519 or RSA private key in PEM form"))
}

/// Reads `90s`, `15m`, `1h`, `30d`; a number alone is seconds.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("give a time such as 90s, 15m, 1h or 30d".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "give a time such as 90s, 15m, 1h or 30d".to_owned())?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, decode};

    fn args(key_file: PathBuf) -> TokenArgs {
        TokenArgs {
            key_file,
            new_key: true,
            sub: "ann".into(),
            name: Some("Ann".into()),
            aud: Some("app".into()),
            iss: None,
            kid: None,
            ttl: Duration::from_secs(60),
            config: None,
        }
    }

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("stoa-token-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_token_of_a_new_secret_is_valid_for_whoever_has_the_secret() {
        let file = path("new");
        make_secret(&file).unwrap();
        let (algorithm, key) = read_key(&file).unwrap();
        let token = mint(&args(file.clone()), algorithm, &key, get_current_timestamp()).unwrap();
        let secret = std::fs::read(&file).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["app"]);
        let key = DecodingKey::from_secret(secret.trim_ascii_end());
        let claims: serde_json::Value = decode(&token, &key, &validation).unwrap().claims;
        assert_eq!((&claims["sub"], &claims["name"]), (&"ann".into(), &"Ann".into()));
        assert!(claims.get("iss").is_none());
    }

    #[test]
    fn a_new_key_never_overwrites_one_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let file = path("twice");
        make_secret(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let Err(Failure::Failed(why)) = make_secret(&file) else { panic!("it was overwritten") };
        assert!(why.contains("exists already"), "{why}");
    }

    #[test]
    fn keys_that_cannot_sign_are_refused_with_a_sentence_that_helps() {
        let file = path("bad");
        for (content, word) in [
            ("short", "at least 32 bytes"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "only a private key can sign"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "Ed25519 or RSA"),
        ] {
            std::fs::write(&file, content).unwrap();
            let Err(Failure::Failed(why)) = read_key(&file) else { panic!("{content} was taken") };
            assert!(why.contains(word), "{why}");
        }
        let Err(Failure::Failed(why)) = read_key(&path("none")) else { panic!("a missing file was taken") };
        assert!(why.contains("--new-key"), "{why}");
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)] {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "h", "1w", "-1s", "1.5h", "99999999999999999999d"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
