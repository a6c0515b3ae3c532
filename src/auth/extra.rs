//! Reading HELLO.Details.authextra and AUTHENTICATE.Extra. Their keys are those of the methods; null counts as absent (D48).

use crate::wamp::Value;

/// A key holds something of the wrong type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoText;

/// The text under `key`, if there is one.
pub(super) fn text<'a>(dict: &'a [(String, Value)], key: &str) -> Result<Option<&'a str>, NoText> {
    match dict.iter().find(|(name, _)| name == key).map(|(_, value)| value) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(
            Value::Bool(_)
            | Value::Unsigned(_)
            | Value::Negative(_)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Dict(_),
        ) => Err(NoText),
    }
}

/// Whether there is something under `key`.
pub(super) fn has(dict: &[(String, Value)], key: &str) -> bool {
    dict.iter().any(|(name, value)| name == key && *value != Value::Null)
}

/// Octets written as two hexadecimal digits each, of either case; `None` unless there are exactly `N` of them.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let [high, low] = pair else { return None };
        *octet = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(octets)
}

/// Two lower-case hexadecimal digits for each octet.
pub(super) fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        text.extend([octet >> 4, octet & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
        text
    })
}
