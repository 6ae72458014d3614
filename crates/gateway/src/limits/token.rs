//! JSON Web Tokens at the edge (RFC 7519): a request without a good one never reaches a backend.

use crate::config::{Algorithm, Config, ConfigError, Jwt, Problem, TokenFrom};
use crate::routing::{Refusal, Target, cookie_values};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::sync::Arc;
use ws::head::RequestHead;

/// How far the clock of who issues tokens may be off, in seconds.
pub const CLOCK_LEEWAY_SECONDS: u64 = 60;

/// Longest token, in bytes. A longer one is not looked at.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Largest key file, in bytes.
const KEY_BYTES_MAX: u64 = 1024 * 1024;

/// Shortest secret, in bytes (RFC 7518 section 3.2: at least the size of the hash).
const SECRET_BYTES_MIN: usize = 32;

/// The keys of all routes that need a token.
#[derive(Clone, Debug, Default)]
pub struct Tokens(BTreeMap<String, Arc<TokenCheck>>);

/// What is checked of the tokens of one route.
#[derive(Clone)]
pub struct TokenCheck {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Times {
    exp: u64,
    nbf: Option<u64>,
}

const MISSING: Refusal = Refusal::new(401, "A token is needed here.");
const NOT_VALID: Refusal = Refusal::new(401, "The token is not valid.");
const EXPIRED: Refusal = Refusal::new(401, "The token expired.");
const EARLY: Refusal = Refusal::new(401, "The token is not valid yet.");
const ELSEWHERE: Refusal = Refusal::new(401, "The token is for another audience, or from another issuer.");
const NO_KEY: Refusal = Refusal::new(503, "Tokens cannot be checked at the moment.");

impl Tokens {
    /// Reads the key files that a configuration names.
    ///
    /// # Errors
    ///
    /// All files that cannot be read or used.
    pub fn read(config: &Config) -> Result<Self, ConfigError> {
        let mut tokens = BTreeMap::new();
        let mut problems = Vec::new();
        for (index, route) in config.routes.iter().enumerate() {
            let Some(jwt) = &route.jwt else { continue };
            match read_key(jwt).and_then(|bytes| TokenCheck::new(jwt, &bytes)) {
                Ok(check) => {
                    tokens.insert(route.name.clone(), Arc::new(check));
                }
                Err(what) => {
                    let what = format!("{}: {what}", jwt.key_file.display());
                    problems.push(Problem { key: format!("routes.{index}.jwt.key_file"), what, line: None });
                }
            }
        }
        if problems.is_empty() { Ok(Self(tokens)) } else { Err(ConfigError { problems }) }
    }

    /// One route's check in place of reading a file.
    pub fn insert(&mut self, route: &str, check: TokenCheck) {
        self.0.insert(route.to_owned(), Arc::new(check));
    }

    pub(super) fn check(
        &self,
        route: &str,
        jwt: &Jwt,
        head: &RequestHead,
        unix_seconds: u64,
    ) -> Result<(), Refusal> {
        // A route whose key is not here yet lets nobody in.
        let check = self.0.get(route).ok_or(NO_KEY.after(1))?;
        let found = jwt.from.iter().find_map(|place| find(place, head));
        check.check(&found.ok_or(MISSING)?, unix_seconds)
    }
}

impl TokenCheck {
    /// Takes the key: a PEM public key, or the secret's bytes for HS256.
    ///
    /// # Errors
    ///
    /// What is wrong with the key.
    pub fn new(jwt: &Jwt, key: &[u8]) -> Result<Self, String> {
        let is_pem = key.trim_ascii_start().starts_with(b"-----BEGIN");
        if is_pem && String::from_utf8_lossy(key).contains("PRIVATE KEY") {
            return Err(
                "this is a private key; the gateway needs the public one: openssl pkey -pubout".to_owned()
            );
        }
        let (algorithm, key) = match jwt.algorithm {
            Algorithm::HS256 => {
                let secret = key.trim_ascii();
                // Whoever knows a public key could sign with it, if it were taken for a secret.
                if is_pem || secret.len() < SECRET_BYTES_MIN {
                    return Err("HS256 needs a secret of at least 32 bytes: openssl rand -hex 32".to_owned());
                }
                (jsonwebtoken::Algorithm::HS256, Ok(DecodingKey::from_secret(secret)))
            }
            Algorithm::RS256 => (jsonwebtoken::Algorithm::RS256, DecodingKey::from_rsa_pem(key)),
            Algorithm::ES256 => (jsonwebtoken::Algorithm::ES256, DecodingKey::from_ec_pem(key)),
            Algorithm::EdDSA => (jsonwebtoken::Algorithm::EdDSA, DecodingKey::from_ed_pem(key)),
        };
        let key = key.map_err(|_| format!("not a public key in PEM form for {algorithm:?}"))?;
        let mut validation = Validation::new(algorithm);
        let mut required = vec!["exp"];
        // Times are compared below, with the time that the caller gives.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        validation.validate_aud = jwt.audience.is_some();
        if let Some(audience) = &jwt.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &jwt.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self { key, validation })
    }

    fn check(&self, token: &str, unix_seconds: u64) -> Result<(), Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(NOT_VALID);
        }
        let decoded = jsonwebtoken::decode::<Times>(token, &self.key, &self.validation);
        let times = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidAudience | ErrorKind::InvalidIssuer => ELSEWHERE,
            _ => NOT_VALID,
        })?;
        let Times { exp, nbf } = times.claims;
        if exp.saturating_add(CLOCK_LEEWAY_SECONDS) <= unix_seconds {
            return Err(EXPIRED);
        }
        if nbf.is_some_and(|nbf| nbf > unix_seconds.saturating_add(CLOCK_LEEWAY_SECONDS)) {
            return Err(EARLY);
        }
        Ok(())
    }
}

impl fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCheck").field("algorithms", &self.validation.algorithms).finish_non_exhaustive()
    }
}

fn read_key(jwt: &Jwt) -> Result<Vec<u8>, String> {
    let size = fs::metadata(&jwt.key_file).map_err(|error| error.to_string())?.len();
    if size > KEY_BYTES_MAX {
        return Err("larger than 1 MiB, which no key is".to_owned());
    }
    fs::read(&jwt.key_file).map_err(|error| error.to_string())
}

fn find(place: &TokenFrom, head: &RequestHead) -> Option<String> {
    match place {
        TokenFrom::Authorization => {
            let (scheme, token) = head.header("authorization")?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        }
        TokenFrom::Subprotocol(prefix) => {
            let mut offers = head.header_all("sec-websocket-protocol").flat_map(|list| list.split(','));
            offers.find_map(|offer| offer.trim().strip_prefix(prefix.as_str()).map(str::to_owned))
        }
        TokenFrom::Query(name) => {
            Target::read(head.target()).ok()?.parameter(name).map(|token| token.into_owned())
        }
        TokenFrom::Cookie(name) => cookie_values(head, name).next().map(str::to_owned),
    }
}
