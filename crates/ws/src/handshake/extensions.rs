//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1), read within bounds.

use crate::head::{is_token, trim};

/// Most extensions that one request may offer.
const EXTENSIONS_MAX: usize = 32;
/// Most parameters that one extension may have.
const PARAMETERS_MAX: usize = 16;

/// The offer is malformed or longer than anybody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidOffer;

/// Checks an offer. Every extension in it is declined, which a server may always do, but a malformed offer is an error
/// of the client that it should learn about.
///
/// The work is linear in the length of the values, whatever they contain.
pub(super) fn check_offer<'a>(values: impl Iterator<Item = &'a str>) -> Result<(), InvalidOffer> {
    let mut extensions = 0;
    for value in values {
        let mut rest = value;
        while !trim(rest).is_empty() {
            extensions += 1;
            if extensions > EXTENSIONS_MAX {
                return Err(InvalidOffer);
            }
            rest = skip_extension(rest)?;
        }
    }
    Ok(())
}

/// Skips one extension and the comma behind it.
fn skip_extension(text: &str) -> Result<&str, InvalidOffer> {
    let end = text.find([',', ';']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if !is_token(trim(name)) {
        return Err(InvalidOffer);
    }
    for _ in 0..=PARAMETERS_MAX {
        if let Some(next) = rest.strip_prefix(',') {
            return Ok(next);
        }
        match rest.strip_prefix(';') {
            Some(parameter) => rest = skip_parameter(parameter)?,
            None => return if rest.is_empty() { Ok(rest) } else { Err(InvalidOffer) },
        }
    }
    Err(InvalidOffer)
}

/// Skips `name`, `name=token` or `name="token"`, up to the next `;` or `,`.
fn skip_parameter(text: &str) -> Result<&str, InvalidOffer> {
    let end = text.find([',', ';', '=']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if !is_token(trim(name)) {
        return Err(InvalidOffer);
    }
    let Some(value) = rest.strip_prefix('=') else { return Ok(rest) };
    let value = value.trim_start_matches([' ', '\t']);
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = quoted.split_once('"').ok_or(InvalidOffer)?;
            (value, rest.trim_start_matches([' ', '\t']))
        }
        None => value.split_at(value.find([',', ';']).unwrap_or(value.len())),
    };
    // "the value after quoted-string unescaping MUST conform to the 'token' ABNF", so no escape is ever needed.
    let rest_is_separated = rest.is_empty() || rest.starts_with([',', ';']);
    if is_token(trim(value)) && rest_is_separated { Ok(rest) } else { Err(InvalidOffer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str) -> Result<(), InvalidOffer> {
        check_offer([value].into_iter())
    }

    #[test]
    fn what_browsers_offer_is_well_formed() {
        for value in [
            "",
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10; client_no_context_takeover, permessage-deflate",
            "x; a=\"b\" ; c = d , y",
        ] {
            assert_eq!(check(value), Ok(()), "{value}");
        }
    }

    #[test]
    fn what_is_no_offer_is_refused() {
        for value in
            [",", "a b", ";", "a;", "a; =b", "a; b=", "a; b=\"c", "a; b=\"c d\"", "a; b=\"c\"d", "a,,b", "é"]
        {
            assert_eq!(check(value), Err(InvalidOffer), "{value}");
        }
    }

    #[test]
    fn an_offer_beyond_the_bounds_is_refused() {
        assert_eq!(check(&["x"; EXTENSIONS_MAX].join(",")), Ok(()));
        assert_eq!(check(&["x"; EXTENSIONS_MAX + 1].join(",")), Err(InvalidOffer));
        assert_eq!(check(&format!("x{}", "; p".repeat(PARAMETERS_MAX))), Ok(()));
        assert_eq!(check(&format!("x{}", "; p".repeat(PARAMETERS_MAX + 1))), Err(InvalidOffer));
    }
}
