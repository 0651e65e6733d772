//! A slow link inside the process: a TCP relay on loopback that adds latency and limits bandwidth. No privileges needed.
//!
//! It models propagation delay, one round trip for the handshake, and one bottleneck in each direction shared by all
//! connections. It does not model loss or TCP's slow start.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Size of the pieces that are delayed one by one, in bytes: about one packet.
const PIECE_BYTES: usize = 1_460;
/// How many pieces a direction buffers before the sender is held back.
const BUFFERED_PIECES: usize = 64;

/// What the link is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkProfile {
    /// Round trip without load.
    pub rtt: Duration,
    /// Bits per second from the device to the server.
    pub up_bits_per_second: u64,
    /// Bits per second from the server to the device.
    pub down_bits_per_second: u64,
}

impl LinkProfile {
    /// A weak mobile network: 300 ms, 780 kbit/s up, 1.6 Mbit/s down.
    pub const SLOW_3G: Self =
        Self { rtt: Duration::from_millis(300), up_bits_per_second: 780_000, down_bits_per_second: 1_600_000 };
}

/// Bytes that went through, TCP payload with HTTP heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkBytes {
    /// From the device to the server.
    pub up: u64,
    /// From the server to the device.
    pub down: u64,
    /// Connections made.
    pub connections: u64,
}

#[derive(Debug, Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
}

/// A running link. It ends when dropped.
#[derive(Debug)]
pub struct SlowLink {
    address: SocketAddr,
    counters: Arc<Counters>,
    accepting: JoinHandle<()>,
}

impl SlowLink {
    /// Starts a link in front of `server`.
    ///
    /// # Errors
    /// When no port on loopback can be had.
    pub async fn start(server: SocketAddr, profile: LinkProfile) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let relay = Relay {
            server,
            rtt: profile.rtt,
            up: Arc::new(Bottleneck::new(profile.up_bits_per_second)),
            down: Arc::new(Bottleneck::new(profile.down_bits_per_second)),
            counters: Arc::clone(&counters),
        };
        let accepting = tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                relay.counters.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(relay.clone().run(device));
            }
        });
        Ok(Self { address, counters, accepting })
    }

    /// URL of the server as seen through the link.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What went through so far.
    #[must_use]
    pub fn bytes(&self) -> LinkBytes {
        LinkBytes {
            up: self.counters.up.load(Ordering::Relaxed),
            down: self.counters.down.load(Ordering::Relaxed),
            connections: self.counters.connections.load(Ordering::Relaxed),
        }
    }
}

impl Drop for SlowLink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Relay {
    server: SocketAddr,
    rtt: Duration,
    up: Arc<Bottleneck>,
    down: Arc<Bottleneck>,
    counters: Arc<Counters>,
}

impl Relay {
    async fn run(self, device: TcpStream) {
        // The handshake: nothing reaches the other side before one round trip.
        tokio::time::sleep(self.rtt).await;
        let Ok(server) = TcpStream::connect(self.server).await else { return };
        // Without this the pieces would wait for each other's acknowledgements on top of the delay asked for.
        if device.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
            return;
        }
        let (from_device, to_device) = device.into_split();
        let (from_server, to_server) = server.into_split();
        let one_way = self.rtt / 2;
        let counters = Arc::clone(&self.counters);
        let up = carry(from_device, to_server, Arc::clone(&self.up), one_way, move |n| {
            counters.up.fetch_add(n, Ordering::Relaxed);
        });
        let counters = Arc::clone(&self.counters);
        let down = carry(from_server, to_device, Arc::clone(&self.down), one_way, move |n| {
            counters.down.fetch_add(n, Ordering::Relaxed);
        });
        tokio::join!(up, down);
    }
}

/// Gives out, piece by piece, when the last bit of each has passed the narrowest point.
struct Bottleneck {
    bits_per_second: u64,
    free_at: Mutex<Option<Instant>>,
}

impl Bottleneck {
    fn new(bits_per_second: u64) -> Self {
        Self { bits_per_second: bits_per_second.max(1), free_at: Mutex::new(None) }
    }

    fn passes_at(&self, bytes: usize) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let start = free_at.map_or(now, |at| at.max(now));
        let passed = start + Duration::from_secs_f64(bytes as f64 * 8.0 / self.bits_per_second as f64);
        *free_at = Some(passed);
        passed
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    bottleneck: Arc<Bottleneck>,
    one_way: Duration,
    count: impl Fn(u64) + Send + 'static,
) {
    let (pieces, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(BUFFERED_PIECES);
    let reader = async move {
        let mut buffer = vec![0u8; PIECE_BYTES];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            count(n as u64);
            let passed = bottleneck.passes_at(n);
            // The sender is held back at the bottleneck, as by a full socket buffer.
            let piece = (passed + one_way, buffer[..n].to_vec());
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
    };
    let writer = async move {
        while let Some((at, piece)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
        // The other side sees the end; if it is gone already there is nobody to tell.
        drop(to.shutdown().await);
    };
    tokio::join!(reader, writer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_and_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.write_all(&all).await.unwrap();
        });
        let profile = LinkProfile { rtt: Duration::from_millis(2), ..LinkProfile::SLOW_3G };
        let profile = LinkProfile { up_bits_per_second: 80_000_000, down_bits_per_second: 80_000_000, ..profile };
        let link = SlowLink::start(server, profile).await.unwrap();
        let mut device = TcpStream::connect(link.url().trim_start_matches("http://")).await.unwrap();
        let sent: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        device.write_all(&sent).await.unwrap();
        device.shutdown().await.unwrap();
        let mut back = Vec::new();
        device.read_to_end(&mut back).await.unwrap();
        assert_eq!(back, sent);
        assert_eq!(link.bytes(), LinkBytes { up: 100_000, down: 100_000, connections: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_bottleneck_spaces_pieces_by_their_size() {
        let bottleneck = Bottleneck::new(8_000);
        let start = Instant::now();
        assert_eq!(bottleneck.passes_at(1_000) - start, Duration::from_secs(1));
        assert_eq!(bottleneck.passes_at(500) - start, Duration::from_millis(1_500));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(bottleneck.passes_at(1_000) - start, Duration::from_secs(11));
    }
}
