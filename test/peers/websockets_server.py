"""python3-websockets as an echo server."""

import asyncio
import json
import os

import websockets
from conversations import SUBPROTOCOL, Echo, tell, transcript
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets_talk import Talk

DEFLATE = os.environ.get('DEFLATE')
EXTENSIONS = {'compression': None, 'extensions': [ServerPerMessageDeflateFactory(**json.loads(DEFLATE))]} if DEFLATE else {}


async def serve(socket, path):
    talk = Talk(socket)
    echo = Echo(talk)
    try:
        await echo.open(path)
        while True:
            await echo.message(await talk.receive())
    except ConnectionClosed:
        tell(transcript(path, talk.protocol, echo.messages, *await talk.closed()))


async def main():
    server = await websockets.serve(serve, '127.0.0.1', 0, subprotocols=[SUBPROTOCOL], max_size=None, **EXTENSIONS)
    print('listening', server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
