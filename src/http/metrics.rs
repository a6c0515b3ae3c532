//! `/metrics`: the node's counters as OpenMetrics text. Labels never carry peer-made text.
//! Source: section 12 of the limits, section 17 of the HTTP design.

use super::health::{finish, page, reading};
use super::idempotent::SharedRecords;
use super::served::{ServedRequests, BOUNDS_S};
use super::sessions::Owners;
use super::webhook::WebhookFigures;
use super::Place;
use crate::observe::{Metrics, Refusal, ReloadOutcome};
use crate::storage::{StoreLink, COMMIT_BOUNDS_MS};
use crate::wamp::MessageKind;
use actix_web::{web, HttpRequest, HttpResponse};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn configure(services: &mut web::ServiceConfig) {
    services.service(page("/metrics").route(reading().to(serve)));
}

async fn serve(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    let mut text = String::with_capacity(8 << 10);
    match prometheus_client::encoding::text::encode(&mut text, &place.state.registry) {
        Ok(()) => finish(&request, HttpResponse::Ok().content_type(MEDIA_TYPE), text),
        Err(_) => finish(&request, &mut HttpResponse::InternalServerError(), "the metrics cannot be written\n"),
    }
}

/// A registry that reads the node's counters at each scrape.
pub(super) fn registry(
    metrics: Arc<Metrics>,
    sessions: Owners,
    store: StoreLink,
    (idempotency, served): (SharedRecords, ServedRequests),
    webhooks: WebhookFigures,
) -> Registry {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reader { metrics, sessions, store, idempotency, served, webhooks, started }));
    registry
}

struct Reader {
    metrics: Arc<Metrics>,
    sessions: Owners,
    store: StoreLink,
    idempotency: SharedRecords,
    served: ServedRequests,
    webhooks: WebhookFigures,
    /// Seconds since 1970.
    started: f64,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Collector for Reader {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.levels(&mut encoder)?;
        self.families(&mut encoder)?;
        self.counters(&mut encoder)?;
        self.store(&mut encoder)?;
        self.requests(&mut encoder)?;
        self.webhooks(&mut encoder)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        encoder.encode_descriptor("wharf_build", "The program", None, MetricType::Info)?.encode_info(&version)?;
        if let Some(octets) = resident_octets() {
            gauge(&mut encoder, "process_resident_memory_bytes", "Resident memory in octets", octets)?;
        }
        gauge(&mut encoder, "process_start_time_seconds", "Start of the process, seconds since 1970", self.started)
    }
}

impl Reader {
    fn levels(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of = &self.metrics;
        gauge(encoder, "wharf_sessions", "Sessions open", of.sessions())?;
        gauge(encoder, "wharf_connections", "Connections with a session actor", of.connections())?;
        gauge(encoder, "wharf_http_sessions", "Sessions of HTTP callers", self.sessions.open())?;
        gauge(encoder, "wharf_http_streams", "Event streams that are open", self.sessions.streams())?;
        gauge(encoder, "wharf_calls_in_flight", "Calls under way", of.calls_under_way())?;
        gauge(encoder, "wharf_calls_queued", "Calls that wait for a callee at its concurrency", of.calls_queued())?;
        gauge(encoder, "wharf_retained_topics", "Topics with a retained event", of.retained_topics())?;
        gauge(encoder, "wharf_retained_bytes", "Octets that retained events hold", of.retained_octets())?;
        gauge(encoder, "wharf_subscriptions", "Subscriptions that exist", of.subscriptions())?;
        gauge(encoder, "wharf_registrations", "Registrations that exist", of.registrations())?;
        let help = "End of the first certificate in use, seconds since 1970; 0 without TLS";
        gauge(encoder, "wharf_tls_certificate_not_after_seconds", help, of.tls_valid_until())
    }

    fn families(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of = &self.metrics;
        let kinds = || MessageKind::ALL.iter().copied();
        let messages_in = kinds().map(|kind| (kind.name(), of.messages_in(kind)));
        family(encoder, "wharf_messages_in", "Messages received", "type", messages_in)?;
        let messages_out = kinds().map(|kind| (kind.name(), of.messages_out(kind)));
        family(encoder, "wharf_messages_out", "Messages handed to an outbox", "type", messages_out)?;
        let refused = Refusal::ALL.iter().map(|reason| (reason.name(), of.refused(*reason)));
        family(encoder, "wharf_refused", "Refusals", "reason", refused)?;
        let reloads = ReloadOutcome::ALL.iter().map(|outcome| (outcome.name(), of.reloads(*outcome)));
        family(encoder, "wharf_reload", "Reloads of the configuration", "outcome", reloads)?;
        let fetches = [("done", of.key_fetches(true)), ("failed", of.key_fetches(false))];
        family(encoder, "wharf_jwks_fetches", "Fetches of keys of tokens", "outcome", fetches.into_iter())?;
        let panics = [("session", of.session_panics()), ("realm", of.realm_panics())];
        family(encoder, "wharf_panics", "Actors that panicked", "actor", panics.into_iter())
    }

