//! Slows guesses: how often a proof may be wrong, for one name as seen from one network, and from one address (A2).
//!
//! Only failures count: many right logins at once are nobody's attack. A name is counted for each network by itself, so that who
//! guesses locks out nobody who comes from elsewhere. What is counted is forgotten when it has been made up for.
//! Source: section 8 of the limits.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use hashbrown::HashMap;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// How many wrong proofs are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThrottleSettings {
    /// At once for one name from one network. 10.
    pub per_authid: u32,
    /// So many more each second. 1.
    pub per_authid_refill: u32,
    /// At once from one address. 50.
    pub per_ip: u32,
    /// So many more each second. 5.
    pub per_ip_refill: u32,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self { per_authid: 10, per_authid_refill: 1, per_ip: 50, per_ip_refill: 5 }
    }
}

/// Who tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guess<'a> {
    /// Where to.
    pub realm: &'a str,
    /// As whom. Empty: the proof itself says it (a token), so that there is no name to guess for.
    pub authid: &'a str,
    /// From where. `None`, and addresses of this host, are not counted by themselves: many clients may stand behind one.
    pub address: Option<IpAddr>,
}

/// A try that may be looked at, to be counted if it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    name: Option<u128>,
    address: Option<IpAddr>,
    settings: ThrottleSettings,
}

/// Entries of each kind. Each stands for a wrong proof of the last seconds; beyond that many, a new one is not counted.
const ENTRIES_MAX: usize = 1 << 16;

/// When what was counted will have been made up for.
#[derive(Debug)]
pub(super) struct Counted<K> {
    until: HashMap<K, Instant, foldhash::fast::RandomState>,
    /// When room was last made: looking at all of them for each new one would be what an attacker wants.
    pruned: Option<Instant>,
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self { until: HashMap::default(), pruned: None }
    }
}

impl<K: Eq + std::hash::Hash> Counted<K> {
    pub(super) fn until(&self, key: &K) -> Option<&Instant> {
        self.until.get(key)
    }

    fn make_room(&mut self, now: Instant) {
        let lately = self.pruned.is_some_and(|pruned| now < pruned + Duration::from_secs(1));
        if self.until.len() >= ENTRIES_MAX && !lately {
            self.until.retain(|_, until| *until > now);
            self.pruned = Some(now);
        }
    }
}

/// What was tried of late. One for a node.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Tries of a name from a network. By a hash that cannot be foreseen: names may be long.
    names: Counted<u128>,
    addresses: Counted<IpAddr>,
    hashers: [std::hash::RandomState; 2],
}

impl Throttle {
    /// Whether a try may be looked at; `None`: there were too many.
    pub fn begin(&self, settings: ThrottleSettings, guess: &Guess<'_>, now: Instant) -> Option<Attempt> {
        let network = guess.address.map(network);
        let key = (guess.realm, guess.authid, network);
        let [high, low] = [0, 1].map(|half: usize| self.hashers.get(half).map_or(0, |hasher| hasher.hash_one(key)));
        let name = (!guess.authid.is_empty()).then_some(u128::from(high) << 64 | u128::from(low));
        let address = guess.address.filter(|address| !address.to_canonical().is_loopback());
        let of_name = Allowance::new(settings.per_authid, settings.per_authid_refill);
        let of_address = Allowance::new(settings.per_ip, settings.per_ip_refill);
        let may = name.is_none_or(|name| of_name.allows(self.names.until.get(&name), now))
            && address.is_none_or(|address| of_address.allows(self.addresses.until.get(&address), now));
        may.then_some(Attempt { name, address, settings })
    }

