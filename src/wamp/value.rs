//! The dynamic value, for the few places that look inside a dict or a payload: authentication extras, WELCOME, the meta
//! API, the HTTP bridge. A payload on its way through is never turned into one.

/// A dict with its keys in the order received. Keys are unique: the codecs refuse repeated ones.
pub type Dict = Vec<(String, Value)>;

/// Anything that the three serializations have in common.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value {
    /// null, nil, undefined.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A non-negative integer.
    Unsigned(u64),
    /// A negative integer.
    Negative(i64),
    /// A floating-point number, or an integer that fits no other form.
    Float(f64),
    /// A text string.
    Text(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A dict.
    Dict(Dict),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// What it is, without saying it: for those who tell what came.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Unsigned(_) | Self::Negative(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
        }
    }

    /// Octets that it keeps in memory, about: itself and all that it holds.
    pub fn octets(&self) -> usize {
        let held = match self {
            Self::Null | Self::Bool(_) | Self::Unsigned(_) | Self::Negative(_) | Self::Float(_) => 0,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.iter().map(Self::octets).sum(),
            Self::Dict(dict) => dict_octets(dict),
        };
        size_of::<Self>() + held
    }

    /// The entries, if it is a dict.
    pub fn as_dict(&self) -> Option<&[(String, Value)]> {
        if let Self::Dict(entries) = self {
            Some(entries)
        } else {
            None
        }
    }

    /// The value under `key`, if this is a dict that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// Octets that the entries of a dict keep in memory, about.
pub fn dict_octets(dict: &[(String, Value)]) -> usize {
    dict.iter().map(|(key, value)| size_of::<String>() + key.len() + value.octets()).sum()
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Self::List(list)
    }
}
