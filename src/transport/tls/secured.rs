//! A stream within TLS.

use super::Tls;
use crate::auth::Certificate;
use crate::transport::stream::Stream;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_rustls::TlsAcceptor;

/// RFC 9266.
const CHANNEL_BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// A stream within TLS, after its handshake.
#[derive(Debug)]
pub(crate) struct Secured {
    stream: TlsStream<Stream>,
    peer: Option<Arc<Certificate>>,
}

impl Secured {
    /// The handshake, as the server.
    ///
    /// # Errors
    /// The peer broke the rules, has no certificate where one is wanted, or is gone. It was told as TLS has it.
    pub(crate) async fn accept(stream: Stream, tls: &Tls) -> io::Result<Self> {
        let stream = TlsAcceptor::from(tls.config()).accept(stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let peer = match certificate.map(super::names::read) {
            None => None,
            Some(Some(read)) => Some(Arc::new(read.names)),
            Some(None) => return Err(io::Error::new(io::ErrorKind::InvalidData, "a certificate cannot be read")),
        };
        Ok(Self { stream, peer })
    }

    /// What is below TLS.
    pub(crate) fn inner(&self) -> &Stream {
        self.stream.get_ref().0
    }

    /// The same.
    pub(crate) fn inner_mut(&mut self) -> &mut Stream {
        self.stream.get_mut().0
    }

    /// What the peer's certificate says, if it has shown one.
    pub(crate) fn peer(&self) -> Option<&Arc<Certificate>> {
        self.peer.as_ref()
    }

    /// The `tls-exporter` value: empty context, 32 octets. TLS 1.2 without extended master secret never comes this far.
    pub(crate) fn channel_binding(&self) -> Option<[u8; 32]> {
        self.stream.get_ref().1.export_keying_material([0; 32], CHANNEL_BINDING_LABEL, Some(&[])).ok()
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }

    /// Takes octets. Taken is not sent: see [`Self::poll_flush`].
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Writes what fits without waiting.
    pub(crate) fn write_now(&mut self, octets: &[u8]) -> io::Result<usize> {
        let (stream, session) = self.stream.get_mut();
        let taken = session.writer().write(octets)?;
        while session.wants_write() && session.write_tls(&mut Now(stream))? > 0 {}
        Ok(taken)
    }
}

/// A writer that never waits.
struct Now<'a>(&'a mut Stream);

impl Write for Now<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_files::write_pair;
    use super::*;
    use crate::transport::settings::{ClientAuth, TlsSettings, TlsVersion};
    use crate::transport::stream::Socket;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::version::{TLS12, TLS13};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::UnixStream;
    use tokio_rustls::TlsConnector;

    /// RFC 9266: both ends have the same value, and no two connections have.
    #[tokio::test]
    async fn the_channel_binding_is_the_same_at_both_ends_and_on_no_two_connections() {
        let folder = tempfile::tempdir().unwrap();
        let files = write_pair(folder.path(), &["a.example"]);
        let settings = TlsSettings {
            certificates: vec![files.clone()],
            watch: false,
            min_version: TlsVersion::V12,
            client_auth: ClientAuth::Optional,
            client_ca: Some(files.cert.clone()),
        };
        let tls = Tls::open(settings, true).unwrap();
        let certificate = CertificateDer::from_pem_file(&files.cert).unwrap();
        let mut seen = Vec::new();
        for version in [&TLS12, &TLS13, &TLS13] {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).unwrap();
            let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
            let config = ClientConfig::builder_with_provider(Arc::clone(super::super::provider()))
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots)
                .with_client_auth_cert(vec![certificate.clone()], key)
                .unwrap();
            let (ours, theirs) = UnixStream::pair().unwrap();
            let name = ServerName::try_from("a.example").unwrap();
            let client = TlsConnector::from(Arc::new(config)).connect(name, theirs);
            let server = Secured::accept(Stream::new(Socket::Unix(ours)), &tls);
            let (client, server) = tokio::join!(client, server);
            let (client, server) = (client.unwrap(), server.unwrap());
            let mut expected = [0; 32];
            client.get_ref().1.export_keying_material(&mut expected, b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
            let bound = server.channel_binding().unwrap();
            assert_eq!(bound, expected);
            assert!(!seen.contains(&bound));
            seen.push(bound);
            assert_eq!(server.peer().unwrap().dns, ["a.example"]);
        }
    }
}