    /// The proof was wrong. How long the answer is to be held back: from half of what is taken at once on more and more, up to
    /// half of the time in which one try is made up for.
    pub fn failed(&mut self, attempt: Attempt, now: Instant) -> Duration {
        let Attempt { name, address, settings } = attempt;
        let mut delay = Duration::ZERO;
        if let Some(name) = name {
            let of_name = Allowance::new(settings.per_authid, settings.per_authid_refill);
            of_name.count(&mut self.names, name, now);
            delay = of_name.delay(self.names.until.get(&name), now);
        }
        if let Some(address) = address {
            let of_address = Allowance::new(settings.per_ip, settings.per_ip_refill);
            of_address.count(&mut self.addresses, address, now);
            delay = delay.max(of_address.delay(self.addresses.until.get(&address), now));
        }
        delay
    }

    /// How many names and addresses are counted.
    pub fn len(&self) -> (usize, usize) {
        (self.names.until.len(), self.addresses.until.len())
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }
}

/// So many at once, and one more after each interval.
#[derive(Clone, Copy)]
pub(super) struct Allowance {
    burst: u32,
    interval: Duration,
}

impl Allowance {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        Self { burst: burst.max(1), interval: Duration::from_secs(1) / per_second.max(1) }
    }

    /// Half of it, and one at least.
    pub(super) fn halved(self) -> Self {
        Self { burst: (self.burst / 2).max(1), interval: self.interval * 2 }
    }

    /// How long the next one has to wait.
    pub(super) fn wait(self, until: Option<&Instant>, now: Instant) -> Duration {
        let owed = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        owed.saturating_sub(self.interval * (self.burst - 1))
    }

    fn allows(self, until: Option<&Instant>, now: Instant) -> bool {
        self.wait(until, now).is_zero()
    }

    fn delay(self, until: Option<&Instant>, now: Instant) -> Duration {
        let owed = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let (half, whole) = (self.interval * (self.burst / 2), self.interval * self.burst);
        let beyond = owed.saturating_sub(half).min(whole - half);
        let share = beyond.as_secs_f64() / (whole - half).as_secs_f64();
        (self.interval / 2).mul_f64(share)
    }

    pub(super) fn count<K: Eq + std::hash::Hash>(self, all: &mut Counted<K>, key: K, now: Instant) {
        all.make_room(now);
        if let Some(until) = all.until.get_mut(&key) {
            *until = (*until).max(now) + self.interval;
        } else if all.until.len() < ENTRIES_MAX {
            all.until.insert(key, now + self.interval);
        }
    }
}

