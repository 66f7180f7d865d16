"""python3-websockets as a client: websockets_client.py URL CONVERSATION..."""

import asyncio
import sys

import websockets
from conversations import main
from websockets_talk import Talk


async def connect(url, protocols):
    return Talk(await websockets.connect(url, subprotocols=protocols or None, max_size=None))


asyncio.run(main(connect, *sys.argv[1:]))
