"""python3-websockets as a client: websockets_client.py URL CONVERSATION..."""

import asyncio
import json
import os
import sys

import websockets
from conversations import main
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets_talk import Talk

DEFLATE = os.environ.get('DEFLATE')
EXTENSIONS = {'compression': None, 'extensions': [ClientPerMessageDeflateFactory(**json.loads(DEFLATE))]} if DEFLATE else {}


async def connect(url, protocols):
    return Talk(await websockets.connect(url, subprotocols=protocols or None, max_size=None, **EXTENSIONS))


asyncio.run(main(connect, *sys.argv[1:]))
