"""miniRPC peers for asyncio, for code made by ``minirpcgen --python``."""

from .link import Procedure
from .peer import Client, Peer, Server, call, send, unavailable
from .status import Error, Status, Timeout
from .xdr import UNBOUNDED, Codec, Decoder, Encoder, Enum, no_arm, no_value, void

__all__ = [
    "UNBOUNDED",
    "Client",
    "Codec",
    "Decoder",
    "Encoder",
    "Enum",
    "Error",
    "Peer",
    "Procedure",
    "Server",
    "Status",
    "Timeout",
    "call",
    "no_arm",
    "no_value",
    "send",
    "unavailable",
    "void",
]
