// What wasm-bindgen makes of crates/verses-web/src/browser.rs, as far as the workers use it.

declare module "engine" {
  export function initSync(options: { module: WebAssembly.Module }): unknown;

  export class Engine {
    private constructor();
    static open(
      database: string,
      origin: string,
      tell: (event: string) => void,
      changed: (revision: number) => void,
    ): Promise<Engine>;
    call(name: string, args: string): Promise<string>;
    lead(): Promise<void>;
    hint(hint: string): void;
    syncOnce(): Promise<string>;
    accessToken(): Promise<string | undefined>;
  }
}
