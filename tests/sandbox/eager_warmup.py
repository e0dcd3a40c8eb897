"""A warm-up that does what none may before a fork: it starts a JAX backend."""

import jax.numpy as jnp


def preload() -> None:
    jnp.ones(3)


def warm() -> None:
    jnp.ones(3)
