"""python3-autobahn (Twisted) as an echo server."""

import asyncio

from twisted.internet import asyncioreactor

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
asyncioreactor.install(loop)

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol  # noqa: E402
from autobahn_talk import TIMEOUTS, Talk  # noqa: E402
from conversations import SUBPROTOCOL, Echo, tell, transcript  # noqa: E402
from twisted.internet import reactor  # noqa: E402


class ServerTalk(Talk, WebSocketServerProtocol):
    def onConnect(self, request):
        self.path = request.path
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def onOpen(self):
        self.task = loop.create_task(self.serve())

    async def serve(self):
        echo = Echo(self)
        await echo.open(self.path)
        try:
            while True:
                await echo.message(await self.receive())
        except ConnectionError:
            tell(transcript(self.path, self.protocol, echo.messages, *await self.closed()))


factory = WebSocketServerFactory()
factory.protocol = ServerTalk
factory.setProtocolOptions(**TIMEOUTS)
port = reactor.listenTCP(0, factory, interface='127.0.0.1')
reactor.callWhenRunning(lambda: print('listening', port.getHost().port, flush=True))
reactor.run()
