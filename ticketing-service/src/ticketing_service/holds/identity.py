"""A hold's name: opaque to clients, and to us a sealed note of whose hold it is and where.

Sealed, so that a hold that Redis no longer knows is still told from one that never was: its owner
gets 410 "it has ended", everybody else 404.
"""

import base64
import binascii
import hmac
import secrets
import struct
from dataclasses import dataclass
from typing import Final, Self

_CONTENT: Final = struct.Struct(">QQ16s")
_SEAL_BYTES: Final = 16


@dataclass(frozen=True)
class HoldId:
    """Whose hold, on which screening, and the random token that its locks carry."""

    screening_id: int
    user_id: int
    token: str

    @classmethod
    def new(cls, screening_id: int, user_id: int) -> Self:
        return cls(screening_id, user_id, secrets.token_hex(16))

    def sealed(self, secret: str) -> str:
        """The name that the client gets."""
        content = _CONTENT.pack(self.screening_id, self.user_id, bytes.fromhex(self.token))
        return base64.urlsafe_b64encode(content + _seal(secret, content)).decode()

    @classmethod
    def opened(cls, text: str, secret: str) -> Self | None:
        """The hold of that name, or None for a name that we never gave."""
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content, seal = raw[: _CONTENT.size], raw[_CONTENT.size :]
        if len(content) != _CONTENT.size or not hmac.compare_digest(seal, _seal(secret, content)):
            return None
        screening_id, user_id, token = _CONTENT.unpack(content)
        return cls(screening_id, user_id, token.hex())


def _seal(secret: str, content: bytes) -> bytes:
    return hmac.digest(secret.encode(), content, "sha256")[:_SEAL_BYTES]
