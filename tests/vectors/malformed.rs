//! What breaks the protocol, and what we say about it: expected and got, in each serialization.

use crate::data::{from_hex, read, read_json};
use wharf::codec::DecodeError;
use wharf::wamp::Serialization;

/// Bytes as JSON text, or as hex for the binary ones, and the whole text of the error.
const JSON: &[(&str, &str)] = &[
    // The outermost value.
    ("", "the message ends inside a value"),
    ("{}", "a message must be a list, got a dict"),
    ("16", "a message must be a list, got an integer"),
    ("null", "a message must be a list, got null"),
    ("[]", "a message must have a code, got an empty list"),
    ("[\"16\"]", "a message must start with its code, got a string"),
    ("[16.0]", "a message must start with its code, got a float"),
    ("[-16]", "a message must start with its code, got a negative integer"),
    ("[337,1]", "unknown message type 337"),
    ("[0]", "unknown message type 0"),
    // Lengths.
    ("[16,1,{}]", "PUBLISH: must have 4 to 6 elements, got 3"),
    ("[16,1,{},\"a\",[],{},1,2]", "PUBLISH: must have 4 to 6 elements, got 8"),
    ("[17,1]", "PUBLISHED: must have 3 elements, got 2"),
    ("[35]", "UNSUBSCRIBED: must have 2 to 3 elements, got 1"),
    // Ids.
    ("[16,0,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got 0"),
    ("[16,9007199254740993,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got 9007199254740993"),
    ("[16,-1,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got a negative integer"),
    ("[16,-0,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got a float"),
    ("[16,1.0,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got a float"),
    ("[16,1e3,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got a float"),
    (
        "[16,18446744073709551616,{},\"a\"]",
        "PUBLISH: field Request must be an id, 1..=2^53, got a number beyond 64 bits",
    ),
    ("[16,\"1\",{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got a string"),
    ("[16,true,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got a bool"),
    ("[16,null,{},\"a\"]", "PUBLISH: field Request must be an id, 1..=2^53, got null"),
    ("[35,0]", "UNSUBSCRIBED: field UNSUBSCRIBE.Request must be an id, 1..=2^53, got 0"),
    ("[67,0]", "UNREGISTERED: field UNREGISTER.Request must be an id, 1..=2^53, got 0"),
    ("[8,49,1,{},\"a\"]", "ERROR: field REQUEST.Type must be 16, 32, 34, 48, 64, 66 or 68, got 49"),
    // Elements.
    ("[16,1,null,\"a\"]", "PUBLISH: field Options must be a dict, got null"),
    ("[16,1,[],\"a\"]", "PUBLISH: field Options must be a dict, got a list"),
    ("[16,1,{},7]", "PUBLISH: field Topic must be a string, got an integer"),
    ("[16,1,{},null]", "PUBLISH: field Topic must be a string, got null"),
    ("[16,1,{},\"a\",{}]", "PUBLISH: field Arguments must be a list, got a dict"),
    ("[16,1,{},\"a\",\"x\"]", "PUBLISH: field Arguments must be a list, got a string"),
    ("[16,1,{},\"a\",null]", "PUBLISH: field Arguments must be a list, got null"),
    ("[16,1,{},\"a\",[],[]]", "PUBLISH: field ArgumentsKw must be a dict, got a list"),
    ("[1,5,{}]", "HELLO: field Realm must be a string, got an integer"),
    ("[5,null,{}]", "AUTHENTICATE: field Signature must be a string, got null"),
    // Options.
    ("[16,1,{\"acknowledge\":1},\"a\"]", "PUBLISH: field acknowledge must be a bool, got an integer"),
    (
        "[16,1,{\"exclude\":[1,-1]},\"a\"]",
        "PUBLISH: field exclude must be a list of non-negative integers, got a negative integer",
    ),
    (
        "[16,1,{\"eligible_authid\":\"x\"},\"a\"]",
        "PUBLISH: field eligible_authid must be a list of strings, got a string",
    ),
    ("[48,1,{\"timeout\":-5},\"a\"]", "CALL: field timeout must be a non-negative integer, got a negative integer"),
    ("[48,1,{\"timeout\":1.5},\"a\"]", "CALL: field timeout must be a non-negative integer, got a float"),
    ("[32,1,{\"match\":\"prefx\"},\"a\"]", "SUBSCRIBE: field match must be exact, prefix or wildcard, got \"prefx\""),
    (
        "[64,1,{\"invoke\":\"\"},\"a\"]",
        "REGISTER: field invoke must be single, roundrobin, random, first, last or least_loaded, got \"\"",
    ),
    ("[49,1,{\"mode\":\"a\\u001b\\n\"}]", "CANCEL: field mode must be skip, kill or killnowait, got \"a\\u{1b}\\n\""),
    ("[1,\"r\",{\"roles\":[]}]", "HELLO: field roles must be a dict, got a list"),
    ("[1,\"r\",{\"roles\":{\"caller\":null}}]", "HELLO: field roles must be a dict, got null"),
    (
        "[1,\"r\",{\"roles\":{\"caller\":{\"features\":{\"x\":1}}}}]",
        "HELLO: field features must be a bool, got an integer",
    ),
    ("[36,1,2,{\"publisher\":0}]", "EVENT: field publisher must be an id, 1..=2^53, got 0"),
    // Keys.
    ("[16,1,{\"a\":1,\"a\":2},\"t\"]", "a key of Options is there twice: \"a\""),
    ("[16,1,{\"a\":1,\"\\u0061\":2},\"t\"]", "a key of Options is there twice: \"a\""),
    ("[16,1,{},\"t\",[],{\"a\":1,\"b\":2,\"\\u0061\":3}]", "a key of ArgumentsKw is there twice: (not shown)"),
    ("[1,\"r\",{\"roles\":{\"caller\":{},\"caller\":{}}}]", "a key of roles is there twice: \"caller\""),
    // Grammar.
    ("[16,1,{},\"a\"] x", "1 octets after the end of the message"),
    ("[16,1,{},\"a\"", "the message ends inside a value"),
    ("[16,1,{},\"a", "the message ends inside a value"),
    ("[16 1]", "expected a comma or ] at octet 4"),
    ("[16,1,{},\"a\",[1,]]", "expected a value at octet 16"),
    ("[16,1,{},\"a\",[,1]]", "expected a value at octet 14"),
    ("[16,1,{},\"a\",[1}]", "expected a comma or ] at octet 15"),
    ("[16,1,{},\"a\",[{\"a\":1]]", "expected a comma or } at octet 20"),
    ("[16,1,{\"a\" 1},\"a\"]", "expected a colon at octet 11"),
    ("[16,1,{a:1},\"a\"]", "expected a key in quotes at octet 7"),
    ("[16,1,{1:1},\"a\"]", "expected a key in quotes at octet 7"),
    ("[16,1,{\"a\":1,},\"a\"]", "expected a key in quotes at octet 13"),
    ("[16,1,{},\"a\",[{\"a\":1,}]]", "expected a key in quotes at octet 21"),
    ("[16,1,{},\"a\",[NaN]]", "expected a value at octet 14"),
    ("[16,1,{},\"a\",[Infinity]]", "expected a value at octet 14"),
    ("[16,1,{},\"a\",[-Infinity]]", "expected a digit at octet 15"),
    ("[16,1,{},\"a\",[01]]", "expected a comma or ] at octet 15"),
    ("[16,1,{},\"a\",[+1]]", "expected a value at octet 14"),
    ("[16,1,{},\"a\",[.5]]", "expected a value at octet 14"),
    ("[16,1,{},\"a\",[1.]]", "expected a digit at octet 16"),
    ("[16,1,{},\"a\",[1e]]", "expected a digit at octet 16"),
    ("[16,1,{},\"a\",[tru]]", "expected true at octet 14"),
    ("[16,1,{},\"a\",[\"\\ud800\"]]", "expected a pair of surrogates at octet 15"),
    ("[16,1,{},\"a\",[\"\\ud800\\u0041\"]]", "expected a pair of surrogates at octet 15"),
    ("[16,1,{},\"a\",[\"\\udc00\"]]", "expected a pair of surrogates at octet 15"),
    ("[16,1,{},\"a\",[\"\\x\"]]", "expected an escape at octet 15"),
    ("[16,1,{},\"a\",[\"\\u12g4\"]]", "expected four hexadecimal digits at octet 17"),
    ("[16,1,{},\"a\",[\"\n\"]]", "expected an escaped control character at octet 15"),
    ("\u{feff}[16,1,{},\"a\"]", "expected a value at octet 0"),
];

