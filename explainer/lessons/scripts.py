"""Lessons written as scripts: the code calls jax.vmap itself, and every call is listed."""

from __future__ import annotations

from explainer.lessons.lesson import Lesson
from explainer.spec import Request

TRAINING_CODE = """\
def loss(w, x, y):
    return (jnp.tanh(x @ w) - y) ** 2

@jax.jit
def step(w, xs, ys):
    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(w, xs, ys)
    return w - 0.1 * grads.mean(0)

def losses(w):
    return jax.vmap(loss, in_axes=(None, 0, 0))(w, xs, ys)

xs = jnp.array([[1., 0.], [.5, 1.5], [2., -1.]])
ys = jnp.array([1., -1., 1.])
w = jnp.zeros(2)
for epoch in range(3):
    w = step(w, xs, ys)
    print(epoch, losses(w).mean())
"""

CLOSURES_CODE = """\
X = jnp.array([[0., 0.], [1., 0.], [0., 1.]])
Y = jnp.array([[2., 2.], [-2., 2.], [2., -2.], [-2., -2.]])

@jax.vmap
def row(x):
    return jax.vmap(lambda y: jnp.sum((x - y) ** 2))(Y)

D = row(X)
print(D.shape)
"""

HIDDEN_CODE = """\
def project(x):
    return x / jnp.linalg.norm(x)

points = jnp.array([[3., 4.], [0., 2.]])
J = jax.vmap(jax.jacrev(project))(points)

dot = jnp.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")
G = dot(points[:, None], points)
print(J.shape, G.shape)
"""

LESSONS = (
    Lesson(
        id="script-training-loop",
        topic="Scripts",
        title="Every vmap in a training loop",
        summary="The code runs top to bottom as it stands. Each place that calls a vmapped function is one "
        "entry of the list, inside jit too; calls of one place are counted. Pick one to see its axes.",
        request=Request(code=TRAINING_CODE),
    ),
    Lesson(
        id="script-closures",
        topic="Scripts",
        title="A vmap inside the function of another",
        summary="The inner function closes over x, which the outer vmap maps: within one call x is a single "
        "point, over all calls it has the axis i. Pick vmap j to see both levels at work.",
        request=Request(code=CLOSURES_CODE),
    ),
    Lesson(
        id="script-hidden-vmaps",
        topic="Scripts",
        title="The vmaps that JAX calls for you",
        summary="jacrev pulls back one unit vector per output, all of them by a vmap of its own; vectorize "
        "turns broadcasting into nested vmaps. Both are listed with who made them.",
        request=Request(code=HIDDEN_CODE),
    ),
)
