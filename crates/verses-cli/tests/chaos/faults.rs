//! What the relay in front of the server does to each request, drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Action, Seen};
use crate::rng::Rng;
use crate::world::World;

/// Kinds of treatment.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    Delay,
    LoseAnswer,
    CutAnswer,
    CutRequest,
    Refuse,
    Twice,
    Again,
    Portal,
    BadGateway,
    TooLarge,
    TooMany,
    Crash,
}

/// Of requests that carry operations; the others are left alone more often.
const WEIGHTS: [(u64, Fault); 13] = [
    (26, Fault::None),
    (8, Fault::Delay),
    (12, Fault::LoseAnswer),
    (9, Fault::CutAnswer),
    (6, Fault::CutRequest),
    (4, Fault::Refuse),
    (8, Fault::Twice),
    (6, Fault::Again),
    (5, Fault::Portal),
    (4, Fault::BadGateway),
    (4, Fault::TooLarge),
    (3, Fault::TooMany),
    (5, Fault::Crash),
];

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Delay => "delayed",
            Self::LoseAnswer => "answer lost",
            Self::CutAnswer => "answer cut",
            Self::CutRequest => "request cut",
            Self::Refuse => "connection broken",
            Self::Twice => "sent twice at once",
            Self::Again => "sent again later",
            Self::Portal => "HTML 200",
            Self::BadGateway => "502",
            Self::TooLarge => "413",
            Self::TooMany => "429",
            Self::Crash => "server killed with the request in hand",
        }
    }
}

/// The rule of one device's relay. In calm times everything passes.
pub(crate) fn rule(world: &Arc<World>, mut rng: Rng) -> impl FnMut(&Seen) -> Action + Send + 'static {
    let world = Arc::clone(world);
    move |seen| {
        if world.is_calm() || !seen.carries_operations() && rng.percent(40) {
            return Action::Pass;
        }
        let fault = *rng.weighted(&WEIGHTS);
        if !matches!(fault, Fault::None) {
            world.faults.add(fault.name());
        }
        match fault {
            Fault::None => Action::Pass,
            Fault::Delay => Action::Delay(rng.millis(80)),
            Fault::LoseAnswer => Action::LoseAnswer,
            Fault::CutAnswer => Action::CutAnswer,
            Fault::CutRequest => Action::CutRequest,
            Fault::Refuse => Action::Refuse,
            Fault::Twice => Action::Twice,
            Fault::Again => Action::Again(rng.millis(400)),
            Fault::Portal => Action::Answer(
                200,
                vec![("content-type", "text/html".into())],
                "<!doctype html><title>Welcome</title><p>Accept the terms to go online.".into(),
            ),
            Fault::BadGateway => Action::Answer(502, Vec::new(), "<h1>502 Bad Gateway</h1>".into()),
            Fault::TooLarge => Action::Answer(413, Vec::new(), "too large".into()),
            Fault::TooMany => {
                let wait = rng.below(2).to_string();
                Action::Answer(429, vec![("retry-after", wait)], "slow down".into())
            }
            Fault::Crash => {
                let world = Arc::clone(&world);
                let moment = rng.millis(25);
                Action::Then(Box::new(move || {
                    std::thread::sleep(moment);
                    world.crash("with a request in hand", Duration::ZERO, None);
                }))
            }
        }
    }
}
