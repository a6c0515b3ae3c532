//! The method `cookie`: a browser that has proven before who it is.
//!
//! A browser gets a fresh value with every upgrade, and no other value is ever bound to who proves himself on that connection:
//! a value that somebody else has planted in it opens nothing. Values have 256 random bits, and only their hashes are kept.
//! Source: section 11.7 of the reference, section 6 of the HTTP design.

use super::{AuthSettings, Claim, Identity, Method, PROVIDER};
use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Browsers that a realm remembers; beyond that many, no more until some are forgotten.
const BROWSERS_MAX: usize = 1 << 16;

/// Browsers of one name; beyond that many, its oldest is forgotten.
const BROWSERS_PER_NAME_MAX: usize = 32;

/// Values of one browser: it has the newest, and pages that were opened together may have one before that.
const VALUES_MAX: usize = 8;

/// `auth.cookie`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CookieSettings {
    /// The cookie's name.
    pub name: String,
    /// How long a browser is remembered after its last proof.
    pub max_age: Duration,
    /// Which pages may use it.
    pub same_site: SameSite,
}

/// Which pages a browser sends a cookie for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SameSite {
    /// Those of the same site only.
    #[default]
    Strict,
    /// Those, and links to it.
    Lax,
    /// All.
    None,
}

impl SameSite {
    /// The name in `Set-Cookie`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// What is kept of a value: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CookieKey([u8; 32]);

impl CookieKey {
    /// Of a value.
    pub fn of(value: &str) -> Self {
        Self(Sha256::digest(value.as_bytes()).into())
    }
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who has proven himself in a browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    authid: Arc<str>,
    authrole: Arc<str>,
    /// How it was proven then.
    method: Method,
    /// And how else, where it took two proofs.
    also: Option<Method>,
}

impl Remembered {
    /// What may be remembered of a proof: not of one that was none, nor of one that has its own end (a token), nor of one that
    /// somebody else has judged, who could not be asked again.
    pub fn of(identity: &Identity, also: Option<Method>) -> Option<Self> {
        let method = Method::from_wire(&identity.authmethod)?;
        let proof = match method {
            Method::Ticket | Method::WampCra | Method::WampScram | Method::Scram | Method::Cryptosign => true,
            Method::Anonymous | Method::Jwt | Method::Tls | Method::Cookie => false,
        };
        let lasting = proof && &*identity.authprovider == PROVIDER;
        let (authid, authrole) = (Arc::clone(&identity.authid), Arc::clone(&identity.authrole));
        lasting.then_some(Self { authid, authrole, method, also })
    }
}

#[derive(Debug)]
struct Browser {
    who: Remembered,
    until: Instant,
    values: VecDeque<CookieKey>,
}

/// The browsers that one realm remembers.
#[derive(Debug, Default)]
pub struct Cookies {
    browsers: HashMap<u64, Browser, foldhash::fast::RandomState>,
    /// By value.
    values: HashMap<CookieKey, u64, foldhash::fast::RandomState>,
    /// By name, the oldest first.
    names: HashMap<Arc<str>, VecDeque<u64>, foldhash::fast::RandomState>,
    next: u64,
}

impl Cookies {
    /// Who has proven himself in the browser that has this value.
    pub fn find(&self, value: &CookieKey, now: Instant) -> Option<&Remembered> {
        let browser = self.browsers.get(self.values.get(value)?)?;
        (now < browser.until).then_some(&browser.who)
    }

    /// The browser that has shown a value has got a fresh one, and has both for a while.
    pub fn renew(&mut self, shown: &CookieKey, fresh: CookieKey, now: Instant) {
        if self.find(shown, now).is_none() {
            return;
        }
        let Some((number, browser)) =
            self.values.get(shown).and_then(|number| Some((*number, self.browsers.get_mut(number)?)))
        else {
            return;
        };
        browser.values.push_back(fresh);
        let old = if browser.values.len() > VALUES_MAX { browser.values.pop_front() } else { None };
        self.values.insert(fresh, number);
        old.map(|old| self.values.remove(&old));
    }

