"""A warm-up that does what none may before a fork: it starts a JAX backend."""

from collections.abc import Callable

import jax.numpy as jnp


def preload() -> None:
    jnp.ones(3)


def ahead(lasting: bool) -> list[Callable[[], object]]:
    return []


def warm() -> None:
    jnp.ones(3)
