//! Who somebody is: guests with a resume token of ours, and users with a JWT of somebody else's.
//!
//! A guest's token is a JWT too, signed with a key that only this store has. So the node keeps no sessions: whoever shows
//! the token is the guest, on any node that shares the key.

use crate::keys::{Key, KeyError};
use chat::hub::{AuthError, Identity};
use chat::ids::{NAME_BYTES_MAX, UserId};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// User ids with this prefix are guests; no other issuer may use it.
const GUEST_PREFIX: &str = "guest-";
/// Issuer and audience of guests' tokens, so that they are good for nothing else and nothing else is good for them.
const GUEST_AUDIENCE: &str = "stoa-guest";
/// How long a guest's token is valid after the last `welcome`.
const GUEST_TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks of issuers may be this far off.
const CLOCK_LEEWAY: Duration = Duration::from_secs(5);
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Which tokens are accepted.
#[derive(Clone, Debug, Default)]
pub struct AuthConfig {
    /// Whether somebody without a token may come as a guest.
    pub guests_allowed: bool,
    /// Keys that verify users' JWTs.
    pub keys: Vec<Key>,
    /// If set, a JWT must name it in `aud`.
    pub audience: Option<String>,
    /// If set, a JWT must name it in `iss`.
    pub issuer: Option<String>,
}

/// Checks tokens and makes guests.
pub struct Authenticator {
    config: AuthConfig,
    guest_signs: EncodingKey,
    guest_verifies: DecodingKey,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// Time and entropy, which the shell brings.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// Monotonic time, as the hub counts it.
    pub monotonic: Duration,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// Random; names a new guest.
    pub entropy: u64,
}

impl Authenticator {
    /// `guest_secret` signs guests' tokens; it must be random, secret, and stay the same over restarts.
    pub fn new(config: AuthConfig, guest_secret: &[u8; 32]) -> Self {
        Self {
            config,
            guest_signs: EncodingKey::from_secret(guest_secret),
            guest_verifies: DecodingKey::from_secret(guest_secret),
        }
    }

    /// Answers a `hello`.
    pub fn authenticate(
        &self,
        occasion: Occasion,
        token: Option<&str>,
        name: Option<&str>,
    ) -> Result<Identity, AuthError> {
        match token {
            Some(token) if token.len() > TOKEN_BYTES_MAX => {
                Err(AuthError::Unauthorized("the token is too long"))
            }
            Some(token) => match self.guest(token) {
                Ok(claims) => self.returning_guest(occasion, &claims, name),
                Err(ErrorKind::ExpiredSignature) => Err(AuthError::Unauthorized("the token expired")),
                Err(_) => self.user(occasion, token, name),
            },
            None if !self.config.guests_allowed => {
                Err(AuthError::Unauthorized("guests are not allowed here: bring a token"))
            }
            None => {
                let name = name.ok_or(AuthError::BadHello("hello needs a name or a token"))?;
                let user = format!("{GUEST_PREFIX}{:016x}", occasion.entropy);
                self.welcome_guest(occasion, &user, name)
            }
        }
    }

