"""A client of the session protocol, written from PROTOCOL.md alone.

    session_client.py URL CARRIER [--opening-key KEY]

URL is the endpoint (http: or https:); CARRIER is one of websocket, streaming, eventsource, long-polling,
polling, postback. It needs Python 3.11 and the package `websockets`. A "§" in a comment is a section of
PROTOCOL.md.

Each line of standard input is a JSON object, a command:

    {"do":"send","text":"..."}   {"do":"send","base64":"..."}   {"do":"switch","carrier":"..."}
    {"do":"cut"}   {"do":"poll"}   {"do":"close","code":1000,"reason":""}

Each line of standard output is one, an event:

    {"event":"open","session":"..."}             {"event":"attached","gen":1,"carrier":"..."}
    {"event":"message","text":"..."}             {"event":"message","base64":"..."}
    {"event":"closed","code":1000,"reason":""}   {"event":"failed","error":"...","status":400}
"""

import argparse
import asyncio
import base64
import contextlib
import email
import json
import random
import re
import secrets
import sys
from urllib.parse import quote, urlsplit

import websockets
from websockets.exceptions import ConnectionClosed, WebSocketException

MEDIA_TYPE = 'application/vnd.bothways'
SUBPROTOCOL = 'bothways.session.1'
WINDOW = 1_048_576  # what this client takes unacknowledged, bytes
LONGEST_BODY, LONGEST_OPENING = 262_144, 524_288
BACKOFF, MOST_BACKOFF, CUT_BACKOFF = 0.5, 30, 0.02  # seconds, as all times of this file
POLLING = 0.05
ACK_DELAY = 4  # §5: "within 5 seconds"
FAREWELL = 5  # the longest that the program stays after the end of the session


class Lost(Exception):
    """The carrier is lost. The next generation is attached, `after` seconds at the earliest."""

    def __init__(self, why, after=0):
        super().__init__(why)
        self.after = after


class GivenUp(Exception):
    def __init__(self, error='malformed', status=400):
        super().__init__(error, status)


class Closed(Exception):
    """The session is over."""


# Whatever else an attempt may meet on its way.
LOSSES = (Lost, OSError, EOFError, asyncio.LimitOverrunError, WebSocketException)


def emit(event, **members):
    try:
        print(json.dumps({'event': event, **members}), flush=True)
    except OSError:  # not to be taken for a lost carrier
        raise SystemExit(1) from None


# Records (§3). A text is a str, a binary message bytes, an acknowledgement an int, a control record a dict.


def number(value, least=0):
    if type(value) is not int or not least <= value < 2**53:
        raise GivenUp()
    return value


def string(value):
    if not isinstance(value, str):
        raise GivenUp()
    return value


def to_line(record):
    if isinstance(record, bytes):
        record = [base64.b64encode(record).decode()]
    return json.dumps(record, ensure_ascii=False).encode() + b'\n'


def from_line(line):
    try:
        value = json.loads(line.decode())
        match value:
            case str():
                value.encode()  # fails for a lone surrogate
                return value
            case [str(data)]:
                return base64.b64decode(data, validate=True)
            case dict():
                return value
    except ValueError:
        raise GivenUp() from None
    return number(value)


def to_message(record):
    if isinstance(record, bytes):
        return record
    return '.' + record if isinstance(record, str) else json.dumps(record)


def from_message(message):
    if isinstance(message, bytes):
        return message
    if message.startswith('.'):
        return message[1:]
    if not re.match('[0-9{]', message):
        raise GivenUp()
    return from_line(message.encode())


def size(message):
    """In UTF-8. Of a close it does not matter: nothing comes after it."""
    return len(message.encode() if isinstance(message, str) else message)


# HTTP/1.1


async def body_of(reader, headers):
    length = headers.get('content-length')
    if headers.get('transfer-encoding', '').lower() == 'chunked':
        while (size := (await reader.readuntil(b'\r\n')).split(b';')[0].strip()) != b'0':
            if not re.fullmatch(b'[0-9A-Fa-f]+', size):
                raise Lost('no chunk')
            yield await reader.readexactly(int(size, 16))
            await reader.readexactly(2)
    elif length is not None:
        yield await reader.readexactly(int(length) if length.isdecimal() else 0)
    else:
        while piece := await reader.read(65_536):
            yield piece


