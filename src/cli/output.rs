//! Writing that does not panic when nobody reads: the other end of a pipe may be gone at any time.

use super::Exit;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

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

/// Whether the other end of standard output is gone: who has nothing to write would not notice.
pub(super) fn is_unread() -> bool {
    let out = io::stdout();
    let mut looked = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    poll(&mut looked, PollTimeout::ZERO).is_ok() && looked[0].revents().is_some_and(|events| events.intersects(gone))
}

/// Writes a line for people. Where even that cannot be written, there is nobody to tell.
pub(super) fn note(text: &str) {
    let _nobody_to_tell = writeln!(io::stderr().lock(), "{text}");
}
