//! Faults on request: which operation of a disk fails, how, and how often. Where they strike is in `disk`.

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// No room: writes that would need some, new files and the growth of the log's index.
    Full,
    /// The device fails at writing: also syncs, cuts and removals.
    Write,
    /// The device fails at reading.
    Read,
}

/// A planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Before which operation of that kind, counted from 0 from now on.
    pub at: u64,
    /// Every operation of that kind from there on fails, until the disk is healed.
    pub sticky: bool,
}

/// The kinds of calls a fault can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
    Create,
    GrowIndex,
    Resize,
    Sync,
    Remove,
}

impl FaultKind {
    fn strikes(self, call: Call) -> bool {
        match self {
            Self::Full => matches!(call, Call::Write | Call::Create | Call::GrowIndex),
            Self::Write => call != Call::Read,
            Self::Read => call == Call::Read,
        }
    }
}

/// The plan and how far it has come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plan: Option<Fault>,
    seen: u64,
    struck: u64,
}

impl Faults {
    pub(crate) fn plan(&mut self, plan: Fault) {
        *self = Self { plan: Some(plan), ..Self::default() };
    }

    pub(crate) fn heal(&mut self) {
        self.plan = None;
    }

    /// How often the planned fault struck.
    pub(crate) fn struck(&self) -> u64 {
        self.struck
    }

    /// The fault that strikes this call, if one does.
    pub(crate) fn strike(&mut self, call: Call) -> Option<FaultKind> {
        let plan = self.plan.filter(|plan| plan.kind.strikes(call))?;
        let number = self.seen;
        self.seen += 1;
        let struck = number == plan.at || (plan.sticky && number > plan.at);
        self.struck += u64::from(struck);
        struck.then_some(plan.kind)
    }
}
