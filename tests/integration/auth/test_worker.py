"""The worker: what the outbox holds reaches the broker."""

import asyncio

import aio_pika
import aiohttp
from auth_service import worker
from auth_service.settings import WorkerSettings
from cinema_shared.events.envelope import Event
from cinema_shared.messaging import topology

from tests.integration.auth.conftest import Auth
from tests.support import http


async def test_it_relays_what_was_registered(own_auth: Auth, rabbitmq_url: str) -> None:
    settings = WorkerSettings(
        auth_database_url=own_auth.settings.auth_database_url, rabbitmq_url=rabbitmq_url
    )
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection, connection.channel() as channel:
        await topology.declare(channel)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(topology.EVENTS, "user.#")
        user_id = (await own_auth.register("relayed")).body["id"]

        async with (
            http.serve(worker.create(settings)) as url,
            aiohttp.ClientSession() as client,
            asyncio.timeout(20),
        ):
            subjects = []
            async with queue.iterator() as messages:
                async for message in messages:
                    await message.ack()
                    event = Event.model_validate_json(message.body)
                    subjects.append(event.subject)
                    if event.subject == f"user/{user_id}":
                        break
            async with client.get(f"{url}/readyz") as ready:
                assert ready.status == 200

    assert message.routing_key == "user.registered.v1"
    assert event.data["username"] == "relayed"
    # The first staff account is one that listeners must know of, too.
    assert len(subjects) == 2
