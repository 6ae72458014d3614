//! Where a flag's value comes from: the command line, else the environment (`STOA_<FLAG>`), else the configuration file,
//! else the default.
//!
//! The file is TOML. Its keys are the names of flags with `_`; they stand at the top, for every command that has the flag,
//! or in a table with the name of a command, which wins. A key that no flag has is an error, because a limit that is
//! misspelt would otherwise silently not be there. Only `stoa gateway` has a file of its own kind, with routes and pools, and
//! reads it itself.

use crate::failure::Failure;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

/// The variable of a flag begins with this.
const PREFIX: &str = "STOA_";

/// The command whose `--config` is not for here.
const WITH_OWN_FILE: &str = "gateway";

/// Lets every flag of every command take its value from the environment.
pub(crate) fn with_environment(command: Command) -> Command {
    command.mut_subcommands(|command| {
        command.mut_args(|arg| match variable(&arg) {
            Some(name) => arg.env(name).hide_env(true),
            None => arg,
        })
    })
}

/// Adds the values of the configuration file to the command line, where neither it nor the environment has them.
pub(crate) fn with_file(arguments: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, Failure> {
    if chosen(&arguments, command).is_some_and(|(_, command)| command.get_name() == WITH_OWN_FILE) {
        return Ok(arguments);
    }
    let variable = std::env::var_os(format!("{PREFIX}CONFIG")).filter(|path| !path.is_empty());
    let Some(path) = given(&arguments, "config").or(variable) else { return Ok(arguments) };
    let path = Path::new(&path);
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::wrong(format!("cannot read the configuration file {}: {why}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    let table: Table = text.parse().map_err(|error| cannot(&error))?;
    let in_environment = |name: &str| std::env::var_os(name).is_some();
    add(arguments, command, &table, &in_environment)
        .map_err(|why| Failure::wrong(format!("{}: {why}", path.display())))
}

fn add(
    mut arguments: Vec<OsString>,
    command: &Command,
    table: &Table,
    in_environment: &dyn Fn(&str) -> bool,
) -> Result<Vec<OsString>, String> {
    check_names(command, table)?;
    let Some((place, chosen)) = chosen(&arguments, command) else { return Ok(arguments) };
    let mut added = Vec::new();
    for arg in chosen.get_arguments() {
        let (Some(flag), Some(name)) = (arg.get_long(), variable(arg)) else { continue };
        let key = flag.replace('-', "_");
        let own = table.get(chosen.get_name()).and_then(Value::as_table).and_then(|table| table.get(&key));
        let Some(value) = own.or_else(|| table.get(&key).filter(|value| !value.is_table())) else { continue };
        if given_at_all(&arguments, flag) || in_environment(&name) {
            continue;
        }
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        added.extend(to_arguments(flag, &key, value, is_switch)?);
    }
    arguments.splice(place + 1..place + 1, added);
    Ok(arguments)
}

/// The command that the user typed, and where.
fn chosen<'a>(arguments: &[OsString], command: &'a Command) -> Option<(usize, &'a Command)> {
    let place = arguments.iter().skip(1).position(|a| !a.to_string_lossy().starts_with('-'))? + 1;
    Some((place, command.find_subcommand(&arguments[place])?))
}

/// Refuses keys that no flag has.
fn check_names(command: &Command, table: &Table) -> Result<(), String> {
    let flags_of = |command: &Command| -> Vec<String> {
        let named = command.get_arguments().filter(|arg| variable(arg).is_some());
        named.filter_map(|arg| Some(arg.get_long()?.replace('-', "_"))).collect()
    };
    let commands: Vec<&Command> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
    let all: Vec<String> = commands.iter().flat_map(|command| flags_of(command)).collect();
    let names: Vec<String> = commands.iter().map(|command| command.get_name().to_owned()).collect();
    for (key, value) in table {
        match (commands.iter().find(|command| command.get_name() == key), value) {
            (Some(command), Value::Table(own)) => {
                let flags = flags_of(command);
                if let Some(key) = own.keys().find(|key| !flags.contains(key)) {
                    return Err(unknown(&format!("{key} in [{}]", command.get_name()), key, &flags));
                }
            }
            (_, Value::Table(_)) => return Err(unknown(&format!("the table [{key}]"), key, &names)),
            _ if !all.contains(key) => return Err(unknown(key, key, &all)),
            _ => {}
        }
    }
    Ok(())
}

fn unknown(what: &str, key: &str, known: &[String]) -> String {
    let nearest = known.iter().min_by_key(|name| distance(name, key));
    match nearest.filter(|name| distance(name, key) <= 1 + key.len() / 3) {
        Some(name) => format!("{what} is not known. Did you mean {name}?"),
        None => {
            format!("{what} is not known. `stoa help` lists the commands and `stoa help COMMAND` its flags")
        }
    }
}

fn to_arguments(flag: &str, key: &str, value: &Value, is_switch: bool) -> Result<Vec<OsString>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(yes) => Ok(yes.to_string()),
        _ => Err(format!("{key} must be a text, a number or true or false")),
    };
    match (is_switch, value) {
        (true, Value::Boolean(true)) => Ok(vec![format!("--{flag}").into()]),
        (true, Value::Boolean(false)) => Ok(Vec::new()),
        (true, _) => Err(format!("{key} must be true or false")),
        (false, Value::Array(values)) => {
            values.iter().map(|value| Ok(format!("--{flag}={}", one(value)?).into())).collect()
        }
        (false, value) => Ok(vec![format!("--{flag}={}", one(value)?).into()]),
    }
}

