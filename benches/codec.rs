//! The hot path of the codec: a CALL is read and comes out as an INVOCATION, for payloads of three sizes in the three
//! serializations; an event crosses from JSON to the other two.
//!
//! The goal is 100 to 150 ns for the smallest one.

use bytes::Bytes;
use criterion::{criterion_group, criterion_main, BatchSize, Criterion, Throughput};
use std::hint::black_box;
use wharf::codec::{decode, encode, Limits};
use wharf::wamp::message::{Call, Invocation};
use wharf::wamp::options::{CallOptions, InvocationDetails};
use wharf::wamp::{InvocationId, Message, Payload, RegistrationId, RequestId, Serialization, Uri, Value};

fn call(octets: usize) -> Message {
    let entry = |number: u64| {
        Value::Dict(vec![
            ("id".into(), Value::from(number)),
            ("name".into(), Value::from(format!("item {number}"))),
            ("price".into(), Value::Float(number as f64 + 0.25)),
            ("tags".into(), Value::List(vec![Value::from("new"), Value::from(true)])),
        ])
    };
    let args = match octets {
        64 => vec![Value::from("hello"), Value::from(23_u64)],
        _ => (0..octets as u64 / 64).map(entry).collect(),
    };
    Call {
        request: RequestId::FIRST,
        options: CallOptions::default(),
        procedure: Uri::from("com.example.orders.create"),
        payload: Payload::args(args),
    }
    .into()
}

fn written(message: &Message, serialization: Serialization) -> Bytes {
    let mut out = Vec::new();
    match encode(message, serialization, &mut out) {
        Ok(_) => out.into(),
        Err(error) => panic!("{error}"),
    }
}

/// What the dealer does with a CALL.
fn forward(frame: &Bytes, serialization: Serialization, towards: Serialization, out: &mut Vec<u8>) {
    if let Ok(Message::Call(call)) = decode(serialization, frame, &Limits::default()) {
        let invocation = Invocation {
            request: InvocationId::FIRST,
            registration: RegistrationId::FIRST,
            details: InvocationDetails::default(),
            payload: call.payload,
        };
        out.clear();
        black_box(encode(&invocation.into(), towards, out).is_ok());
    }
}

fn call_to_invocation(criterion: &mut Criterion) {
    for octets in [64, 1024, 16 * 1024] {
        let mut group = criterion.benchmark_group(format!("call_to_invocation/{octets}"));
        for serialization in Serialization::ALL {
            let frame = written(&call(octets), serialization);
            group.throughput(Throughput::Bytes(frame.len() as u64));
            let mut out = Vec::with_capacity(2 * frame.len());
            group.bench_function(serialization.name(), |bencher| {
                bencher.iter(|| forward(black_box(&frame), serialization, serialization, &mut out));
            });
        }
        group.finish();
    }
}

fn transcoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcode/1024");
    for serialization in Serialization::ALL {
        for towards in Serialization::ALL.into_iter().filter(|towards| *towards != serialization) {
            let frame = written(&call(1024), serialization);
            group.bench_function(format!("{} to {}", serialization.name(), towards.name()), |bencher| {
                bencher.iter_batched_ref(
                    || Vec::with_capacity(4096),
                    |out| forward(black_box(&frame), serialization, towards, out),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, call_to_invocation, transcoding);
criterion_main!(benches);
