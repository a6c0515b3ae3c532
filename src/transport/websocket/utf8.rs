//! UTF-8 checked as it arrives: a text message in pieces, cut anywhere, fails at its first wrong octet.
//!
//! Remembers at most three octets between pieces and never the text itself.

/// The octets were not UTF-8, or cannot become UTF-8 whatever follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("text is not UTF-8")]
pub struct InvalidUtf8;

/// Checks a whole text.
///
/// # Errors
/// [`InvalidUtf8`] for anything that is not UTF-8, a cut last character included.
pub fn check(text: &[u8]) -> Result<(), InvalidUtf8> {
    simdutf8::basic::from_utf8(text).map(drop).map_err(|_| InvalidUtf8)
}

/// The check of one text that comes in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Utf8 {
    /// The beginning of a character whose end has not come.
    begun: [u8; 4],
    begun_len: u8,
}

impl Utf8 {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`InvalidUtf8`] as soon as no continuation could make the text valid.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), InvalidUtf8> {
        while self.begun_len > 0 {
            let Some((&octet, rest)) = piece.split_first() else { return Ok(()) };
            self.continue_with(octet)?;
            piece = rest;
        }
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(InvalidUtf8),
            Err(error) => piece.iter().skip(error.valid_up_to()).try_for_each(|&octet| self.continue_with(octet)),
        }
    }

    /// Ends the text.
    ///
    /// # Errors
    /// [`InvalidUtf8`] if the last character is incomplete.
    pub fn finish(self) -> Result<(), InvalidUtf8> {
        if self.begun_len == 0 {
            Ok(())
        } else {
            Err(InvalidUtf8)
        }
    }

    /// One more octet of a character that is under way or begins.
    fn continue_with(&mut self, octet: u8) -> Result<(), InvalidUtf8> {
        let len = usize::from(self.begun_len);
        // A character has four octets at most: a fourth either completes it or is wrong, and both empty `begun`.
        let Some(place) = self.begun.get_mut(len) else { return Err(InvalidUtf8) };
        *place = octet;
        let begun = self.begun.get(..=len).unwrap_or_default();
        match std::str::from_utf8(begun) {
            Ok(_) => self.begun_len = 0,
            Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
            Err(_) => self.begun_len += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{check, InvalidUtf8, Utf8};
    use proptest::prelude::*;

    /// What is valid to the last octet, with the edges of each length.
    const VALID: &[&[u8]] = &[
        b"",
        b"plain",
        b"\x00\x7f",
        b"\xc2\x80",
        b"\xdf\xbf",
        b"\xe0\xa0\x80",
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
        b"\xef\xbf\xbf",
        b"\xef\xbb\xbf",
        b"\xf0\x90\x80\x80",
        b"\xf4\x8f\xbf\xbf",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    ];

    /// The octets, and how many of them are needed to know that they are wrong.
    const INVALID: &[(&[u8], usize)] = &[
        (b"\x80", 1),
        (b"\xbf", 1),
        (b"ab\xff", 3),
        (b"\xfe", 1),
        (b"\xc0\xaf", 1),
        (b"\xc1\xbf", 1),
        (b"\xe0\x9f\xbf", 2),
        (b"\xf0\x8f\xbf\xbf", 2),
        (b"\xed\xa0\x80", 2),
        (b"\xed\xbf\xbf", 2),
        (b"\xf4\x90\x80\x80", 2),
        (b"\xf5\x80\x80\x80", 1),
        (b"\xf8\x88\x80\x80\x80", 1),
        (b"\xc2\x41", 2),
        (b"\xe2\x82\x41", 3),
        (b"\xf0\x9f\x92\x41", 4),
        (b"\xe2\x28\xa1", 2),
    ];

    /// Valid so far, but the last character's end is missing.
    const TRUNCATED: &[&[u8]] = &[b"\xc2", b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\x92", b"ok\xe2\x82"];

    fn in_pieces(text: &[u8], cut: usize) -> Result<Utf8, InvalidUtf8> {
        let mut utf8 = Utf8::default();
        let (head, tail) = text.split_at(cut);
        utf8.push(head)?;
        utf8.push(tail)?;
        Ok(utf8)
    }

    /// T5.
    #[test]
    fn valid_text_passes_wherever_it_is_cut() {
        for text in VALID {
            assert_eq!(check(text), Ok(()), "{text:x?}");
            for cut in 0..=text.len() {
                assert_eq!(in_pieces(text, cut).and_then(Utf8::finish), Ok(()), "{text:x?} cut at {cut}");
            }
        }
    }

    /// T5.
    #[test]
    fn invalid_text_fails_at_the_octet_that_makes_it_invalid() {
        for &(text, known_after) in INVALID {
            assert_eq!(check(text), Err(InvalidUtf8), "{text:x?}");
            let mut utf8 = Utf8::default();
            for (at, octet) in text.iter().enumerate() {
                let expected = if at + 1 == known_after { Err(InvalidUtf8) } else { Ok(()) };
                assert_eq!(utf8.push(std::slice::from_ref(octet)), expected, "{text:x?} at {at}");
                if expected.is_err() {
                    break;
                }
            }
            for cut in 0..=text.len() {
                assert!(in_pieces(text, cut).is_err(), "{text:x?} cut at {cut}");
            }
        }
    }

    /// T5.
    #[test]
    fn a_cut_last_character_fails_at_the_end_and_not_before() {
        for text in TRUNCATED {
            assert_eq!(check(text), Err(InvalidUtf8), "{text:x?}");
            for cut in 0..=text.len() {
                let utf8 = in_pieces(text, cut);
                assert!(utf8.is_ok(), "{text:x?} cut at {cut}");
                assert_eq!(utf8.and_then(Utf8::finish), Err(InvalidUtf8), "{text:x?} cut at {cut}");
            }
        }
    }

    proptest! {
        /// T5: the check in pieces and the standard library's agree on anything.
        #[test]
        fn pieces_of_any_octets_give_the_verdict_of_the_whole(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..6),
            text in ".{0,20}",
        ) {
            let mut whole = text.clone().into_bytes();
            let mut utf8 = Utf8::default();
            let mut verdict = utf8.push(text.as_bytes());
            for piece in &pieces {
                whole.extend_from_slice(piece);
                verdict = verdict.and_then(|()| utf8.push(piece));
            }
            prop_assert_eq!(verdict.and_then(|()| utf8.finish()).is_ok(), std::str::from_utf8(&whole).is_ok());
        }
    }
}
