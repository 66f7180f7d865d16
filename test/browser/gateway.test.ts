import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestCommand } from '../../packages/cli/src/test-command.js';
import {
  expectNothingWrong,
  expectToFit,
  launchChromium,
  phone,
  photograph,
  tablet,
  wide,
  Windows,
} from './chromium.js';

// Each test opens several windows, and axe takes its time.
vi.setConfig({ testTimeout: 60_000 });

let browser: Browser;
let gateway: TestCommand;
let address: string;
let windows: Windows;

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(async () => browser.close());

beforeEach(async () => {
  windows = new Windows(browser);
  gateway = new TestCommand(['gateway', '--demo', '--listen', '0']);
  address = await gateway.address();
});

afterEach(async () => {
  await windows.close();
  await gateway[Symbol.asyncDispose]();
  windows.checkComplaints();
});

type Tab = 'STOMP' | 'MQTT' | 'Echo';

/** Opens a window, and the console of a protocol in it. */
async function open(tab: Tab, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await windows.open(options);
  await page.goto(`http://${address}`);
  await page.getByRole('tab', { name: tab }).click();
  return page;
}

const log = (page: Page): Locator => page.getByRole('region', { name: 'Messages' });
const form = (page: Page, name: string): Locator => page.getByRole('form', { name });

async function expectState(page: Page, state: string): Promise<void> {
  await page
    .getByRole('status')
    .filter({ hasText: `Connection: ${state}` })
    .waitFor();
}

async function connect(page: Page, carrier = 'WebSocket'): Promise<void> {
  await page.getByRole('combobox', { name: 'Carrier' }).selectOption({ label: carrier });
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await expectState(page, 'Open');
}

async function subscribe(page: Page, topic: string): Promise<void> {
  await form(page, 'Subscribe').getByRole('textbox').fill(topic);
  await form(page, 'Subscribe').getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByRole('button', { name: `Unsubscribe from ${topic}` }).waitFor();
}

/** Writes something, and sends it by the key that does so. */
async function write(page: Page, name: 'Send' | 'Publish', label: string, text: string): Promise<void> {
  const field = form(page, name).getByRole('textbox', { name: label, exact: true });
  await field.fill(text);
  await field.press('Enter');
}

/** Waits for a line of the log, such as `To the client: MESSAGE`, with a text in it. */
async function expectFrame(page: Page, line: string, text: string): Promise<void> {
  await frame(page, line, text).waitFor();
}

function frame(page: Page, line: string, text: string): Locator {
  return log(page).getByRole('listitem').filter({ hasText: line }).filter({ hasText: text }).last();
}

describe('the console of STOMP', () => {
  it('lets two windows talk, one of them over long polling', async () => {
    const ada = await open('STOMP');
    await log(ada).getByText('Nothing has gone by yet').waitFor();
    await photograph(ada, 'gateway-empty');
    const eve = await open('STOMP');
    await connect(ada);
    await connect(eve, 'Session over long polling');
    await log(eve).getByText('Open over long polling').waitFor();
    await subscribe(ada, '/topic/chat');
    await subscribe(eve, '/topic/chat');
    await ada.getByRole('textbox', { name: 'To', exact: true }).fill('/topic/chat');
    await eve.getByRole('textbox', { name: 'To', exact: true }).fill('/topic/chat');

    await write(ada, 'Send', 'Text', 'Good morning');
    await expectFrame(eve, 'To the client:MESSAGE', 'Good morning');
    await write(eve, 'Send', 'Text', 'And to you');
    await expectFrame(ada, 'To the client:MESSAGE', 'And to you');
    await expectFrame(ada, 'To the server:SEND', 'destination=/topic/chat');

    await frame(ada, 'To the client:MESSAGE', 'And to you').locator('summary').click();
    await log(ada).getByText('Payload, text').waitFor();
    await photograph(ada, 'gateway-frame');
    await ada.getByRole('button', { name: 'Unsubscribe from /topic/chat' }).click();
    await expectFrame(ada, 'To the server:UNSUBSCRIBE', '/topic/chat');
    await ada.getByRole('button', { name: 'Disconnect' }).click();
    await expectState(ada, 'Closed');
    await log(ada)
      .getByText(/^Closed with \d+: /)
      .waitFor();
  });
});

describe('the console of MQTT', () => {
  it('publishes and subscribes, in every quality of service', async () => {
    const ada = await open('MQTT');
    const eve = await open('MQTT');
    await connect(ada);
    await expectFrame(ada, 'To the server:CONNECT', 'version=3.1.1');
    await connect(eve, 'Session over Server-Sent Events');
    await subscribe(eve, 'demo/#');
    for (const [quality, acknowledgement] of [
      ['0', 'PUBLISH'],
      ['1', 'PUBACK'],
      ['2', 'PUBCOMP'],
    ] as const) {
      await ada.getByRole('combobox', { name: 'Quality of service' }).selectOption(quality);
      await write(ada, 'Publish', 'Text', `In quality ${quality}`);
      await expectFrame(eve, 'To the client:PUBLISH', `In quality ${quality}`);
      await expectFrame(ada, acknowledgement, '');
    }
    await ada.getByRole('checkbox', { name: 'Retain' }).check();
    await write(ada, 'Publish', 'Text', 'Kept');
    await expectFrame(eve, 'To the client:PUBLISH', 'Kept');
    const late = await open('MQTT');
    await connect(late, 'Session, best carrier');
    await subscribe(late, 'demo/hello');
    await expectFrame(late, 'To the client:PUBLISH', 'Kept');
  });

  it('says what is wrong with a topic', async () => {
    const ada = await open('MQTT');
    await connect(ada);
    await form(ada, 'Publish').getByRole('textbox', { name: 'Topic' }).fill('demo/+');
    await ada.getByText('A topic that is published to has no + and no #.').waitFor();
    await form(ada, 'Subscribe').getByRole('textbox').fill('demo/#/none');
    await form(ada, 'Subscribe').getByRole('button', { name: 'Subscribe' }).click();
    await ada.getByRole('alert').filter({ hasText: 'demo/#/none cannot be subscribed to' }).waitFor();
    await expectState(ada, 'Open');
  });
});

