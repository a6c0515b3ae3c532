use super::*;
use crate::auth::{ApiKey, ApiKeys, KeyHash, PeerRange, Ticket, TicketUser};
use proptest::prelude::*;

fn vouched(realm: &str, authid: &str) -> Vouched {
    let identity = Identity {
        authid: authid.into(),
        authrole: "guest".into(),
        authmethod: "ticket".into(),
        authprovider: "static".into(),
    };
    Vouched { realm: Uri::from(realm), identity, purpose: Purpose::WebSocket }
}

fn key(number: usize) -> TicketKey {
    TicketKey::of(&number.to_string())
}

/// Section 4.6.
#[test]
fn a_ticket_is_good_once_and_for_a_minute() {
    let (mut tickets, now) = (Tickets::default(), crate::actors::clock::now());
    tickets.keep(key(1), vouched("r", "ann"), now).unwrap();
    tickets.keep(key(2), vouched("r", "ann"), now).unwrap();
    assert_eq!(tickets.take(&key(3), now), None);
    assert_eq!(tickets.take(&key(1), now), Some(vouched("r", "ann")));
    assert_eq!(tickets.take(&key(1), now), None, "it was used");
    assert_eq!(tickets.take(&key(2), now + LIFETIME), None, "it has expired");
    assert!(tickets.is_empty());
}

#[test]
fn a_ticket_has_256_bits_a_prefix_and_nothing_that_a_url_escapes() {
    let ticket = new_ticket(&Zeroizing::new([0xfb; 32]));
    assert_eq!(ticket.expose(), format!("wht_{}-_s", "-_v7".repeat(10)));
    assert!(ticket.expose() != new_ticket(&Zeroizing::new([0xfa; 32])).expose());
    assert_eq!(format!("{ticket:?} {:?}", TicketKey::of(ticket.expose())), "*** ***");
}

#[test]
fn unused_tickets_are_bounded_by_name_by_realm_and_in_all() {
    let (mut tickets, now) = (Tickets::default(), crate::actors::clock::now());
    let mut number = 0;
    let mut keep = |tickets: &mut Tickets, realm: &str, authid: &str| {
        number += 1;
        tickets.keep(key(number), vouched(realm, authid), now)
    };
    for _ in 0..PER_NAME_MAX {
        keep(&mut tickets, "r", "ann").unwrap();
    }
    assert_eq!(keep(&mut tickets, "r", "ann"), Err(TooMany::OfName));
    keep(&mut tickets, "s", "ann").unwrap();
    for at in PER_NAME_MAX..PER_REALM_MAX {
        keep(&mut tickets, "r", &at.to_string()).unwrap();
    }
    assert_eq!(keep(&mut tickets, "r", "bob"), Err(TooMany::OfRealm));
    for at in PER_REALM_MAX + 1..ALL_MAX {
        keep(&mut tickets, &format!("t{}", at % 7), &at.to_string()).unwrap();
    }
    assert_eq!(keep(&mut tickets, "s", "bob"), Err(TooMany::OfNode));
    assert_eq!(tickets.len(), ALL_MAX);
    // What is used makes room, and so does time.
    assert!(tickets.take(&key(1), now).is_some());
    keep(&mut tickets, "r", "ann").unwrap();
    tickets.keep(key(usize::MAX), vouched("r", "ann"), now + LIFETIME).unwrap();
    assert_eq!(tickets.len(), 1);
}

#[test]
fn all_tickets_of_a_name_can_be_forgotten_and_no_others_are() {
    let (mut tickets, now) = (Tickets::default(), crate::actors::clock::now());
    for (number, realm, authid) in [(1, "r", "ann"), (2, "r", "ann"), (3, "r", "bob"), (4, "s", "ann")] {
        tickets.keep(key(number), vouched(realm, authid), now).unwrap();
    }
    tickets.forget(&Uri::from("r"), &"ann".into());
    let found: Vec<bool> = (1..=4).map(|number| tickets.take(&key(number), now).is_some()).collect();
    assert_eq!(found, [false, false, true, true]);
}

proptest! {
    /// Whatever is done, the indexes agree with what is held.
    #[test]
    fn the_counts_are_those_of_what_is_held(
        steps in proptest::collection::vec((0..3_u8, 0..6_usize, 0..3_usize, 0..40_u64), 1..80),
    ) {
        let mut tickets = Tickets::default();
        let mut now = crate::actors::clock::now();
        for (step, number, owner, seconds) in steps {
            now += Duration::from_secs(seconds);
            let (realm, authid) = [("r", "ann"), ("r", "bob"), ("s", "ann")][owner];
            match step {
                0 => {
                    // A key is never kept twice: it is random.
                    tickets.remove(&key(number));
                    prop_assert_eq!(tickets.keep(key(number), vouched(realm, authid), now), Ok(()));
                }
                1 => drop(tickets.take(&key(number), now)),
                _ => tickets.forget(&Uri::from(realm), &authid.into()),
            }
            prop_assert_eq!(tickets.by_time.len(), tickets.len());
            prop_assert_eq!(tickets.by_owner.values().map(BTreeSet::len).sum::<usize>(), tickets.len());
            prop_assert_eq!(tickets.count_by_realm.values().sum::<usize>(), tickets.len());
            prop_assert!(tickets.by_owner.values().all(|keys| !keys.is_empty()));
            prop_assert!(tickets.count_by_realm.values().all(|count| *count > 0));
        }
    }
}

/// Revocation: what a ticket stands for is looked at when it is used.
#[test]
fn a_ticket_lets_in_only_whom_the_settings_still_let_in_from_there() {
    let ticket = || Ticket::Plain(Secret::new("s".to_owned()));
    let with_ann = |role: &str| AuthSettings {
        ticket: Some(
            [("ann".to_owned(), TicketUser { ticket: ticket(), role: role.to_owned() })].into_iter().collect(),
        ),
        ..AuthSettings::default()
    };
    let (ann, here, now) = (vouched("r", "ann").identity, Entrance::default(), WallTime(10));
    assert_eq!(with_ann("guest").lets_in_again(&ann, &here, now), Ok(()));
    for settings in [AuthSettings::default(), with_ann("boss")] {
        let denied = settings.lets_in_again(&ann, &here, now).unwrap_err();
        assert_eq!(Denied { reason: None, ..denied }, Denied::wrong());
    }
    // By a key: its time and its addresses hold for its tickets too.
    let cron = ApiKey {
        name: "cron".to_owned(),
        hash: KeyHash::of("whk_x"),
        authid: "job".to_owned(),
        role: "guest".to_owned(),
        expires: Some(WallTime(11)),
        allow_from: vec![PeerRange::parse("10.0.0.0/8").unwrap()],
    };
    let settings = AuthSettings { keys: ApiKeys(vec![cron]), ..AuthSettings::default() };
    let address = Some("10.1.2.3".parse().unwrap());
    let job = settings.keys.identify("whk_x", address, now).unwrap();
    let from = |address: &str| Entrance { address: Some(address.parse().unwrap()), ..Entrance::default() };
    assert_eq!(settings.lets_in_again(&job, &from("10.1.2.3"), now), Ok(()));
    assert!(settings.lets_in_again(&job, &from("10.1.2.3"), WallTime(11)).is_err(), "expired");
    assert!(settings.lets_in_again(&job, &from("192.0.2.1"), now).is_err(), "from elsewhere");
}
