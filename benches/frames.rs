//! The cost of WebSocket frames: reading many small ones, one large one, one cut by reads; and writing in place.
//!
//! Throughput is counted in octets of payload. Compare with `copy`, which only copies them.

use criterion::{criterion_group, criterion_main, BatchSize, Criterion, Throughput};
use std::hint::black_box;
use wharf::transport::websocket::{encode, Compressor, Decoder, Deflate, FrameLimits, Item, Role};

const KEY: [u8; 4] = [0x5a, 0x01, 0xc3, 0x7e];

fn decoder() -> Decoder {
    Decoder::new(Role::Server, FrameLimits::default(), Some(Deflate::new()))
}

/// Text that looks like WAMP in JSON, so that compression has something to do.
fn text(octets: usize) -> Vec<u8> {
    br#"[16,239714735,{"acknowledge":true},"com.myapp.mytopic1",[1,2,3]]"#.iter().copied().cycle().take(octets).collect()
}

fn feed(decoder: &mut Decoder, input: &[u8], items: &mut Vec<Item>) {
    let read = decoder.feed(black_box(input), items);
    assert!(read.is_ok());
    black_box(&items);
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let cases = [
        ("100 x 150 text", 100, 150, true),
        ("100 x 150 binary", 100, 150, false),
        ("1 x 64 KiB text", 1, 65_536, true),
    ];
    for (name, count, octets, is_text) in cases {
        let mut stream = Vec::new();
        for _ in 0..count {
            encode::write_message(&mut stream, Some(KEY), is_text, &text(octets));
        }
        group.throughput(Throughput::Bytes((count * octets) as u64));
        group.bench_function(name, |b| {
            let (mut decoder, mut items) = (decoder(), Vec::new());
            b.iter(|| {
                feed(&mut decoder, &stream, &mut items);
                items.clear();
            });
        });
    }

    let mut stream = Vec::new();
    encode::write_message(&mut stream, Some(KEY), true, &text(1 << 20));
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("1 MiB text in reads of 16 KiB", |b| {
        let (mut decoder, mut items) = (decoder(), Vec::new());
        b.iter(|| {
            for read in stream.chunks(16 << 10) {
                feed(&mut decoder, read, &mut items);
            }
            items.clear();
        });
    });
    group.bench_function("copy 1 MiB", |b| b.iter(|| black_box(stream.clone())));
    group.finish();
}

fn writing(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    for octets in [100, 1000, 70_000] {
        let data = text(octets);
        group.throughput(Throughput::Bytes(octets as u64));
        group.bench_function(format!("{octets} in place"), |b| {
            let mut out = Vec::new();
            b.iter(|| {
                out.clear();
                let start = encode::begin(&mut out);
                out.extend_from_slice(black_box(&data));
                encode::finish(&mut out, start, true);
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn deflating(c: &mut Criterion) {
    let mut group = c.benchmark_group("deflate");
    let data = text(2000);
    let mut compressor = Compressor::new();
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("compress 2000", |b| b.iter(|| black_box(compressor.compress(black_box(&data)).is_some())));
    let compressed = compressor.compress(&data).unwrap_or_default().to_vec();
    group.bench_function("inflate 2000", |b| {
        b.iter_batched(Deflate::new, |deflate| deflate.inflate(black_box(&compressed), 1 << 20), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, reading, writing, deflating);
criterion_main!(benches);
