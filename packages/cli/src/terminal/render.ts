const escapes: Readonly<Record<string, string>> = { '\t': '\t', '\r': '\\r', '\u001B': '\\e' };

function escapeControl(character: string): string {
  return escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/**
 * Text that a peer sent, made harmless for a terminal: a control character could move the cursor, change the
 * title or answer in the user's stead, so it is shown instead of obeyed. Lines may still break.
 */
export function escapeControls(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, escapeControl);
}

/** A received message as text: binary ones as hex digits. */
export function renderMessage(message: string | Uint8Array): string {
  if (typeof message === 'string') return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('hex');
}

/** A received message for a terminal: what comes after its first line is set in, so it cannot pass for another. */
export function renderForTerminal(message: string | Uint8Array): string {
  const kind = typeof message === 'string' ? '<' : '< (hex)';
  return `${kind} ${escapeControls(renderMessage(message)).replaceAll('\n', '\n  ')}`;
}
