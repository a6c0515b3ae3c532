//! What a poll cursor has gathered, told, and had confirmed. Pure.
//!
//! A request with a cursor's number is answered with one page; that answer names the next number, and whoever asks with it
//! confirms the page. Until then the page is kept, and told again to those who ask again: a lost answer loses nothing.
//! Source: section 10.2 of the HTTP design.

/// Events of one answer.
const EVENTS_MAX: usize = 1000;

/// Octets of the events of one answer, unless one alone is longer.
const OCTETS_MAX: usize = 1 << 20;

/// The events of one answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Page {
    /// Objects in JSON, with commas between.
    pub(super) events: Vec<u8>,
    count: usize,
    /// Events were missed among them.
    pub(super) gap: bool,
}

impl Page {
    fn put(&mut self, Told { event, gap }: Told) {
        if self.count > 0 {
            self.events.push(b',');
        }
        self.events.extend_from_slice(&event);
        self.count += 1;
        self.gap |= gap;
    }

    fn has_room(&self, told: &Told) -> bool {
        self.count == 0 || (self.count < EVENTS_MAX && self.events.len() + told.event.len() < OCTETS_MAX)
    }
}

/// One event, and whether others were missed before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) event: Vec<u8>,
    pub(super) gap: bool,
}

/// What is told to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// What this number was told before.
    Again(Page),
    /// What comes next.
    Next,
    /// The number was confirmed, or never given.
    Unknown,
}

/// The pages of one cursor.
#[derive(Debug, Default)]
pub(super) struct Pages {
    number: u64,
    told: Option<Page>,
    gathered: Page,
    /// What the gathered page has no room for.
    beside: Option<Told>,
}

impl Pages {
    /// The number that is asked with next, unless an answer was lost.
    pub(super) fn next_number(&self) -> u64 {
        self.number + u64::from(self.told.is_some())
    }

    /// Somebody asks with this number.
    pub(super) fn ask(&mut self, number: u64) -> Turn {
        if number != self.next_number() {
            let again = self.told.clone().filter(|_| number == self.number);
            return again.map_or(Turn::Unknown, Turn::Again);
        }
        self.number = number;
        self.told = None;
        Turn::Next
    }

    /// Whether there is room for one more event.
    pub(super) fn has_room(&self) -> bool {
        self.beside.is_none()
    }

    /// One event more; to be called while there is room.
    pub(super) fn put(&mut self, told: Told) {
        if self.gathered.has_room(&told) {
            self.gathered.put(told);
        } else {
            self.beside = Some(told);
        }
    }

    /// The page that is told to whoever asks now; `None`: there is nothing.
    pub(super) fn tell(&mut self) -> Option<Page> {
        if self.gathered.count == 0 {
            return None;
        }
        let page = std::mem::take(&mut self.gathered);
        if let Some(beside) = self.beside.take() {
            self.gathered.put(beside);
        }
        self.told = Some(page.clone());
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(event: &str) -> Told {
        Told { event: event.as_bytes().to_vec(), gap: false }
    }

    fn text(page: Option<Page>) -> Option<String> {
        page.map(|page| String::from_utf8(page.events).unwrap())
    }

    /// Section 10.2.
    #[test]
    fn the_same_number_is_told_the_same_and_the_next_one_confirms_it() {
        let mut pages = Pages::default();
        assert_eq!(pages.ask(0), Turn::Next);
        assert_eq!(pages.tell(), None);
        // Nothing was told: nothing is to be confirmed.
        assert_eq!(pages.ask(0), Turn::Next);
        pages.put(told("1"));
        let page = pages.tell().unwrap();
        assert_eq!(pages.next_number(), 1);
        pages.put(told("2"));
        assert_eq!(pages.ask(0), Turn::Again(page));
        assert_eq!(pages.ask(2), Turn::Unknown);
        assert_eq!(pages.ask(1), Turn::Next);
        assert_eq!(text(pages.tell()).as_deref(), Some("2"));
        assert_eq!(pages.ask(0), Turn::Unknown);
    }

    /// Section 10.2: at most 1,000 events or 1 MiB in one answer.
    #[test]
    fn a_page_is_bounded_by_events_and_octets_and_takes_one_that_is_longer() {
        let mut pages = Pages::default();
        for _ in 0..=EVENTS_MAX {
            assert!(pages.has_room());
            pages.put(told("1"));
        }
        assert!(!pages.has_room());
        assert_eq!(pages.tell().unwrap().count, EVENTS_MAX);
        assert!(pages.has_room());
        let long = "x".repeat(OCTETS_MAX + 1);
        pages.put(told(&long));
        assert!(!pages.has_room());
        assert_eq!(text(pages.tell()).as_deref(), Some("1"));
        assert_eq!(text(pages.tell()), Some(long));
    }

    #[test]
    fn a_page_says_that_events_were_missed_among_its_own() {
        let mut pages = Pages::default();
        pages.put(Told { gap: true, ..told("1") });
        pages.put(told("2"));
        assert!(pages.tell().unwrap().gap);
        pages.put(told("3"));
        assert!(!pages.tell().unwrap().gap);
    }

    proptest! {
        /// Whatever is lost and asked again: confirmed pages have each event once, in order.
        #[test]
        fn what_is_confirmed_has_each_event_once_and_in_order(steps in proptest::collection::vec(0_u8..4, 0..200)) {
            let (mut pages, mut published, mut seen) = (Pages::default(), 0_u64, Vec::new());
            let (mut cursor, mut known) = (0, None::<String>);
            for step in steps {
                if step == 0 && pages.has_room() {
                    pages.put(told(&published.to_string()));
                    published += 1;
                    continue;
                }
                let answer = match pages.ask(cursor) {
                    Turn::Again(page) => Some(page),
                    Turn::Next => pages.tell(),
                    Turn::Unknown => panic!("{cursor}"),
                };
                let answer = text(answer);
                if let Some(known) = &known {
                    prop_assert_eq!(Some(known), answer.as_ref());
                }
                known = None;
                if step == 1 {
                    // The answer is lost.
                    known = answer;
                } else if let Some(answer) = answer {
                    seen.extend(answer.split(',').map(|event| event.parse::<u64>().unwrap()));
                    cursor = pages.next_number();
                }
            }
            prop_assert_eq!(&seen, &(0..seen.len() as u64).collect::<Vec<_>>());
        }
    }
}
