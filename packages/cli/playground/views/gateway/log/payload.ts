/** What is shown of a payload, characters. */
const MAX_SHOWN = 4_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A payload as text if it is UTF-8 without control characters, and as hexadecimal digits if not. */
export function showPayload(payload: Uint8Array): { readonly text: string; readonly isHex: boolean } {
  const text = textOf(payload);
  if (text !== undefined) return { text: cut(text), isHex: false };
  const bytes = [...payload.subarray(0, MAX_SHOWN / 3)];
  const more = bytes.length < payload.length ? ' …' : '';
  return { text: `${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}${more}`, isHex: true };
}

function textOf(payload: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(payload);
    return /[^\P{Cc}\t\r\n]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)} …` : text;
}
