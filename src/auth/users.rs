//! The users of one method, by authid.

/// Users with what their method knows of each: found by authid, and by number for decoys.
#[derive(Clone, Debug)]
pub struct Users<T>(Vec<(String, T)>);

impl<T> Users<T> {
    /// The user of this name.
    pub fn get(&self, authid: &str) -> Option<&T> {
        let place = self.0.binary_search_by(|(name, _)| name.as_str().cmp(authid)).ok()?;
        self.0.get(place).map(|(_, user)| user)
    }

    /// The user with this number, in the order of the names.
    pub(super) fn nth(&self, number: usize) -> Option<(&str, &T)> {
        self.0.get(number).map(|(name, user)| (name.as_str(), user))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, user)| (name.as_str(), user))
    }
}

impl<T> Default for Users<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Of two users with one name the first counts.
impl<T> FromIterator<(String, T)> for Users<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(users: I) -> Self {
        let mut users: Vec<_> = users.into_iter().collect();
        users.sort_by(|(a, _), (b, _)| a.cmp(b));
        users.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Self(users)
    }
}