    /// Somebody has proven himself in the browser that got this value with the connection.
    pub fn remember(&mut self, fresh: CookieKey, who: Remembered, until: Instant, now: Instant) {
        if let Some(browser) = self.values.get(&fresh).and_then(|number| self.browsers.get_mut(number)) {
            if browser.who == who {
                browser.until = until;
                return;
            }
            // What it had before stays with who had it: the value that was shown may not be the browser's own.
            browser.values.retain(|value| *value != fresh);
            self.values.remove(&fresh);
        }
        if self.browsers.len() >= BROWSERS_MAX {
            self.forget_expired(now);
        }
        if self.browsers.len() >= BROWSERS_MAX {
            return;
        }
        let number = self.next;
        self.next += 1;
        let of_name = self.names.entry(Arc::clone(&who.authid)).or_default();
        of_name.push_back(number);
        let oldest = if of_name.len() > BROWSERS_PER_NAME_MAX { of_name.front().copied() } else { None };
        self.values.insert(fresh, number);
        self.browsers.insert(number, Browser { who, until, values: VecDeque::from([fresh]) });
        if let Some(oldest) = oldest {
            self.remove(oldest);
        }
    }

    /// The browser that has this value has logged out.
    pub fn forget(&mut self, value: &CookieKey) {
        if let Some(number) = self.values.get(value).copied() {
            self.remove(number);
        }
    }

    /// How many browsers are remembered.
    pub fn len(&self) -> usize {
        self.browsers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.browsers.is_empty()
    }

