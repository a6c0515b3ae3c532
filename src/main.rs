//! The program `wharf`: hands its arguments to [`wharf::cli`] and ends with the code that comes back.

use std::process::ExitCode;

fn main() -> ExitCode {
    wharf::cli::run(std::env::args_os()).into()
}
