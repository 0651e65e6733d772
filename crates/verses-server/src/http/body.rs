//! Reading a request's body: limits on the wire and decoded, gzip and zstd, and a sender that stalls or crawls. How a
//! body arrives is in `intake`, what its JSON says is not looked at here.

use std::io::Read;
use std::ops::Deref;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use futures_util::StreamExt;
use tokio::time::Instant;
use verses_protocol::{ErrorCode, MAX_JSON_DEPTH};

use super::intake::NoRoom;
use super::layers::Layers;
use super::memory::Held;
use super::metrics::{Limit, Stage};
use super::problem::Refusal;
use crate::config::ServerConfig;

/// A body that was read, with the memory it and the work on it may take.
#[derive(Debug)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    _room: Held,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Largest sizes of a body, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// As it travels.
    pub(crate) wire: u64,
    /// Unpacked.
    pub(crate) decoded: u64,
}

impl Caps {
    /// Those of the settings.
    pub(crate) fn of(config: &ServerConfig) -> Self {
        Self { wire: config.max_wire_bytes, decoded: config.max_request_bytes }
    }
}

/// The decoded body.
pub(crate) async fn read(layers: &Layers, headers: &HeaderMap, body: Body, caps: Caps) -> Result<Received, Refusal> {
    let coding = coding(headers)?;
    let _timed = layers.metrics.stage(Stage::ReadBody);
    let busy = || busy(layers);
    // What was taken for its arrival is given back when the stream goes: not before there is room for the work.
    let mut stream = body.into_data_stream();
    let wire = read_wire(&mut stream, layers, caps).await?;
    let patience = Duration::from_millis(layers.config.request_timeout_ms);
    if coding == Coding::Identity {
        if wire.len() as u64 > caps.decoded {
            return Err(too_large(caps));
        }
        let room = layers.memory.work(wire.len() as u64, patience).await.ok_or_else(busy)?;
        return Ok(Received { bytes: wire, _room: room });
    }
    unpacked(layers, coding, wire, caps, patience).await
}

async fn unpacked(
    layers: &Layers,
    coding: Coding,
    wire: Vec<u8>,
    caps: Caps,
    patience: Duration,
) -> Result<Received, Refusal> {
    let memory = &layers.memory;
    let busy = || busy(layers);
    let turn = tokio::time::timeout(patience, memory.unpacking.acquire()).await;
    let _turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
    // Unpacking takes a while for large bodies: not on a thread that serves others.
    let bytes = match tokio::task::spawn_blocking(move || unpack(coding, &wire, caps.decoded)).await {
        Ok(Ok(Some(bytes))) => bytes,
        Ok(Ok(None)) => return Err(too_large(caps)),
        Ok(Err(error)) => {
            let text = format!("the compressed body is cut or damaged ({error}): send it again");
            return Err(Refusal::new(ErrorCode::MalformedRequest, text));
        }
        Err(_) => return Err(Refusal::new(ErrorCode::Unavailable, "the body could not be unpacked now: try again")),
    };
    let room = memory.work(bytes.len() as u64, patience).await.ok_or_else(busy)?;
    Ok(Received { bytes, _room: room })
}

fn busy(layers: &Layers) -> Refusal {
    layers.metrics.limited(Limit::Memory);
    Refusal::new(ErrorCode::Unavailable, "the server has too much to do at the moment: send the same again")
}

/// Largest zstd window, as a power of two: 8 MiB, what RFC 9659 allows over HTTP. A sender must not choose our memory.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = named.next() else { return Ok(Coding::Identity) };
    let several = named.next().is_some();
    match value.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        "" | "identity" if !several => Ok(Coding::Identity),
        "gzip" | "x-gzip" if !several => Ok(Coding::Gzip),
        "zstd" if !several => Ok(Coding::Zstd),
        other => {
            let other: String = other.chars().take(40).collect();
            let text = format!("Content-Encoding {other:?} is not known: use gzip or zstd once, or none");
            Err(Refusal::new(ErrorCode::UnsupportedEncoding, text))
        }
    }
}

/// How long a body may take: a pause has its limit, and so has the whole, which grows with what came. A slow link gets
/// through; a sender that only keeps the place warm does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    started: Instant,
    bytes: u64,
    stall: Duration,
    slowest: u64,
    total: Duration,
}

impl Pace {
    pub(super) fn new(config: &ServerConfig, now: Instant) -> Self {
        Self {
            started: now,
            bytes: 0,
            stall: Duration::from_millis(config.body_stall_timeout_ms),
            slowest: config.body_min_bytes_per_second.max(1).into(),
            total: Duration::from_millis(config.body_timeout_ms),
        }
    }

    pub(super) fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Until when the next piece must be there.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        let earned = Duration::from_millis(self.bytes.saturating_mul(1_000) / self.slowest);
        let whole = self.stall.saturating_add(earned).min(self.total);
        (now + self.stall).min(self.started + whole)
    }
}

