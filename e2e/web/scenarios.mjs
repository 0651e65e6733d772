// All scenarios, in the order in which they run.
import { OFFLINE } from './offline.mjs';

/** Name => {limit, work(world)}. */
export const SCENARIOS = { ...OFFLINE };