const MESSAGE_PACK: &[(&str, &str)] = &[
    ("", "the message ends inside a value"),
    ("80", "a message must be a list, got a dict"),
    ("90", "a message must have a code, got an empty list"),
    ("91a13136", "a message must start with its code, got a string"),
    ("92cd015101", "unknown message type 337"),
    ("93100180", "PUBLISH: must have 4 to 6 elements, got 3"),
    ("97100180a161908001", "PUBLISH: must have 4 to 6 elements, got 7"),
    ("94100080a161", "PUBLISH: field Request must be an id, 1..=2^53, got 0"),
    ("9410cb3ff000000000000080a161", "PUBLISH: field Request must be an id, 1..=2^53, got a float"),
    ("9410ff80a161", "PUBLISH: field Request must be an id, 1..=2^53, got a negative integer"),
    ("9410d0ff80a161", "PUBLISH: field Request must be an id, 1..=2^53, got a negative integer"),
    ("941001c0a161", "PUBLISH: field Options must be a dict, got null"),
    ("94100180c40161", "PUBLISH: field Topic must be a string, got a byte string"),
    ("95100180a161c40161", "PUBLISH: field Arguments must be a list, got a byte string"),
    ("94100181ab61636b6e6f776c6564676501a161", "PUBLISH: field acknowledge must be a bool, got an integer"),
    ("94100181ab61636b6e6f776c65646765d40100a161", "PUBLISH: field acknowledge must be a bool, got an extension type"),
    ("9410018101c3a161", "a key of Options must be a string, got an integer"),
    ("94100182a17801a17802a161", "a key of Options is there twice: \"x\""),
    ("96100180a161908101c3", "a key of ArgumentsKw must be a string, got an integer"),
    ("96100180a1619082a17801a17802", "a key of ArgumentsKw is there twice: (not shown)"),
    ("96100180a1619082a17801d9017802", "a key of ArgumentsKw is there twice: (not shown)"),
    ("94100180a16100", "1 octets after the end of the message"),
    ("94100180a2ff61", "a text is not UTF-8"),
    ("95100180a16191a1ff", "a text is not UTF-8"),
    ("95100180a16191c1", "expected a MessagePack marker at octet 7"),
    ("95100180a16191d9", "the message ends inside a value"),
    ("95100180a16192c0", "the message ends inside a value"),
];

