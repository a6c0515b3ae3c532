//! The protocols of long-poll: a serialization, and what one answer to `receive` holds. Source: sections 7.4 and 7.5 of the
//! reference.

use crate::wamp::Serialization;
use serde::Deserialize;

/// What one answer to `receive` holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// One message.
    Single,
    /// All that wait.
    Batched,
    /// An event stream without end.
    Events,
}

/// One protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    pub(super) serialization: Serialization,
    pub(super) framing: Framing,
}

const fn protocol(name: &'static str, serialization: Serialization, framing: Framing) -> Protocol {
    Protocol { name, serialization, framing }
}

/// All of them.
const PROTOCOLS: [Protocol; 7] = [
    protocol("wamp.2.json", Serialization::Json, Framing::Single),
    protocol("wamp.2.json.batched", Serialization::Json, Framing::Batched),
    protocol("wamp.2.json.sse", Serialization::Json, Framing::Events),
    protocol("wamp.2.msgpack", Serialization::MessagePack, Framing::Single),
    protocol("wamp.2.msgpack.batched", Serialization::MessagePack, Framing::Batched),
    protocol("wamp.2.cbor", Serialization::Cbor, Framing::Single),
    protocol("wamp.2.cbor.batched", Serialization::Cbor, Framing::Batched),
];

/// The body of `open`. Other members are passed over.
#[derive(Deserialize)]
struct Offer {
    protocols: Vec<String>,
}

/// The first protocol of an offer that is spoken here, in the peer's order.
///
/// # Errors
/// What was expected, for the peer: the body is no offer, or names nothing that is known.
pub(super) fn choose(body: &[u8]) -> Result<Protocol, String> {
    let names: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    let supported = format!("supported protocols: {}", names.join(", "));
    let Ok(offer) = serde_json::from_slice::<Offer>(body) else {
        return Err(format!("the body must be JSON such as {{\"protocols\": [\"wamp.2.json\"]}}; {supported}\n"));
    };
    let known = |name: &String| PROTOCOLS.iter().find(|protocol| protocol.name == name);
    let chosen = offer.protocols.iter().find_map(known).copied();
    chosen.ok_or_else(|| format!("none of the protocols asked for is known here; {supported}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(body: &str) -> Option<&'static str> {
        choose(body.as_bytes()).ok().map(|protocol| protocol.name)
    }

    /// R119.
    #[test]
    fn the_first_known_protocol_in_the_peers_order_is_chosen() {
        assert_eq!(
            name(r#"{"protocols":["wamp.3.x","wamp.2.cbor.batched","wamp.2.json"]}"#),
            Some("wamp.2.cbor.batched")
        );
        assert_eq!(name(r#"{"protocols":["wamp.2.json.sse"],"x":1}"#), Some("wamp.2.json.sse"));
    }

    /// R119.
    #[test]
    fn an_offer_with_nothing_in_common_is_answered_with_the_list() {
        for body in
            [r#"{"protocols":["soap"]}"#, r#"{"protocols":[]}"#, r#"{"protocols":"wamp.2.json"}"#, "{}", "", "[[[["]
        {
            let said = choose(body.as_bytes()).unwrap_err();
            assert!(said.ends_with("wamp.2.cbor, wamp.2.cbor.batched\n"), "{body}: {said}");
        }
    }
}