async def lines_of(body):
    """The lines, each of which a line feed ends."""
    rest = b''
    async for piece in body:
        *lines, rest = (rest + piece).split(b'\n')
        for line in lines:
            yield line
    if rest:
        raise Lost('a line was cut')


async def event_data(body):
    """The data of the events of a text/event-stream: one line each, as no record has a line feed in it."""
    async for line in lines_of(body):
        if line.startswith(b'data:'):
            yield line[5:].strip()


async def race(*coroutines):
    """Runs them until one raises: that is raised, by the first of them that has."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Session:
    def __init__(self, url, kind, key):
        self.url, self.kind, self.key = url, kind, key
        self.token = None
        self.generation = 0  # of the last attempt
        self.attached, self.since = 0, 0  # the last that was answered, and when
        self.current = None  # the task of the present attempt
        self.attempts, self.backoff, self.switched = 0, BACKOFF, False
        self.changed = asyncio.Event()  # there may be something to send; the carrier waits for it
        self.poll = False
        # Messages to the server: numbered to `last`, sent at least once to `sent`, acknowledged to `acked`.
        self.last = self.sent = self.acked = self.in_flight = 0
        self.kept = {}
        self.closing = self.over = None  # the close to the server, which is the last one; how it has ended
        # What the server says of itself, and what holds until then.
        self.window, self.max_message, self.heartbeat = 65_536, 2**53 - 1, 20
        # Messages from the server: handed on to `handed`; later ones are held.
        self.handed, self.held = 0, {}
        self.unacknowledged, self.ack_timer, self.ack_wanted = 0, None, False

    # Sending (§5)

    def send(self, record):
        if self.closing:
            return  # §8
        if size(record) > self.max_message:
            raise GivenUp('too-large', 413)
        self.last += 1
        self.kept[self.last] = record
        self.closing = record if isinstance(record, dict) else None
        self.changed.set()

    def close_sent(self):
        return self.closing and self.sent == self.last

    def may_send(self, following):
        """Whether this message may be sent now: again always, for the first time within the window."""
        if self.in_flight < self.window or self.closing and following == self.last:
            return following <= self.last
        return following <= self.sent

    def take(self, following):
        record = self.kept[following]
        if following > self.sent:
            self.sent = following
            self.in_flight += size(record) + 32
        return record

    def acknowledged(self, count):
        if number(count) > self.sent:
            raise GivenUp()
        while self.acked < count:  # a lower one than before is ignored
            self.acked += 1
            self.in_flight -= size(self.kept.pop(self.acked)) + 32
        self.changed.set()

    # Receiving (§5)

    def receive(self, received, record):
        if received > self.handed + 1 + WINDOW // 32:
            raise GivenUp()
        if received > self.handed:
            self.held[received] = record
        while self.handed + 1 in self.held:
            self.handed += 1
            record = self.held.pop(self.handed)
            if isinstance(record, dict):
                self.over = record
                raise Closed
            self.unacknowledged += size(record) + 32
            if self.unacknowledged >= min(WINDOW, self.window) // 4:
                self.want_ack()
            elif not self.ack_timer:
                self.ack_timer = asyncio.get_running_loop().call_later(ACK_DELAY, self.want_ack)
            if self.closing:
                pass  # §8: dropped, but acknowledged
            elif isinstance(record, str):
                emit('message', text=record)
            else:
                emit('message', base64=base64.b64encode(record).decode())

    def want_ack(self):
        self.ack_wanted = True
        self.changed.set()

    def acknowledge(self):
        """The acknowledgement, for a record or header that is sent at once."""
        if self.ack_timer:
            self.ack_timer.cancel()
        self.unacknowledged, self.ack_timer, self.ack_wanted = 0, None, False
        return self.handed

    # Attaching (§4)

    def header(self, following, **members):
        header = {'gen': self.generation, 'ack': self.acknowledge(), 'seq': following, **members}
        if self.token is None:
            header['open'] = self.key
        if self.attached < self.generation:
            header['window'] = WINDOW
        return header

    def take_header(self, header):
        if not isinstance(header, dict) or number(header.get('gen'), 1) != self.generation:
            raise GivenUp()
        self.acknowledged(header.get('ack'))
        self.take_token(header)
        if self.attached == self.generation:
            return
        self.attached, self.since = self.generation, asyncio.get_running_loop().time()
        self.backoff = BACKOFF
        self.window = number(header.get('window', self.window), 1)
        self.max_message = number(header.get('maxMessage', self.max_message))
        if 'heartbeat' in header:
            self.heartbeat = number(header['heartbeat'], 1) / 1000
        if 'session' in header:
            emit('open', session=header['session'])
        emit('attached', gen=self.generation, carrier=self.kind)

    def take_token(self, control):
        if 'token' in control:
            self.token = string(control['token'])

    def refusal(self, status, error, after=0):
        """The exception for an error of §7."""
        if status == 404 and self.close_sent():
            self.over = self.closing  # §8
            return Closed()
        if 400 <= status <= 499 and status not in (409, 429):
            return GivenUp(error, status)
        return Lost(f'status {status}', after)

    async def run(self):
        delay = 0
        while True:
            self.switched, after = False, 0
            self.current = asyncio.ensure_future(self.attempt(delay))
            try:
                await self.current
            except LOSSES as loss:
                after = getattr(loss, 'after', 0)
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling():
                    raise  # all is over; otherwise it was switched or cut
            if self.attached == self.generation and asyncio.get_running_loop().time() - self.since >= 1:
                self.attempts = 0
            delay = 0
            if not self.switched:
                # "Full jitter": the first attempt after a loss has the number 0.
                longest = min(MOST_BACKOFF, self.backoff * 2 ** min(self.attempts, 20))
                delay = max(after, random.uniform(0, longest))
                self.attempts += 1

    async def attempt(self, delay):
        await asyncio.sleep(delay)
        self.generation += 1  # whether or not this one comes to anything
        carrier = CARRIERS[self.kind](self)
        try:
            await carrier.carry()
        except BaseException:  # it may have been cut, too
            if not self.over:
                raise
            emit('closed', code=self.over['close'], reason=self.over.get('reason', ''))
            with contextlib.suppress(Exception):
                async with asyncio.timeout(FAREWELL):
                    await carrier.farewell()
            raise Closed from None
        finally:
            carrier.drop()

    def command(self, command):
        match command:
            case {'do': 'send', 'text': text}:
                self.send(text)
            case {'do': 'send', 'base64': data}:
                self.send(base64.b64decode(data))
            case {'do': 'close'}:
                self.send({'close': command.get('code', 1000), 'reason': command.get('reason', '')})
            case {'do': 'poll'}:
                self.poll = True
                self.changed.set()
            case {'do': 'switch', 'carrier': kind}:
                self.kind, self.switched, self.attempts = kind, True, 0
                self.current.cancel()
            case {'do': 'cut'}:
                self.backoff, self.attempts = CUT_BACKOFF, 0
                self.current.cancel()
            case _:
                raise ValueError(f'no command: {command}')


class Incoming:
    """What comes on one WebSocket or in one response: a header, and records numbered from its `seq` on."""

    def __init__(self, session):
        self.session = session
        self.header = None

    def take(self, record):
        session = self.session
        if self.header is None:
            session.take_header(record)
            self.header, self.following = record, number(record.get('seq'), 1)
        elif isinstance(record, int):
            session.acknowledged(record)
        elif isinstance(record, (str, bytes)) or 'close' in record:
            if isinstance(record, dict):
                number(record['close'])
                string(record.get('reason', ''))
            self.following += 1
            session.receive(self.following - 1, record)
        elif 'seq' in record:
            self.following = number(record['seq'], self.following + 1)
        else:
            session.take_token(record)


class WebSocketCarrier:
    """§6.1"""

    def __init__(self, session):
        self.session, self.socket = session, None

    async def carry(self):
        session = self.session
        # No Pings of its own: they are the server's affair (§6.4).
        self.socket = await websockets.connect(
            re.sub('^http', 'ws', session.url), subprotocols=[SUBPROTOCOL], compression=None, max_size=None,
            ping_interval=None, open_timeout=session.heartbeat, close_timeout=FAREWELL)
        if asyncio.current_task().cancelling():
            raise asyncio.CancelledError  # asyncio.wait_for, in websockets.connect, may have swallowed it
        if self.socket.subprotocol != SUBPROTOCOL:
            raise Lost('another subprotocol')
        try:
            await race(self.read(), self.write())
        except ConnectionClosed as end:
            if not end.rcvd:
                raise
            if end.rcvd.code == 1009:  # it would be so again
                raise GivenUp('too-large', 413) from None
            raise session.refusal(end.rcvd.code - 4000, end.rcvd.reason) from None

    async def read(self):
        incoming = Incoming(self.session)
        while True:
            async with asyncio.timeout(self.session.heartbeat * 2):
                message = await self.socket.recv()
            incoming.take(from_message(message))

    async def write(self):
        session = self.session
        following = session.acked + 1  # the number that the server gives to the next message
        token = {} if session.token is None else {'token': session.token}
        await self.send(session.header(following, **token))
        while True:
            if session.ack_wanted:
                await self.send(session.acknowledge())
            next_one = max(following, session.acked + 1)
            if session.may_send(next_one):
                record = session.take(next_one)
                if next_one > following:
                    await self.send({'seq': next_one})
                await self.send(record)
                following = next_one + 1
            else:
                await session.changed.wait()
                session.changed.clear()

    async def send(self, record):
        with contextlib.suppress(ConnectionClosed):  # read() tells
            await self.socket.send(to_message(record))

    async def farewell(self):
        if not self.session.close_sent():
            await self.send(self.session.acknowledge())
        await self.socket.close(1000)

    def drop(self):
        if self.socket:
            self.socket.transport.abort()


class HttpCarrier:
    def __init__(self, session):
        self.session = session
        self.following = session.acked + 1  # the number of the next message on this carrier

    def may_send(self):
        self.following = max(self.following, self.session.acked + 1)
        return self.session.may_send(self.following)

    @contextlib.asynccontextmanager
    async def post(self, patience, messages=True, **members):
        """Sends a request with a header, and what there is to send; yields the body of the response."""
        session = self.session
        messages = self.may_send() and messages
        lines = [to_line(session.header(self.following, **members))]
        length = len(lines[0])
        alone = LONGEST_OPENING if session.token is None else 2**53
        while messages and session.may_send(self.following):
            line = to_line(session.kept[self.following])
            length += len(line)
            if length > (LONGEST_BODY if len(lines) > 1 else alone):
                break  # the next request takes it
            session.take(self.following)
            self.following += 1
            lines.append(line)
        body = b''.join(lines)
        fields = {'Content-Type': MEDIA_TYPE, 'Content-Length': len(body)}
        if session.token is not None:
            fields['Authorization'] = f'Bearer {session.token}'
        async with self.request('POST', session.url, fields, body, MEDIA_TYPE, patience) as answer:
            yield answer

    @contextlib.asynccontextmanager
    async def request(self, method, url, fields, body, media_type, patience):
        """Over a connection of its own; yields an iterator of the response's body."""
        parts = urlsplit(url)
        secure = parts.scheme == 'https'
        target = (parts.path or '/') + ('?' + parts.query if parts.query else '')
        fields = {'Host': parts.netloc, 'Connection': 'close', **fields}
        lines = [f'{method} {target} HTTP/1.1', *(f'{name}: {fields[name]}' for name in fields), '', '']
        writer = None
        try:
            async with asyncio.timeout(patience):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or (443 if secure else 80), ssl=secure or None)
                # Not drained: a server may refuse a long body (413) while it is still coming.
                writer.write('\r\n'.join(lines).encode() + body)
                first = '100'
                while first.startswith('1'):
                    head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1').removeprefix('HTTP/1.')
                    first, _, rest = head[2:].partition('\r\n')
                headers = email.message_from_string(rest)
                answer = body_of(reader, headers)
                if first[:3] != '200' or headers.get_content_type() != media_type:
                    await self.refuse(first[:3], headers, answer)
            yield answer
        finally:
            if writer:
                writer.transport.abort()

    async def refuse(self, status, headers, body):
        """§7"""
        after = headers.get('retry-after', '')
        after = int(after) if after.isdecimal() else 0
        if not re.fullmatch(r'[345]\d\d', status) or headers.get_content_type() != MEDIA_TYPE:
            raise Lost(f'{status}, of a proxy', after)
        record = from_line(b''.join([chunk async for chunk in body]))
        error = record.get('error', '') if isinstance(record, dict) else ''
        raise self.session.refusal(int(status), error, after)

    async def exchange(self, wait=0, **members):
        """§6.2. Returns the server's header."""
        if wait:
            members['wait'] = int(wait * 1000)
        patience = wait + self.session.heartbeat
        incoming = Incoming(self.session)
        async with asyncio.timeout(patience), self.post(patience, **members) as body:
            async for line in lines_of(body):
                incoming.take(from_line(line))
        if incoming.header is None:
            raise Lost('an empty response')
        return incoming.header

    async def farewell(self):
        if not self.session.close_sent():
            await self.exchange(messages=False)

    def drop(self):
        pass  # each request has a connection of its own


