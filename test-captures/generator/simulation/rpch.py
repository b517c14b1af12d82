# SPDX-License-Identifier: GPL-2.0-or-later
"""RPC over HTTP ([MS-RPCH] 3.2): two HTTP requests that never end carry the PDUs of one connection, one in each direction."""

import uuid

from rpch_streams import CONN_A3, CONN_C2, GIGABYTE, RPC_TYPE, answer, ask, conn_a1, conn_b1

from .network import C2S, Connection, FIN, HTTP, S2C

GIGABYTE_LENGTH = 1 << 30


class VirtualConnection:
    """What Connection is to those who send PDUs. What ends it ends the OUT channel first."""

    has_legs = False

    def __init__(self, network, client, server, delay, rng):
        self.into, self.out = (Connection(network, client, server, HTTP, delay, rng) for _ in range(2))
        self.cookie = uuid.UUID(bytes=rng.randbytes(16), version=4)

    @property
    def open(self):
        return self.into.open and self.out.open

    @property
    def closed(self):
        return self.out.closed

    @property
    def on_close(self):
        return self.out.on_close

    def connect(self):
        """Both channels, and the RTS PDUs that make one connection of them."""
        yield from self.out.connect()
        yield from self.into.connect()
        opening = conn_a1(self.cookie)
        yield self.out.send(C2S, ask('RPC_OUT_DATA', len(opening)) + opening)
        yield self.into.send(C2S, ask('RPC_IN_DATA', GIGABYTE_LENGTH))
        yield self.into.send(C2S, conn_b1(self.cookie))
        yield 0.0005
        yield self.out.send(S2C, answer('200 Success', RPC_TYPE, GIGABYTE) + CONN_A3)
        yield self.out.send(S2C, CONN_C2)

    def send(self, way, data, message=None):
        return (self.into if way == C2S else self.out).send(way, data, message)

    def vanish(self):
        self.into.vanish()
        self.out.vanish()

    def cut(self, way, flags, message=None, refused=False):
        """The side that ends the OUT channel closes the other one, too."""
        self.out.cut(way, flags, message, refused)
        self.into.cut(way, FIN)
