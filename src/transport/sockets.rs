//! Sockets that listen: how they are opened, and which of them go on when listeners change.

use super::listener::SocketId;
use super::settings::{Bind, ListenerSettings};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

/// The kernel's queue of connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// A socket that listens.
#[derive(Debug)]
pub enum Listening {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// Unix; the file is removed when the listener closes.
    Unix(std::os::unix::net::UnixListener, std::path::PathBuf),
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// TCP.
    #[error("listener {listener}: cannot listen on {address}: {source}")]
    Tcp {
        /// The listener's name.
        listener: String,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Unix.
    #[error("listener {listener}: cannot listen on unix:{path}: {source}")]
    Unix {
        /// The listener's name.
        listener: String,
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl BindError {
    /// Whether something else has the place already.
    pub fn is_in_use(&self) -> bool {
        match self {
            Self::Tcp { source, .. } | Self::Unix { source, .. } => source.kind() == io::ErrorKind::AddrInUse,
        }
    }
}

/// Opens one socket of a listener.
///
/// # Errors
/// [`BindError`].
pub fn bind_one(listener: &str, place: &Bind) -> Result<Listening, BindError> {
    match place {
        Bind::Tcp(address) => bind_tcp(*address).map(Listening::Tcp).map_err(|source| BindError::Tcp {
            listener: listener.to_owned(),
            address: *address,
            source,
        }),
        Bind::Unix { path, mode } => {
            bind_unix(path, *mode).map(|socket| Listening::Unix(socket, path.clone())).map_err(|source| {
                BindError::Unix { listener: listener.to_owned(), path: path.display().to_string(), source }
            })
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    // A restart may take the port over while old connections linger; a second router still may not.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG as i32)?;
    Ok(socket.into())
}

fn bind_unix(path: &std::path::Path, mode: u32) -> io::Result<std::os::unix::net::UnixListener> {
    if is_left_over(path) {
        std::fs::remove_file(path)?;
    }
    let socket = std::os::unix::net::UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether this is what a router that was killed has left: a socket at which nobody listens. Anything else is somebody's.
fn is_left_over(path: &std::path::Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// A socket that is open: its listener's name, and where it listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenSocket {
    /// Its name.
    pub id: SocketId,
    /// Whose it is.
    pub listener: String,
    /// Where.
    pub place: Bind,
}

/// Which socket each address of some listeners has: one that is open, or none yet. In the order of the listeners and their
/// addresses. An address stays open when it passes from one listener to another; one with port 0 passes to nobody.
pub fn assign(open: &[OpenSocket], listeners: &[ListenerSettings]) -> Vec<Option<SocketId>> {
    let mut free: Vec<&OpenSocket> = open.iter().collect();
    let places: Vec<(&str, &Bind)> = listeners
        .iter()
        .flat_map(|listener| listener.binds.iter().map(|place| (listener.name.as_str(), place)))
        .collect();
    let mut assigned: Vec<Option<SocketId>> = vec![None; places.len()];
    // Its own first, whoever else would take them.
    for is_own in [true, false] {
        for ((name, place), assigned) in places.iter().zip(&mut assigned) {
            let suits = |socket: &&OpenSocket| {
                is_same(&socket.place, place) && if is_own { socket.listener == *name } else { !is_any_port(place) }
            };
            if assigned.is_none() {
                *assigned = free.iter().position(suits).map(|at| free.swap_remove(at).id);
            }
        }
    }
    assigned
}

/// The mode of a Unix socket can be changed while it is open.
fn is_same(one: &Bind, other: &Bind) -> bool {
    match (one, other) {
        (Bind::Tcp(one), Bind::Tcp(other)) => one == other,
        (Bind::Unix { path: one, .. }, Bind::Unix { path: other, .. }) => one == other,
        (Bind::Tcp(_), Bind::Unix { .. }) | (Bind::Unix { .. }, Bind::Tcp(_)) => false,
    }
}

fn is_any_port(place: &Bind) -> bool {
    matches!(place, Bind::Tcp(address) if address.port() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(name: &str, binds: &[Bind]) -> ListenerSettings {
        ListenerSettings { name: name.to_owned(), binds: binds.to_vec(), ..ListenerSettings::default() }
    }

    fn tcp(port: u16) -> Bind {
        Bind::Tcp(([127, 0, 0, 1], port).into())
    }

    fn unix(mode: u32) -> Bind {
        Bind::Unix { path: "/run/s".into(), mode }
    }

    fn open(all: &[(&str, Bind)]) -> Vec<OpenSocket> {
        let socket = |(id, (listener, place)): (usize, &(&str, Bind))| OpenSocket {
            id,
            listener: (*listener).to_owned(),
            place: place.clone(),
        };
        all.iter().enumerate().map(socket).collect()
    }

    /// Configuration, section 11: listeners added or removed.
    #[test]
    fn an_address_that_stays_keeps_its_socket_and_a_new_one_has_none() {
        let sockets = open(&[("a", tcp(1)), ("a", tcp(2)), ("b", unix(0o660))]);
        let new = [listener("a", &[tcp(2), tcp(3)]), listener("b", &[unix(0o600)])];
        assert_eq!(assign(&sockets, &new), [Some(1), None, Some(2)]);
        assert_eq!(assign(&sockets, &[]), []);
    }

    #[test]
    fn an_address_passes_from_one_listener_to_another_without_being_closed() {
        let sockets = open(&[("a", tcp(1)), ("b", tcp(2))]);
        let swapped = [listener("a", &[tcp(2)]), listener("c", &[tcp(1)])];
        assert_eq!(assign(&sockets, &swapped), [Some(1), Some(0)]);
    }

    #[test]
    fn a_port_that_the_kernel_chose_stays_with_its_listener() {
        let sockets = open(&[("a", tcp(0)), ("a", tcp(0)), ("b", tcp(0))]);
        let new = [listener("c", &[tcp(0)]), listener("a", &[tcp(0), tcp(0), tcp(0)])];
        assert_eq!(assign(&sockets, &new), [None, Some(0), Some(1), None]);
    }
}
