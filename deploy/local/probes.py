"""Whether something answers."""

import http.client
import socket
from urllib.parse import urlsplit

SECONDS_TO_ANSWER = 5.0
DEFAULT_PORTS = {"postgresql": 5432, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


def can_connect(address: str) -> bool:
    url = urlsplit(address)
    port = url.port or DEFAULT_PORTS.get(url.scheme.partition("+")[0], 0)
    try:
        socket.create_connection((url.hostname or "", port), timeout=SECONDS_TO_ANSWER).close()
    except OSError:
        return False
    return True


def answers_ok(address: str) -> bool:
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("GET", url.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
