//! An HTTP server of the test's own on a port of the kernel's choice, with or without TLS: it keeps what it was asked, and
//! answers as the test says, in whatever octets.

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method and target.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A running server; it ends with the test.
pub(crate) struct Site {
    port: u16,
    secured: bool,
    seen: Receiver<Seen>,
    stop: Arc<AtomicBool>,
}

/// An answer with a body in JSON.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    with(status, "Content-Type: application/json\r\n", body)
}

/// An answer with these lines in its head.
pub(crate) fn with(status: u16, lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Whatever\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An authority, and a certificate with its key for these hosts, all in PEM.
pub(crate) fn certificate(hosts: &[&str]) -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let certificate = CertificateParams::new(hosts).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

impl Site {
    /// `answer` gives all octets of an answer, and may take its time; none at all closes the connection.
    pub(crate) fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::listen(None, answer)
    }

    /// The same within TLS.
    pub(crate) fn secured(cert: &str, key: &str, answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let settings = builder.with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
        Self::listen(Some(Arc::new(settings)), answer)
    }

    fn listen(tls: Option<Arc<ServerConfig>>, answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, secured, stop) =
            (listener.local_addr().unwrap().port(), tls.is_some(), Arc::<AtomicBool>::default());
        let (tell, seen) = channel();
        let (answer, stopped) = (Arc::new(answer), Arc::clone(&stop));
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (tls, tell, answer) = (tls.clone(), tell.clone(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    let told = |seen: &Seen| {
                        let _over = tell.send(seen.clone());
                        answer(seen)
                    };
                    match tls {
                        None => serve(socket, told),
                        Some(tls) => serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), socket), told),
                    }
                });
            }
        });
        Self { port, secured, seen, stop }
    }

    /// An address here, by the name of this host.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", if self.secured { "https" } else { "http" }, self.port)
    }

    /// Waits for the next request.
    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("nobody asked")
    }

    /// How many came that were not looked at yet.
    pub(crate) fn more(&self) -> usize {
        self.seen.try_iter().count()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes who waits for the next connection.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: impl Read + Write, answer: impl Fn(&Seen) -> Vec<u8>) {
    // A peer that breaks off is none of the server's trouble.
    let Some(seen) = read(&mut stream) else { return };
    let _gone = stream.write_all(&answer(&seen)).and_then(|()| stream.flush());
}

fn read(stream: &mut impl Read) -> Option<Seen> {
    let (mut octets, mut part) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut part) {
            Ok(read) if read > 0 => octets.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return None,
        }
    };
    let head = String::from_utf8(octets[..end].to_vec()).ok()?;
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = octets.split_off(end + 4);
    while body.len() < length {
        match stream.read(&mut part) {
            Ok(read) if read > 0 => body.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return None,
        }
    }
    Some(Seen { line, headers, body: String::from_utf8(body).ok()? })
}
