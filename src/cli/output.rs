//! Writing that does not panic when nobody reads: the other end of a pipe may be gone at any time.

use super::Exit;
use std::io::{self, ErrorKind, Write};

/// Writes a result. A reader that has seen enough is no fault, and ends what has no other end.
pub(super) fn result(text: &str) -> Exit {
    octets(text.as_bytes())
}

/// The same for what is no text.
pub(super) fn octets(octets: &[u8]) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Unread,
        Err(error) => {
            note(&format!("error: standard output: {error}"));
            Exit::Fault
        }
    }
}

/// Writes a line for people. Where even that cannot be written, there is nobody to tell.
pub(super) fn note(text: &str) {
    let _nobody_to_tell = writeln!(io::stderr().lock(), "{text}");
}
