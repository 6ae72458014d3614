//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1), read within bounds and without allocation.

use std::fmt;

use crate::head::{is_token, trim};

/// Most extensions that one request or answer may name.
const EXTENSIONS_MAX: usize = 32;
/// Most parameters that one extension may have.
const PARAMETERS_MAX: usize = 16;

/// A list of extensions is malformed or longer than anybody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOffer;

impl fmt::Display for InvalidOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list of extensions is malformed or too long")
    }
}

impl std::error::Error for InvalidOffer {}

/// One extension: its name and its parameters, which are well-formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    /// Each with a `;` before it.
    parameters: &'a str,
}

impl<'a> Extension<'a> {
    /// The names of the parameters, and their values without quotes.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let mut rest = self.parameters;
        std::iter::from_fn(move || {
            let (parameter, after) = read_parameter(rest.strip_prefix(';')?).ok()?;
            rest = after;
            Some(parameter)
        })
    }
}

/// The extensions that header values list, in order. It ends with the first error.
///
/// The work is linear in the length of the values, whatever they contain.
pub(crate) fn extensions<'a>(
    mut values: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = Result<Extension<'a>, InvalidOffer>> {
    let mut rest = "";
    let mut count = 0;
    let mut failed = false;
    std::iter::from_fn(move || {
        while !failed && trim(rest).is_empty() {
            rest = values.next()?;
        }
        if failed {
            return None;
        }
        count += 1;
        let read = if count > EXTENSIONS_MAX { Err(InvalidOffer) } else { read_extension(rest) };
        failed = read.is_err();
        Some(read.map(|(extension, after)| {
            rest = after;
            extension
        }))
    })
}

/// Reads one extension, and the comma behind it.
fn read_extension(text: &str) -> Result<(Extension<'_>, &str), InvalidOffer> {
    let end = text.find([',', ';']).unwrap_or(text.len());
    let (name, parameters) = text.split_at(end);
    let name = trim(name);
    if !is_token(name) {
        return Err(InvalidOffer);
    }
    let mut rest = parameters;
    for _ in 0..=PARAMETERS_MAX {
        let extension = Extension { name, parameters: &parameters[..parameters.len() - rest.len()] };
        if let Some(next) = rest.strip_prefix(',') {
            return Ok((extension, next));
        }
        match rest.strip_prefix(';') {
            Some(parameter) => (_, rest) = read_parameter(parameter)?,
            None => return if rest.is_empty() { Ok((extension, rest)) } else { Err(InvalidOffer) },
        }
    }
    Err(InvalidOffer)
}

/// Reads `name`, `name=token` or `name="token"`, up to the next `;` or `,`.
fn read_parameter(text: &str) -> Result<((&str, Option<&str>), &str), InvalidOffer> {
    let end = text.find([',', ';', '=']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = trim(name);
    if !is_token(name) {
        return Err(InvalidOffer);
    }
    let Some(value) = rest.strip_prefix('=') else { return Ok(((name, None), rest)) };
    let value = value.trim_start_matches([' ', '\t']);
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = quoted.split_once('"').ok_or(InvalidOffer)?;
            (value, rest.trim_start_matches([' ', '\t']))
        }
        None => {
            let (value, rest) = value.split_at(value.find([',', ';']).unwrap_or(value.len()));
            (trim(value), rest)
        }
    };
    // "the value after quoted-string unescaping MUST conform to the 'token' ABNF", so no escape is ever needed.
    let rest_is_separated = rest.is_empty() || rest.starts_with([',', ';']);
    if is_token(value) && rest_is_separated { Ok(((name, Some(value)), rest)) } else { Err(InvalidOffer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parsed = Vec<(String, Vec<(String, Option<String>)>)>;

    fn parse(values: &[&str]) -> Result<Parsed, InvalidOffer> {
        extensions(values.iter().copied())
            .map(|extension| {
                let extension = extension?;
                let parameters = extension.parameters();
                let parameters = parameters.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
                Ok((extension.name.to_owned(), parameters.collect()))
            })
            .collect()
    }

    fn check(value: &str) -> Result<(), InvalidOffer> {
        parse(&[value]).map(|_| ())
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
    fn names_and_values_come_out_without_spaces_and_quotes() {
        let parsed = parse(&["a, b ; c; d=\"10\" ;e = f ,", "", " g;h=i"]).unwrap();
        let owned = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            parsed,
            [
                ("a".to_owned(), vec![]),
                ("b".to_owned(), vec![owned("c", None), owned("d", Some("10")), owned("e", Some("f"))]),
                ("g".to_owned(), vec![owned("h", Some("i"))]),
            ]
        );
    }

    #[test]
    fn what_is_no_offer_is_refused() {
        for value in [
            ",",
            "a b",
            ";",
            "a;",
            "a; =b",
            "a; b=",
            "a; b=\"c",
            "a; b=\"c d\"",
            "a; b=\" c\"",
            "a; b=\"\"",
            "a; b=\"c\"d",
            "a,,b",
            "é",
        ] {
            assert_eq!(check(value), Err(InvalidOffer), "{value}");
        }
    }

    #[test]
    fn nothing_is_read_behind_an_error() {
        let all: Vec<_> = extensions(["a, ;, b", "c"].into_iter()).collect();
        assert_eq!(all.len(), 2);
        assert!(all[1].is_err());
    }

    #[test]
    fn an_offer_beyond_the_bounds_is_refused() {
        assert_eq!(check(&["x"; EXTENSIONS_MAX].join(",")), Ok(()));
        assert_eq!(check(&["x"; EXTENSIONS_MAX + 1].join(",")), Err(InvalidOffer));
        assert_eq!(check(&format!("x{}", "; p".repeat(PARAMETERS_MAX))), Ok(()));
        assert_eq!(check(&format!("x{}", "; p".repeat(PARAMETERS_MAX + 1))), Err(InvalidOffer));
    }
}
