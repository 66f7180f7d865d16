/**
 * The pure globals that every platform has and the ES library's types leave out. Nothing else of the world
 * outside is named in this folder.
 */

/** The part of the WHATWG `URL` that the protocol reads. */
export interface ParsedUrl {
  readonly href: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
}

declare const URL: new (input: string, base?: string) => ParsedUrl;

/** The platform's WHATWG URL parser; it throws a `TypeError` for what is no URL. */
export const Url = URL;

/** The part of WebAssembly that the protocol needs; some platforms have none, or forbid it. */
export interface WasmPlatform {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
}

declare const WebAssembly: WasmPlatform | undefined;

/** @returns what makes WebAssembly run, or `undefined` where there is none. */
export function wasmPlatform(): WasmPlatform | undefined {
  return typeof WebAssembly === 'undefined' ? undefined : WebAssembly;
}