/// The value of a flag on the command line.
fn given(arguments: &[OsString], flag: &str) -> Option<OsString> {
    let long = format!("--{flag}");
    let mut rest = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = rest.next() {
        if *argument == *long {
            return rest.next().cloned();
        }
        if let Some(value) = argument.to_str().and_then(|a| a.strip_prefix(&long)?.strip_prefix('=')) {
            return Some(value.into());
        }
    }
    None
}

fn given_at_all(arguments: &[OsString], flag: &str) -> bool {
    let long = format!("--{flag}");
    let is_it = |argument: &OsString| {
        *argument == *long || argument.to_str().is_some_and(|a| a.starts_with(&format!("{long}=")))
    };
    arguments.iter().take_while(|argument| *argument != "--").any(is_it)
}

/// The environment variable of a flag. Positional arguments, `--help` and `--version` have none.
fn variable(arg: &Arg) -> Option<String> {
    let flag = arg.get_long()?;
    let is_question = matches!(flag, "help" | "version");
    (!is_question).then(|| format!("{PREFIX}{}", flag.replace('-', "_").to_uppercase()))
}

/// How many letters have to be changed, added or removed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::CommandFactory;

    fn added(typed: &str, file: &str, environment: &[&str]) -> Result<Vec<String>, String> {
        let arguments = typed.split(' ').map(OsString::from).collect();
        let table: Table = file.parse().unwrap();
        let all = add(arguments, &Cli::command(), &table, &|name| environment.contains(&name))?;
        Ok(all.into_iter().map(|a| a.into_string().unwrap()).collect())
    }

    #[test]
    fn the_file_fills_in_what_neither_the_flags_nor_the_environment_have() {
        let file = "listen = '[::1]:9'\nworkers = 3\n";
        assert_eq!(
            added("stoa echo", file, &[]).unwrap(),
            ["stoa", "echo", "--listen=[::1]:9", "--workers=3"]
        );
        assert_eq!(
            added("stoa echo --workers=1", file, &["STOA_LISTEN"]).unwrap(),
            ["stoa", "echo", "--workers=1"]
        );
        assert_eq!(added("stoa echo --listen a", file, &["STOA_WORKERS"]).unwrap().len(), 4);
    }

    #[test]
    fn a_commands_own_table_wins_over_the_top_and_other_tables_do_not_matter() {
        let file = "workers = 3\n[echo]\nworkers = 4\n[load]\nseconds = 1.5\n";
        assert_eq!(added("stoa echo", file, &[]).unwrap(), ["stoa", "echo", "--workers=4"]);
        assert_eq!(
            added("stoa load echo ws://x", file, &[]).unwrap(),
            ["stoa", "load", "--seconds=1.5", "echo", "ws://x"]
        );
    }

    #[test]
    fn switches_and_lists_are_written_as_toml_writes_them() {
        let file = "insecure = true\nheader = ['A: 1', 'B: 2']\njson = false\n";
        assert_eq!(
            added("stoa connect ws://x", file, &[]).unwrap(),
            ["stoa", "connect", "--header=A: 1", "--header=B: 2", "--insecure", "ws://x"]
        );
        assert!(added("stoa connect ws://x", "insecure = 1", &[]).unwrap_err().contains("true or false"));
    }

    #[test]
    fn a_key_that_no_flag_has_is_refused_with_the_nearest_name() {
        let error = added("stoa echo", "worker = 3", &[]).unwrap_err();
        assert_eq!(error, "worker is not known. Did you mean workers?");
        let error = added("stoa echo", "[echo]\nlisen = 'x'", &[]).unwrap_err();
        assert_eq!(error, "lisen in [echo] is not known. Did you mean listen?");
        let error = added("stoa echo", "[ecko]\nlisten = 'x'", &[]).unwrap_err();
        assert_eq!(error, "the table [ecko] is not known. Did you mean echo?");
        assert!(added("stoa echo", "colour_of_the_sky = 1", &[]).unwrap_err().contains("stoa help"));
    }

    #[test]
    fn words_are_as_far_apart_as_edits_are_needed() {
        for (a, b, steps) in [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }
}
