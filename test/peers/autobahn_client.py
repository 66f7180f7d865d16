"""python3-autobahn (Twisted) as a client: autobahn_client.py URL CONVERSATION..."""

import asyncio
import sys

from twisted.internet import asyncioreactor

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
asyncioreactor.install(loop)

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol, connectWS  # noqa: E402
from autobahn_talk import PATIENCE, TIMEOUTS, Talk  # noqa: E402
from conversations import main  # noqa: E402
from twisted.internet import reactor  # noqa: E402


async def connect(url, protocols):
    opened = loop.create_future()

    class ClientTalk(Talk, WebSocketClientProtocol):
        def onOpen(self):
            opened.set_result(self)

    factory = WebSocketClientFactory(url, protocols=protocols)
    factory.protocol = ClientTalk
    factory.setProtocolOptions(serverConnectionDropTimeout=PATIENCE, **TIMEOUTS)
    factory.clientConnectionFailed = lambda _, failure: opened.set_exception(failure.value)
    connectWS(factory)
    return await opened


task = loop.create_task(main(connect, *sys.argv[1:]))
task.add_done_callback(lambda _: reactor.stop())
reactor.run()