/// The network that an address is taken for: what one party usually has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xFF).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(authid: &'static str, address: &str) -> Guess<'static> {
        Guess { realm: "realm1", authid, address: Some(address.parse().unwrap()) }
    }

    /// A try that fails; whether it was looked at.
    fn try_once(throttle: &mut Throttle, guess: &Guess<'_>, now: Instant) -> bool {
        let attempt = throttle.begin(ThrottleSettings::default(), guess, now);
        attempt.into_iter().for_each(|attempt| {
            throttle.failed(attempt, now);
        });
        attempt.is_some()
    }

    fn taken(throttle: &mut Throttle, guess: &Guess<'_>, now: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| try_once(throttle, guess, now)).count()
    }

    /// A2: ten at once, then one each second; nobody from elsewhere, and no other name, is hurt.
    #[test]
    fn wrong_proofs_for_a_name_are_taken_ten_at_once_and_then_one_each_second() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(taken(&mut throttle, &guess("joe", "192.0.2.7"), now, 200), 10);
        // The same network is the same guesser.
        assert_eq!(taken(&mut throttle, &guess("joe", "192.0.2.200"), now, 1), 0);
        assert_eq!(taken(&mut throttle, &guess("joe", "192.0.3.7"), now, 1), 1);
        assert_eq!(taken(&mut throttle, &guess("ann", "192.0.2.7"), now, 1), 1);
        assert_eq!(taken(&mut throttle, &Guess { realm: "other", ..guess("joe", "192.0.2.7") }, now, 1), 1);
        let later = now + Duration::from_millis(999);
        assert_eq!(taken(&mut throttle, &guess("joe", "192.0.2.7"), later, 5), 0);
        assert_eq!(taken(&mut throttle, &guess("joe", "192.0.2.7"), now + Duration::from_secs(1), 5), 1);
        assert_eq!(taken(&mut throttle, &guess("joe", "192.0.2.7"), now + Duration::from_secs(60), 200), 10);
    }

    /// A2: IPv6 by /48, IPv4 within IPv6 as IPv4.
    #[test]
    fn a_network_is_what_one_party_has() {
        let same = |one: &str, other: &str| network(one.parse().unwrap()) == network(other.parse().unwrap());
        assert!(same("2001:db8:1::1", "2001:db8:1:ffff::2") && !same("2001:db8:1::1", "2001:db8:2::1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.9") && !same("192.0.2.1", "192.0.3.1"));
    }

    /// A2: fifty at once from one address, whatever the names; this host and Unix sockets are not counted so.
    #[test]
    fn wrong_proofs_from_an_address_are_taken_fifty_at_once() {
        let names: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
        let from = |address: Option<&str>| {
            let (mut throttle, now) = (Throttle::default(), Instant::now());
            let tries = names.iter().map(|authid| Guess {
                realm: "realm1",
                authid,
                address: address.map(|address| address.parse().unwrap()),
            });
            tries.filter(|guess| try_once(&mut throttle, guess, now)).count()
        };
        assert_eq!(
            (from(Some("192.0.2.7")), from(Some("127.0.0.1")), from(Some("::1")), from(None)),
            (50, 100, 100, 100)
        );
    }

    /// A2: first the answer is delayed, then it is refused. By half of a second at most, as it is made up for in one.
    #[test]
    fn the_answer_is_held_back_longer_with_each_wrong_proof_beyond_half() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let joe = guess("joe", "192.0.2.7");
        let delays: Vec<Duration> = (0..10)
            .map(|_| throttle.failed(throttle.begin(ThrottleSettings::default(), &joe, now).unwrap(), now))
            .collect();
        let expected = [0, 0, 0, 0, 0, 100, 200, 300, 400, 500].map(Duration::from_millis);
        assert_eq!(delays, expected);
        assert_eq!(throttle.begin(ThrottleSettings::default(), &joe, now), None);
        let later = now + Duration::from_secs(60);
        let attempt = throttle.begin(ThrottleSettings::default(), &joe, later).unwrap();
        assert_eq!(throttle.failed(attempt, later), Duration::ZERO);
    }

    /// A2: a proof that names its owner itself is counted for its address only.
    #[test]
    fn wrong_proofs_for_no_name_lock_out_nobody_by_name() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(taken(&mut throttle, &guess("", "192.0.2.7"), now, 200), 50);
        assert_eq!(taken(&mut throttle, &guess("", "192.0.2.8"), now, 1), 1);
        assert_eq!(throttle.len(), (0, 2));
    }

    /// A2: failures only.
    #[test]
    fn a_right_proof_costs_nothing() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let joe = guess("joe", "192.0.2.7");
        for _ in 0..1000 {
            assert!(throttle.begin(ThrottleSettings::default(), &joe, now).is_some());
        }
        assert!(throttle.is_empty());
        assert_eq!(taken(&mut throttle, &joe, now, 200), 10);
    }

    /// Every queue has a bound: what was made up for makes room, and beyond it nobody is locked out.
    #[test]
    fn what_is_counted_is_bounded_and_forgotten() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let address = |number: u32| Some(IpAddr::V4(Ipv4Addr::from_bits(0x0B00_0000 + (number << 8))));
        for number in 0..70_000 {
            let guess = Guess { realm: "realm1", authid: "joe", address: address(number) };
            assert!(try_once(&mut throttle, &guess, now));
        }
        assert_eq!(throttle.len(), (ENTRIES_MAX, ENTRIES_MAX));
        let guess = Guess { realm: "realm1", authid: "joe", address: address(80_000) };
        let later = now + Duration::from_secs(1);
        assert!(try_once(&mut throttle, &guess, later));
        assert_eq!(throttle.len(), (1, 1));
    }
}
