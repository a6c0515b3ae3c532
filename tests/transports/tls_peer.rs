//! An authority of the test's own, what it signs, and peers that speak TLS.

use crate::http;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::fs::Permissions;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// One version alone.
pub(crate) static V12: [&SupportedProtocolVersion; 1] = [&TLS12];

/// One version alone.
pub(crate) static V13: [&SupportedProtocolVersion; 1] = [&TLS13];

/// Octets within TLS.
pub(crate) type Secured = StreamOwned<ClientConnection, TcpStream>;

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of a server for these hosts.
    pub(crate) fn server(&self, hosts: &[&str]) -> Pair {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.sign(CertificateParams::new(hosts).unwrap(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate of a client with every kind of name.
    pub(crate) fn client(&self, name: &str) -> Pair {
        let mut params = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names.push(SanType::URI(format!("urn:{name}").as_str().try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name(format!("{name}@example").as_str().try_into().unwrap()));
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A certificate whose time is over.
    pub(crate) fn expired(&self, host: &str, purpose: ExtendedKeyUsagePurpose) -> Pair {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        self.sign(params, purpose)
    }

    fn sign(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Pair {
        params.extended_key_usages.push(purpose);
        let key = KeyPair::generate().unwrap();
        Pair { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

impl Pair {
    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        self.write_cert(folder, name);
        self.write_key(folder, name);
    }

    pub(crate) fn write_cert(&self, folder: &Path, name: &str) {
        replace(&folder.join(format!("{name}.pem")), &self.cert);
    }

    pub(crate) fn write_key(&self, folder: &Path, name: &str) {
        replace(&folder.join(format!("{name}.key")), &self.key);
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

/// As who renews certificates does it: the file is there whole, or not at all.
fn replace(path: &Path, text: &str) {
    let other = path.with_extension("new");
    std::fs::write(&other, text).unwrap();
    std::fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&other, path).unwrap();
}

/// Who connects, and how.
pub(crate) struct Client<'a> {
    pub(crate) authority: &'a Authority,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    pub(crate) certificate: Option<&'a Pair>,
    pub(crate) alpn: &'static [&'static [u8]],
}

impl<'a> Client<'a> {
    /// With everything that is usual, and no certificate.
    pub(crate) fn of(authority: &'a Authority) -> Self {
        Self { authority, versions: rustls::ALL_VERSIONS, certificate: None, alpn: &[] }
    }

    pub(crate) fn with(authority: &'a Authority, certificate: &'a Pair) -> Self {
        Self { certificate: Some(certificate), ..Self::of(authority) }
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(self.versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![pair.der()], key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::disabled();
        config
    }

    /// On a connection, before anything is said.
    pub(crate) fn on(&self, stream: TcpStream, host: &str) -> Secured {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(self.config()), name).unwrap(), stream)
    }

    /// After the handshake.
    ///
    /// # Errors
    /// There was none.
    pub(crate) fn connect(&self, port: u16, host: &str) -> std::io::Result<Secured> {
        let mut stream = self.on(http::connect(port), host);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

/// The certificate that the other side has shown.
pub(crate) fn shown(stream: &Secured) -> CertificateDer<'static> {
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}
