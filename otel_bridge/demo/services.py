"""
The services and the person that the demo's agents turn to; no network is used.
"""

import asyncio
import time


async def search(query: str) -> str:
    """
    Search the web.
    """
    await asyncio.sleep(0.03)
    return f"{query}: fado festival in Alfama; the tile museum is open until six."


async def weather(city: str) -> str:
    """
    Ask for a forecast, which the service never gives.
    """
    await asyncio.sleep(0.06)
    raise TimeoutError(f"the weather service did not answer about {city}")


def ask_person(question: str) -> str:
    """
    Ask a person for permission; the demo's person is quick.
    """
    time.sleep(0.1)
    return f"Yes to {question}"


def book_hotel(hotel: str, nights: int) -> str:
    """
    Book rooms.
    """
    time.sleep(0.02)
    return f"Booked: {hotel}, {nights} nights."