    fn guest(&self, token: &str) -> Result<Claims, ErrorKind> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[GUEST_AUDIENCE]);
        validation.set_issuer(&[GUEST_AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let data = jsonwebtoken::decode::<Claims>(token, &self.guest_verifies, &validation);
        data.map(|data| data.claims).map_err(jsonwebtoken::errors::Error::into_kind)
    }

    fn returning_guest(
        &self,
        occasion: Occasion,
        claims: &Claims,
        name: Option<&str>,
    ) -> Result<Identity, AuthError> {
        let name = name.or(claims.name.as_deref()).unwrap_or("Guest");
        self.welcome_guest(occasion, &claims.sub, name)
    }

    fn welcome_guest(&self, occasion: Occasion, user: &str, name: &str) -> Result<Identity, AuthError> {
        let claims = Claims {
            sub: user.to_owned(),
            exp: occasion.unix_ms / 1000 + GUEST_TOKEN_LIFETIME.as_secs(),
            name: Some(name.to_owned()),
            aud: Some(GUEST_AUDIENCE.into()),
            iss: Some(GUEST_AUDIENCE.to_owned()),
        };
        let unauthorized = |_| AuthError::Unauthorized("no token could be made");
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.guest_signs);
        let token = token.map_err(unauthorized)?;
        let user = UserId::new(user).map_err(|_| AuthError::Unauthorized("the user id is not valid"))?;
        Ok(Identity { user, name: name.into(), token: Some(token.into()), expires_at: None })
    }

    fn user(&self, occasion: Occasion, token: &str, name: Option<&str>) -> Result<Identity, AuthError> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| AuthError::Unauthorized("not a token"))?;
        let fits = |key: &&Key| {
            key.algorithm == header.alg && (key.id.is_none() || header.kid.is_none() || key.id == header.kid)
        };
        let mut why = "no key of this server fits the token";
        for key in self.config.keys.iter().filter(fits) {
            match jsonwebtoken::decode::<Claims>(token, &key.verifies, &self.validation(key.algorithm)) {
                Ok(data) => return identity(occasion, &data.claims, name),
                Err(error) => why = reason(error.kind()),
            }
        }
        Err(AuthError::Unauthorized(why))
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = CLOCK_LEEWAY.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        match &self.config.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = &self.config.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}

fn identity(occasion: Occasion, claims: &Claims, name: Option<&str>) -> Result<Identity, AuthError> {
    if claims.sub.starts_with(GUEST_PREFIX) {
        return Err(AuthError::Unauthorized("sub must not begin with guest-"));
    }
    let user = UserId::new(&claims.sub)
        .map_err(|_| AuthError::Unauthorized("sub must have 1 to 64 bytes without spaces"))?;
    let name = claims.name.as_deref().or(name).unwrap_or(&claims.sub);
    let left_ms = (claims.exp.saturating_mul(1000)).saturating_sub(occasion.unix_ms);
    let left = Duration::from_millis(left_ms).saturating_add(CLOCK_LEEWAY);
    Ok(Identity {
        user,
        name: Arc::from(shortened(name)),
        token: None,
        expires_at: Some(occasion.monotonic.saturating_add(left)),
    })
}

/// An issuer may allow longer names than we do.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidIssuer => "the token is from another issuer",
        ErrorKind::MissingRequiredClaim(_) => {
            "the token lacks a claim that is required: exp, sub, aud or iss"
        }
        ErrorKind::InvalidSignature => "the signature is wrong",
        _ => "the token is not valid",
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("keys", &self.config.keys.len()).finish_non_exhaustive()
    }
}