    fn counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of = &self.metrics;
        for (name, help, value) in [
            ("wharf_outbox_overflows", "Times that an outbox was full", of.outbox_overflows()),
            ("wharf_outbox_dropped", "EVENTs dropped by outbox policies", of.outbox_dropped()),
            ("wharf_late_answers", "YIELD and ERROR for invocations that had ended", of.late_answers()),
            ("wharf_progress_dropped", "Progressive results that nobody had asked for", of.progress_dropped()),
            ("wharf_calls_rerouted", "Calls that went on to another callee", of.calls_rerouted()),
            (
                "wharf_reroutes_without_room",
                "Calls that could not go on to another callee, for want of room to keep them",
                of.reroutes_without_room(),
            ),
            ("wharf_retained_refused", "Events that were to be retained, and no room for them", of.retained_refused()),
            ("wharf_transcode_lossy", "Payloads that lost something between serializations", of.transcode_lossy()),
            ("wharf_undeliverable", "Messages that their receiver could not take", of.undeliverable()),
            ("wharf_realm_restarts", "Realms started again", of.realm_restarts()),
            (
                "wharf_tls_reload_failed",
                "Changed certificates that could not be used; the old ones stay",
                of.tls_reload_failed(),
            ),
            (
                "wharf_authenticator_faults",
                "Logins refused because an authenticator was away, late, or answered nonsense",
                of.authenticator_faults(),
            ),
            (
                "wharf_authenticator_recalled",
                "Logins about which an authenticator was not asked, as its answer was remembered",
                of.answers_recalled(),
            ),
            (
                "wharf_authorizer_faults",
                "Requests about which an authorizer was away, late, or answered nonsense",
                of.authorizer_faults(),
            ),
        ] {
            counter(encoder, name, help, value)?;
        }
        for (name, help, us) in [
            ("wharf_read_paused_seconds", "Time for which sockets were not read", of.read_paused_us()),
            ("wharf_accept_paused_seconds", "Time for which nothing was accepted", of.accept_paused_us()),
            ("wharf_worker_busy_seconds", "Processor time of the worker threads", of.busy_us()),
        ] {
            // Exact up to 2^53 microseconds, which are 285 years.
            counter(encoder, name, help, us as f64 / 1e6)?;
        }
        Ok(())
    }
}

impl Reader {
    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Answers that were given again for an Idempotency-Key";
        counter(encoder, "wharf_idempotency_replays", help, self.idempotency.replays())?;
        let counts = self.served.counts();
        let help = "Requests answered below /api, /admin and /hooks, by routes and by paths for clients of Crossbar";
        let mut requests = encoder.encode_descriptor("wharf_http_requests", help, None, MetricType::Counter)?;
        for ((listener, endpoint, status), count) in &counts.requests {
            let status = status.to_string();
            let labels = [("listener", &**listener), ("endpoint", *endpoint), ("status", &*status)];
            requests.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        let help = "From the head of such a request to its answer";
        let mut times = encoder.encode_descriptor("wharf_http_duration_seconds", help, None, MetricType::Histogram)?;
        for (endpoint, of) in &counts.times {
            let bounds = BOUNDS_S.into_iter().chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(of.by_bound).collect();
            let labels = [("endpoint", *endpoint)];
            let mut family = times.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(of.sum_s, of.count, &buckets, None)?;
        }
        Ok(())
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of = self.store.figures();
        for (name, help, value) in [
            ("wharf_store_committed", "Records that are on disk", of.committed),
            ("wharf_store_dropped", "Records refused because too much waited to be written", of.dropped),
            ("wharf_store_failed", "Records that could not be written", of.failed),
            ("wharf_store_panics", "Panics of the store's threads", of.panics),
        ] {
            counter(encoder, name, help, value)?;
        }
        gauge(encoder, "wharf_store_writable", "Whether the store can write", i64::from(of.is_writable))?;
        let bounds = COMMIT_BOUNDS_MS.iter().map(|ms| *ms as f64 / 1e3).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(of.commits_by_time).collect();
        let help = "Time of a group commit";
        let mut commits = encoder.encode_descriptor("wharf_store_commit_seconds", help, None, MetricType::Histogram)?;
        commits.encode_histogram::<NoLabelSet>(of.commit_us as f64 / 1e6, of.commits, &buckets, None)
    }
}

impl Reader {
    /// By the names of the configuration.
    fn webhooks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let webhooks = self.webhooks.out();
        let help = "Attempts of webhooks, and deliveries that were given up";
        let mut deliveries = encoder.encode_descriptor("wharf_webhook_deliveries", help, None, MetricType::Counter)?;
        for webhook in &webhooks {
            for (outcome, count) in &webhook.outcomes {
                let labels = [("name", webhook.name.as_str()), ("outcome", *outcome)];
                deliveries.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
            }
        }
        let help = "Deliveries of webhooks that wait or are under way";
        let mut queues = encoder.encode_descriptor("wharf_webhook_queue", help, None, MetricType::Gauge)?;
        for webhook in &webhooks {
            queues.encode_family(&[("name", webhook.name.as_str())])?.encode_gauge(&webhook.waiting)?;
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: impl EncodeCounterValue) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

fn family<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (text, value) in values {
        family.encode_family(&[(label, text)])?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
    }
    Ok(())
}

/// What the kernel says of this process.
fn resident_octets() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
