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