const CBOR: &[(&str, &str)] = &[
    ("", "the message ends inside a value"),
    ("a0", "a message must be a list, got a dict"),
    ("d9d9f78410", "a message must be a list, got a tag"),
    ("80", "a message must have a code, got an empty list"),
    ("9fff", "a message must have a code, got an empty list"),
    ("82190151", "unknown message type 337"),
    ("831001a0", "PUBLISH: must have 4 to 6 elements, got 3"),
    ("9f1001a0ff", "PUBLISH: must have 4 to 6 elements, got 3"),
    ("9f1001a0616180a00102ff", "PUBLISH: must have 4 to 6 elements, got 8"),
    ("841000a06161", "PUBLISH: field Request must be an id, 1..=2^53, got 0"),
    ("841020a06161", "PUBLISH: field Request must be an id, 1..=2^53, got a negative integer"),
    ("8410f93c00a06161", "PUBLISH: field Request must be an id, 1..=2^53, got a float"),
    ("8410c24101a06161", "PUBLISH: field Request must be an id, 1..=2^53, got a tag"),
    ("841001f66161", "PUBLISH: field Options must be a dict, got null"),
    ("841001a04161", "PUBLISH: field Topic must be a string, got a byte string"),
    ("841001a101f56161", "a key of Options must be a string, got an integer"),
    ("841001a26178016178026161", "a key of Options is there twice: \"x\""),
    ("841001bf6178017f6178ff02ff6161", "a key of Options is there twice: \"x\""),
    ("861001a0616180a2617801617802", "a key of ArgumentsKw is there twice: (not shown)"),
    ("841001a0616100", "1 octets after the end of the message"),
    ("841001a061ff", "a text is not UTF-8"),
    ("851001a061618161ff", "a text is not UTF-8"),
    ("851001a06161817f61e282acff", "a text is not UTF-8"),
    ("851001a06161815f6161ff", "expected a chunk of the same kind at octet 8"),
    ("851001a06161815f5fffff", "expected a CBOR head at octet 8"),
    ("851001a06161811c", "expected a CBOR head at octet 7"),
    ("851001a06161811f", "expected a CBOR head at octet 7"),
    ("851001a0616181ff", "expected a CBOR head at octet 7"),
    ("851001a0616181f81f", "expected a simple value from 32 on at octet 8"),
    ("851001a06161bf6178ff", "PUBLISH: field Arguments must be a list, got a dict"),
    ("851001a0616181bf6178ff", "expected a CBOR head at octet 10"),
    ("851001a0616181c1ff", "expected a CBOR head at octet 8"),
    ("851001a06161829f01", "the message ends inside a value"),
];

