# SPDX-License-Identifier: MIT
"""An SMTP server (aiosmtpd) that takes mail from anybody; over TLS from the first byte, where there is TLS."""
import asyncio
import threading

from aiosmtpd.smtp import SMTP

from servers import upload

# EHLO, MAIL, RCPT and DATA.
OPENING = 160
TALKS = False


class Server:
    def __init__(self, place):
        self.taken = []
        self.loop = asyncio.new_event_loop()
        context = place.server_context() if place.tls else None
        listener = self.loop.run_until_complete(
            self.loop.create_server(self.protocol, '127.0.0.1', 0, ssl=context))
        self.port = listener.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def protocol(self):
        # Its own name, or it asks the DNS for it.
        return SMTP(self, hostname='localhost', loop=self.loop)

    async def handle_DATA(self, _server, _session, envelope):
        self.taken.append(upload.of(envelope.content))
        return '250 taken'

    def received(self):
        return self.taken

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


start = Server
