//! `did_you_mean` of a problem: what whoever called a procedure that is not there may have meant, of what it may call.
//! Source: section 8.2 of the HTTP design.

use super::problem::Problem;
use super::sessions::{Caller, Request};
use crate::actors::listing::Asker;
use crate::wamp::{ErrorUri, Uri};

/// The procedure that is called, if something is.
pub(super) fn called(asked: &Request) -> Option<Uri> {
    match asked {
        Request::Call(call) => Some(call.procedure.clone()),
        Request::Publish(_) => None,
    }
}

/// An answer to a call of this procedure; where it is that there is none, with what may have been meant.
///
/// # Errors
/// As it was.
pub(super) async fn explained<T>(
    said: Result<T, Problem>,
    caller: &Caller,
    procedure: Option<Uri>,
) -> Result<T, Problem> {
    let problem = match said {
        Err(problem) if problem.error() == ErrorUri::NO_SUCH_PROCEDURE.as_str() => problem,
        other => return other,
    };
    let Some(procedure) = procedure else { return Err(problem) };
    let asker = Asker::new(&caller.handle, &caller.identity);
    // Where the realm is gone meanwhile nobody knows.
    let meant = asker.meant_by(&procedure).await.unwrap_or_default();
    Err(problem.meaning(&meant))
}
