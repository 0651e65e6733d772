//! The network between a device and the server: distance, bandwidth and everything that goes wrong on the way. What the
//! server makes of a request is in `server`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use verses_client::{Request, Response, SendProgress, Transport, TransportError};

use super::server::Arrival;
use super::{Shared, World, lock};
use crate::broken::{self, Broken};
use crate::kernel::TaskId;
use crate::params::LinkParams;
use crate::stats::FaultKind;

/// After so long without a byte the client gives an exchange up.
const STALL_MS: u64 = 30_000;

pub(crate) type Answered = Result<Response, TransportError>;

/// A device's way to the server.
#[derive(Clone)]
pub(crate) struct SimLink {
    pub(crate) world: Shared,
    pub(crate) device: usize,
}

/// One exchange as the device sees it. The first answer counts; what comes later finds nobody.
pub(crate) struct Exchange {
    pub(crate) device: usize,
    pub(crate) sent_at_ms: u64,
    bytes_sent: u64,
    state: Mutex<ExchangeState>,
}

#[derive(Default)]
struct ExchangeState {
    answer: Option<Answered>,
    waiter: Option<TaskId>,
    done: bool,
    /// Bytes of the answer are on their way: however long they take, there is no silence.
    moving: bool,
    first_byte_ms: u64,
    /// Somebody on the way holds a copy of the request: so it left the device.
    copied: bool,
}

struct Waiting {
    world: Shared,
    exchange: Arc<Exchange>,
}

impl Future for Waiting {
    type Output = Answered;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answered> {
        let mut state = lock(&self.exchange.state);
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        state.waiter = Some(self.world.kernel.current());
        Poll::Pending
    }
}

pub(crate) fn broke(reason: &str) -> TransportError {
    TransportError::Broken { server: "the simulated server".into(), reason: reason.into() }
}

pub(crate) fn unreachable(reason: &str) -> TransportError {
    TransportError::Connect { server: "the simulated server".into(), reason: reason.into() }
}

fn web_page(status: u16) -> Response {
    Response {
        status,
        content_type: "text/html; charset=utf-8".into(),
        body: b"<!doctype html><html><title>Welcome on board</title>Please accept our terms.</html>".to_vec(),
        ..Response::default()
    }
}

impl Transport for SimLink {
    async fn send(&self, request: Request, progress: Option<SendProgress>) -> Answered {
        let world = &self.world;
        let total = request.body.as_ref().map_or(0, |body| body.len() as u64);
        let exchange = Arc::new(Exchange {
            device: self.device,
            sent_at_ms: world.kernel.now_ms(),
            bytes_sent: total,
            state: Mutex::default(),
        });
        lock(&world.stats).requests += 1;
        world.kernel.event(50, total);
        let sent = world.broken.is_some().then(|| request.clone());
        let request = broken::request_out(world, request);
        World::dispatch(world, &exchange, request);
        let answered = Waiting { world: Arc::clone(world), exchange }.await;
        if world.is_broken(Broken::DeafAfterSilence) && matches!(answered, Err(TransportError::Stalled { .. })) {
            return std::future::pending().await;
        }
        if let Some(progress) = progress
            && answered.is_ok()
        {
            progress(total, total);
        }
        broken::answer_in(world, sent.as_ref(), answered)
    }
}

/// What the network does to one request.
struct Fate {
    link: LinkParams,
    slowness: u64,
}

impl World {
    /// Sends a request on its way.
    fn dispatch(world: &Shared, exchange: &Arc<Exchange>, request: Request) {
        let kernel = &world.kernel;
        let now = kernel.now_ms();
        let fate = {
            let state = lock(&world.devices[exchange.device].state);
            if now < state.offline_until_ms {
                drop(state);
                world.fault(FaultKind::Partition);
                let wait = kernel.below(3_000);
                return Self::answer(world, exchange, wait, Err(unreachable("no network")));
            }
            if now < state.portal_until_ms {
                drop(state);
                world.fault(FaultKind::Portal);
                return Self::answer(world, exchange, 30, Ok(web_page(200)));
            }
            Fate { link: lock(&world.link).clone(), slowness: state.slowness }
        };
        let link = &fate.link;
        let way = world.way_ms(&fate, exchange.bytes_sent);
        if kernel.chance(link.lose_request) {
            world.fault(FaultKind::LostRequest);
            return Self::lost(world, exchange, way);
        }
        if kernel.chance(link.portal) {
            world.fault(FaultKind::Portal);
            return Self::answer(world, exchange, way, Ok(web_page(200)));
        }
        if kernel.chance(link.proxy) {
            return Self::through_a_proxy(world, exchange, request, way);
        }
        if kernel.chance(link.silence) {
            world.fault(FaultKind::Silence);
            if kernel.chance(500) {
                Self::arrive(world, exchange, request, way, false);
            }
            return Self::stall(world, exchange, way + STALL_MS);
        }
        if kernel.chance(link.duplicate) {
            world.fault(FaultKind::DuplicateRequest);
            lock(&exchange.state).copied = true;
            let later = way + kernel.below(way * 4 + 10);
            Self::arrive(world, exchange, request.clone(), later, true);
        }
        if kernel.chance(link.late_copy) {
            world.fault(FaultKind::LateCopy);
            lock(&exchange.state).copied = true;
            let later = way + kernel.below(2 * 3_600_000);
            Self::arrive(world, exchange, request.clone(), later, false);
        }
        let held = if kernel.chance(link.reorder) {
            world.fault(FaultKind::Reordered);
            kernel.below(5_000)
        } else {
            0
        };
        Self::stall(world, exchange, way + held + STALL_MS);
        let answered = !kernel.chance(link.lose_answer);
        if !answered {
            world.fault(FaultKind::LostAnswer);
            Self::lost(world, exchange, way + held + 50);
        }
        Self::arrive(world, exchange, request, way + held, answered);
    }