/// Reads, or makes, the secret that signs guests' tokens.
pub fn guest_secret(directory: &std::path::Path) -> Result<[u8; 32], KeyError> {
    crate::keys::secret_file(&directory.join("guest.key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

    fn occasion() -> Occasion {
        let unix_ms = jsonwebtoken::get_current_timestamp() * 1000;
        Occasion { monotonic: Duration::from_secs(7), unix_ms, entropy: 0xabcd }
    }

    fn authenticator(audience: Option<&str>) -> Authenticator {
        let key = Key { id: None, algorithm: Algorithm::HS256, verifies: DecodingKey::from_secret(SECRET) };
        let audience = audience.map(str::to_owned);
        let config = AuthConfig { guests_allowed: true, keys: vec![key], audience, issuer: None };
        Authenticator::new(config, &[7; 32])
    }

    fn token(claims: &serde_json::Value, secret: &[u8]) -> String {
        jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn claims(seconds: i64) -> serde_json::Value {
        json!({ "sub": "bob", "name": "Bob", "exp": (occasion().unix_ms / 1000) as i64 + seconds })
    }

    #[test]
    fn a_guest_comes_back_as_the_same_user_and_may_change_the_name() {
        let auth = authenticator(None);
        let first = auth.authenticate(occasion(), None, Some("Ann")).unwrap();
        assert_eq!(first.user.as_str(), "guest-000000000000abcd");
        let token = first.token.unwrap();
        let later = Occasion { entropy: 1, ..occasion() };
        let again = auth.authenticate(later, Some(&token), None).unwrap();
        assert_eq!((again.user, &*again.name), (first.user.clone(), "Ann"));
        let renamed = auth.authenticate(later, Some(&token), Some("Anna")).unwrap();
        assert_eq!((renamed.user, &*renamed.name), (first.user, "Anna"));
    }

    #[test]
    fn a_guest_token_of_another_store_or_with_a_changed_byte_is_refused() {
        let auth = authenticator(None);
        let token = auth.authenticate(occasion(), None, Some("Ann")).unwrap().token.unwrap();
        let other =
            Authenticator::new(AuthConfig { guests_allowed: true, ..AuthConfig::default() }, &[8; 32]);
        assert!(matches!(
            other.authenticate(occasion(), Some(&token), None),
            Err(AuthError::Unauthorized(_))
        ));
        for at in [5, token.len() / 2, token.len() - 3] {
            let mut bytes = token.to_string().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            assert!(auth.authenticate(occasion(), Some(&tampered), None).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_jwt_makes_a_user_until_it_expires() {
        let auth = authenticator(None);
        let identity =
            auth.authenticate(occasion(), Some(&token(&claims(60), SECRET)), Some("ignored")).unwrap();
        assert_eq!((identity.user.as_str(), &*identity.name), ("bob", "Bob"));
        assert!(identity.token.is_none());
        let left = identity.expires_at.unwrap() - occasion().monotonic;
        assert!((55..=70).contains(&left.as_secs()), "{left:?}");
    }

    #[test]
    fn bad_tokens_are_refused_with_the_reason() {
        let why = |auth: &Authenticator, token: &str| match auth.authenticate(occasion(), Some(token), None) {
            Err(AuthError::Unauthorized(why)) => why,
            other => panic!("{other:?}"),
        };
        let auth = authenticator(None);
        assert_eq!(why(&auth, &token(&claims(-60), SECRET)), "the token expired");
        assert_eq!(
            why(&auth, &token(&claims(60), b"another secret, also of 32 bytes or so")),
            "the signature is wrong"
        );
        assert_eq!(why(&auth, "rubbish"), "not a token");
        assert_eq!(why(&auth, &"x".repeat(10_000)), "the token is too long");
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJib2IiLCJleHAiOjk5OTk5OTk5OTl9.";
        assert_eq!(why(&auth, none), "not a token", "alg none is no algorithm at all");
        let mut immature = claims(600);
        immature["nbf"] = json!(occasion().unix_ms / 1000 + 300);
        assert_eq!(why(&auth, &token(&immature, SECRET)), "the token is not valid yet");
        let mut guest = claims(60);
        guest["sub"] = json!("guest-000000000000abcd");
        assert_eq!(why(&auth, &token(&guest, SECRET)), "sub must not begin with guest-");
        let no_exp = json!({ "sub": "bob" });
        assert_eq!(why(&auth, &token(&no_exp, SECRET)), "the token is not valid");
        let strict = authenticator(Some("chat"));
        assert!(why(&strict, &token(&claims(60), SECRET)).contains("aud"));
        let mut other = claims(60);
        other["aud"] = json!(["mail"]);
        assert_eq!(why(&strict, &token(&other, SECRET)), "the token is for another audience");
    }

    #[test]
    fn without_a_token_a_name_is_needed_and_guests_can_be_refused() {
        let auth = authenticator(None);
        assert!(matches!(auth.authenticate(occasion(), None, None), Err(AuthError::BadHello(_))));
        let closed = Authenticator::new(AuthConfig::default(), &[7; 32]);
        assert!(matches!(
            closed.authenticate(occasion(), None, Some("Ann")),
            Err(AuthError::Unauthorized(_))
        ));
    }
}
