// All scenarios, in the order in which they run.
import { ACCOUNTS } from './accounts.mjs';
import { FAULTS } from './faults.mjs';
import { OFFLINE } from './offline.mjs';
import { TABS } from './tabs.mjs';

/** Name => {limit, work(world)}. */
export const SCENARIOS = { ...OFFLINE, ...FAULTS, ...ACCOUNTS, ...TABS };
