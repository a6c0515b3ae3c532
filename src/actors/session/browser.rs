//! A session actor and the browser at its other end: who has proven himself there before, and who does now.

use super::super::connection::BrowserCookie;
use super::super::realm_shared::RealmShared;
use super::SessionActor;
use crate::auth::{Identity, Remembered};
use crate::wamp::message::Message;
use crate::wamp::ErrorUri;

impl SessionActor {
    /// The browser's cookie for a realm.
    fn cookie(&self, shared: &RealmShared) -> Option<&BrowserCookie> {
        let settings = shared.settings.auth.cookie.as_ref()?;
        self.connection.cookies().iter().find(|cookie| *cookie.name == *settings.name)
    }

    /// Who has proven himself before.
    pub(super) fn remembered(&self, shared: &RealmShared) -> Option<Remembered> {
        let shown = self.cookie(shared)?.shown.as_ref()?;
        shared.logins.remembered(&shared.settings.uri, shown)
    }

    /// Has the browser remembered as that of somebody who has just proven who he is.
    pub(super) fn remember(&self, shared: &RealmShared, identity: &Identity) {
        if self.session.came_by_ticket() {
            // What is good once may not come to be good for days.
            return;
        }
        let (Some(cookie), Some(settings)) = (self.cookie(shared), &shared.settings.auth.cookie) else { return };
        if let Some(who) = Remembered::of(identity, self.session.second()) {
            shared.logins.remember(&shared.settings.uri, cookie.fresh, who, settings.max_age);
        }
    }

    /// A GOODBYE that says so ends not only the session.
    pub(super) fn note_logout(&self, message: &Message) {
        let (Message::Goodbye(goodbye), Some(handle)) = (message, &self.handle) else { return };
        if goodbye.reason.as_str() != ErrorUri::LOGOUT.as_str() {
            return;
        }
        self.forget_answers(&handle.shared);
        if let Some(cookie) = self.cookie(&handle.shared) {
            for value in cookie.shown.iter().chain([&cookie.fresh]) {
                handle.shared.logins.forget_cookie(&handle.shared.settings.uri, value);
            }
        }
    }
}