    /// The server does not listen. A device learns that nothing was sent only where that is so.
    pub(crate) fn refused(world: &Shared, exchange: &Arc<Exchange>) {
        let copied = lock(&exchange.state).copied;
        let error = if copied { broke("the connection was reset") } else { unreachable("connection refused") };
        Self::answer(world, exchange, 5, Err(error));
    }

    /// One way, for so many bytes.
    fn way_ms(&self, fate: &Fate, bytes: u64) -> u64 {
        let (least, most) = fate.link.latency_ms;
        let (slow, fast) = fate.link.bytes_per_second;
        let latency = least + self.kernel.below(most - least + 1);
        let speed = (slow + self.kernel.below(fast - slow + 1)) / fate.slowness.max(1);
        latency * fate.slowness.max(1) + bytes * 1_000 / speed.max(100)
    }

    fn arrive(world: &Shared, exchange: &Arc<Exchange>, request: Request, after_ms: u64, answered: bool) {
        let (shared, exchange) = (Arc::clone(world), Arc::clone(exchange));
        world.kernel.after(after_ms, move || {
            Self::arrived(&shared, Arrival { exchange, request, answered });
        });
    }

    fn through_a_proxy(world: &Shared, exchange: &Arc<Exchange>, request: Request, way: u64) {
        world.fault(FaultKind::Proxy);
        let kernel = &world.kernel;
        let status = if kernel.chance(500) { 502 } else { 504 };
        if kernel.chance(500) {
            Self::arrive(world, exchange, request, way, false);
        }
        Self::answer(world, exchange, way * 2 + kernel.below(10_000), Ok(web_page(status)));
    }

    /// Nothing more comes: the connection breaks, or nothing tells.
    fn lost(world: &Shared, exchange: &Arc<Exchange>, way: u64) {
        if world.kernel.chance(700) {
            Self::answer(world, exchange, way + 10, Err(broke("the connection was reset")));
        } else {
            Self::stall(world, exchange, way + STALL_MS);
        }
    }

    fn stall(world: &Shared, exchange: &Arc<Exchange>, after_ms: u64) {
        let error = TransportError::Stalled { server: "the simulated server".into(), seconds: STALL_MS / 1_000 };
        let (shared, exchange) = (Arc::clone(world), Arc::clone(exchange));
        world.kernel.after(after_ms, move || {
            if !lock(&exchange.state).moving {
                Self::answer(&shared, &exchange, 0, Err(error));
            }
        });
    }

    /// Brings an answer to the device, if it still waits for one.
    pub(crate) fn answer(world: &Shared, exchange: &Arc<Exchange>, after_ms: u64, answer: Answered) {
        let (shared, exchange) = (Arc::clone(world), Arc::clone(exchange));
        world.kernel.after(after_ms, move || {
            let mut state = lock(&exchange.state);
            if state.done {
                return;
            }
            state.done = true;
            let asleep = lock(&shared.devices[exchange.device].state).asleep_since_ms.is_some();
            let mut answer = answer;
            if asleep {
                // Nobody acknowledged a byte: the server's side has given up long before the device wakes.
                shared.fault(FaultKind::SleptThrough);
                answer = Err(broke("the device slept"));
            }
            if let Ok(response) = &mut answer {
                let elapsed = shared.kernel.now_ms() - exchange.sent_at_ms;
                response.elapsed_ms = elapsed;
                response.first_byte_ms = state.first_byte_ms.min(elapsed);
                response.bytes_sent = exchange.bytes_sent;
                response.bytes_received = response.body.len() as u64;
            }
            state.answer = Some(answer);
            let waiter = state.waiter.take();
            drop(state);
            if let Some(waiter) = waiter {
                shared.kernel.wake(waiter);
            }
        });
    }

    /// The server's answer begins its way back.
    pub(crate) fn send_back(world: &Shared, exchange: &Arc<Exchange>, answer: Response) {
        let kernel = &world.kernel;
        let fate = {
            let state = lock(&world.devices[exchange.device].state);
            if kernel.now_ms() < state.offline_until_ms {
                drop(state);
                world.fault(FaultKind::LostAnswer);
                return;
            }
            Fate { link: lock(&world.link).clone(), slowness: state.slowness }
        };
        let way = world.way_ms(&fate, answer.body.len() as u64);
        {
            let mut state = lock(&exchange.state);
            state.first_byte_ms = way.min(60_000);
            state.moving = true;
        }
        if kernel.chance(fate.link.cut) && !answer.body.is_empty() {
            world.fault(FaultKind::Cut);
            return Self::cut(world, exchange, way, answer);
        }
        if kernel.chance(fate.link.drip) {
            world.fault(FaultKind::Drip);
            return Self::answer(world, exchange, way + kernel.below(120_000), Ok(answer));
        }
        let held = if kernel.chance(fate.link.reorder) { kernel.below(5_000) } else { 0 };
        Self::answer(world, exchange, way + held, Ok(answer));
    }

    fn cut(world: &Shared, exchange: &Arc<Exchange>, way: u64, mut answer: Response) {
        let at = world.kernel.below(answer.body.len() as u64);
        answer.body.truncate(usize::try_from(at).unwrap_or(0));
        // With a length in its head the cut is seen; without one the answer looks complete.
        let seen = world.kernel.chance(600);
        let cut = if seen { Err(broke("the answer ended early")) } else { Ok(answer) };
        Self::answer(world, exchange, way, cut);
    }
}
