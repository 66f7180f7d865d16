/** What signs tokens: by the platform's cryptography. */
export interface Signer {
  /** A message authentication code of a text, in base64url, of at least 128 bits. */
  sign(text: string): string;
  /** Compares in a time that does not depend on where two texts differ. */
  isEqual(one: string, other: string): boolean;
}

/** What a session's token says; whom it is bound to is signed as well, but not in it. */
export interface TokenContent {
  readonly session: string;
  /** The server that has the session. */
  readonly node: string;
  /** Seconds since 1970, after which it is worth nothing. */
  readonly expiry: number;
}

/** How much of the code a token has: 128 bits in base64url. */
const CODE_LENGTH = 22;
const TOKEN = /^([\w-]{1,64})\.([\w-]{1,64})\.([0-9a-z]{1,9})\.([\w-]{22})$/;
/** Looked at in place of what is no token, so that it takes the same time. */
const NO_TOKEN = ['', '-'.repeat(22), '--------', '0000000', '-'.repeat(CODE_LENGTH)];

/**
 * @param binding whom the token is of: the origin and the user of the page that opened the session. With another
 * binding it is no token.
 */
export function writeToken(content: TokenContent, binding: string, signer: Signer): string {
  const text = `${content.session}.${content.node}.${content.expiry.toString(36)}`;
  return `${text}.${codeOf(text, binding, signer)}`;
}

/** @returns `undefined` for a token that is wrong, has expired or is somebody else's, after the same time. */
export function readToken(
  token: string,
  binding: string,
  seconds: number,
  signer: Signer,
): TokenContent | undefined {
  const match = TOKEN.exec(token);
  const [, session = '', node = '', expiry = '', code = ''] = match ?? NO_TOKEN;
  const isRight = signer.isEqual(code, codeOf(`${session}.${node}.${expiry}`, binding, signer));
  const content = { session, node, expiry: Number.parseInt(expiry, 36) };
  return isRight && match !== null && content.expiry > seconds ? content : undefined;
}

function codeOf(text: string, binding: string, signer: Signer): string {
  return signer.sign(`${text}\n${binding}`).slice(0, CODE_LENGTH);
}
