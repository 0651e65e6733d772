//! Making a failing plan smaller: steps are left out, faults of the network switched off, as long as the same invariant
//! still breaks.

use crate::plan::Plan;
use crate::run::{Options, run};

/// The smallest plan found that breaks the same invariant within `tries` runs. The plan must fail as it is.
#[must_use]
pub fn shrink(plan: &Plan, options: Options, tries: u32) -> Plan {
    let options = Options { keep_trace: false, ..options };
    let breaks = |plan: &Plan| run(plan, options).violation.map(|violation| violation.invariant);
    let Some(invariant) = breaks(plan) else { return plan.clone() };
    let mut shrinking =
        Shrinking { best: plan.clone(), left: tries, still: |plan: &Plan| breaks(plan) == Some(invariant) };
    while shrinking.steps() || shrinking.rates() {}
    shrinking.best
}

struct Shrinking<F> {
    best: Plan,
    left: u32,
    still: F,
}

impl<F: Fn(&Plan) -> bool> Shrinking<F> {
    fn try_plan(&mut self, plan: Plan) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let smaller = (self.still)(&plan);
        if smaller {
            self.best = plan;
        }
        smaller
    }

    /// Leaves out halves, quarters and so on, down to single steps. Gives whether anything went.
    fn steps(&mut self) -> bool {
        let mut any = false;
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < self.best.steps.len() {
                let mut smaller = self.best.clone();
                let to = (from + size).min(smaller.steps.len());
                smaller.steps.drain(from..to);
                if self.try_plan(smaller) {
                    any = true;
                } else {
                    from += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        any
    }

    /// Switches faults of the network off, one kind after the other.
    fn rates(&mut self) -> bool {
        let mut any = false;
        for kind in 0..12 {
            let mut smaller = self.best.clone();
            let params = &mut smaller.params;
            let link = &mut params.link;
            let rate = match kind {
                0 => &mut link.lose_request,
                1 => &mut link.lose_answer,
                2 => &mut link.duplicate,
                3 => &mut link.late_copy,
                4 => &mut link.reorder,
                5 => &mut link.portal,
                6 => &mut link.proxy,
                7 => &mut link.cut,
                8 => &mut link.drip,
                9 => &mut link.busy,
                10 => &mut link.silence,
                _ => &mut params.interleave,
            };
            if std::mem::take(rate) > 0 {
                any |= self.try_plan(smaller);
            }
        }
        any
    }
}
