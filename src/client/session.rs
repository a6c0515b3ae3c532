//! One session: joined, spoken over, left.

use super::fault::{Broken, JoinFault, Refused, Unreachable};
use super::link::Link;
use super::tls::TlsFiles;
use super::{opening, stream, Address};
use crate::auth::{Claimant, Credentials, Method};
use crate::wamp::message::{Abort, Authenticate, Goodbye, Hello, Welcome};
use crate::wamp::options::{CloseDetails, HelloDetails, WelcomeDetails};
use crate::wamp::role::{Role, Roles};
use crate::wamp::{ErrorUri, Message, MessageKind, Payload, RequestId, Serialization, SessionId, Uri};
use std::time::Duration;

/// How long a router may take to answer a GOODBYE.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a session is opened with.
#[derive(Clone, Debug)]
pub struct Login {
    /// Where.
    pub address: Address,
    /// Whom to trust there, and what to show.
    pub tls: TlsFiles,
    /// How messages are written.
    pub serialization: Serialization,
    /// The realm.
    pub realm: Uri,
    /// Who.
    pub authid: Option<String>,
    /// The role that is wished for.
    pub authrole: Option<String>,
    /// The methods, in this order; empty: those that the credentials are for.
    pub methods: Vec<Method>,
    /// The proofs.
    pub credentials: Credentials,
    /// Whether the login is to be bound to its TLS connection.
    pub binds: bool,
    /// From the first packet to WELCOME.
    pub timeout: Duration,
}

/// A session that a router has welcomed.
pub struct Session {
    link: Link,
    id: SessionId,
    details: Box<WelcomeDetails>,
    next: RequestId,
}

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`JoinFault`].
    pub async fn join(login: &Login) -> Result<Self, JoinFault> {
        match tokio::time::timeout(login.timeout, join(login)).await {
            Ok(joined) => joined,
            Err(_) => Err(Unreachable::Timeout.into()),
        }
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// What WELCOME said: the effective identity, and what the router can do.
    pub fn details(&self) -> &WelcomeDetails {
        &self.details
    }

    /// The id of the next request: 1, 2, 3 ...
    pub fn next_request(&mut self) -> RequestId {
        let request = self.next;
        self.next = request.next();
        request
    }

    /// Says one message.
    ///
    /// # Errors
    /// [`Broken`]. What cannot be written, or is longer than the router takes, leaves the session as it was.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Broken> {
        self.link.write(&message.into())?;
        self.link.flush().await
    }

    /// Puts a message into the buffer: for those who send many at once. [`receive`](Self::receive) sends what waits, too.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn write(&mut self, message: impl Into<Message>) -> Result<(), Broken> {
        self.link.write(&message.into())
    }

    /// Sends what [`write`](Self::write) has put into the buffer.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Broken> {
        self.link.flush().await
    }

    /// The next message. May be dropped and called again.
    ///
    /// # Errors
    /// [`Broken`]; [`Broken::Ended`] for ABORT, and for GOODBYE, which is answered; [`Broken::Unexpected`] for what no router
    /// sends within a session.
    pub async fn receive(&mut self) -> Result<Message, Broken> {
        let message = self.link.read().await?;
        let kind = message.kind();
        if let Message::Abort(abort) = message {
            return Err(Broken::Ended(Box::new(refused(abort))));
        }
        if let Message::Goodbye(Goodbye { details, reason }) = message {
            self.link.write(&farewell(ErrorUri::GOODBYE_AND_OUT.to_uri()).into())?;
            // Whether it gets there or not, this session is over.
            let _gone = self.link.flush().await;
            return Err(Broken::Ended(Box::new(Refused { reason, message: details.message, payload: Payload::Empty })));
        }
        let is_late = matches!(kind, MessageKind::Welcome | MessageKind::Challenge);
        if is_late || (kind.is_from_client() && kind != MessageKind::Error) {
            return Err(Broken::Unexpected(kind));
        }
        Ok(message)
    }

    /// Whether messages have come that [`receive`](Self::receive) gives without waiting.
    pub fn has_arrived(&self) -> bool {
        self.link.has_arrived()
    }

    /// Leaves in order. A router that does not answer is not waited for.
    pub async fn leave(mut self) {
        if self.send(farewell(Uri::from("wamp.close.normal"))).await.is_err() {
            return;
        }
        let answered = async { while !matches!(self.link.read().await, Ok(Message::Goodbye(_)) | Err(_)) {} };
        // The connection is closed in either case.
        let _late = tokio::time::timeout(FAREWELL, answered).await;
        let _late = tokio::time::timeout(FAREWELL, self.link.close()).await;
    }
}

async fn join(login: &Login) -> Result<Session, JoinFault> {
    let opened = stream::open(&login.address, &login.tls).await?;
    let mut stream = opened.stream;
    let serialization = login.serialization;
    let mut link = match &login.address {
        Address::WebSocket { host, port, path, .. } => {
            let host = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            let early = opening::websocket(&mut stream, &host, path, serialization).await?;
            Link::websocket(stream, serialization, &early)?
        }
        Address::RawSocket { .. } | Address::Unix(_) => {
            let peer_max = opening::rawsocket(&mut stream, serialization).await?;
            Link::rawsocket(stream, serialization, peer_max)
        }
    };
    let binding = opened.binding.filter(|_| login.binds);
    if login.binds && binding.is_none() {
        return Err(crate::auth::ProofFault::Binding.into());
    }
    let authid = login.authid.as_deref();
    let mut claimant = Claimant::new(login.credentials.clone(), authid, &login.methods, &rand::random(), binding);
    link.write(&hello(login, &claimant).into())?;
    link.flush().await?;
    loop {
        let message = link.read().await?;
        let kind = message.kind();
        if let Message::Welcome(Welcome { session, details }) = message {
            claimant.check(&details.authextra)?;
            return Ok(Session { link, id: session, details, next: RequestId::FIRST });
        }
        if let Message::Abort(abort) = message {
            return Err(JoinFault::Refused(Box::new(refused(abort))));
        }
        let Message::Challenge(challenge) = message else { return Err(Broken::Unexpected(kind).into()) };
        // Deriving a key takes its time; nobody else waits for this thread.
        let (signature, extra) = claimant.answer(&challenge.method, &challenge.extra)?;
        link.write(&Authenticate { signature, extra }.into())?;
        link.flush().await?;
    }
}

fn hello(login: &Login, claimant: &Claimant) -> Hello {
    let role = |name: &str, features: &[&str]| Role {
        name: name.to_owned(),
        features: features.iter().map(|feature| ((*feature).to_owned(), true)).collect(),
    };
    let roles = Roles(vec![
        role("publisher", &["publisher_exclusion", "subscriber_blackwhite_listing", "publisher_identification"]),
        role("subscriber", &["pattern_based_subscription", "publisher_identification", "event_retention"]),
        role("caller", &["progressive_call_results", "call_canceling", "call_timeout", "caller_identification"]),
        role(
            "callee",
            &["pattern_based_registration", "shared_registration", "caller_identification", "call_canceling"],
        ),
    ]);
    let details = HelloDetails {
        roles,
        agent: Some(concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned()),
        authmethods: claimant.authmethods(),
        authid: login.authid.clone(),
        authrole: login.authrole.clone(),
        authextra: claimant.authextra(),
    };
    Hello { realm: Some(login.realm.clone()), details: Box::new(details) }
}

fn farewell(reason: Uri) -> Goodbye {
    Goodbye { details: CloseDetails::default(), reason }
}

fn refused(Abort { details, reason, payload }: Abort) -> Refused {
    Refused { reason, message: details.message, payload }
}
