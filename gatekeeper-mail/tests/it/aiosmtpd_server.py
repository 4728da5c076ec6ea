"""A mail server on aiosmtpd, for the tests: prints its port, then each mail it takes as a line of JSON."""

import asyncio
import base64
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

# It says at length that what it is asked for here is unusual.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

mode, certificate, key, excluded = sys.argv[1:5]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


def say(value):
    print(json.dumps(value), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        say(
            {
                "peer": session.peer[1],
                "login": session.auth_data and session.auth_data.decode(),
                "encrypted": session.ssl is not None
                or server.transport.get_extra_info("ssl_object") is not None,
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "content": base64.b64encode(envelope.original_content).decode(),
            }
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    if data.login == b"ann@example.com" and data.password == "p:/@ß".encode():
        return AuthResult(success=True, auth_data=data.login)
    return AuthResult(success=False, handled=False)


def connection():
    return SMTP(
        Handler(),
        tls_context=context if mode == "starttls" else None,
        require_starttls=mode == "starttls",
        auth_required=True,
        auth_require_tls=mode == "starttls",
        authenticator=authenticate,
        auth_exclude_mechanism=[excluded] if excluded else None,
        decode_data=False,
        enable_SMTPUTF8=True,
    )


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        connection, "127.0.0.1", 0, ssl=context if mode == "implicit" else None
    )
    say({"port": server.sockets[0].getsockname()[1]})
    # Ends with the test: its end of the pipe closes.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
