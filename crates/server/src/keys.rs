//! Key files: secrets and public keys that verify tokens, read once at the start.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Shortest secret for HS256, in bytes (RFC 7518 §3.2: at least the size of the hash).
const SECRET_BYTES_MIN: usize = 32;
/// Largest key file.
const KEY_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A key that verifies users' JWTs.
#[derive(Clone)]
pub struct Key {
    /// `kid`, if the key has one.
    pub id: Option<String>,
    /// The only algorithm that it is used with. A token cannot choose another one.
    pub algorithm: Algorithm,
    /// The key.
    pub verifies: DecodingKey,
}

/// A key file is not usable. Says which file, why, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyError {
    path: PathBuf,
    what: String,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key file {}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for KeyError {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Reads a file with one key: a PEM public key (Ed25519 or RSA), or the bytes of a secret for HS256.
pub fn key_file(path: &Path) -> Result<Key, KeyError> {
    let bytes = read(path)?;
    let fail = |what: &str| KeyError { path: path.to_owned(), what: what.to_owned() };
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        let secret = bytes.trim_ascii_end();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(fail(
                "a secret for HS256 must have at least 32 bytes. Make one: openssl rand -hex 32",
            ));
        }
        return Ok(Key { id: None, algorithm: Algorithm::HS256, verifies: DecodingKey::from_secret(secret) });
    }
    if String::from_utf8_lossy(&bytes).contains("PRIVATE KEY") {
        return Err(fail("this is a private key. The server needs the public one: openssl pkey -pubout"));
    }
    let ed = DecodingKey::from_ed_pem(&bytes).map(|key| (Algorithm::EdDSA, key));
    let key = ed.or_else(|_| DecodingKey::from_rsa_pem(&bytes).map(|key| (Algorithm::RS256, key)));
    let (algorithm, verifies) = key.map_err(|_| fail("not an Ed25519 or RSA public key in PEM form"))?;
    Ok(Key { id: None, algorithm, verifies })
}

/// Reads a JSON Web Key Set (RFC 7517). Keys of other types or for other uses are passed over; none at all is an error.
pub fn jwks_file(path: &Path) -> Result<Vec<Key>, KeyError> {
    let bytes = read(path)?;
    let fail = |what: String| KeyError { path: path.to_owned(), what };
    let set: JwkSet =
        serde_json::from_slice(&bytes).map_err(|e| fail(format!("not a JSON Web Key Set: {e}")))?;
    let keys: Vec<Key> = set.keys.iter().filter_map(from_jwk).collect();
    if keys.is_empty() {
        return Err(fail("has no key for HS256, EdDSA or RS256".to_owned()));
    }
    Ok(keys)
}

fn from_jwk(jwk: &Jwk) -> Option<Key> {
    let natural = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
        _ => return None,
    };
    let named = match jwk.common.key_algorithm {
        None => natural,
        Some(KeyAlgorithm::RS256) => Algorithm::RS256,
        Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
        Some(KeyAlgorithm::HS256) => Algorithm::HS256,
        Some(_) => return None,
    };
    if named != natural {
        return None;
    }
    let verifies = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { id: jwk.common.key_id.clone(), algorithm: named, verifies })
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let fail = |what: String| KeyError { path: path.to_owned(), what };
    let file = std::fs::File::open(path).map_err(|e| fail(format!("cannot be opened: {e}")))?;
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| fail(format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > KEY_FILE_BYTES_MAX {
        return Err(fail("is larger than 1 MiB; is it the right file?".to_owned()));
    }
    Ok(bytes)
}

/// Reads 32 secret bytes from a file, or makes the file with random ones, readable by its owner alone.
pub fn secret_file(path: &Path) -> Result<[u8; 32], KeyError> {
    let fail = |what: String| KeyError { path: path.to_owned(), what };
    if path.exists() {
        let bytes = read(path)?;
        let secret = <[u8; 32]>::try_from(bytes);
        return secret.map_err(|_| fail("must hold exactly 32 bytes. Restore it, or delete it to make a new one (guests then get new identities)".to_owned()));
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| fail(format!("no randomness: {e}")))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(path).and_then(|mut file| file.write_all(&secret).and_then(|()| file.sync_all()));
    written.map_err(|e| fail(format!("cannot be written: {e}")))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("stoa-keys-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        path
    }

    const ED25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA2+Jj2UvNCvQiUPNYRgSi0cJSPiJI6Rs6D0UTeEpQVj8=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_kind_of_a_key_is_seen_from_the_file() {
        let secret = key_file(&file("secret", b"0123456789abcdef0123456789abcdef\n")).unwrap();
        assert_eq!(secret.algorithm, Algorithm::HS256);
        assert_eq!(key_file(&file("ed", ED25519_PUBLIC.as_bytes())).unwrap().algorithm, Algorithm::EdDSA);
    }

    #[test]
    fn unusable_files_are_refused_with_a_sentence_that_helps() {
        let why = |path: &Path| key_file(path).unwrap_err().to_string();
        assert!(why(Path::new("/no/such/key")).contains("cannot be opened"));
        assert!(why(&file("short", b"tiny")).contains("at least 32 bytes"));
        let private = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(why(&file("private", private)).contains("openssl pkey -pubout"));
        assert!(
            why(&file("broken", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
                .contains("not an")
        );
        let jwks = jwks_file(&file("jwks", b"[]")).unwrap_err().to_string();
        assert!(jwks.contains("not a JSON Web Key Set"), "{jwks}");
    }

    #[test]
    fn a_key_set_gives_its_usable_keys() {
        let set = br#"{"keys":[
            {"kty":"OKP","crv":"Ed25519","kid":"a","x":"2-Jj2UvNCvQiUPNYRgSi0cJSPiJI6Rs6D0UTeEpQVj8"},
            {"kty":"oct","kid":"b","alg":"HS256","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},
            {"kty":"oct","kid":"c","alg":"HS512","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;
        let keys = jwks_file(&file("set", set)).unwrap();
        let seen: Vec<_> = keys.iter().map(|key| (key.id.as_deref().unwrap(), key.algorithm)).collect();
        assert_eq!(seen, [("a", Algorithm::EdDSA), ("b", Algorithm::HS256)]);
    }

    #[test]
    fn a_secret_is_made_once_and_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let path = file("made", b"");
        std::fs::remove_file(&path).unwrap();
        let secret = secret_file(&path).unwrap();
        assert_eq!(secret_file(&path).unwrap(), secret);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"damaged").unwrap();
        assert!(secret_file(&path).unwrap_err().to_string().contains("exactly 32 bytes"));
    }
}
