"""python3-autobahn's Twisted protocols with the coroutines of a talk, on one loop: Twisted's and asyncio's are the same."""

import asyncio

from conversations import cut

# Seconds until Autobahn gives up what it waits for. Its own second for a closing handshake is over before a machine
# that runs all tests at once has given both processes a turn.
PATIENCE = 10
TIMEOUTS = {'openHandshakeTimeout': PATIENCE, 'closeHandshakeTimeout': PATIENCE}


class Talk:
    """Mixed into a WebSocketClientProtocol or WebSocketServerProtocol."""

    def __init__(self):
        super().__init__()
        self.inbox = asyncio.Queue()
        self.ended = asyncio.get_event_loop().create_future()
        self.pongs = asyncio.Queue()

    @property
    def protocol(self):
        return self.websocket_protocol_in_use

    def onMessage(self, payload, isBinary):
        self.inbox.put_nowait(payload if isBinary else payload.decode())

    def onPong(self, payload):
        self.pongs.put_nowait(payload.decode())

    def onClose(self, wasClean, code, reason):
        end = (self.remoteCloseCode or 1006, self.remoteCloseReason or '')
        self.inbox.put_nowait(None)
        self.ended.set_result(end)

    async def send(self, message):
        isBinary = not isinstance(message, str)
        self.sendMessage(message if isBinary else message.encode(), isBinary)

    async def receive(self):
        message = await self.inbox.get()
        if message is None:
            raise ConnectionError('the connection has ended')
        return message

    def close(self, code, reason):
        self.sendClose(code, reason)

    async def closed(self):
        return await self.ended

    async def ping(self, payload):
        self.sendPing(payload.encode())
        return await self.pongs.get()

    async def send_fragments(self, message, count):
        isBinary = not isinstance(message, str)
        self.beginMessage(isBinary)
        for fragment in cut(message if isBinary else message.encode(), count):
            self.sendMessageFrame(fragment)
        self.endMessage()
