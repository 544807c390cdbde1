"""Random lives of three customers, each answer foretold by the model.

Hypothesis chooses what they do and how time passes. After each step the seat map, the holds and
the tickets are compared with the model as well. Some bookings fall asleep between their lock in
Redis and their question to PostgreSQL, and go on later, whatever has happened meanwhile.
"""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from ticketing_service.holds.locks import Seat

from tests.integration.ticketing.model import CLAIM, ROWS, SEATS, Answer, Booking, Model
from tests.integration.ticketing.world import STAFF, USERS, World

# Nothing may be due while a step is under way.
CLEARANCE: Final = 5.0

users = st.sampled_from(USERS)
# Half of the time two of them are in demand.
seats = st.sampled_from([(1, 1), (1, 2)]) | st.tuples(st.integers(1, ROWS), st.integers(1, SEATS))
small_baskets = st.lists(seats, min_size=1, max_size=4, unique=True)
large_baskets = st.lists(seats, min_size=5, max_size=11, unique=True)
picks = st.integers(0, 1000)


class Lives(RuleBasedStateMachine):
    """Set by the test."""

    world: World
    loop: asyncio.AbstractEventLoop
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.flights: dict[str, tuple[Booking, Any]] = {}
        self.answered: list[tuple[int, str, str, Any, str, Answer]] = []
        self.names = 0
        self.seen: tuple[int, Any] = (0, None)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def call(self, user: int, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        answer: Answer = self.run(self.world.call(user, method, path, body, **headers))
        return answer

    def call_with_key(self, user: int, path: str, body: Any) -> Answer:
        """What is final is asked for again later."""
        key = self.new_name()
        answer = self.call(user, "POST", path, body, Idempotency_Key=key)
        if answer[0] in (201, 409):
            self.answered.append((user, "POST", path, body, key, answer))
        return answer

    def new_name(self) -> str:
        self.names += 1
        return f"{self.world.session}-{self.names}"

    def now(self) -> float:
        """A moment at which nothing is about to happen."""
        ahead = self.model.next_due(datetime.now(UTC).timestamp(), CLEARANCE)
        if ahead > 0:
            self.age(ahead)
        return datetime.now(UTC).timestamp()

    def age(self, seconds: float) -> None:
        self.run(self.world.let_time_pass(seconds))
        self.model.let_time_pass(seconds)

    @initialize()
    def open(self) -> None:
        self.model = Model(self.run(self.world.open()))

    # What customers do ----------------------------------------------------------------------

    @rule(user=users, basket=small_baskets | large_baskets)
    def hold(self, user: int, basket: list[Seat]) -> None:
        now = self.now()
        wanted = [{"row": row, "seat": seat} for row, seat in basket]
        body = {"session": self.world.session, "seats": wanted}
        answer = self.call_with_key(user, "/hold", body)
        self.model.hold(now, user, basket, answer)

    @rule(user=users, one_more=st.booleans())
    def hold_up_to_the_limit(self, user: int, one_more: bool) -> None:
        now = self.now()
        wanted = self.model.seats_to_limit(now, user) + one_more
        free = self.model.free(now)
        if 0 < wanted <= len(free):
            self.hold(user, free[:wanted])

    @precondition(lambda self: self.model.holds)
    @rule(pick=picks, times=st.integers(1, 3))
    def extend_again_and_again(self, pick: int, times: int) -> None:
        name, user = self.model.pick_hold(self.now(), pick, None)
        for _ in range(times):
            self.age(500.0)
            now = self.now()
            self.model.extend(now, user, name, self.call(user, "PATCH", f"/hold/{name}"))

    @precondition(lambda self: self.model.holds)
    @rule(user=users | st.none(), pick=picks)
    def extend(self, user: int | None, pick: int) -> None:
        now = self.now()
        name, user = self.model.pick_hold(now, pick, user)
        self.model.extend(now, user, name, self.call(user, "PATCH", f"/hold/{name}"))

    @precondition(lambda self: self.model.holds)
    @rule(user=users | st.none(), pick=picks)
    def release(self, user: int | None, pick: int) -> None:
        now = self.now()
        name, user = self.model.pick_hold(now, pick, user)
        self.model.release(now, user, name, self.call(user, "DELETE", f"/hold/{name}"))

    @precondition(lambda self: self.model.holds)
    @rule(user=users | st.none(), pick=picks)
    def book_hold(self, user: int | None, pick: int) -> None:
        now = self.now()
        name, user = self.model.pick_hold(now, pick, user)
        booking = self.model.begin_with_hold(now, user, name)
        self.model.finish(now, booking, self.call_with_key(user, "/book", {"hold": name}))

    @rule(user=users, seat=seats)
    def book_seat(self, user: int, seat: Seat) -> None:
        now = self.now()
        booking = self.model.begin_with_seat(now, user, seat)
        self.model.finish(now, booking, self.call_with_key(user, "/book", self.place(seat)))

    @precondition(lambda self: self.model.tickets)
    @rule(user=users | st.none(), pick=picks)
    def pay(self, user: int | None, pick: int) -> None:
        now, ticket, user = self.now(), *self.model.pick_ticket(pick, user)
        self.model.pay(now, user, ticket, self.call(user, "PATCH", f"/pay/{ticket}"))

    @precondition(lambda self: self.model.tickets)
    @rule(user=users | st.none(), pick=picks)
    def cancel(self, user: int | None, pick: int) -> None:
        _, ticket, user = self.now(), *self.model.pick_ticket(pick, user)
        self.model.cancel(user, ticket, self.call(user, "DELETE", f"/ticket/{ticket}"))

    @precondition(lambda self: self.answered)
    @rule(pick=picks)
    def ask_again(self, pick: int) -> None:
        user, method, path, body, key, first = self.answered[pick % len(self.answered)]
        again = self.call(user, method, path, body, Idempotency_Key=key)
        assert without_request_id(again) == without_request_id(first)

    # Bookings that sleep --------------------------------------------------------------------

    @precondition(lambda self: self.model.holds and len(self.flights) < 3)
    @rule(pick=picks)
    def book_hold_and_sleep(self, pick: int) -> None:
        now = self.now()
        name, user = self.model.pick_hold(now, pick, None)
        booking = self.model.begin_with_hold(now, user, name)
        self.fall_asleep(now, booking, {"hold": name})

    @precondition(lambda self: len(self.flights) < 3)
    @rule(user=users, seat=seats)
    def book_seat_and_sleep(self, user: int, seat: Seat) -> None:
        now = self.now()
        booking = self.model.begin_with_seat(now, user, seat)
        self.fall_asleep(now, booking, self.place(seat))

    def fall_asleep(self, now: float, booking: Booking, body: Any) -> None:
        name = self.new_name()
        call = self.world.call(booking.user, "POST", "/book", body, X_Request_ID=name)
        task = self.run(self.world.fall_asleep(name, call))
        if task.done():
            self.model.finish(now, booking, task.result())
        else:
            self.flights[name] = (booking, task)

    @precondition(lambda self: self.flights)
    @rule(pick=picks)
    def wake(self, pick: int) -> None:
        name = list(self.flights)[pick % len(self.flights)]
        now = self.now()
        booking, task = self.flights.pop(name)

        async def answer() -> Answer:
            self.world.gates[name].set()
            result: Answer = await task
            return result

        self.model.finish(now, booking, self.run(answer()))

    @precondition(lambda self: not self.flights)
    @rule(
        user=users,
        pick=picks,
        what=st.sampled_from(["hold", "hold of two", "held seat", "free seat"]),
        meanwhile=st.lists(
            st.sampled_from(["release", "extend", "rival", "by itself", "lapse", "expire"]),
            min_size=1,
            max_size=3,
        ),
    )
    def sleep_through(self, user: int, pick: int, what: str, meanwhile: list[str]) -> None:
        """What booking is overtaken by most often: all about one seat, alone or beside another."""
        now = self.now()
        free = self.model.free(now)
        if not free:
            return
        seat, name = free[pick % len(free)], ""
        if what != "free seat":
            basket = [seat, *free[:1]] if what == "hold of two" and seat != free[0] else [seat]
            self.hold(user, basket)
            name = next(reversed(self.model.holds), "")
            hold = self.model.holds.get(name)
            if not hold or hold.seats != basket or not self.model.lives(now, hold):
                return
        if what.startswith("hold"):
            self.fall_asleep(now, self.model.begin_with_hold(now, user, name), {"hold": name})
        else:
            self.fall_asleep(now, self.model.begin_with_seat(now, user, seat), self.place(seat))
        for event in meanwhile:
            self.as_the_model_says()
            self.happen(event, user, name, seat)
        self.as_the_model_says()
        if self.flights:
            self.wake(0)

    def happen(self, event: str, user: int, name: str, seat: Seat) -> None:
        now = self.now()
        if event == "release" and name:
            self.model.release(now, user, name, self.call(user, "DELETE", f"/hold/{name}"))
        elif event == "extend" and name:
            self.model.extend(now, user, name, self.call(user, "PATCH", f"/hold/{name}"))
        elif event == "rival":
            self.hold(user % len(USERS) + 1, [seat])
        elif event == "by itself":
            self.book_seat(user, seat)
        elif event == "lapse":
            self.age(CLAIM + 20)
        elif event == "expire":
            self.age(620)

    # What happens by itself -----------------------------------------------------------------

    @rule(seconds=st.sampled_from([10.0, CLAIM + 6, 100.0, 290.0, 400.0, 600.0, 617.0]))
    def time_passes(self, seconds: float) -> None:
        self.age(seconds)

    @rule(pick=st.integers(0, 7), before=st.sampled_from([300.0, -1.0]))
    def sales_near_their_end(self, pick: int, before: float) -> None:
        ahead = self.model.sales_end - before - self.now()
        if pick == 0 and ahead > 0:
            self.age(ahead)

    @rule(seller=users, next_one=users, pick=picks)
    def sell_again(self, seller: int, next_one: int, pick: int) -> None:
        """And hear of it in any order."""
        free = self.model.free(self.now())
        if free and not self.model.late(self.now()):
            seat = free[pick % len(free)]
            self.book_seat(seller, seat)
            self.cancel(None, len(self.model.tickets) - 1)
            self.book_seat(next_one, seat)
            self.sweep(pick)

    @rule(order=picks)
    def sweep(self, order: int) -> None:
        now = self.now()
        self.run(self.world.sweep(order))
        self.model.sweep(now)

    @precondition(lambda self: not self.flights)
    @rule(pick=st.integers(0, 3))
    def redis_loses_everything(self, pick: int) -> None:
        if pick == 0:  # not too often
            self.run(self.world.lose_redis())
            self.model.lose_redis()
            # So are the answers that were kept there.
            self.answered = [kept for kept in self.answered if kept[2] != "/hold"]

    # What can be seen -----------------------------------------------------------------------

    @invariant()
    def as_the_model_says(self) -> None:
        now = self.now()
        Lives.steps += 1
        onlooker = USERS[Lives.steps % len(USERS)]
        asked = [(hold.user, name) for name, hold in list(self.model.holds.items())[-5:]]
        asked += [(onlooker, name) for _, name in asked[-1:]]
        tickets = f"/ticket?session={self.world.session}"
        lists = [
            (user, words)
            for user in (STAFF, onlooker)
            for words in (("booked", "paid"), ("cancelled",), ("expired",))
        ]
        answers: list[Answer] = self.run(
            together(
                self.world.call(onlooker, "GET", f"/session/{self.world.session}/seats"),
                *(self.world.call(user, "GET", f"/hold/{name}") for user, name in asked),
                *(
                    self.world.call(
                        user, "GET", tickets + ("" if words[1:] else f"&status={words[0]}")
                    )
                    for user, words in lists
                ),
            )
        )
        self.compare_map(now, onlooker, answers.pop(0))
        for user, name in asked:
            self.model.check_hold(now, user, name, answers.pop(0))
        for user, words in lists:
            status, shown = answers.pop(0)
            assert status == 200
            assert [
                (t["id"], t["user"], (t["row"], t["seat"]), t["ticket_status"]["name"])
                for t in shown
            ] == self.model.listed(None if user == STAFF else user, words)

    def compare_map(self, now: float, onlooker: int, answer: Answer) -> None:
        status, shown = answer
        assert status == 200
        taken = {(s["row"], s["seat"]): (s["state"], s.get("mine", False)) for s in shown["taken"]}
        expected = self.model.seat_map(now)
        assert taken == {s: (state, user == onlooker) for s, (state, user) in expected.items()}
        version, last = self.seen
        assert shown["version"] >= version
        assert shown["version"] > version or expected == last, "it changed under the same version"
        self.seen = (shown["version"], expected)

    def teardown(self) -> None:
        async def wake_all() -> None:
            for name, (_, task) in self.flights.items():
                self.world.gates[name].set()
                await task

        self.run(wake_all())

    def place(self, seat: Seat) -> dict[str, int]:
        return {"session": self.world.session, "row": seat[0], "seat": seat[1]}


async def together(*calls: Coroutine[Any, Any, Answer]) -> list[Answer]:
    return await asyncio.gather(*calls)


def without_request_id(answer: Answer) -> Answer:
    status, body = answer
    return status, {**body, "request_id": ""} if isinstance(body, dict) else body
