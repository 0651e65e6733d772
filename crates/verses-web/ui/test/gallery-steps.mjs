// Things to press before a picture is taken: what no address alone shows. Each names the page, the scenario, and what to do.

export const STEPS = [];
