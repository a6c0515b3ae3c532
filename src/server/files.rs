//! The process's limit of open files.

use nix::sys::resource::{getrlimit, setrlimit, Resource};

/// Raises the soft limit to the hard one (T2b) and gives back what holds then.
pub(super) fn raise_limit() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    let limit = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(limit).unwrap_or(usize::MAX)
}
