"""Requests that come at the same time are answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any


class Batcher:
    """Gathers what several callers ask into one call, in a thread of its own.

    While one call is under way, whatever else comes waits, and is then taken together: nobody waits for a timer, and
    the more there is to do, the larger the batches become.

    Args:
        answer: gives one answer per question.
        largest: how many questions one call is asked at most, unless one caller alone has more.
    """

    def __init__(self, answer: Callable[[Sequence[Any]], Sequence[Any]], largest: int) -> None:
        self._answer = answer
        self._largest = largest
        self._waiting: asyncio.Queue[tuple[Sequence[Any], asyncio.Future[Sequence[Any]]]] = asyncio.Queue()
        self.calls = 0

    async def ask(self, questions: Sequence[Any]) -> Sequence[Any]:
        """The answers to these questions, in their order."""
        future: asyncio.Future[Sequence[Any]] = asyncio.get_running_loop().create_future()
        await self._waiting.put((questions, future))
        return await future

    async def run(self) -> None:
        """Answer until it is cancelled."""
        while True:
            asked = [await self._waiting.get()]
            while not self._waiting.empty() and sum(len(each) for each, _ in asked) < self._largest:
                asked.append(self._waiting.get_nowait())
            questions = [one for each, _ in asked for one in each]
            self.calls += 1
            try:
                answers = await asyncio.to_thread(self._answer, questions)
            except Exception as error:
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
                continue
            at = 0
            for each, future in asked:
                if not future.done():  # its caller may have gone
                    future.set_result(answers[at : at + len(each)])
                at += len(each)
