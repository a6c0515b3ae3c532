//! How commands of the client fail: what is printed on standard error, and the exit code.

use crate::auth::ProofFault;
use crate::cli::output::note;
use crate::cli::Exit;
use crate::client::{Broken, JoinFault, Refused, Unreachable};
use crate::codec::{payload_args, payload_kwargs};
use crate::observe::shown;
use crate::wamp::{ErrorUri, Payload, Value};

/// Why a command ends before its end.
#[derive(Debug)]
pub(in crate::cli) enum Failure {
    /// Something that was typed.
    Usage(String),
    /// No connection, or no longer one.
    Unreachable(String),
    /// Nobody is let in.
    Login(String),
    /// An ERROR, or an ABORT or GOODBYE with its reason.
    Wamp(Box<Answer>),
    /// The time that was given is over.
    Timeout(String),
    /// A signal.
    Interrupted,
    /// Something of this machine.
    Fault(String),
    /// All is said.
    Said(Exit),
}

/// What a router or callee said.
#[derive(Debug)]
pub(in crate::cli) struct Answer {
    error: String,
    text: Option<String>,
    args: Vec<Value>,
    kwargs: Vec<(String, Value)>,
    login: bool,
    /// Procedures that may have been meant.
    meant: Vec<String>,
}

/// The errors of a login that are about who it is.
const OF_AUTHENTICATION: [ErrorUri; 7] = [
    ErrorUri::AUTHENTICATION_DENIED,
    ErrorUri::AUTHENTICATION_FAILED,
    ErrorUri::AUTHENTICATION_REQUIRED,
    ErrorUri::NO_MATCHING_AUTH_METHOD,
    ErrorUri::NO_SUCH_ROLE,
    ErrorUri::NO_SUCH_PRINCIPAL,
    ErrorUri::TOO_MANY_ATTEMPTS,
];

impl Failure {
    /// Wrong usage.
    pub(in crate::cli) fn usage(text: &str) -> Self {
        Self::Usage(text.to_owned())
    }

    /// An ERROR message.
    pub(in crate::cli) fn error(uri: &str, payload: &Payload) -> Self {
        let (args, kwargs) = (payload_args(payload).unwrap_or_default(), payload_kwargs(payload).unwrap_or_default());
        Self::Wamp(Box::new(Answer {
            error: uri.to_owned(),
            text: None,
            args,
            kwargs,
            login: false,
            meant: Vec::new(),
        }))
    }

    /// With procedures that may have been meant.
    pub(in crate::cli) fn meaning(mut self, procedures: Vec<String>) -> Self {
        if let Self::Wamp(answer) = &mut self {
            answer.meant = procedures;
        }
        self
    }

    /// With another explanation than the router's own.
    pub(in crate::cli) fn saying(mut self, text: String) -> Self {
        if let Self::Wamp(answer) = &mut self {
            answer.text = Some(text);
        }
        self
    }

    fn refused(refused: Refused, login: bool) -> Self {
        let Refused { reason, message, payload } = refused;
        let (args, kwargs) = (payload_args(&payload).unwrap_or_default(), payload_kwargs(&payload).unwrap_or_default());
        Self::Wamp(Box::new(Answer {
            error: reason.to_string(),
            text: message,
            args,
            kwargs,
            login,
            meant: Vec::new(),
        }))
    }

    /// A login at this address failed.
    pub(in crate::cli) fn join(address: &str, fault: JoinFault) -> Self {
        match fault {
            JoinFault::Unreachable(Unreachable::Files(fault)) => Self::Usage(fault.to_string()),
            JoinFault::Unreachable(Unreachable::Broken(Broken::Ended(refused))) => Self::refused(*refused, true),
            JoinFault::Unreachable(fault) => Self::Unreachable(format!("cannot connect to {address}: {fault}")),
            JoinFault::Refused(refused) => Self::refused(*refused, true),
            JoinFault::Proof(ProofFault::Method) => {
                Self::Login("the router asked for an authentication method that was not offered".to_owned())
            }
            JoinFault::Proof(fault) => Self::Login(fault.to_string()),
        }
    }