fn check(got: Result<wharf::wamp::Message, DecodeError>, input: &str, expected: &str) {
    match got {
        Ok(message) => panic!("{input} was read as {message:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{input}"),
    }
}

/// R18, R19, C4, C5, C6, D15, D49, D50.
#[test]
fn malformed_json_is_refused_with_what_was_expected_and_what_came() {
    JSON.iter().for_each(|(text, expected)| check(read_json(text), text, expected));
}

/// R18, R19, C4, C5, C6.
#[test]
fn malformed_message_pack_is_refused_with_what_was_expected_and_what_came() {
    MESSAGE_PACK
        .iter()
        .for_each(|(hex, expected)| check(read(Serialization::MessagePack, from_hex(hex)), hex, expected));
}

/// R18, R19, C4, C5, C6.
#[test]
fn malformed_cbor_is_refused_with_what_was_expected_and_what_came() {
    CBOR.iter().for_each(|(hex, expected)| check(read(Serialization::Cbor, from_hex(hex)), hex, expected));
}

/// C6: the edge closes WebSocket with 1007 for this and 1002 for the rest.
#[test]
fn text_that_is_not_utf8_can_be_told_from_other_violations() {
    let texts = [
        (Serialization::Json, "5b31362c312c7b7d2c2261ff225d"),
        (Serialization::MessagePack, "94100180a2ff61"),
        (Serialization::Cbor, "841001a061ff"),
    ];
    for (serialization, hex) in texts {
        assert!(read(serialization, from_hex(hex)).unwrap_err().is_not_utf8(), "{hex}");
    }
    assert!(!read_json("[0]").unwrap_err().is_not_utf8());
}

#[test]
fn an_error_quotes_at_most_120_characters_of_a_peer_escaped() {
    let error = read_json(&format!("[32,1,{{\"match\":\"{}\"}},\"a\"]", "\u{fc}\u{202e}".repeat(5000)))
        .unwrap_err()
        .to_string();
    assert!(error.is_ascii(), "{error}");
    assert!(error.len() < 200, "{error}");
    assert!(error.ends_with("...\""), "{error}");
}

/// Payload may hold what its owners want nobody to see.
#[test]
fn an_error_never_quotes_payload() {
    for json in
        ["[48,1,{},\"a\",[\"secret\"", "[48,1,{},\"a\",[],{\"secret\":1,\"secret\":2}]", "[48,1,{},\"a\",[secret]]"]
    {
        let error = read_json(json).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
