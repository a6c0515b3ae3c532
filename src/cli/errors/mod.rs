//! `wharf errors`: every error URI and every code of the configuration, with cause and cure. Works without a router.

use super::client::failure::Failure;
use super::client::output::OutputArguments;
use super::output::result;
use super::Exit;
use crate::observe::errors::{Row, CODES, URIS};
use crate::wamp::Value;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub(super) enum ErrorsCommand {
    /// Lists all.
    Ls(LsArguments),
    /// Shows one: a URI, or a code such as E040.
    Show(ShowArguments),
}

#[derive(clap::Args, Debug)]
pub(super) struct LsArguments {
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(clap::Args, Debug)]
pub(super) struct ShowArguments {
    /// The URI or code.
    error: String,
    #[command(flatten)]
    output: OutputArguments,
}

/// Does one of the subcommands.
pub(super) fn errors(command: &ErrorsCommand) -> Exit {
    let output = match command {
        ErrorsCommand::Ls(arguments) => &arguments.output,
        ErrorsCommand::Show(arguments) => &arguments.output,
    };
    if let Err(failure) = output.check() {
        return failure.tell(output.is_json());
    }
    match command {
        ErrorsCommand::Ls(arguments) => {
            let rows = URIS.iter().chain(CODES).map(|row| {
                Value::Dict(vec![("error".to_owned(), row.error.into()), ("cause".to_owned(), row.cause.into())])
            });
            arguments.output.value(Value::List(rows.collect()))
        }
        ErrorsCommand::Show(arguments) => match find(&arguments.error) {
            Some(row) if arguments.output.is_json() || arguments.output.has_template() => {
                arguments.output.value(Value::Dict(vec![
                    ("error".to_owned(), row.error.into()),
                    ("cause".to_owned(), row.cause.into()),
                    ("cure".to_owned(), row.cure.into()),
                ]))
            }
            Some(row) => result(&format!("{}\n  cause: {}\n  cure:  {}\n", row.error, row.cause, row.cure)),
            None => {
                let text = format!(
                    "there is no error `{}`; `wharf errors ls` lists them",
                    crate::observe::shown(&arguments.error)
                );
                Failure::Usage(text).tell(arguments.output.is_json())
            }
        },
    }
}

/// Whether `wharf errors show` has something to say about it.
pub(super) fn is_known(error: &str) -> bool {
    find(error).is_some()
}

/// A code is found by its digits: a warning is the same mistake as the error.
fn find(error: &str) -> Option<&'static Row> {
    let digits = error.strip_prefix(['E', 'e', 'W', 'w']).filter(|digits| digits.parse::<u16>().is_ok());
    match digits {
        Some(digits) => CODES.iter().find(|row| row.error.get(1..) == Some(digits)),
        None => URIS.iter().find(|row| row.error == error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::ErrorUri;

    #[test]
    fn every_error_uri_of_the_router_has_its_row_and_no_other_has() {
        for uri in ErrorUri::ALL {
            assert!(is_known(uri.as_str()), "{uri}");
        }
        // Of the client's own.
        let own = URIS.iter().filter(|row| ErrorUri::ALL.iter().all(|uri| uri.as_str() != row.error));
        assert_eq!(own.map(|row| row.error).collect::<Vec<_>>(), ["wharf.error.exec"]);
    }

    #[test]
    fn every_code_of_the_configuration_has_its_row() {
        let listed: Vec<u16> = CODES.iter().map(|row| row.error[1..].parse().unwrap()).collect();
        let source = include_str!("../../config/error.rs");
        let numbers = source.lines().filter_map(|line| {
            line.trim().strip_prefix("Self::")?.split_once("=> ")?.1.strip_suffix(',')?.parse::<u16>().ok()
        });
        assert_eq!(listed, numbers.collect::<Vec<_>>());
        assert!(find("W020").is_some() && find("e040").is_some() && find("E999").is_none());
    }
}