    /// Whether another attempt may have another end: not where somebody is not let in, or has typed something wrong.
    pub(in crate::cli) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Wamp(answer) => {
                let passing =
                    ["wamp.close.", "wharf.error.realm_restarted", "wharf.error.busy", "wharf.error.overloaded"];
                passing.iter().any(|start| answer.error.starts_with(start))
            }
            Self::Usage(_) | Self::Login(_) | Self::Timeout(_) | Self::Interrupted | Self::Fault(_) | Self::Said(_) => {
                false
            }
        }
    }

    /// The exit code.
    pub(in crate::cli) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Login(_) => Exit::Authentication,
            Self::Wamp(answer) => answer.exit(),
            Self::Timeout(_) => Exit::Timeout,
            Self::Interrupted => Exit::Interrupted,
            Self::Fault(_) => Exit::Fault,
            Self::Said(exit) => *exit,
        }
    }

    /// The error's URI, if it is one of WAMP.
    pub(in crate::cli) fn uri(&self) -> Option<&str> {
        if let Self::Wamp(answer) = self {
            Some(&answer.error)
        } else {
            None
        }
    }

    /// Prints it on standard error, and gives the exit code.
    pub(in crate::cli) fn tell(&self, json: bool) -> Exit {
        match self.text(json) {
            None => {}
            Some(text) => note(&text),
        }
        self.exit()
    }

    /// What is printed, if anything is.
    pub(in crate::cli) fn text(&self, json: bool) -> Option<String> {
        let (error, text) = match self {
            Self::Wamp(answer) => return Some(answer.text(json)),
            Self::Interrupted | Self::Said(_) => return None,
            Self::Usage(text) => ("usage", text),
            Self::Unreachable(text) => ("unreachable", text),
            Self::Login(text) => ("login", text),
            Self::Timeout(text) => ("timeout", text),
            Self::Fault(text) => ("fault", text),
        };
        Some(if json {
            serde_json::json!({ "error": error, "message": text }).to_string()
        } else {
            format!("error: {text}")
        })
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Ended(refused) => Self::refused(*refused, false),
            Broken::Encode(_) | Broken::TooLong { .. } => Self::Usage(broken.to_string()),
            Broken::Closed
            | Broken::Close { .. }
            | Broken::Io(_)
            | Broken::Frame(_)
            | Broken::Header(_)
            | Broken::Decode(_)
            | Broken::Unexpected(_) => Self::Unreachable(format!("the connection is lost: {broken}")),
        }
    }
}

impl Answer {
    fn exit(&self) -> Exit {
        let is = |uri: &ErrorUri| uri.as_str() == self.error;
        // Crossbar says not_authorized to whoever gives a wrong ticket.
        if self.login && (OF_AUTHENTICATION.iter().any(is) || is(&ErrorUri::NOT_AUTHORIZED)) {
            return Exit::Authentication;
        }
        if [ErrorUri::NOT_AUTHORIZED, ErrorUri::AUTHORIZATION_FAILED].iter().any(is) {
            return Exit::NotAuthorized;
        }
        if is(&ErrorUri::TIMEOUT) {
            return Exit::Timeout;
        }
        Exit::Wamp
    }

    fn text(&self, json: bool) -> String {
        if json {
            let mut members = vec![("error".to_owned(), Value::from(self.error.as_str()))];
            members.extend(self.text.as_deref().map(|text| ("message".to_owned(), text.into())));
            members.push(("args".to_owned(), Value::List(self.args.clone())));
            members.push(("kwargs".to_owned(), Value::Dict(self.kwargs.clone())));
            if !self.meant.is_empty() {
                let meant = self.meant.iter().map(|procedure| Value::from(procedure.as_str()));
                members.push(("did_you_mean".to_owned(), Value::List(meant.collect())));
            }
            return super::output::compact(&Value::Dict(members));
        }
        let mut text = format!("error: {}", shown(&self.error));
        let told = self.text.iter().map(|text| shown(text));
        let args = self.args.iter().map(|arg| match arg.as_text() {
            Some(text) => shown(text),
            None => shown(&super::output::compact(arg)),
        });
        for line in told.chain(args) {
            text.push_str(&format!("\n  {line}"));
        }
        if !self.kwargs.is_empty() {
            text.push_str(&format!("\n  {}", shown(&super::output::compact(&Value::Dict(self.kwargs.clone())))));
        }
        if !self.meant.is_empty() {
            let meant: Vec<String> = self.meant.iter().map(|procedure| shown(procedure)).collect();
            text.push_str(&format!("\n  did you mean {}?", meant.join(" or ")));
        }
        if crate::cli::errors::is_known(&self.error) {
            text.push_str(&format!("\n  more: wharf errors show {}", self.error));
        }
        text
    }
}
