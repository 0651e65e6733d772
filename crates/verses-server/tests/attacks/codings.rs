//! Compressed bodies that become very large, are packed more than once, or ask the decoder for more than they should.
//! That they take no more memory than is allowed is in `http_memory`.

use std::io::Write;

use crate::http::{ALICE, Answer, OPERATIONS, Server, batch, send, start, token};
use crate::target::{Target, refused, refused_by_auth};
use serde_json::json;

const MIB: usize = 1024 * 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 19).unwrap()
}

async fn post(server: &Server, codings: &[&str], body: Vec<u8>) -> Answer {
    let mut request = server.request("POST", OPERATIONS).bearer_auth(token(ALICE));
    for coding in codings {
        request = request.header("content-encoding", *coding);
    }
    send(request.body(body)).await
}

fn lookup() -> Vec<u8> {
    batch(&json!([{ "id": "1", "type": "lookup", "data": { "reference": "John 3:16" } }])).to_string().into_bytes()
}

/// Bodies below the limit on the wire that would become gigabytes.
fn bombs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let spaces = vec![b' '; MIB];
    let (member, frame) = (gzip(&spaces), zstd(&spaces));
    let (members, frames) = (900_000 / member.len(), 900_000 / frame.len());
    assert!(members > 500 && frames > 5_000, "{members} MiB and {frames} MiB");
    // A good request first, then the bomb: what was read so far must not be taken for the whole.
    let after = |first: Vec<u8>, piece: &[u8], times: usize| [first, piece.repeat(times)].concat();
    let whole = |start: &[u8]| [start, b"{\"operation\":\"", &vec![b'x'; 8 * MIB], b"\"}"].concat();
    vec![
        ("many members", "gzip", member.repeat(members)),
        ("many frames", "zstd", frame.repeat(frames)),
        ("one member", "gzip", gzip(&vec![0; 64 * MIB])),
        ("one frame", "zstd", zstd(&vec![0; 64 * MIB])),
        ("a good request and then many members", "gzip", after(gzip(&lookup()), &member, members - 1)),
        ("a good request and then many frames", "zstd", after(zstd(&lookup()), &frame, frames - 1)),
        ("one text", "gzip", gzip(&whole(b""))),
        ("one text", "zstd", zstd(&whole(b" "))),
    ]
}

#[tokio::test]
async fn bombs_are_put_out_at_the_limit() {
    let target = Target::sqlite().await;
    for (what, coding, body) in bombs() {
        assert!(body.len() < MIB, "{what}: it passes the limit on the wire");
        let answer = post(&target.server, &[coding], body.clone()).await;
        assert_eq!((answer.status.as_u16(), refused(&answer, what)), (413, "body_too_large".into()), "{what} {coding}");
        for path in ["/auth/v1/signup", "/auth/v1/token?grant_type=password"] {
            let request = target.server.request("POST", path).header("content-encoding", coding);
            refused_by_auth(&send(request.body(body.clone())).await, what);
        }
    }
    target.still_serves().await;
}

#[tokio::test]
async fn what_is_packed_twice_is_not_unpacked_twice() {
    let server = start().await;
    let plain = lookup();
    for (what, body) in [
        ("gzip in gzip", gzip(&gzip(&plain))),
        ("zstd in gzip", gzip(&zstd(&plain))),
        ("a bomb in gzip", gzip(&gzip(&vec![0; 8 * MIB]))),
    ] {
        assert_eq!(refused(&post(&server, &["gzip"], body).await, what), "malformed_request", "{what}");
    }
    assert_eq!(refused(&post(&server, &["zstd"], zstd(&gzip(&plain))).await, "gzip in zstd"), "malformed_request");
    for codings in [
        &["gzip, gzip"][..],
        &["gzip", "gzip"],
        &["zstd,gzip"],
        &["identity", "gzip"],
        &["gzip", "identity"],
        &["", "gzip"],
        &["deflate"],
        &["br"],
        &["compress"],
        &["chunked"],
        &["gzip;q=1"],
        &["*"],
        &["zstd\t,"],
        &["gzip gzip"],
    ] {
        for body in [gzip(&gzip(&plain)), gzip(&plain), plain.clone()] {
            let answer = post(&server, codings, body).await;
            assert_eq!(refused(&answer, &codings.join(" + ")), "unsupported_encoding", "{codings:?}");
        }
    }
    post(&server, &["gzip"], gzip(&plain)).await.ok();
    server.stop().await;
}

/// A zstd frame by hand: descriptor, then what the descriptor announces.
fn frame(descriptor: u8, rest: &[u8]) -> Vec<u8> {
    [&[0x28, 0xb5, 0x2f, 0xfd, descriptor], rest].concat()
}

#[tokio::test]
async fn heads_of_packed_bodies_do_not_choose_how_much_memory_is_taken() {
    let server = start().await;
    let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &u32::MAX.to_le_bytes()].concat();
    let empty_block = [1, 0, 0];
    let announced = |size: u64| frame(0b1110_0000, &[&size.to_le_bytes()[..], &empty_block].concat());
    // A gzip member whose head has a name that never ends, and one with an extra field longer than what follows.
    let named = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255][..], &vec![b'x'; 900_000]].concat();
    let extra = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 255, 255, 1];
    let plain = gzip(&lookup());
    let wrong_sum = [&plain[..plain.len() - 8], &[0; 8]].concat();
    for (what, coding, body) in [
        ("a window of 2 GiB", "zstd", frame(0, &[&[21 << 3][..], &empty_block].concat())),
        ("the largest window", "zstd", frame(0, &[&[0xff][..], &empty_block].concat())),
        ("a content of 2^64 - 1 bytes", "zstd", announced(u64::MAX)),
        ("a content of 1 TiB", "zstd", announced(1 << 40)),
        ("a dictionary that nobody has", "zstd", frame(0b0010_0011, &[7, 7, 7, 7, 0, 1, 0, 0])),
        ("nothing but what is to be skipped", "zstd", skipped.clone()),
        ("many empty frames", "zstd", frame(0b0010_0000, &[&[0][..], &empty_block].concat()).repeat(50_000)),
        ("a head without an end", "gzip", named),
        ("more announced than sent", "gzip", extra.to_vec()),
        ("a wrong checksum", "gzip", wrong_sum),
        ("something behind it", "gzip", [plain.clone(), b"more".to_vec()].concat()),
        ("empty members", "gzip", gzip(b"").repeat(40_000)),
        ("an unknown method", "gzip", [&[0x1f, 0x8b, 7][..], &plain[3..]].concat()),
    ] {
        let answer = post(&server, &[coding], body).await;
        assert_eq!(refused(&answer, what), "malformed_request", "{what}: {}", answer.text());
    }
    post(&server, &["zstd"], zstd(&lookup())).await.ok();
    server.stop().await;
}
