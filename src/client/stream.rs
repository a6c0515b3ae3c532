//! The stream below: TCP, TLS over TCP, or a socket of this machine.

use super::fault::Unreachable;
use super::tls::{self, TlsFiles};
use super::Address;
use rustls::pki_types::ServerName;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// What messages go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What logins are bound to (D27).
const CHANNEL_BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// A stream that is open, and what logins over it can be bound to.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Stream>,
    pub(super) binding: Option<[u8; 32]>,
}

/// Connects.
///
/// # Errors
/// [`Unreachable`].
pub(super) async fn open(address: &Address, files: &TlsFiles) -> Result<Opened, Unreachable> {
    let (secure, host, port) = match address {
        Address::Unix(path) => return Ok(Opened { stream: Box::new(UnixStream::connect(path).await?), binding: None }),
        Address::WebSocket { secure, host, port, .. } | Address::RawSocket { secure, host, port } => {
            (*secure, host.as_str(), *port)
        }
    };
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    if !secure {
        return Ok(Opened { stream: Box::new(tcp), binding: None });
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Unreachable::Name)?;
    let secured = TlsConnector::from(tls::settings(files)?).connect(name, tcp).await.map_err(fault)?;
    let session = secured.get_ref().1;
    // Only in TLS 1.3 is what is exported of this connection alone.
    let exports = session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
    let binding =
        exports.then(|| session.export_keying_material([0; 32], CHANNEL_BINDING_LABEL, Some(&[])).ok()).flatten();
    Ok(Opened { stream: Box::new(secured), binding })
}

/// What the library says is told without the words of the socket around it.
fn fault(error: io::Error) -> Unreachable {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => Unreachable::Tls(inner.clone()),
        None => Unreachable::Io(error),
    }
}
