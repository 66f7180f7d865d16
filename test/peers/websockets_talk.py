import asyncio

from conversations import cut
from websockets.exceptions import ConnectionClosed


class Talk:
    def __init__(self, socket):
        self.socket = socket
        self.protocol = socket.subprotocol
        self.send = socket.send
        self.receive = socket.recv

    def close(self, code, reason):
        self.closing = asyncio.ensure_future(self.socket.close(code, reason))

    async def closed(self):
        await self.socket.wait_closed()
        try:
            await self.socket.recv()
        except ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, '')

    async def ping(self, payload):
        await (await self.socket.ping(payload))
        return payload

    async def send_fragments(self, message, count):
        await self.socket.send(cut(message, count))
