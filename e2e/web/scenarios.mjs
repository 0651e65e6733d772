// All scenarios, in the order in which they run.
import { ACCESSIBLE } from './accessible.mjs';
import { ACCOUNTS } from './accounts.mjs';
import { FAULTS } from './faults.mjs';
import { KEYBOARD } from './keyboard.mjs';
import { LARGE } from './large.mjs';
import { LOADING } from './loading.mjs';
import { OFFLINE } from './offline.mjs';
import { TABS } from './tabs.mjs';
import { UPDATES } from './updates.mjs';

/** Name => {limit, work(world)}. */
export const SCENARIOS = { ...OFFLINE, ...FAULTS, ...ACCOUNTS, ...TABS, ...UPDATES, ...KEYBOARD, ...ACCESSIBLE, ...LOADING, ...LARGE };
