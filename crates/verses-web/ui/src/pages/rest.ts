// Every page but Today, in one file: together they are much smaller than apart, and all are fetched ahead anyway.

// Nothing of it is used here: what both name lands in one file, which is smaller than two.
import "../shell/App";

export { default as add } from "./add";
export { default as library } from "./library";
export { default as progress } from "./progress";
export { default as settings } from "./settings";
export { default as sync } from "./sync";
export { default as verse } from "./verse";
