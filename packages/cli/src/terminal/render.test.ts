import { expect, it } from 'vitest';
import { escapeControls, renderForTerminal, renderMessage } from './render.js';

it('shows control characters instead of obeying them', () => {
  expect(escapeControls('a\u001B]0;title\u0007b\r\u009Bc\u007F')).toBe('a\\e]0;title\\x07b\\r\\x9bc\\x7f');
});

it('leaves text, tabs and lines alone', () => {
  expect(escapeControls('Grüße\t👋\nzwei')).toBe('Grüße\t👋\nzwei');
});

it('renders binary messages as hex digits, whatever buffer they are a part of', () => {
  expect(renderMessage(new Uint8Array([1, 2, 254, 255]).subarray(1))).toBe('02feff');
});

it('sets in what comes after the first line, so that it cannot pass for another message', () => {
  expect(renderForTerminal('one\n< two')).toBe('< one\n  < two');
  expect(renderForTerminal(new Uint8Array([10]))).toBe('< (hex) 0a');
});