    fn forget_expired(&mut self, now: Instant) {
        let expired = self.browsers.iter().filter(|(_, browser)| browser.until <= now).map(|(number, _)| *number);
        for number in expired.collect::<Vec<_>>() {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(browser) = self.browsers.remove(&number) else { return };
        for value in &browser.values {
            self.values.remove(value);
        }
        if let Some(of_name) = self.names.get_mut(&browser.who.authid) {
            of_name.retain(|other| *other != number);
            if of_name.is_empty() {
                self.names.remove(&browser.who.authid);
            }
        }
    }
}

/// Lets the browser in as who has proven himself in it, if that one still has the same method and role. No other name, whatever
/// it says (A4).
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>) -> Option<Identity> {
    settings.cookie.as_ref()?;
    let who = claim.remembered?;
    let is_meant = claim.authid.is_none_or(|said| said == &*who.authid);
    let still = settings.role_of(who.method, &who.authid) == Some(&who.authrole)
        && !settings.is_half_proven(who.method, who.also, &who.authrole);
    (is_meant && still).then(|| Identity {
        authid: Arc::clone(&who.authid),
        authrole: Arc::clone(&who.authrole),
        authmethod: Method::Cookie.name().into(),
        authprovider: PROVIDER.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::Knock;
    use super::super::{Opening, Secret, Ticket, TicketUser};
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn key(number: usize) -> CookieKey {
        CookieKey::of(&number.to_string())
    }

    fn who(authid: &str) -> Remembered {
        Remembered { authid: authid.into(), authrole: "guest".into(), method: Method::Ticket, also: None }
    }

    fn found(cookies: &Cookies, number: usize, now: Instant) -> Option<&str> {
        cookies.find(&key(number), now).map(|who| &*who.authid)
    }

    #[test]
    fn a_browser_is_remembered_by_its_values_until_the_time_is_over() {
        let (mut cookies, now) = (Cookies::default(), crate::actors::clock::now());
        assert_eq!(found(&cookies, 1, now), None);
        cookies.remember(key(1), who("joe"), now + DAY, now);
        assert_eq!((found(&cookies, 1, now), found(&cookies, 2, now)), (Some("joe"), None));
        cookies.renew(&key(1), key(2), now);
        assert_eq!((found(&cookies, 1, now), found(&cookies, 2, now)), (Some("joe"), Some("joe")));
        assert_eq!(found(&cookies, 2, now + DAY), None);
        // A value that is known no more renews none.
        cookies.renew(&key(2), key(3), now + DAY);
        cookies.renew(&key(9), key(4), now);
        assert_eq!((found(&cookies, 3, now), found(&cookies, 4, now)), (None, None));
        cookies.forget(&key(1));
        assert_eq!((found(&cookies, 1, now), found(&cookies, 2, now), cookies.len()), (None, None, 0));
    }

    /// Session fixation: a value that a browser brings along may be known to who has planted it.
    #[test]
    fn a_value_that_was_shown_is_never_bound_to_who_proves_himself_then() {
        let (mut cookies, now) = (Cookies::default(), crate::actors::clock::now());
        cookies.remember(key(1), who("mallory"), now + DAY, now);
        cookies.renew(&key(1), key(2), now);
        cookies.remember(key(2), who("joe"), now + DAY, now);
        assert_eq!((found(&cookies, 1, now), found(&cookies, 2, now)), (Some("mallory"), Some("joe")));
        cookies.forget(&key(2));
        assert_eq!((found(&cookies, 1, now), found(&cookies, 2, now)), (Some("mallory"), None));
    }

    /// Every table has a bound: of values, of one name's browsers, of all.
    #[test]
    fn what_is_remembered_is_bounded_and_nobody_pushes_others_out() {
        let (mut cookies, now) = (Cookies::default(), crate::actors::clock::now());
        cookies.remember(key(0), who("joe"), now + DAY, now);
        for number in 1..=100 {
            cookies.renew(&key(number - 1), key(number), now);
        }
        assert_eq!(cookies.values.len(), VALUES_MAX);
        assert_eq!((found(&cookies, 100, now), found(&cookies, 92, now)), (Some("joe"), None));
        for number in 1000..1100 {
            cookies.remember(key(number), who("ann"), now + DAY, now);
        }
        assert_eq!(cookies.len(), 1 + BROWSERS_PER_NAME_MAX);
        assert_eq!((found(&cookies, 1099, now), found(&cookies, 1000, now)), (Some("ann"), None));
        for number in 0..BROWSERS_MAX {
            cookies.remember(key(10_000 + number), who(&format!("user{number}")), now + DAY, now);
        }
        assert_eq!((cookies.len(), found(&cookies, 100, now)), (BROWSERS_MAX, Some("joe")));
        cookies.remember(key(1), who("late"), now + DAY + DAY, now + DAY);
        assert_eq!((cookies.len(), cookies.names.len(), cookies.values.len()), (1, 1, 1));
    }

    fn settings(role: &str) -> AuthSettings {
        let user = TicketUser { ticket: Ticket::Plain(Secret::new("s3cret".to_owned())), role: role.to_owned() };
        let cookie = CookieSettings { name: "wharf".to_owned(), max_age: DAY, same_site: SameSite::Strict };
        AuthSettings {
            ticket: Some([("joe".to_owned(), user)].into_iter().collect()),
            cookie: Some(cookie),
            ..AuthSettings::default()
        }
    }

    fn authid(
        settings: AuthSettings,
        remembered: Option<Remembered>,
        methods: &[&str],
        said: Option<&str>,
    ) -> Option<String> {
        let knock = Knock { remembered, ..Knock::at(settings) };
        match knock.hello(methods, said, &[]) {
            Ok(Opening::Welcome(identity)) => {
                assert_eq!((&*identity.authmethod, &*identity.authprovider), ("cookie", "static"));
                Some(identity.authid.to_string())
            }
            Ok(Opening::Challenge(_) | Opening::Ask(_)) => panic!("nothing is asked"),
            Err(_) => None,
        }
    }

    /// Section 11.7: no messages are exchanged for it.
    #[test]
    fn a_browser_is_let_in_as_who_is_remembered_and_as_nobody_else() {
        let joe = Some("joe".to_owned());
        for (methods, said, expected) in [
            (&["cookie"][..], None, &joe),
            (&["cookie"], Some("joe"), &joe),
            (&["cookie"], Some("ann"), &None),
            (&[], None, &joe),
            (&["anonymous"], None, &None),
        ] {
            assert_eq!(&authid(settings("guest"), Some(who("joe")), methods, said), expected, "{methods:?} {said:?}");
            assert_eq!(authid(settings("guest"), None, methods, said), None);
        }
        assert_eq!(
            authid(AuthSettings { cookie: None, ..settings("guest") }, Some(who("joe")), &["cookie"], None),
            None
        );
    }

    /// A grant that was taken back counts no more, also for those who are remembered.
    #[test]
    fn who_is_gone_or_has_another_role_is_remembered_no_more() {
        assert_eq!(authid(settings("backend"), Some(who("joe")), &["cookie"], None), None);
        assert_eq!(authid(settings("guest"), Some(who("ann")), &["cookie"], None), None);
        let by_other = Remembered { method: Method::WampCra, ..who("joe") };
        assert_eq!(authid(settings("guest"), Some(by_other), &["cookie"], None), None);
    }

    #[test]
    fn only_a_lasting_proof_of_a_listed_user_is_remembered() {
        let identity = |method: &str, provider: &str| Identity {
            authid: "joe".into(),
            authrole: "guest".into(),
            authmethod: method.into(),
            authprovider: provider.into(),
        };
        for method in ["ticket", "wampcra", "wamp-scram", "scram", "cryptosign"] {
            assert!(Remembered::of(&identity(method, "static"), None).is_some(), "{method}");
            assert!(Remembered::of(&identity(method, "jwt"), None).is_none(), "{method}");
        }
        for method in ["anonymous", "jwt", "tls", "cookie", "other"] {
            assert!(Remembered::of(&identity(method, "static"), None).is_none(), "{method}");
        }
    }
}