class ExchangeCarrier(HttpCarrier):
    """Long polling, polling and postback (§6.2)"""

    async def carry(self):
        session = self.session
        loop = asyncio.get_running_loop()
        last = loop.time()
        await self.exchange()  # alone, and without waiting
        wait = session.heartbeat if session.kind == 'long-polling' else 0
        under_way = set()
        try:
            while True:
                for task in [task for task in under_way if task.done()]:
                    under_way.remove(task)
                    task.result()
                wanted = session.ack_wanted or self.may_send()
                polled = session.kind == 'polling' or session.closing  # §8: a postback asks for it, too
                rest = last + (0 if wait else POLLING if polled else session.heartbeat) - loop.time()
                due = not under_way and (rest <= 0 or session.poll)
                if due or wanted and len(under_way) < 2:
                    session.poll = False
                    last = loop.time()
                    pending = {'pending': True} if under_way else {}
                    task = asyncio.ensure_future(self.exchange(wait, **pending))
                    task.add_done_callback(lambda _: session.changed.set())
                    under_way.add(task)
                    await asyncio.sleep(0)  # the task takes what is to be sent
                else:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(None if under_way else rest):
                            await session.changed.wait()
                    session.changed.clear()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)


class StreamCarrier(HttpCarrier):
    """Streaming and eventsource (§6.3)"""

    async def carry(self):
        self.incoming = Incoming(self.session)
        self.heartbeat = False  # whether there is one to answer
        await race(self.read(), self.write())

    async def read(self):
        session = self.session
        if session.kind == 'streaming':
            async with self.post(session.heartbeat, stream='lines') as body:
                await self.listen(lines_of(body))
        ticket = string((await self.exchange(stream='events')).get('ticket'))
        url = session.url + ('&' if urlsplit(session.url).query else '?') + 'ticket=' + quote(ticket, safe='')
        kind = 'text/event-stream'
        async with self.request('GET', url, {'Accept': kind}, b'', kind, session.heartbeat) as body:
            await self.listen(event_data(body))

    async def listen(self, lines):
        session = self.session
        while True:
            async with asyncio.timeout(session.heartbeat * 2):
                line = await anext(lines, None)
            if line is None:
                raise Lost('the stream has ended')
            record = from_line(line)
            self.incoming.take(record)
            if isinstance(record, int):  # §6.4: any is answered
                self.heartbeat = True
                session.changed.set()

    async def write(self):
        session = self.session
        while True:
            await session.changed.wait()
            session.changed.clear()
            # The first one when the stream's header has come.
            while self.incoming.header and (self.heartbeat or session.ack_wanted or self.may_send()):
                self.heartbeat = False
                await self.exchange()


CARRIERS = {'websocket': WebSocketCarrier, 'streaming': StreamCarrier, 'eventsource': StreamCarrier,
            'long-polling': ExchangeCarrier, 'polling': ExchangeCarrier, 'postback': ExchangeCarrier}


async def commands(session):
    lines = asyncio.StreamReader(limit=2**30)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        session.command(json.loads(line))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('url')
    parser.add_argument('carrier', choices=CARRIERS)
    parser.add_argument('--opening-key', default=secrets.token_urlsafe(16))
    options = parser.parse_args()
    session = Session(options.url, options.carrier, options.opening_key)
    try:
        await race(session.run(), commands(session))  # the end of the commands ends nothing
    except Closed:
        return 0
    except GivenUp as given_up:
        emit('failed', error=given_up.args[0], status=given_up.args[1])
        return 1


if __name__ == '__main__':
    sys.exit(asyncio.run(main()))
