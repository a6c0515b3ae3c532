//! The runtime of a command: one thread, no actors, until it is done or interrupted.

use super::failure::Failure;
use super::output::OutputArguments;
use crate::cli::Exit;
use std::future::Future;

/// Does the work, prints how it failed, and gives the exit code. An interrupt drops the work where it stands.
pub(in crate::cli) fn run(output: &OutputArguments, work: impl Future<Output = Result<(), Failure>>) -> Exit {
    if let Err(failure) = output.check() {
        return failure.tell(output.is_json());
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Fault(error.to_string()).tell(output.is_json()),
    };
    let done = runtime.block_on(async {
        tokio::select! {
            done = work => done,
            Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    });
    // Standard input may be read by a thread that waits for a line: it is not waited for.
    runtime.shutdown_background();
    match done {
        Ok(()) => Exit::Done,
        Err(failure) => failure.tell(output.is_json()),
    }
}

/// What was written to standard output, as a step of the work.
///
/// # Errors
/// [`Failure::Said`] where it could not be written.
pub(in crate::cli) fn written(exit: Exit) -> Result<(), Failure> {
    if exit == Exit::Done {
        Ok(())
    } else {
        Err(Failure::Said(exit))
    }
}
