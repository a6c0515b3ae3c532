//! Who could reach what: dev mode on a public address, and where nothing is encrypted, anonymous rights, the administration of
//! the node, and hooks whose proof could be used again.

use super::realms::ResolvedRealm;
use super::Resolver;
use crate::actors::settings::{RealmSettings, RealmTemplate, RoleSettings};
use crate::authz::Action;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{CrossbarSection, Listener, VerifyKind};
use crate::config::values::Bind as BindText;
use crate::transport::settings::{ListenerSettings, Service};

impl Resolver<'_> {
    /// Notes listeners that anybody can reach and nobody should.
    pub(super) fn exposure(
        &mut self,
        listeners: &[ListenerSettings],
        realms: &[ResolvedRealm],
        templates: &[RealmTemplate],
    ) {
        let file = self.file;
        for ((_, entry), listener) in file.listeners.iter().zip(listeners) {
            let Some(bind) = entry.value.bind.0.iter().find(|bind| is_public(bind)) else { continue };
            if file.node.dev.value {
                let message = "dev mode listens on loopback addresses and Unix sockets only";
                self.error(Code::PublicDevMode, bind, message, "bind \"localhost:port\", or remove `node.dev`");
                continue;
            }
            let reached = |realm: &&RealmSettings| listener.realms.is_empty() || listener.realms.contains(&realm.name);
            let realms_there = realms;
            let realms = realms.iter().filter(|realm| realm.enabled).map(|realm| &realm.settings).filter(reached);
            // Realms of templates have names that no listener can list.
            let from_templates =
                templates.iter().map(|template| &template.settings).filter(|_| listener.realms.is_empty());
            if entry.value.tls.cert.value.is_some() {
                continue;
            }
            let mut reached = realms.chain(from_templates);
            let exposed = reached.find_map(|realm| Some((realm, exposed(realm, listener)?)));
            if let Some((realm, what)) = exposed {
                self.insecure(&entry.value, bind, listener, &format!("in realm `{}` {what}", realm.name));
            } else if let Some(section) = self.unsigned(realms_there, listener) {
                self.insecure(
                    &entry.value,
                    bind,
                    listener,
                    &format!("requests of `rest.crossbar.{section}` are not signed"),
                );
            } else if entry.value.trusted_proxies.value.0.is_empty() {
                if let Some(what) = self.readable(realms_there, listener) {
                    self.insecure(&entry.value, bind, listener, &what);
                }
            }
        }
    }

    /// A section of `rest.crossbar` by which anybody may act on a listener.
    fn unsigned(&self, realms: &[ResolvedRealm], listener: &ListenerSettings) -> Option<&str> {
        if !listener.serve.contains(&Service::Rest) {
            return None;
        }
        let is_open = |section: &CrossbarSection| {
            let is_signed = section.secret.value.is_some() || section.github_secret.value.is_some();
            let is_kept = section.require_tls.value || !section.require_ip.0.is_empty();
            let realm = realms.iter().find(|realm| realm.enabled && realm.settings.name == section.realm.value);
            let is_reached = listener.realms.is_empty() || listener.realms.contains(&section.realm.value);
            let role = realm.and_then(|realm| realm.settings.roles.get(&section.role.value));
            !is_signed && !is_kept && is_reached && role.is_some_and(may_act)
        };
        let mut sections = self.file.rest.crossbar.iter();
        sections.find(|(_, entry)| is_open(&entry.value.value)).map(|(name, _)| name)
    }

    /// A hook whose proof is of use to whoever reads it on the way to a listener.
    fn readable(&self, realms: &[ResolvedRealm], listener: &ListenerSettings) -> Option<String> {
        if !listener.serve.contains(&Service::Hooks) {
            return None;
        }
        self.file.webhooks.inward.iter().find_map(|(name, entry)| {
            let hook = &entry.value;
            let realm = realms.iter().find(|realm| realm.enabled && realm.settings.name == hook.realm.value)?;
            let is_reached = listener.realms.is_empty() || listener.realms.contains(&hook.realm.value);
            let may_act = realm.settings.roles.get(&hook.role.value).is_some_and(may_act);
            let what = match hook.verify.kind.value {
                VerifyKind::Basic => "the password of",
                VerifyKind::Github | VerifyKind::Hmac => "what could be sent again to",
                // Good once, or a repeat is none.
                VerifyKind::Standard | VerifyKind::Crossbar => return None,
            };
            (is_reached && may_act).then(|| format!("{what} `webhooks.in.{name}` can be read on the way"))
        })
    }

    fn insecure(&mut self, shape: &Listener, bind: &Placed<BindText>, listener: &ListenerSettings, exposed: &str) {
        let message = format!("anybody can reach `{}`, nothing is encrypted, and {exposed}", listener.name);
        if shape.allow_insecure.value {
            self.warn(Code::InsecureListener, bind, message, "allowed by `allow_insecure`");
        } else {
            let hint =
                "give the listener a certificate (`tls`), bind a loopback address behind a TLS proxy, take the rights away, or set `allow_insecure = true`";
            self.error(Code::InsecureListener, bind, message, hint);
        }
    }
}

/// Whether what is said on a listener can be read on the way, and nobody has said that this is well. A proxy that is trusted
/// may be where TLS ends.
pub(super) fn in_the_clear(shape: &Listener) -> bool {
    let guarded = shape.allow_insecure.value || !shape.trusted_proxies.value.0.is_empty();
    shape.bind.0.iter().any(is_public) && shape.tls.cert.value.is_none() && !guarded
}

fn is_public(bind: &Placed<BindText>) -> bool {
    match &bind.value {
        BindText::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        BindText::Localhost(_) | BindText::Unix(_) => false,
    }
}

/// What is too dear for a listener that is not encrypted.
fn exposed(realm: &RealmSettings, listener: &ListenerSettings) -> Option<&'static str> {
    // Its callers send passwords in clear.
    let administers = realm.rules.administers && (serves_wamp(listener) || serves_http(realm, listener));
    if administers {
        return Some("the node is administered");
    }
    opens(realm, listener).then_some("anonymous may act")
}

fn serves_wamp(listener: &ListenerSettings) -> bool {
    listener.serve.iter().any(|service| matches!(service, Service::WebSocket | Service::RawSocket))
}

/// Whether the realm's procedures are called over HTTP.
fn serves_http(realm: &RealmSettings, listener: &ListenerSettings) -> bool {
    let serves = |service| listener.serve.contains(&service);
    serves(Service::Rest) || (realm.rules.administers && serves(Service::Admin))
}

/// Whether somebody without a name can publish, call or register something in `realm` by way of `listener`.
fn opens(realm: &RealmSettings, listener: &ListenerSettings) -> bool {
    let Some(anonymous) = &realm.auth.anonymous else { return false };
    let enters = anonymous.listeners.is_empty() || anonymous.listeners.contains(&listener.name);
    let wamp = serves_wamp(listener);
    let http = anonymous.http && serves_http(realm, listener);
    let rights = realm.roles.get(&anonymous.role).is_some_and(may_act);
    enters && (wamp || http) && rights
}

fn may_act(role: &RoleSettings) -> bool {
    let mut any = [Action::Call, Action::Register, Action::Publish].into_iter();
    role.authorizer.is_some() || any.any(|action| role.policy.allows_any(action))
}
