//! Just enough HTTP/1.1 to read what a client sends, and to call a server without the client's help.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

use super::PATIENCE;

/// A request or an answer.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// `POST /path HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub(crate) first: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The bytes as they were, without transfer coding.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no status: {}", self.first))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("no JSON ({e}) in {}: {}", self.first, String::from_utf8_lossy(&self.body)))
    }

    /// The body without its content coding.
    pub(crate) fn decoded(&self) -> Vec<u8> {
        match self.header("content-encoding") {
            Some("zstd") => zstd::stream::decode_all(self.body.as_slice()).unwrap(),
            _ => self.body.clone(),
        }
    }

    /// Reads one; `None` when the connection ended before it began.
    pub(crate) fn read(source: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut first = String::new();
        if source.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut message = Self { first: first.trim_end().to_owned(), headers: Vec::new(), body: Vec::new() };
        loop {
            let mut line = String::new();
            if source.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if message.header("transfer-encoding").is_some_and(|t| t.contains("chunked")) {
            message.body = read_chunks(source)?;
        } else if let Some(length) = message.header("content-length") {
            message.body = vec![0; length.parse().map_err(io::Error::other)?];
            source.read_exact(&mut message.body)?;
        }
        Ok(Some(message))
    }

    /// Its bytes, with a plain length and a connection that ends after it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        let ours = ["transfer-encoding", "content-length", "connection"];
        for (name, value) in self.headers.iter().filter(|(n, _)| !ours.contains(&n.as_str())) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len()));
        [text.as_bytes(), &self.body].concat()
    }
}

fn read_chunks(source: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        source.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + length, 0);
        source.read_exact(&mut body[start..])?;
        source.read_exact(&mut [0; 2])?;
        if length == 0 {
            return Ok(body);
        }
    }
}

/// Sends a request to `url` (`http://host:port`) and reads the answer.
pub(crate) fn request(method: &str, url: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let message = Message {
        first: format!("{method} {path} HTTP/1.1"),
        headers: [("host".to_owned(), address.to_owned())].into_iter().chain(headers).collect(),
        body: body.to_vec(),
    };
    // A server that refuses a large body may close before it has read all of it.
    let _ = stream.write_all(&message.to_bytes());
    Message::read(&mut BufReader::new(stream)).unwrap().expect("an answer")
}

/// A `GET`, with a token if there is one.
pub(crate) fn get(url: &str, path: &str, token: Option<&str>) -> Message {
    let bearer = token.map(|t| format!("Bearer {t}"));
    let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
    request("GET", url, path, &headers, &[])
}

/// A JSON `POST`, with a token if there is one.
pub(crate) fn post(url: &str, path: &str, token: Option<&str>, body: &[u8]) -> Message {
    let bearer = token.map(|t| format!("Bearer {t}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.iter().map(|b| ("authorization", b.as_str())));
    request("POST", url, path, &headers, body)
}
