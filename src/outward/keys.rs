//! Keys of tokens at addresses (JWKS): fetched at the start without anybody waiting for it, again when their time is over, and
//! for a token whose key is not known. What cannot be used is told, and the last good keys stay.

use super::client::Client;
use super::Request;
use crate::auth::{Freshness, JwtKeyring, JwtKeys, WebAddress, Wish};
use crate::observe::{shown, Tally};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::time::sleep_until;

/// The longest set of keys.
const OCTETS_MAX: usize = 1 << 20;

/// How long a fetch may take: less than a login, which may wait for it.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Logins that wait for one address; one more does not wait.
const WAITING_MAX: usize = 1000;

/// A realm whose keys are to be kept fresh.
#[derive(Clone, Debug)]
pub struct KeyKeeping {
    /// Its name.
    pub realm: String,
    /// Where the keys are.
    pub address: Arc<WebAddress>,
    /// Where they go.
    pub keys: JwtKeyring,
}

/// Somebody who waits.
pub(super) type Waiting = Box<dyn FnOnce() + Send>;

/// A set that was fetched, and how long it is good.
type Fetched = Result<(JwtKeys, Option<Duration>), String>;

/// One address, for all realms that name it.
struct Kept {
    address: Arc<WebAddress>,
    realms: Vec<KeyKeeping>,
    freshness: Freshness,
    good: Option<JwtKeys>,
    waiting: Vec<Waiting>,
}

/// Keeps all of them.
pub(super) struct Keeper {
    client: Client,
    kept: BTreeMap<String, Kept>,
    tally: Option<Tally>,
    told: UnboundedSender<(String, Fetched)>,
    fetched: UnboundedReceiver<(String, Fetched)>,
}

/// What tells addresses apart: the same with other authorities is another.
fn name(address: &WebAddress) -> String {
    format!("{} {} {:?}", address.authority(), address.target(), address.authorities())
}

impl Keeper {
    pub(super) fn new(client: Client) -> Self {
        let (told, fetched) = unbounded_channel();
        Self { client, kept: BTreeMap::new(), tally: None, told, fetched }
    }

    /// From now on these, and no others. An address that was known before goes on as it was.
    pub(super) fn keep(&mut self, all: Vec<KeyKeeping>, tally: Tally) {
        self.tally = Some(tally);
        let mut former = std::mem::take(&mut self.kept);
        for realm in all {
            let name = name(&realm.address);
            let kept = self.kept.entry(name.clone()).or_insert_with(|| match former.remove(&name) {
                Some(known) => Kept { realms: Vec::new(), ..known },
                None => Kept {
                    address: Arc::clone(&realm.address),
                    realms: Vec::new(),
                    freshness: Freshness::new(Instant::now()),
                    good: None,
                    waiting: Vec::new(),
                },
            });
            if let Some(good) = &kept.good {
                realm.keys.replace(good.clone());
            }
            kept.realms.push(realm);
        }
        // Nobody fetches for those any more.
        former.into_values().flat_map(|gone| gone.waiting).for_each(|waiting| waiting());
    }

    /// Has somebody wait, who missed a key at `missed`, until those of this address are as fresh as they can be had now.
    pub(super) fn wait(&mut self, address: &WebAddress, missed: Instant, waiting: Waiting) {
        let name = name(address);
        let Some(kept) = self.kept.get_mut(&name) else { return waiting() };
        match kept.freshness.wish(Instant::now(), missed) {
            Wish::Vain => waiting(),
            Wish::Join | Wish::Begin if kept.waiting.len() >= WAITING_MAX => waiting(),
            Wish::Join => kept.waiting.push(waiting),
            Wish::Begin => {
                kept.waiting.push(waiting);
                self.fetch(&name);
            }
        }
    }

    /// Waits for the next thing to do, and does it. Nothing is lost where it is dropped meanwhile.
    pub(super) async fn turn(&mut self) {
        let next = self.kept.values().filter_map(|kept| kept.freshness.next_deadline()).min();
        let due = async {
            match next {
                Some(next) => sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            fetched = self.fetched.recv() => {
                if let Some((name, fetched)) = fetched {
                    self.receive(&name, fetched);
                }
            }
            () = due => {
                let now = Instant::now();
                let is_due = |kept: &Kept| kept.freshness.next_deadline().is_some_and(|due| due <= now);
                let due: Vec<String> =
                    self.kept.iter().filter(|(_, kept)| is_due(kept)).map(|(name, _)| name.clone()).collect();
                due.iter().for_each(|name| self.fetch(name));
            }
        }
    }

    fn fetch(&mut self, name: &str) {
        let Some(kept) = self.kept.get_mut(name) else { return };
        kept.freshness.begin();
        let (client, told, name) = (self.client.clone(), self.told.clone(), name.to_owned());
        let address = Arc::clone(&kept.address);
        tokio::task::spawn_local(async move {
            let request =
                Request { address, post: None, token: None, octets_max: OCTETS_MAX, timeout: TIMEOUT, more: None };
            let fetched = read(&client, &request).await;
            // The keeper has gone where the program ends.
            let _nobody = told.send((name, fetched));
        });
    }

    fn receive(&mut self, name: &str, fetched: Fetched) {
        if let Some(tally) = &self.tally {
            tally.fetched_keys(fetched.is_ok());
        }
        // It may have gone, and come back meanwhile: then this is good news too.
        let Some(kept) = self.kept.get_mut(name) else { return };
        let (now, address) = (Instant::now(), &kept.address);
        match fetched {
            Ok((keys, max_age)) => {
                if kept.good.is_none() {
                    tracing::info!(%address, keys = keys.count(), "keys of tokens were fetched");
                }
                kept.realms.iter().for_each(|realm| realm.keys.replace(keys.clone()));
                kept.good = Some(keys);
                kept.freshness.succeeded(now, max_age);
            }
            Err(fault) => {
                let realm = kept.realms.first().map_or("", |realm| &realm.realm);
                let realm = shown(realm);
                if kept.freshness.failed(now) {
                    kept.good = None;
                    kept.realms.iter().for_each(|realm| realm.keys.replace(JwtKeys::none()));
                    tracing::error!(%realm, %address, %fault, "keys of tokens are too old and no newer ones come: no token is taken");
                } else if kept.good.is_some() {
                    tracing::warn!(%realm, %address, %fault, "keys of tokens could not be fetched: the last good ones stay");
                } else {
                    tracing::warn!(%realm, %address, %fault, "keys of tokens could not be fetched: no token is taken");
                }
            }
        }
        kept.waiting.drain(..).for_each(|waiting| waiting());
    }
}

async fn read(client: &Client, request: &Request) -> Fetched {
    let response = client.fetch(request).await.map_err(|fault| fault.to_string())?;
    if response.status != 200 {
        return Err(format!("expected status 200, got {}", response.status));
    }
    let keys = JwtKeys::of_jwks(&response.body).map_err(|error| error.to_string())?;
    Ok((keys, response.max_age))
}
