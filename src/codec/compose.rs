//! Values put together from pieces that are written already, whatever each is written in: the bodies that the HTTP bridge
//! answers with, and the heads of the messages that it makes.
//!
//! A piece of the serialization that is written is copied as it stands, any other is transcoded. What the shape means is not
//! decided here.

use super::error::{Fidelity, TranscodeError};
use super::transcode::{transcode_value, write_dict_exact, write_value};
use super::writer::Writer;
use super::{cbor::CborWriter, json::JsonWriter, msgpack::MessagePackWriter};
use crate::wamp::{Payload, Serialization};

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// A number.
    Unsigned(u64),
    /// A text.
    Text(&'a str),
    /// One value that was checked, and what it is written in.
    Written(Serialization, &'a [u8]),
    /// Arguments of a payload; an empty list if there are none.
    Args(&'a Payload),
    /// ArgumentsKw of a payload; an empty dict if there are none.
    Kwargs(&'a Payload),
    /// A list.
    List(&'a [Piece<'a>]),
    /// A dict.
    Dict(&'a [(&'a str, Piece<'a>)]),
}

/// Appends a value to `out`.
///
/// # Errors
/// [`TranscodeError`]: a piece holds something that this serialization cannot carry. `out` is then as it was.
pub fn compose(piece: &Piece<'_>, serialization: Serialization, out: &mut Vec<u8>) -> Result<Fidelity, TranscodeError> {
    let start = out.len();
    let written = match serialization {
        Serialization::Json => write(piece, &mut JsonWriter::new(out)),
        Serialization::MessagePack => write(piece, &mut MessagePackWriter::new(out)),
        Serialization::Cbor => write(piece, &mut CborWriter::new(out)),
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// The recursion is as deep as the shape, which is ours.
fn write<W: Writer>(piece: &Piece<'_>, writer: &mut W) -> Result<Fidelity, TranscodeError> {
    let mut fidelity = Fidelity::Exact;
    match piece {
        Piece::Unsigned(number) => writer.unsigned(*number),
        Piece::Text(text) => writer.text(text),
        Piece::Written(serialization, octets) => return written(*serialization, octets, writer),
        Piece::Args(payload) => return args(payload, writer),
        Piece::Kwargs(payload) => return kwargs(payload, writer),
        Piece::List(pieces) => {
            writer.list(pieces.len());
            for piece in *pieces {
                fidelity = fidelity.and(write(piece, writer)?);
            }
            writer.end_list();
        }
        Piece::Dict(entries) => {
            writer.dict(entries.len());
            for (key, piece) in *entries {
                writer.key(key);
                fidelity = fidelity.and(write(piece, writer)?);
            }
            writer.end_dict();
        }
    }
    Ok(fidelity)
}

fn written<W: Writer>(from: Serialization, octets: &[u8], writer: &mut W) -> Result<Fidelity, TranscodeError> {
    if from == W::SERIALIZATION {
        writer.splice(octets);
        return Ok(Fidelity::Exact);
    }
    transcode_value(from, octets, writer)
}

fn args<W: Writer>(payload: &Payload, writer: &mut W) -> Result<Fidelity, TranscodeError> {
    let mut fidelity = Fidelity::Exact;
    let values = match payload {
        Payload::Raw(raw) => return written(raw.serialization(), raw.args(), writer),
        Payload::Values(values) => &values.args[..],
        Payload::Empty => &[],
    };
    writer.list(values.len());
    for value in values {
        fidelity = fidelity.and(write_value(value, writer));
    }
    writer.end_list();
    Ok(fidelity)
}

fn kwargs<W: Writer>(payload: &Payload, writer: &mut W) -> Result<Fidelity, TranscodeError> {
    match payload {
        Payload::Raw(raw) => match raw.kwargs() {
            Some(kwargs) => written(raw.serialization(), kwargs, writer),
            None => Ok(write_dict_exact(&Vec::new(), writer)),
        },
        Payload::Values(values) => Ok(write_dict_exact(&values.kwargs, writer)),
        Payload::Empty => Ok(write_dict_exact(&Vec::new(), writer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::read_value;
    use crate::wamp::Value;

    fn composed(piece: &Piece<'_>, serialization: Serialization) -> Vec<u8> {
        let mut out = Vec::new();
        compose(piece, serialization, &mut out).unwrap();
        out
    }

    #[test]
    fn a_shape_holds_the_same_values_in_every_serialization_whatever_its_pieces_are_written_in() {
        let values = Payload::values(vec![Value::from("x"), Value::Bytes(vec![0, 255])], Vec::new());
        let expected = read_value(
            Serialization::Json,
            br#"{"n":18446744073709551615,"piece":[1,{"a":"b"},"\u0000AP8="],"args":["x","\u0000AP8="],"kwargs":{},"list":[7,"t"]}"#,
        );
        for from in Serialization::ALL {
            let part = [Piece::Unsigned(1), Piece::Dict(&[("a", Piece::Text("b"))])];
            let binary = composed(&Piece::Args(&Payload::args(vec![Value::Bytes(vec![0, 255])])), from);
            // The one element of that list, behind its head.
            let element = if from == Serialization::Json { &binary[1..binary.len() - 1] } else { &binary[1..] };
            let list = [part[0], part[1], Piece::Written(from, element)];
            let piece = composed(&Piece::List(&list), from);
            let shape = [
                ("n", Piece::Unsigned(u64::MAX)),
                ("piece", Piece::Written(from, &piece)),
                ("args", Piece::Args(&values)),
                ("kwargs", Piece::Kwargs(&values)),
                ("list", Piece::List(&[Piece::Unsigned(7), Piece::Text("t")])),
            ];
            for to in Serialization::ALL {
                assert_eq!(read_value(to, &composed(&Piece::Dict(&shape), to)), expected, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_piece_of_the_same_serialization_stays_as_it_was_written() {
        let piece = Piece::Dict(&[("a", Piece::Written(Serialization::Json, b"[ 1.50 ]")), ("b", Piece::Unsigned(1))]);
        assert_eq!(composed(&piece, Serialization::Json), br#"{"a":[ 1.50 ],"b":1}"#);
    }

    #[test]
    fn what_has_no_form_leaves_nothing_behind() {
        // An extension of MessagePack.
        let piece = Piece::List(&[Piece::Unsigned(1), Piece::Written(Serialization::MessagePack, &[0xd4, 5, 0])]);
        let mut out = b"before".to_vec();
        assert!(compose(&piece, Serialization::Json, &mut out).is_err());
        assert_eq!(out, b"before");
    }
}
