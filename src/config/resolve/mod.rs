//! From the shape of the file to settings: what two keys say about each other is checked here, and collected.
//!
//! Always gives settings; they count only if no error was found.

mod api_keys;
mod auth;
mod cookie;
mod cors;
mod crossbar;
mod dynamic;
mod exposure;
mod folder;
mod groups;
mod jwt;
mod listeners;
mod policy;
mod realms;
mod routes;
mod second;
mod secret;
mod tls;
mod told;
mod topics;
mod web;
mod webhooks;

use super::error::{either, nearest, Code, Finding, Severity};
use super::read::{Key, Placed};
use super::settings::{NodeSettings, Settings, SettingsSource, ShutdownSettings};
use super::shape::{File, StorageKind};
use super::source::Sources;
use super::tree::Place;
use super::LoadOptions;
use crate::auth::Secret;
use crate::http::settings::{IdempotencySettings, RestSettings, StreamSettings};
use crate::observe::settings::LogSettings;
use crate::storage::StorageSettings;
use crate::transport::settings::ProcessLimits;
use crate::wamp::uri::{check, UriRules};
use crate::wamp::MatchPolicy;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Settings, with what is wrong with them.
pub(super) struct Resolved {
    pub(super) settings: Settings,
    pub(super) findings: Vec<Finding>,
}

/// What resolving needs to know and gathers.
struct Resolver<'a> {
    file: &'a File,
    sources: &'a Sources,
    options: &'a LoadOptions,
    findings: Vec<Finding>,
    /// By path.
    secrets: BTreeMap<String, Secret>,
}

/// Makes settings of `file`.
pub(super) fn resolve(file: &File, sources: &Sources, options: &LoadOptions, source: SettingsSource) -> Resolved {
    let mut resolver = Resolver { file, sources, options, findings: Vec::new(), secrets: BTreeMap::new() };
    let mut realms = resolver.realms();
    let templates = resolver.templates(&realms);
    // After the templates: a key is good for the realm that it names alone.
    resolver.api_keys(&mut realms);
    let mut listeners = resolver.listeners();
    resolver.cookies(&mut listeners, &realms);
    resolver.exposure(&listeners, &realms, &templates);
    let settings = Settings {
        node: resolver.node(),
        listeners,
        realms: realms.into_iter().filter(|realm| realm.enabled).map(|realm| realm.settings).collect(),
        templates,
        rest: resolver.rest(),
        webhooks: resolver.webhooks(),
        storage: resolver.storage(),
        limits: resolver.limits(),
        log: LogSettings { format: file.observability.log.format.value, level: file.observability.log.level.value },
        shutdown: ShutdownSettings {
            delay: file.shutdown.delay.0,
            spread: file.shutdown.spread.0,
            drain: file.shutdown.drain.0,
        },
        source,
        managed: super::Managed::default(),
        warnings: Vec::new(),
        written: file.written(),
        secrets: resolver.secrets,
    };
    Resolved { settings, findings: resolver.findings }
}

