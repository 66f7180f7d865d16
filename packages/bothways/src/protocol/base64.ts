const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The base64 (RFC 4648 section 4) of the text's UTF-8. */
export function encodeBase64(text: string): string {
  let encoded = '';
  let bits = 0;
  let count = 0;
  for (const byte of encodeUtf8(text)) {
    bits = ((bits << 8) | byte) & 0x3fff;
    for (count += 8; count >= 6; count -= 6) encoded += ALPHABET.charAt((bits >> (count - 6)) & 0x3f);
  }
  if (count > 0) encoded += ALPHABET.charAt((bits << (6 - count)) & 0x3f);
  return encoded.padEnd(Math.ceil(encoded.length / 4) * 4, '=');
}

/** RFC 3629 section 3; a lone surrogate becomes U+FFFD. */
function encodeUtf8(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const given = character.codePointAt(0)!;
    const code = given >= 0xd800 && given <= 0xdfff ? 0xfffd : given;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000)
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f));
      bytes.push(0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return bytes;
}