async fn read_wire(stream: &mut BodyDataStream, layers: &Layers, caps: Caps) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut pace = Pace::new(&layers.config, Instant::now());
    loop {
        let piece = tokio::time::timeout_at(pace.deadline(Instant::now()), stream.next()).await;
        let piece = piece.map_err(|_| {
            Refusal::new(ErrorCode::DeadlineExceeded, "the body came too slowly: send the request again")
        })?;
        match piece {
            None => return Ok(bytes),
            Some(Ok(piece)) => {
                pace.came(piece.len());
                if (bytes.len() + piece.len()) as u64 > caps.wire {
                    return Err(too_large(caps));
                }
                bytes.extend_from_slice(&piece);
            }
            Some(Err(error)) => {
                let cut = || Refusal::new(ErrorCode::MalformedRequest, "the body was cut: send the request again");
                return Err(if error.into_inner().is::<NoRoom>() { busy(layers) } else { cut() });
            }
        }
    }
}

/// Unpacks at most `limit` bytes; `None` if there are more.
fn unpack(coding: Coding, wire: &[u8], limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = |source: &mut dyn Read, bytes: &mut Vec<u8>| source.take(limit + 1).read_to_end(bytes);
    match coding {
        Coding::Identity => bytes.extend_from_slice(wire),
        Coding::Gzip => drop(read(&mut flate2::read::MultiGzDecoder::new(wire), &mut bytes)?),
        Coding::Zstd => drop(read(&mut zstd_decoder(wire)?, &mut bytes)?),
    }
    Ok(if bytes.len() as u64 > limit { None } else { Some(bytes) })
}

fn zstd_decoder(wire: &[u8]) -> std::io::Result<impl Read> {
    let mut decoder = zstd::stream::read::Decoder::new(wire)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn too_large(caps: Caps) -> Refusal {
    let max = caps.decoded;
    let text = format!("the body is too large: at most {max} decoded bytes are taken at once; send fewer operations");
    Refusal { max_request_bytes: Some(max), max_operations: None, ..Refusal::new(ErrorCode::BodyTooLarge, text) }
}
/// Refuses JSON that is nested deeper than anyone needs, before it is parsed.
pub(crate) fn check_depth(bytes: &[u8]) -> Result<(), Refusal> {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > MAX_JSON_DEPTH {
                    let text = format!("the JSON is nested deeper than {MAX_JSON_DEPTH} levels: flatten it");
                    return Err(Refusal::new(ErrorCode::TooDeep, text));
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_texts_only() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check_depth(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert_eq!(check_depth(nested(MAX_JSON_DEPTH + 1).as_bytes()).unwrap_err().code, ErrorCode::TooDeep);
        let text = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(100));
        assert!(check_depth(text.as_bytes()).is_ok());
        assert!(check_depth("[]".repeat(100).as_bytes()).is_ok());
    }

    fn pace(start: Instant) -> Pace {
        let config = ServerConfig {
            body_stall_timeout_ms: 20_000,
            body_timeout_ms: 600_000,
            body_min_bytes_per_second: 128,
            ..ServerConfig::default()
        };
        Pace::new(&config, start)
    }

    /// Sends pieces of a size at an interval until all is sent or the time is up; tells how long it went and how much came.
    fn send(pieces: usize, size: usize, every: Duration) -> (Duration, usize) {
        let start = Instant::now();
        let (mut pace, mut now) = (pace(start), start);
        for sent in 0..pieces {
            if now + every > pace.deadline(now) {
                return (pace.deadline(now) - start, sent * size);
            }
            now += every;
            pace.came(size);
        }
        (now - start, pieces * size)
    }

    #[test]
    fn whoever_drips_is_cut_off_soon() {
        let seconds = Duration::from_secs;
        // The limit on pauses alone would let this go on for 220 days.
        let (time, bytes) = send(1_000_000, 1, seconds(19));
        assert!(time <= seconds(21) && bytes <= 1, "{time:?} {bytes}");
        let (time, _) = send(1_000_000, 100, seconds(1));
        assert!(time < seconds(100), "{time:?}");
        // Just above the slowest rate: the whole has its limit.
        let (time, _) = send(1_000_000, 140, seconds(1));
        assert_eq!(time, seconds(600));
    }

    #[test]
    fn a_slow_link_with_gaps_gets_through() {
        let (kib, seconds) = (1_024, Duration::from_secs);
        // 2 kbit/s without a pause; 64 KiB in bursts of 1 KiB every 8 s; 1 MiB over 14 kbit/s.
        for (pieces, size, every) in [(100, 250, seconds(1)), (64, kib, seconds(8)), (512, 2 * kib, seconds(1))] {
            assert_eq!(send(pieces, size, every).1, pieces * size);
        }
    }
}
