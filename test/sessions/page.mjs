// What a page does for the tests: it is served to a browser, with the library as `/bothways.js`.

import { Session } from '/bothways.js';

let session;
/** All messages that came. */
const messages = [];
/** What it went through: states, carriers and events, in order. */
const history = [];

const toShown = (data) => (typeof data === 'string' ? data : [...data]);

/** Opens a session, and resolves when it is open. */
async function open(options) {
  messages.length = 0;
  history.length = 0;
  session = new Session('/live', options);
  session.addEventListener('message', ({ data }) => messages.push(data));
  session.addEventListener('statechange', () => history.push(session.state));
  session.addEventListener('carrierchange', () => history.push(session.carrier ?? 'none'));
  session.addEventListener('resume', ({ resumed }) => history.push(resumed ? 'resumed' : 'begun anew'));
  await new Promise((resolve, reject) => {
    session.addEventListener('open', resolve);
    session.addEventListener('error', ({ error }) => reject(error));
  });
}

/** Sends messages: texts, and bytes as arrays of numbers. */
function send(...contents) {
  for (const content of contents) {
    session.send(typeof content === 'string' ? content : Uint8Array.from(content));
  }
}

/** Resolves when `isSo`, which is asked after every event. */
function until(isSo) {
  return new Promise((resolve) => {
    const look = () => {
      if (isSo()) resolve();
    };
    for (const type of ['message', 'statechange', 'carrierchange', 'resume'])
      session.addEventListener(type, look);
    look();
  });
}

/** The first messages, when there are so many; they are taken away. */
async function take(count) {
  await until(() => messages.length >= count);
  return messages.splice(0, count).map(toShown);
}

async function untilState(state) {
  await until(() => session.state === state);
}

async function untilCarrier(carrier) {
  await until(() => session.carrier === carrier);
}

/** Ends the session, and tells how it ended. */
async function close() {
  session.close(1000, 'done');
  const { code, reason, wasClean } = await session.closed;
  return { code, reason, wasClean };
}

window.page = {
  open,
  send,
  take,
  untilState,
  untilCarrier,
  close,
  lose: () => session.loseCarrier(),
  switchTo: (carrier) => session.switchTo(carrier),
  carrier: () => session.carrier,
  history: () => history,
  left: () => messages.length,
};
