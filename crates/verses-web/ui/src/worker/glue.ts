// What the script beside the engine's WebAssembly offers. It is a file of its own, which both workers load.

export { default as init, Engine } from "engine";
