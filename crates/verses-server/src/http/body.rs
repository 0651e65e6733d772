//! Reading a request's body: limits on the wire and decoded, gzip and zstd, a stalled sender, and JSON that is nested
//! too deep. What the JSON says is not looked at here.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use futures_util::StreamExt;
use verses_protocol::{ErrorCode, MAX_JSON_DEPTH};

use super::problem::Refusal;
use crate::config::ServerConfig;

/// The decoded body.
pub(crate) async fn read(headers: &HeaderMap, body: Body, config: &ServerConfig) -> Result<Vec<u8>, Refusal> {
    let coding = coding(headers)?;
    let wire = read_wire(body, config).await?;
    if coding == Coding::Identity {
        return if wire.len() as u64 > config.max_request_bytes { Err(too_large(config)) } else { Ok(wire) };
    }
    let limit = config.max_request_bytes;
    // Unpacking takes a while for large bodies: not on a thread that serves others.
    let unpacked = tokio::task::spawn_blocking(move || unpack(coding, &wire, limit)).await;
    match unpacked {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large(config)),
        Ok(Err(error)) => {
            let text = format!("the compressed body is cut or damaged ({error}): send it again");
            Err(Refusal::new(ErrorCode::MalformedRequest, text))
        }
        Err(_) => Err(Refusal::new(ErrorCode::Unavailable, "the body could not be unpacked now: try again")),
    }
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
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Coding::Identity) };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Coding::Identity),
        "gzip" | "x-gzip" => Ok(Coding::Gzip),
        "zstd" => Ok(Coding::Zstd),
        other => {
            let text = format!("Content-Encoding {other:?} is not known: use gzip, zstd, or none");
            Err(Refusal::new(ErrorCode::UnsupportedEncoding, text))
        }
    }
}

async fn read_wire(body: Body, config: &ServerConfig) -> Result<Vec<u8>, Refusal> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let stall = Duration::from_millis(config.body_stall_timeout_ms);
    loop {
        let piece = tokio::time::timeout(stall, stream.next()).await;
        let piece = piece.map_err(|_| {
            Refusal::new(ErrorCode::DeadlineExceeded, "no byte of the body came for too long: send the request again")
        })?;
        match piece {
            None => return Ok(bytes),
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(_)) => {
                return Err(Refusal::new(ErrorCode::MalformedRequest, "the body was cut: send the request again"));
            }
        }
        if bytes.len() as u64 > config.max_wire_bytes {
            return Err(too_large(config));
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

fn too_large(config: &ServerConfig) -> Refusal {
    let max = config.max_request_bytes;
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
}
