"""An FTPS server on loopback: PORT LOW HIGH ROOT CERT KEY, and USER PASSWORD of each user; data ports from LOW to HIGH."""

import logging
import os
import resource
import sys

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

port, low, high, root, cert, key, *users = sys.argv[1:]

logging.basicConfig(level=logging.WARNING)

authorizer = DummyAuthorizer()
for user, password in zip(users[::2], users[1::2]):
    authorizer.add_user(user, password, root, perm="elradfmwMT")

context = SSL.Context(SSL.TLS_SERVER_METHOD)
context.set_min_proto_version(SSL.TLS1_2_VERSION)
context.use_certificate_chain_file(cert)
context.use_privatekey_file(key)


class Handler(TLS_FTPHandler):
    ssl_context = context
    passive_ports = range(int(low), int(high) + 1)


Handler.authorizer = authorizer
assert Handler.use_sendfile

most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

server = FTPServer(("127.0.0.1", int(port)), Handler)
server.max_cons = 0

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
server.serve_forever()
