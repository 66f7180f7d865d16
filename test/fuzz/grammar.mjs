/** The small grammars of header fields once more, as regular expressions, beside the scans of the library. */
import { must } from './finding.mjs';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const AUTHORITY = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]+)(?::[0-9]*)?$/;

/** A check for two origins and all below a third, whose answers are easily told. */
const ALLOWED = ['https://good.example', 'https://*.good.example', 'http://good.example:*'];

export function checkGrammar(text, headers, protocol) {
  must(headers.isToken(text) === TOKEN.test(text), 'a token is judged wrongly', JSON.stringify(text));
  const isValue = !/[^\t\x20-\x7e\x80-\xff]/.test(text);
  must(headers.isFieldValue(text) === isValue, 'a field value is judged wrongly', JSON.stringify(text));

  const members = text.split(',').map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
  const isList = members.every((member) => TOKEN.test(member)) && new Set(members).size === members.length;
  const expected = isList ? members.join() : undefined;
  must(headers.parseTokenList(text)?.join() === expected, 'a list is read wrongly', JSON.stringify(text));
  const hasUpgrade = members.some((member) => TOKEN.test(member) && member.toLowerCase() === 'upgrade');
  must(
    headers.hasToken(text, 'upgrade') === hasUpgrade,
    'a member of a list is judged wrongly',
    JSON.stringify(text),
  );

  const authority = headers.parseAuthority(text);
  must(
    (authority !== undefined) === AUTHORITY.test(text),
    'an authority is judged wrongly',
    JSON.stringify(text),
  );
  must(
    /^"[\x20-\x7e]*"$/.test(headers.quote(text)),
    'a quotation with other characters',
    JSON.stringify(text),
  );
  checkOrigin(text, protocol);
}

function checkOrigin(text, { createOriginCheck }) {
  const isWelcome = createOriginCheck(ALLOWED)(text, 'host.example');
  if (isWelcome) {
    // What is let in is what the URL standard takes for a page of that host as well.
    const { protocol, hostname, port } = new URL(text);
    const isGood = hostname === 'good.example' || hostname.endsWith('.good.example');
    must(isGood && (protocol === 'http:' || port === ''), 'a foreign page is let in', JSON.stringify(text));
  }
  must(
    createOriginCheck()(text, 'host.example') === false || /host\.example/i.test(text),
    'a foreign page is let in',
  );
  try {
    createOriginCheck([text]);
  } catch (error) {
    must(
      error instanceof TypeError && /^[\x20-\x7e]+$/.test(error.message),
      'an origin throws',
      String(error),
    );
  }
}
