//! `wharf completions`, `man` and `cheat`: made from the definitions of the commands, without a router.

use super::client::failure::Failure;
use super::output::{octets, result};
use super::Exit;
use clap::{Command, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// `wharf completions`.
#[derive(clap::Args, Debug)]
pub(super) struct CompletionsArguments {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// `wharf man`.
#[derive(clap::Args, Debug)]
pub(super) struct ManArguments {
    /// Where a page for each command is written; else that of `wharf` goes to standard output.
    dir: Option<PathBuf>,
}

/// `wharf cheat`.
#[derive(clap::Args, Debug)]
pub(super) struct CheatArguments {
    /// About what; else about all.
    #[arg(value_enum)]
    about: Option<About>,
}

/// What there are examples of.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    Call,
    Publish,
    Subscribe,
    Register,
    Session,
    Context,
    Bench,
    Admin,
    Config,
}

const CHEAT: &str = include_str!("cheat.txt");

/// Prints the completions of a shell.
pub(super) fn completions(arguments: &CompletionsArguments, mut command: Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "wharf", &mut script);
    octets(&script)
}

/// Prints one page, or writes all.
pub(super) fn man(arguments: &ManArguments, command: Command) -> Exit {
    let made = match &arguments.dir {
        Some(dir) => std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir)),
        None => {
            let mut page = Vec::new();
            match clap_mangen::Man::new(command).render(&mut page) {
                Ok(()) => return octets(&page),
                Err(error) => Err(error),
            }
        }
    };
    match made {
        Ok(()) => Exit::Done,
        Err(error) => {
            let place = arguments.dir.as_ref().map_or(String::new(), |dir| format!("{}: ", dir.display()));
            Failure::Fault(format!("{place}{error}")).tell(false)
        }
    }
}

/// Prints examples.
pub(super) fn cheat(arguments: &CheatArguments) -> Exit {
    let Some(about) = arguments.about.and_then(|about| about.to_possible_value()) else { return result(CHEAT) };
    let head = format!("# {}", about.get_name());
    let section = CHEAT.lines().skip_while(|line| *line != head).skip(1).take_while(|line| !line.starts_with("# "));
    let text: Vec<&str> = section.collect();
    result(&format!("{}\n", text.join("\n").trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_examples_of_all_that_can_be_asked_about() {
        for about in About::value_variants() {
            let name = about.to_possible_value().unwrap();
            assert!(CHEAT.lines().any(|line| line == format!("# {}", name.get_name())), "{about:?}");
        }
    }
}
