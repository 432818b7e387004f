# Client: Python asyncio, streams
# Package: python3
# Needs: python3
# Server: sink
# TLS: yes
# Ends: 1 TimeoutError
# Bare 9: over TLS. What the peer says after close_notify is an error to asyncio (sslproto.py, _do_shutdown), which then
#   throws away what it has not sent.
import asyncio
import os
import ssl


async def upload(data):
    context = ssl.create_default_context(cafile=os.environ['CA']) if os.environ['TLS'] else None
    # By default it waits 30 s for the last bytes and the peer's end, then drops them.
    patience = {'ssl_shutdown_timeout': 300} if context else {}
    reader, writer = await asyncio.open_connection(os.environ['HOST'], int(os.environ['PORT']), ssl=context, **patience)
    if os.environ['IDLE']:
        writer.write(data[:1000])
        await writer.drain()
        data = data[1000:]
        await asyncio.sleep(float(os.environ['IDLE']))
    writer.write(data)
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
        await reader.read()
    writer.close()
    await writer.wait_closed()


with open(os.environ['PAYLOAD'], 'rb') as f:
    asyncio.run(upload(f.read()))
