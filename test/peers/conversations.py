"""Both ends of the conversations, in the words of conversations.mjs, echo.mjs and transcript.mjs."""

import asyncio
import hashlib
import json
import re
from urllib.parse import urlsplit

SECONDS_TO_TALK = 10
SUBPROTOCOL = 'echo.interop'
COUNT = 2000
FRAGMENTED = 'en fragments: é 漢 👋 𝄞 é 漢 👋 𝄞'
REPEATED = json.dumps([f'sensor {i * 7919 % 1000} says {i * 31 % 97}' for i in range(30)], separators=(',', ':'))
FAREWELL = 'bye 👋'
MEBIBYTE = 1024 * 1024


def describe(message):
    kind = 'text' if isinstance(message, str) else 'binary'
    data = message.encode() if kind == 'text' else bytes(message)
    if len(data) > 300:
        return f'{kind}:{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}'
    return f'{kind}:{message if kind == "text" else data.hex()}'


def transcript(path, protocol, messages, code, reason):
    return {
        'path': path,
        'protocol': protocol or '',
        'messages': [describe(message) for message in messages],
        'close': {'code': code, 'reason': reason or ''},
    }


def tell(seen):
    print('saw', json.dumps(seen, ensure_ascii=False), flush=True)


def cut(data, count):
    size = -(-len(data) // count)
    return [data[i * size : (i + 1) * size] for i in range(count)]


# The driving end. A `talk` is one open connection, with the coroutines send, receive, ping and send_fragments, the
# function close(code, reason), and closed(), which waits for the end and returns what the other end's Close said.


def exchange(message):
    async def converse(talk):
        await talk.send(message)
        return [await talk.receive()]

    return converse


def exchange_twice(message):
    async def converse(talk):
        await talk.send(message)
        first = await talk.receive()
        await talk.send(message)
        return [first, await talk.receive()]

    return converse


async def exchange_fragments(talk):
    await talk.send_fragments(FRAGMENTED, 5)
    await talk.send_fragments(bytes(range(256)), 3)
    return [await talk.receive(), await talk.receive()]


async def ping(talk):
    return ['pong ' + await talk.ping('still there?')]


async def listen(talk):
    return [await talk.receive()]


async def exchange_both_directions(talk):
    async def send_all():
        for i in range(COUNT):
            await talk.send(f'message {i}')

    await talk.send(f'!flood {COUNT}')
    sending = asyncio.ensure_future(send_all())
    received = [await talk.receive() for _ in range(2 * COUNT)]
    await sending
    is_flood = lambda message: message.startswith('flood')  # noqa: E731
    return [m for m in received if not is_flood(m)] + [m for m in received if is_flood(m)]


async def ask_to_close(talk):
    await talk.send(f'!close 4001 {FAREWELL}')
    await talk.closed()
    return []


HELLO = exchange('Hello, world!')
CONVERSATIONS = {
    'text': HELLO,
    'binary': exchange(bytes(range(256))),
    'empty-text': exchange(''),
    'empty-binary': exchange(b''),
    'large-text': exchange('grüße 漢字 👋 0123456789 \n' * (MEBIBYTE // 32)),
    'large-binary': exchange(bytes((i * 31 + (i >> 8)) & 255 for i in range(MEBIBYTE))),
    'repeated': exchange_twice(REPEATED),
    'unicode': exchange('G clef 𝄞, wave 👋🏽, family 👩‍👩‍👧‍👦, last \U0010ffff, NUL \0, BOM \ufeff'),
    'fragments-from-client': exchange_fragments,
    'fragments-from-server': exchange(f'!fragment 5 {FRAGMENTED}'),
    'ping-from-client': ping,
    'ping-from-server': exchange('!ping'),
    'server-speaks-first': listen,
    'both-directions': exchange_both_directions,
    'subprotocol': HELLO,
    'close-from-client': HELLO,
    'close-from-server': ask_to_close,
}


async def converse(connect, url, name):
    talk = await connect(f'{url}/{name}', ['unknown.interop', SUBPROTOCOL] if name == 'subprotocol' else [])
    messages = await CONVERSATIONS[name](talk)
    if name == 'close-from-client':
        talk.close(4001, FAREWELL)
    elif name != 'close-from-server':
        talk.close(1000, 'done')
    return transcript(urlsplit(url).path + '/' + name, talk.protocol, messages, *await talk.closed())


async def main(connect, url, *names):
    for name in names:
        try:
            tell(await asyncio.wait_for(converse(connect, url, name), SECONDS_TO_TALK))
        except Exception as error:
            tell({'path': urlsplit(url).path + '/' + name, 'error': repr(error)})


class Echo:
    """The answering end: see echo.mjs for the commands. `talk` is as above, and ping waits for its answer."""

    def __init__(self, talk):
        self.talk = talk
        self.messages = []
        self.tasks = set()

    async def open(self, path):
        if path.endswith('/server-speaks-first'):
            await self.talk.send('welcome')

    async def message(self, message):
        self.messages.append(message)
        if isinstance(message, str) and message.startswith('!'):
            verb, number, text = re.fullmatch(r'!(\S+) ?(\d*) ?(.*)', message, re.DOTALL).groups()
            task = asyncio.ensure_future(self.obey(verb, int(number or 0), text))
            self.tasks.add(task)  # the event loop keeps only a weak reference
        else:
            await self.talk.send(message)

    async def obey(self, verb, number, text):
        if verb == 'close':
            self.talk.close(number, text)
        elif verb == 'fragment':
            await self.talk.send_fragments(text, number)
        elif verb == 'ping':
            await self.talk.send('pong ' + await self.talk.ping('are you there?'))
        elif verb == 'flood':
            for i in range(number):
                await self.talk.send(f'flood {i}')
                if i % 50 == 49:
                    await asyncio.sleep(0)  # lets the loop read what has arrived
