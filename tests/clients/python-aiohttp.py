# Client: Python aiohttp, a file as the body
# Package: python3-aiohttp
# Needs: python3:aiohttp
# Server: http
# TLS: yes
# Ends: 1 (?m)^aiohttp.client_exceptions.ClientOSError: .*110
# Ends 1: 1 (?s)TimeoutError: \[Errno 110\] Connect call failed.*\naiohttp.client_exceptions.ClientConnectorError:
# Ends 11: 1 (?m)^aiohttp.client_exceptions.(ClientOSError: .*110|ClientConnectorError: .*Connection timed out)
import asyncio
import os
import ssl

import aiohttp


async def upload(url):
    context = ssl.create_default_context(cafile=os.environ['CA']) if os.environ['TLS'] else None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        if os.environ['IDLE']:
            async with session.get(url) as response:
                await response.read()
            await asyncio.sleep(float(os.environ['IDLE']))
        with open(os.environ['PAYLOAD'], 'rb') as f:
            async with session.put(url, data=f) as response:
                print(response.status, response.reason)


asyncio.run(upload(os.environ['URL']))
