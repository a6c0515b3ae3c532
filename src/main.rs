//! The program `wharf`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let options = wharf::config::LoadOptions::from_process();
    let settings = match wharf::config::load(&options) {
        Ok(settings) => settings,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(2);
        }
    };
    match wharf::server::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
