//! How many logins of a role are let in each second (X6): a bucket for the role in its realm, and one for each name in it.
//!
//! Only proofs that were right are counted, so that who cannot prove anything keeps nobody out; and one name has half of the
//! role's bucket, so that no user keeps out all others. What is counted is forgotten when it has been made up for.

use super::throttle::{Allowance, Counted};
use core::net::IpAddr;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// `roles.NAME.rate.connects`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectRate {
    /// Logins each second, 1 or more.
    pub per_second: u32,
    /// How many at once, 1 or more.
    pub burst: u32,
}

/// Who has proven to be somebody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entrant<'a> {
    /// A user.
    Named(&'a str),
    /// Somebody without a name of his own, by his address. `None` and addresses of this host: many may stand behind one, and
    /// they are counted for the role only.
    At(Option<IpAddr>),
}

/// Who was let in of late. One for a node.
#[derive(Debug, Default)]
pub struct Connects {
    roles: Counted<u128>,
    names: Counted<u128>,
    hashers: [std::hash::RandomState; 2],
}

impl Connects {
    /// Counts a login.
    ///
    /// # Errors
    /// How long to wait: it is one too many, and not counted.
    pub fn admit(
        &mut self,
        rate: ConnectRate,
        (realm, role): (&str, &str),
        who: Entrant<'_>,
        now: Instant,
    ) -> Result<(), Duration> {
        let of_role = Allowance::new(rate.burst, rate.per_second);
        let of_name = of_role.halved();
        let who = match who {
            Entrant::At(address) if address.is_none_or(|address| address.to_canonical().is_loopback()) => None,
            Entrant::Named(_) | Entrant::At(_) => Some(who),
        };
        let role = (realm, role);
        let (role, name) = (self.hash(role), who.map(|who| self.hash((role, who))));
        let wait_of_name = name.map_or(Duration::ZERO, |name| of_name.wait(self.names.until(&name), now));
        let wait = of_role.wait(self.roles.until(&role), now).max(wait_of_name);
        if !wait.is_zero() {
            return Err(wait);
        }
        of_role.count(&mut self.roles, role, now);
        name.into_iter().for_each(|name| of_name.count(&mut self.names, name, now));
        Ok(())
    }

    /// Names may be long.
    fn hash(&self, key: impl std::hash::Hash) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(&key)) << 64 | u128::from(low.hash_one(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: ConnectRate = ConnectRate { per_second: 10, burst: 20 };
    const ROLE: (&str, &str) = ("realm1", "clerk");

    fn admitted(connects: &mut Connects, role: (&str, &str), who: Entrant<'_>, now: Instant) -> usize {
        (0..100).filter(|_| connects.admit(RATE, role, who, now).is_ok()).count()
    }

    /// X6: so many at once, then so many each second; another role and another realm are not concerned.
    #[test]
    fn logins_of_a_role_are_let_in_at_its_rate() {
        let (mut connects, start) = (Connects::default(), crate::actors::clock::now());
        let names: Vec<String> = (0..2000).map(|number| format!("user{number}")).collect();
        let mut taken = 0;
        for (step, name) in names.iter().enumerate() {
            let now = start + Duration::from_millis(step as u64 * 5);
            taken += usize::from(connects.admit(RATE, ROLE, Entrant::Named(name), now).is_ok());
        }
        assert!((118..=121).contains(&taken), "{taken} in ten seconds");
        let now = start + Duration::from_secs(10);
        assert_eq!(admitted(&mut connects, ("realm1", "boss"), Entrant::At(None), now), 20);
        assert_eq!(admitted(&mut connects, ("realm2", "clerk"), Entrant::At(None), now), 20);
    }

    /// One who connects over and over leaves half to the others.
    #[test]
    fn one_name_has_half_of_what_its_role_has() {
        let (mut connects, now) = (Connects::default(), crate::actors::clock::now());
        assert_eq!(admitted(&mut connects, ROLE, Entrant::Named("joe"), now), 10);
        assert_eq!(connects.admit(RATE, ROLE, Entrant::Named("joe"), now), Err(Duration::from_millis(200)));
        assert_eq!(connects.admit(RATE, ROLE, Entrant::Named("joe"), now + Duration::from_millis(200)), Ok(()));
        assert_eq!(admitted(&mut connects, ROLE, Entrant::Named("ann"), now), 9);
        let one = ConnectRate { per_second: 1, burst: 1 };
        assert_eq!(connects.admit(one, ("realm1", "one"), Entrant::Named("joe"), now), Ok(()));
    }

    /// Who has no name is known by the address; on this host by nothing.
    #[test]
    fn those_without_a_name_are_told_apart_by_their_address() {
        let (mut connects, now) = (Connects::default(), crate::actors::clock::now());
        let at = |address: &str| Entrant::At(Some(address.parse().unwrap()));
        assert_eq!(admitted(&mut connects, ROLE, at("192.0.2.7"), now), 10);
        assert_eq!(admitted(&mut connects, ROLE, at("127.0.0.1"), now), 10);
    }

    /// Who waits as long as told is let in.
    #[test]
    fn who_comes_back_in_time_is_let_in() {
        let (mut connects, now) = (Connects::default(), crate::actors::clock::now());
        assert_eq!(admitted(&mut connects, ROLE, Entrant::At(None), now), 20);
        let wait = connects.admit(RATE, ROLE, Entrant::At(None), now).unwrap_err();
        assert_eq!(connects.admit(RATE, ROLE, Entrant::At(None), now + wait), Ok(()));
    }
}