describe('the console of bytes', () => {
  it.each(['Session over long polling', 'Session over streaming', 'Session over polling'])(
    'gets them back: %s',
    async (carrier) => {
      const page = await open('Echo');
      await connect(page, carrier);
      await write(page, 'Send', 'Bytes', 'There and back');
      await expectFrame(page, 'To the client:bytes', 'There and back');
      await page.getByRole('radio', { name: 'Hexadecimal' }).check();
      await write(page, 'Send', 'Bytes', '0g');
      await page.getByText(/^Bytes are pairs of the digits/).waitFor();
      await write(page, 'Send', 'Bytes', 'ff 00 80');
      await expectFrame(page, 'To the client:bytes', 'ff 00 80');
    },
  );
});

describe('when the gateway goes away', () => {
  it('says with which code and what to try', async () => {
    const page = await open('Echo');
    await connect(page);
    windows.forgiven = /ERR_CONNECTION_REFUSED/;
    gateway.stop();
    await expectState(page, 'Closed');
    await page.getByRole('alert').filter({ hasText: 'Connect to go on.' }).waitFor();
    await page.getByText('The server is going away').first().waitFor();
    await gateway.ended();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page
      .getByRole('alert')
      .filter({ hasText: 'Look whether “bothways gateway --demo” still runs' })
      .waitFor();
    await expectNothingWrong(page);
    await photograph(page, 'gateway-closed');
  });
});

describe('a server that is there for another view', () => {
  it('says what to run: the playground has no gateway, and the gateway no room to talk in', async () => {
    await using playground = new TestCommand(['playground', '--port', '0']);
    const page = await windows.open();
    await page.goto(`http://${await playground.address()}`);
    await page.getByRole('heading', { name: 'Talk' }).waitFor();
    await page.getByRole('link', { name: 'Gateway' }).click();
    await page.getByText('bothways gateway --demo', { exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/gateway');
    await expectNothingWrong(page);
    await photograph(page, 'gateway-not-here');
    await page.reload();
    await page.getByText('bothways gateway --demo', { exact: true }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: '1 here You' }).waitFor();

    await page.goto(`http://${address}talk`);
    await page.getByText('bothways playground', { exact: true }).waitFor();
  });
});

describe('on every screen', () => {
  it.each([
    ['wide', wide],
    ['tablet', tablet],
    ['phone', phone],
  ] as const)(
    'fits: %s, in both themes, and has nothing that keeps anyone out',
    async (name, viewport) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const touch = name === 'phone' ? { hasTouch: true, isMobile: true } : {};
        const page = await open('STOMP', { viewport, colorScheme, ...touch });
        await photograph(page, `gateway-${name}-${colorScheme}-unused`);
        await connect(page, 'Session over long polling');
        await subscribe(page, '/topic/demo');
        await write(
          page,
          'Send',
          'Text',
          `Written in the ${colorScheme}, and long enough for no phone to show it in one line`,
        );
        await expectFrame(page, 'To the client:MESSAGE', `Written in the ${colorScheme}`);
        await frame(page, 'To the client:MESSAGE', 'Written').locator('summary').click();
        await expectNothingWrong(page);
        await expectToFit(page);
        await photograph(page, `gateway-${name}-${colorScheme}-stomp`);
        await page.getByRole('tab', { name: 'MQTT' }).click();
        await connect(page);
        await subscribe(page, 'demo/#');
        await write(page, 'Publish', 'Text', '{"temperature": 21.5}');
        await expectFrame(page, 'To the client:PUBLISH', '21.5');
        await expectNothingWrong(page);
        await expectToFit(page);
        await photograph(page, `gateway-${name}-${colorScheme}-mqtt`);
        await page.getByRole('tab', { name: 'Echo' }).click();
        await expectNothingWrong(page);
        await expectToFit(page);
        await photograph(page, `gateway-${name}-${colorScheme}-echo`);
      }
    },
    60_000,
  );

  it('can be used without a mouse', async () => {
    const page = await open('STOMP');
    await page.getByRole('tab', { name: 'STOMP' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'Echo' }).getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(`document.activeElement.innerText`)).toBe('Connect');
    await page.keyboard.press('Enter');
    await expectState(page, 'Open');
    await page.getByRole('textbox', { name: 'Bytes' }).focus();
    await page.keyboard.type('Typed');
    await page.keyboard.press('Enter');
    await expectFrame(page, 'To the client:bytes', 'Typed');
    await log(page).focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await log(page).getByText('Payload, text').waitFor();
  });

  it('loads little, and no client before it is needed', async () => {
    const page = await open('STOMP');
    const transferred = await page.evaluate<number>(
      `performance.getEntries().reduce((sum, { encodedBodySize = 0 }) => sum + encodedBodySize, 0)`,
    );
    expect(transferred).toBeLessThan(120_000);
  });
});
