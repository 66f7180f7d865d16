// Topics and filters, by MQTT 5.0 section 4.7: a topic is a path of levels between slashes; a filter is one as well, in
// which `+` stands for any one level, and `#`, as the last, for all that follow and for none.

/** How long a topic or a filter may be, UTF-16 code units. */
const MAX_LENGTH = 1_024;
const WILDCARD = /[+#]/;
const FILTER = /^(?:(?:\+|[^+#/]*)\/)*(?:\+|#|[^+#/]*)$/;
/** Topics of the servers among themselves. */
const OWN = '$bothways/';

/** @throws {TypeError} for what cannot be published to. */
export function checkTopic(topic: unknown): void {
  checkText(topic, 'topic');
  if (WILDCARD.test(topic)) {
    throw new TypeError(
      `'${topic}' is no topic: + and # are for the filters of subscribers (MQTT 5.0, 4.7.1)`,
    );
  }
}

/** Whether something can be subscribed to. */
export function isFilter(filter: string): boolean {
  return filter !== '' && filter.length <= MAX_LENGTH && FILTER.test(filter) && !filter.startsWith(OWN);
}

/** @throws {TypeError} for what cannot be subscribed to. */
export function checkFilter(filter: unknown): void {
  checkText(filter, 'topic');
  if (!FILTER.test(filter)) {
    throw new TypeError(
      `'${filter}' is no filter of topics: + stands for a whole level, and # for a whole one at the end (MQTT 5.0, 4.7.1)`,
    );
  }
}

function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text !== 'string' || text === '') throw new TypeError(`A ${what} is a string that is not empty`);
  if (text.length > MAX_LENGTH) throw new TypeError(`A ${what} has at most ${MAX_LENGTH} UTF-16 code units`);
  if (text.startsWith(OWN))
    throw new TypeError(`Topics that begin with ${OWN} are for servers among themselves`);
}

/** Whether a filter is more than one topic. */
export function isWild(filter: string): boolean {
  return WILDCARD.test(filter);
}

/** Whether a topic is one of those of a filter. */
export function matches(filter: string, topic: string): boolean {
  return covers(filter, topic);
}

/** Whether all topics of one filter are topics of another as well. */
export function covers(filter: string, other: string): boolean {
  if (isHidden(filter, other)) return false;
  const levels = filter.split('/');
  const others = other.split('/');
  for (const [index, level] of levels.entries()) {
    if (level === '#') return true;
    const asked = others[index];
    if (asked === undefined || asked === '#' || (level !== '+' && level !== asked)) return false;
  }
  return levels.length === others.length;
}

/** Whether two filters may have a topic in common: some that hide topics which begin with $ have none. */
export function meets(one: string, other: string): boolean {
  const levels = one.split('/');
  const others = other.split('/');
  for (let index = 0; ; index++) {
    const [level, asked] = [levels[index], others[index]];
    if (level === '#' || asked === '#') return true;
    if (level === undefined || asked === undefined) return level === asked;
    if (level !== asked && level !== '+' && asked !== '+') return false;
  }
}

/** Topics that begin with $ are for those alone that ask for them by name (MQTT 5.0, 4.7.2). */
function isHidden(filter: string, topic: string): boolean {
  return topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'));
}
