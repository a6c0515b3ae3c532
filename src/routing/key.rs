//! How the core names sessions, and tables with one place per session.
//!
//! A [`SessionKey`] is a dense slot and a generation. Slots are used again, generations are not: the key of a session that
//! is gone never fits the one that took its place. Nothing here knows an actor or a socket.

/// A session of one realm, as the core names it. Never seen on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionKey {
    slot: u32,
    generation: u32,
}

impl SessionKey {
    /// Names the session in `slot`, the `generation`th to be there.
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// The dense place: small, and used again after the session is gone. For tables outside the core.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Tells the sessions apart that had the same slot one after the other.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// A hash map whose keys come from peers: its seed is drawn per process.
pub(crate) type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::RandomState>;

/// A hash map whose keys are numbers that the router itself counted.
pub(crate) type NumberMap<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;

/// One `T` per session, found by slot. A stale key finds nothing.
#[derive(Debug)]
pub(crate) struct PerSession<T> {
    entries: Vec<Option<(u32, T)>>,
    len: usize,
}

impl<T> Default for PerSession<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), len: 0 }
    }
}

impl<T> PerSession<T> {
    /// How many sessions have an entry.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry of `key`.
    #[inline]
    pub(crate) fn get(&self, key: SessionKey) -> Option<&T> {
        match self.entries.get(key.slot as usize) {
            Some(Some((generation, entry))) if *generation == key.generation => Some(entry),
            Some(_) | None => None,
        }
    }

    /// The entry of `key`, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut T> {
        match self.entries.get_mut(key.slot as usize) {
            Some(Some((generation, entry))) if *generation == key.generation => Some(entry),
            Some(_) | None => None,
        }
    }

    /// Takes the entry of `key` out.
    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<T> {
        self.get(key)?;
        let (_, entry) = self.entries.get_mut(key.slot as usize)?.take()?;
        self.len -= 1;
        Some(entry)
    }

    /// Puts an entry in. What a former session left in the slot is dropped.
    pub(crate) fn insert(&mut self, key: SessionKey, entry: T) {
        let slot = key.slot as usize;
        if slot >= self.entries.len() {
            self.entries.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.entries.get_mut(slot) {
            self.len += usize::from(place.is_none());
            *place = Some((key.generation, entry));
        }
    }

    /// The keys that have an entry, in the order of their slots.
    pub(crate) fn keys(&self) -> impl Iterator<Item = SessionKey> + '_ {
        (0_u32..)
            .zip(&self.entries)
            .filter_map(|(slot, place)| place.as_ref().map(|(generation, _)| SessionKey::new(slot, *generation)))
    }
}

impl<T: Default> PerSession<T> {
    /// The entry of `key`, an empty one if it had none.
    #[inline]
    pub(crate) fn entry(&mut self, key: SessionKey) -> &mut T {
        if self.get(key).is_none() {
            self.insert(key, T::default());
        }
        match self.get_mut(key) {
            Some(entry) => entry,
            None => unreachable!("the entry was put in above"),
        }
    }
}
