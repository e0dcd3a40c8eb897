"""Honest scripts: code alone that prints, maps by its own calls, and uses what Python has."""

from __future__ import annotations

from explainer.spec import Request
from tests.pains.case import script

SCRIPTS: dict[str, Request] = {
    "a_print_of_an_array": script("x = jnp.arange(6.0).reshape(2, 3)\nprint(x)\nprint(x.sum(0), end='!')"),
    "a_call_of_vmap": script("print(jax.vmap(jnp.dot)(jnp.ones((3, 2)), jnp.ones((3, 2))))"),
    "a_training_loop": script("""
tx = optax.adam(0.1)
w = jnp.zeros(3)
state = tx.init(w)
x = jax.random.normal(jax.random.key(0), (8, 3))
y = x @ jnp.array([1.0, -2.0, 0.5])

@jax.jit
def step(w, state):
    loss, grad = jax.value_and_grad(lambda w: jnp.mean((jax.vmap(jnp.dot, (0, None))(x, w) - y) ** 2))(w)
    updates, state = tx.update(grad, state)
    return optax.apply_updates(w, updates), state, loss

for n in range(10):
    w, state, loss = step(w, state)
print(f'{loss:.3f}', w.shape)
"""),
    "an_ensemble_by_filter_vmap": script("""
import equinox as eqx

keys = jax.random.split(jax.random.key(0), 3)
models = eqx.filter_vmap(lambda key: eqx.nn.Linear(2, 1, key=key))(keys)
apply = eqx.filter_vmap(lambda model, x: model(x), in_axes=(eqx.if_array(0), None))
print(apply(models, jnp.ones(2)).shape)
"""),
    "a_lifted_vmap_of_flax": script("""
import flax.linen as nn

Dense = nn.vmap(nn.Dense, variable_axes={'params': 0}, split_rngs={'params': True}, in_axes=0, axis_size=3)
layer = Dense(2)
x = jnp.ones((3, 4))
params = layer.init(jax.random.key(0), x)
print(jax.tree.map(jnp.shape, params), layer.apply(params, x).shape)
"""),
    "numpy_alone": script("""
a = np.linspace(0, 1, 5)
print(np.linalg.norm(a).round(3), np.random.default_rng(0).integers(0, 9, 4), np.fft.fft(a).shape)
print(np.einsum('i,j->ij', a, a).trace(), np.argsort(-a))
"""),
    "scipy_alone": script("""
import scipy.linalg, scipy.optimize, scipy.stats, scipy.special

print(scipy.linalg.expm(np.zeros((2, 2))), scipy.special.gamma(5.0))
print(scipy.optimize.minimize(lambda x: (x[0] - 2) ** 2, [0.0]).x.round(3))
print(scipy.stats.norm.cdf(0.0))
"""),
    "pandas_alone": script("""
import pandas as pd

frame = pd.DataFrame({'a': [1, 2, 3], 'b': [0.5, 0.25, 0.125]})
print(frame.groupby('a').b.sum().to_dict(), frame.describe().loc['mean'].tolist())
"""),
    "functools_and_itertools": script("""
import functools, itertools, operator, collections

@functools.lru_cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

print(fib(80), functools.reduce(operator.mul, range(1, 6)), list(itertools.pairwise('abc')))
print(collections.Counter('abca').most_common(1), jax.tree.reduce(operator.add, {'a': 1, 'b': [2, 3]}))
"""),
    "debug_prints_of_every_example": script("""
def f(x):
    jax.debug.print('x is {x}', x=x, ordered=True)
    return x * 2

for x in jnp.arange(3.0):
    f(x)
print(jax.vmap(lambda x: x * 2)(jnp.arange(3.0)))
"""),
    "an_ordered_io_callback": script("""
from jax.experimental import io_callback

seen = []

@jax.jit
def f(x):
    io_callback(lambda v: seen.append(float(v)), None, x, ordered=True)
    return x + 1

f(jnp.float32(1))
f(jnp.float32(2))
jax.effects_barrier()
print(seen)
"""),
    "a_debug_callback": script("""
seen = []
jax.jit(lambda x: jax.debug.callback(seen.append, x, ordered=True))(jnp.ones(2))
jax.effects_barrier()
print(len(seen), np.asarray(seen[0]))
"""),
    "pmap": script(
        "print(jax.pmap(lambda x: lax.psum(x, 'i'), axis_name='i')(jnp.arange(4.0)), jax.device_count())"
    ),
    "shard_map": script("""
from jax.sharding import Mesh, PartitionSpec as P

mesh = Mesh(np.array(jax.devices()[:4]), ('i',))
f = jax.shard_map(lambda x: lax.psum(x.sum(), 'i'), mesh=mesh, in_specs=P('i'), out_specs=P())
print(f(jnp.arange(8.0)))
"""),
    "sharded_arrays": script("""
from jax.sharding import NamedSharding, PartitionSpec as P

mesh = jax.make_mesh((4,), ('data',))
x = jax.device_put(jnp.arange(8.0), NamedSharding(mesh, P('data')))
print(jax.jit(lambda x: (x ** 2).sum())(x), len(x.addressable_shards))
"""),
    "ahead_of_time_compilation": script("""
traced = jax.jit(lambda x: jnp.sin(x) @ x).trace(jnp.ones((2, 2)))
print(traced.jaxpr)
lowered = traced.lower()
print(len(lowered.as_text()) > 100, lowered.compile().cost_analysis() is not None)
print(jax.eval_shape(jnp.dot, jnp.ones((2, 3)), jnp.ones((3, 4))))
"""),
    "a_jaxpr_printed": script("print(jax.make_jaxpr(jax.vmap(lambda x: jnp.sum(x * 2)))(jnp.ones((3, 2))))"),
    "threads": script("""
import threading
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(4) as pool:
    print(sorted(pool.map(lambda n: n * n, range(8))))
box = []
thread = threading.Thread(target=lambda: box.append(float(jnp.ones(3).sum())))
thread.start()
thread.join()
print(box)
"""),
    "time_and_dates": script("""
import datetime, time, timeit

began = time.perf_counter()
time.sleep(0.01)
print(time.perf_counter() - began >= 0.01, datetime.date(2026, 1, 1) + datetime.timedelta(days=1))
print(timeit.timeit('1 + 1', number=10) >= 0, time.time() > 0, time.process_time() >= 0)
"""),
    "modules_of_the_standard_library": script("""
import base64, bisect, contextlib, copy, csv, decimal, fractions, hashlib, heapq, io, json, random, re
import statistics, string, struct, textwrap, uuid, zlib

print(json.dumps({'a': [1, 2]}), re.sub('a+', 'b', 'caat'), fractions.Fraction(3, 6), decimal.Decimal('0.1') * 3)
print(hashlib.sha256(b'x').hexdigest()[:8], base64.b64encode(b'hi'), random.Random(0).randint(0, 9))
print(statistics.mean([1, 2, 3]), len(uuid.uuid4().hex), struct.pack('<I', 7), zlib.crc32(b'x'))
print(list(csv.reader(io.StringIO('a,b'))), copy.deepcopy([1, [2]]), textwrap.dedent('  x'))
"""),
    "a_look_at_the_machine": script("""
import os, platform, sys

print(sys.version_info >= (3, 11), os.cpu_count() > 0, platform.python_implementation(), len(sys.argv) >= 0)
print(os.path.join('a', 'b'), os.environ.get('NO_SUCH_NAME', 'unset'), isinstance(os.getcwd(), str))
"""),
    "logs_and_warnings": script("""
import logging, sys, warnings

logger = logging.getLogger('mine')
logger.handlers = [logging.StreamHandler(sys.stdout)]
logger.setLevel(logging.INFO)
logger.info('hello')
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    warnings.warn('careful')
print(len(caught))
"""),
    "its_own_source_inspected": script("""
import inspect, traceback

def f(x, *, power=2):
    return x ** power

print(inspect.getsource(f), inspect.signature(f))
try:
    f('a')
except TypeError:
    print(traceback.format_exc().splitlines()[-1])
"""),
    "classes_of_many_kinds": script("""
import abc, dataclasses, enum, typing

class Mode(enum.Enum):
    LOW = 1
    HIGH = 2

@dataclasses.dataclass(order=True)
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...

class Square(Shape):
    def __init__(self, side): self.side = side
    def area(self): return self.side ** 2

print(Mode.LOW, Point(1.0) < Point(2.0), Square(3).area(), dataclasses.asdict(Point(1.0)))
"""),
    "a_registered_pytree": script("""
@jax.tree_util.register_pytree_node_class
class Pair:
    def __init__(self, a, b): self.a, self.b = a, b
    def tree_flatten(self): return (self.a, self.b), None
    @classmethod
    def tree_unflatten(cls, aux, children): return cls(*children)

pair = jax.vmap(lambda p: Pair(p.b, p.a * 2))(Pair(jnp.arange(3.0), jnp.ones(3)))
print(pair.a, pair.b, jax.tree.leaves(pair)[0].shape)
"""),
    "generators_and_coroutines": script("""
import asyncio

async def add(a, b):
    await asyncio.sleep(0)
    return a + b

def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value

print(drive(add(1, 2)), list(n * n for n in range(4)))
"""),
    "a_jitted_scan_of_a_random_walk": script("""
def step(carry, key):
    carry = carry + jax.random.normal(key)
    return carry, carry

walk = jax.jit(lambda key: lax.scan(step, 0.0, jax.random.split(key, 5))[1])
print(jax.vmap(walk)(jax.random.split(jax.random.key(0), 2)).shape)
"""),
    "an_error_caught": script("""
try:
    jax.vmap(jnp.add)(jnp.ones(2), jnp.ones(3))
except ValueError as error:
    print(type(error).__name__, 'inconsistent sizes' in str(error))
"""),
    "an_error_with_advice": script(
        "x = jnp.ones((3, 2))\nprint(jax.vmap(lambda a, b: a @ b)(x, jnp.ones((4, 2))))"
    ),
    "double_precision": script("""
jax.config.update('jax_enable_x64', True)
print(jnp.ones(2).dtype, jnp.float64(1) / 3)
"""),
    "a_sparse_matrix": script("""
from jax.experimental import sparse

m = sparse.BCOO.fromdense(jnp.eye(3))
print((m @ jnp.arange(3.0)), m.nse)
"""),
    "a_kernel_interpreted_by_pallas": script("""
from jax.experimental import pallas as pl

def kernel(x, o):
    o[...] = x[...] * 2

f = pl.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct((4,), jnp.float32), interpret=True)
print(f(jnp.arange(4.0)))
"""),
    "an_exported_function": script("""
from jax import export

data = export.export(jax.jit(lambda x: jnp.sin(x) * 2))(jax.ShapeDtypeStruct((3,), jnp.float32)).serialize()
print(export.deserialize(data).call(jnp.zeros(3)), len(data) > 100)
"""),
    "a_checked_function": script("""
from jax.experimental import checkify

f = checkify.checkify(lambda x: jnp.log(x), errors=checkify.float_checks)
error, value = f(jnp.float32(-1))
print(error.get() is not None)
"""),
    "a_minimum_by_bfgs": script("""
from jax.scipy.optimize import minimize

print(minimize(lambda x: jnp.sum((x - 1) ** 2), jnp.zeros(2), method='BFGS').x.round(3))
"""),
    "arrays_shared_with_numpy": script("""
x = jnp.arange(4.0)
y = np.asarray(x)
print(y.sum(), jnp.from_dlpack(np.arange(3.0, dtype=np.float32)), memoryview(y).nbytes, x.tolist())
"""),
    "a_shape_checked_by_jaxtyping": script("""
from jaxtyping import Array, Float

def f(x: Float[Array, 'n d']) -> Float[Array, 'n']:
    return x.sum(-1)

print(f(jnp.ones((2, 3))))
"""),
    "a_memory_of_many_arrays": script("""
import gc

total = sum(float(jnp.full((100, 100), n).sum()) for n in range(20))
gc.collect()
print(total, len(bytearray(50_000_000)))
"""),
    "devices_named": script(
        "print(jax.devices()[0].platform, jax.local_device_count() > 0, jax.default_backend())"
    ),
    "a_main_guard": script("""
def main():
    print(jax.vmap(lambda x: x + 1)(jnp.arange(2)))

if __name__ == '__main__':
    main()
"""),
}
