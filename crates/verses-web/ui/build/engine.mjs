// Makes the compiled engine smaller. What counts is its size as it travels, that is, after Brotli: many a pass that makes the
// file shorter makes it travel longer, so each of these was measured, alone and together with the others.

import binaryen from "binaryen";

const { Features } = binaryen;
/** What the Rust compiler and wasm-bindgen use and every browser of the last years has. With more, binaryen writes forms of
 * the file that browsers do not read yet. */
const FEATURES = Features.MutableGlobals | Features.NontrappingFPToInt | Features.SignExt | Features.BulkMemory
  | Features.BulkMemoryOpt | Features.ReferenceTypes | Features.Multivalue | Features.CallIndirectOverlong;

const PASSES = [
  // wasm-bindgen leaves functions that are the same, and calls through the table whose target is known.
  "duplicate-function-elimination",
  "directize",
  // Offsets go into loads and stores. Below 1024 is the far end of the stack, where nothing is.
  "optimize-added-constants",
  // Sets of locals to what they hold already, and what is left behind by that.
  "rse",
  "vacuum",
  "remove-unused-module-elements",
  // How far a place is aligned is a hint nobody follows: with the same one everywhere there is less to tell.
  "dealign",
  // Last: the locals used most get the lowest numbers, in every function.
  "reorder-locals",
  // Tells only tools what is in the file.
  "strip-target-features",
];

/** The same module in fewer bytes. */
export function optimise(bytes) {
  const module = binaryen.readBinary(bytes);
  try {
    module.setFeatures(FEATURES);
    binaryen.setOptimizeLevel(2);
    binaryen.setShrinkLevel(2);
    binaryen.setLowMemoryUnused(true);
    module.runPasses(PASSES);
    if (!module.validate()) throw new Error("binaryen made a module that is not valid");
    return Buffer.from(module.emitBinary());
  } finally {
    module.dispose();
  }
}

/** Names between the engine and its script, which are long and full of hashes: esbuild shortens them in the script, and
 * `rename` in the engine. */
export const INTERNAL_NAMES = /^(_?_wbg_|__wbindgen_|__externref_|wasm_bindgen_|engine_|\.\/(engine_bg\.js$|snippets\/))/;

/** The module with other names for what it imports and exports. */
export function rename(bytes, names) {
  const renamed = (name) => {
    if (INTERNAL_NAMES.test(name) && !names[name]) throw new Error(`the script of the engine does not name ${name}`);
    return names[name] ?? name;
  };
  const rewrite = { 2: (section) => renameImports(section, renamed), 7: (section) => renameExports(section, renamed) };
  const all = new Reader(bytes.subarray(8));
  const parts = [bytes.subarray(0, 8)];
  while (!all.ended()) {
    const id = all.number();
    const section = all.sized();
    parts.push(number(id), sized(rewrite[id]?.(new Reader(section)) ?? section));
  }
  return Buffer.concat(parts);
}

function renameImports(section, renamed) {
  const count = section.number();
  const parts = [number(count)];
  for (let i = 0; i < count; i += 1) {
    for (const name of [section.sized(), section.sized()]) parts.push(sized(Buffer.from(renamed(name.toString()))));
    const kind = section.number();
    if (kind !== 0) throw new Error("the engine imports something that is no function");
    parts.push(number(kind), number(section.number()));
  }
  return Buffer.concat(parts);
}

function renameExports(section, renamed) {
  const count = section.number();
  const parts = [number(count)];
  for (let i = 0; i < count; i += 1) {
    parts.push(sized(Buffer.from(renamed(section.sized().toString()))));
    parts.push(number(section.number()), number(section.number()));
  }
  return Buffer.concat(parts);
}

/** A number as WebAssembly writes it: seven bits a byte, the lowest first. */
function number(value) {
  const bytes = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

const sized = (bytes) => Buffer.concat([number(bytes.length), bytes]);

class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  ended() {
    return this.#at >= this.#bytes.length;
  }

  number() {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** What follows the number of its bytes. */
  sized() {
    const length = this.number();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