impl Resolver<'_> {
    fn node(&self) -> NodeSettings {
        let node = &self.file.node;
        NodeSettings {
            name: node.name.value.clone().unwrap_or_else(|| self.options.host_name.clone()),
            data_dir: node.data_dir.value.as_ref().map(PathBuf::from),
            workers: node.workers.0.map(super::values::Count::size),
            dev: node.dev.value,
        }
    }

    fn storage(&mut self) -> StorageSettings {
        let (storage, data_dir) = (&self.file.storage, &self.file.node.data_dir);
        let path = match (storage.kind.value, &data_dir.value) {
            (StorageKind::Memory, _) => None,
            (StorageKind::Redb, Some(folder)) => Some(Path::new(folder).join(&storage.value.path.value)),
            (StorageKind::Redb, None) => {
                let message = "`storage.kind = \"redb\"` needs a folder for its file";
                self.error(Code::MissingKey, &storage.kind, message, "set `node.data_dir`");
                None
            }
        };
        StorageSettings {
            path,
            commit_interval: storage.commit_interval.0,
            commit_records: storage.commit_records.size(),
        }
    }

    fn rest(&mut self) -> RestSettings {
        let rest = &self.file.rest;
        if rest.call_timeout.0 > rest.max_wait.0 {
            let placed = if rest.call_timeout.is_given() { &rest.call_timeout } else { &rest.max_wait };
            self.error(
                Code::OutOfRange,
                placed,
                "`call_timeout` is longer than `max_wait`",
                "no call may wait longer than `max_wait`",
            );
        }
        for (uri, status) in rest.status.iter() {
            // A key that ends with a dot is a prefix.
            let policy = if uri.ends_with('.') { MatchPolicy::Prefix } else { MatchPolicy::Exact };
            if let Err(fault) = check(uri, UriRules::Loose, policy) {
                let message = format!("\"{uri}\" is no error URI");
                self.error_at(Code::Malformed, status.key, &status.value.path, message, fault.to_string());
            }
        }
        RestSettings {
            body_max: rest.max_body.octets(),
            body_timeout: rest.body_timeout.0,
            call_timeout: rest.call_timeout.0,
            wait_max: rest.max_wait.0,
            session_idle: rest.session_idle.0,
            sessions_max: rest.max_sessions.size(),
            admin_realm: self.file.admin.realm.value.0.clone(),
            status: rest.status.iter().map(|(uri, status)| (uri.to_owned(), status.value.0)).collect(),
            crossbar: self.crossbar(),
            routes: self.routes(),
            batch_max: rest.batch_max.size(),
            auth_cache: rest.auth_cache.0,
            hands_on_trace: self.file.observability.trace_context.value,
            cors: self.cors(),
            idempotency: IdempotencySettings {
                ttl: rest.idempotency.ttl.0,
                entries_max: rest.idempotency.max_entries.size(),
                octets_max: rest.idempotency.max_bytes.octets(),
            },
            stream: StreamSettings {
                heartbeat: rest.stream.heartbeat.0,
                retry: rest.stream.retry.0,
                streams_max: rest.stream.max_streams.size(),
                poll_wait: rest.stream.poll_wait.0,
                poll_idle: rest.stream.poll_idle.0,
            },
        }
    }

    fn limits(&mut self) -> ProcessLimits {
        let limits = &self.file.limits;
        if limits.memory_high_water.0 >= limits.memory_critical.0 {
            let given = limits.memory_high_water.is_given();
            let placed = if given { &limits.memory_high_water } else { &limits.memory_critical };
            let hint = format!(
                "memory_high_water is \"{}%\", memory_critical \"{}%\"",
                limits.memory_high_water.0, limits.memory_critical.0
            );
            self.error(Code::OutOfRange, placed, "`memory_high_water` must be below `memory_critical`", hint);
        }
        ProcessLimits {
            handshake_timeout: limits.handshake_timeout.0,
            remote_auth_timeout: limits.remote_auth_timeout.0,
            connections_max: limits.max_connections.size(),
            unwelcomed_max: limits.max_unwelcomed.size(),
            per_address_max: limits.max_per_address.size(),
            accept_rate: limits.accept_rate.0,
            memory: limits.memory.0.map(|size| size.0),
            memory_high_water: limits.memory_high_water.0,
            memory_critical: limits.memory_critical.0,
        }
    }

    fn error<T>(&mut self, code: Code, at: &Placed<T>, message: impl Into<String>, hint: impl Into<String>) {
        self.error_at(code, at.place, &at.path, message, hint);
    }

    fn error_at(&mut self, code: Code, place: Place, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Error, code, place, path, message, hint);
    }

    fn warn<T>(&mut self, code: Code, at: &Placed<T>, message: impl Into<String>, hint: impl Into<String>) {
        self.warn_at(code, at.place, &at.path, message, hint);
    }

    fn warn_at(&mut self, code: Code, place: Place, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Warning, code, place, path, message, hint);
    }

    fn note(
        &mut self,
        severity: Severity,
        code: Code,
        place: Place,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (message, hint) = (message.into(), hint.into());
        self.findings.push(Finding { code, severity, place, path: path.to_owned(), message, hint });
    }

    /// Notes that `name` is none of the `known` names of a `kind` of things.
    fn check_name(&mut self, kind: &str, name: &Placed<String>, known: &[&str]) {
        self.check_text(kind, name, name, known);
    }

    /// The same for a name that stands within something else.
    fn check_text<T>(&mut self, kind: &str, name: &str, at: &Placed<T>, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None if known.is_empty() => format!("there is no {kind} at all"),
            None => format!("expected {}", either(known)),
        };
        self.error(Code::DanglingReference, at, format!("there is no {kind} \"{name}\""), hint);
    }
}
