//! Starts the program in a folder of its own, on free ports, and ends it with the test.

use crate::program::Client;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wharf::auth::{Flavour, Kdf, Record, RouterKey, Salting, Secret};

/// What all users know.
pub(crate) const SECRET: &str = "s3cret-of-all";

/// What tokens are signed with.
const JWT_KEY: &str = "a secret of more than 32 octets, known to both";

/// PORT0 speaks WebSocket and RawSocket, PORT1 both within TLS.
const CONFIG: &str = r#"
[listeners.main]
bind = "127.0.0.1:PORT0"
serve = ["websocket", "rawsocket"]

[listeners.tls]
bind = "127.0.0.1:PORT1"
serve = ["websocket", "rawsocket"]
tls = { cert = "server.pem", key = "server.key", client_auth = "optional", client_ca = "ca.pem" }

[listeners.local]
bind = "unix:wharf.sock"
serve = ["rawsocket"]

[realms.realm1.auth]
anonymous = { role = "guest" }

[realms.realm1.auth.ticket.users.tina]
ticket = { file = "secret" }
role = "guest"

[realms.realm1.auth.wampcra.users.carl]
salt = "8c7fa1"
iterations = 1000
key = { file = "derived" }
role = "guest"

[realms.realm1.auth.scram.users.sue]
verifier = { file = "record" }
role = "guest"

[realms.realm1.auth.cryptosign.users.kim]
keys = ["PUBLIC"]
role = "guest"

[realms.realm1.auth.tls]
authid = "subject.cn"
role = "guest"

[realms.realm1.auth.jwt]
issuer = "https://id.example"
audience = "realm1"
key = { file = "jwt.key" }
role_fixed = "guest"

[realms.realm1.roles.guest]
call = ["*", "wamp.*"]
register = ["*"]
publish = ["*"]
subscribe = ["*"]
allow_match_all = true
allow_pattern_register = true
deny = ["secret.*"]

[realms.closed]
uri = "com.example.closed"

[realms.closed.auth.ticket.users.tina]
ticket = { file = "secret" }
role = "guest"

[realms.closed.roles.guest]
call = ["*"]

[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "secret" }
role = "admin"

[realms."wharf.admin".roles.admin]
call = ["wharf.admin.*"]
"#;

/// A running router.
pub(crate) struct Router {
    child: Child,
    ports: [u16; 2],
    folder: tempfile::TempDir,
}

impl Router {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With this at the end of its configuration.
    pub(crate) fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let held = [(); 2].map(|()| free());
        let ports = [0, 1].map(|at: usize| held[at].local_addr().unwrap().port());
        drop(held);
        files(folder.path(), ports, more);
        let child = run(folder.path());
        Self { child, ports, folder }
    }

    /// Ends it, and gives what has it run again.
    pub(crate) fn restart(&mut self, between: impl FnOnce()) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        between();
        self.child = run(self.folder.path());
    }

    /// Waits for its end, and gives its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn port(&self, number: usize) -> u16 {
        self.ports[number]
    }

    /// A client that knows where the router is, and nothing else.
    pub(crate) fn client(&self) -> Client {
        Client::at(self.folder.path(), &format!("ws://127.0.0.1:{}/ws", self.ports[0]))
    }

    /// A token for this name.
    pub(crate) fn token(&self, name: &str) -> String {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        use base64::Engine;
        use hmac::{Hmac, KeyInit, Mac};
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = format!(r#"{{"iss":"https://id.example","aud":"realm1","sub":"{name}","exp":4102444800}}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(JWT_KEY.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// A port that nobody has, below those that the system gives to clients: one of these would be taken by whoever connects
/// somewhere while a router restarts, or by its own client, which would connect to itself.
fn free() -> TcpListener {
    loop {
        let port = 20_000 + rand::random::<u16>() % 12_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
}

fn run(folder: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .current_dir(folder)
        .env_clear()
        .envs(std::env::var_os("WHARF_BREAK").map(|number| ("WHARF_BREAK", number)))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The sockets are open when this line is written.
    let mut log = String::new();
    loop {
        let Some(Ok(line)) = lines.next() else { panic!("the router did not start:\n{log}") };
        if line.contains("wharf is running") {
            break;
        }
        log.push_str(&line);
        log.push('\n');
    }
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    child
}

/// The configuration, and all that it and the clients of the tests read.
fn files(folder: &Path, ports: [u16; 2], more: &str) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let secret = Secret::new(SECRET.to_owned());
    let salting = Salting { salt: "8c7fa1".to_owned(), iterations: 1000, keylen: 32 };
    let derived = salting.key(&secret);
    let key = RouterKey::new(&[4; 32]);
    let kdf = Kdf::Argon2id { iterations: 1, memory: 64 };
    let record = Record::derive(Flavour::Wamp, &secret, kdf, b"0123456789abcdef").unwrap();
    let config = CONFIG
        .replace("PORT0", &ports[0].to_string())
        .replace("PORT1", &ports[1].to_string())
        .replace("PUBLIC", &key.public().to_string());
    write("wharf.toml", &format!("{config}{more}"));
    write("whsec", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    write("secret", &format!("{SECRET}\n"));
    write("derived", derived.expose());
    write("wrong", "something else\n");
    write("record", record.to_text().expose());
    write("private.key", key.to_hex().expose());
    write("jwt.key", JWT_KEY);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    write("ca.pem", &authority.pem());
    for (name, host, purpose) in [
        ("server", "localhost", ExtendedKeyUsagePurpose::ServerAuth),
        ("device", "device.example", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages.push(purpose);
        let key = KeyPair::generate().unwrap();
        write(&format!("{name}.pem"), &params.signed_by(&key, &authority).unwrap().pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
}
