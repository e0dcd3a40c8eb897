"""Mistakes with axis names, devices, libraries, and operations that have no rule."""

from __future__ import annotations

from explainer import Vmap, lessons
from tests.pains.case import Case, edited, releveled, script, stated

UNNAMED = stated(
    "def normalise(x):\n    return x / lax.psum(x, 'i')", "normalise", "0", x="jnp.array([1., 3.])"
)

MISNAMED = script("""
import jax
import jax.numpy as jnp
from jax import lax

def centred(x):
    return x - lax.pmean(x, axis_name="batch")

print(jax.vmap(centred)(jnp.array([1.0, 3.0, 5.0])))
""")

SPMD = script("""
import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

mesh = Mesh(jax.devices()[:2], ("data",))

def f(x):
    y = jax.lax.with_sharding_constraint(x * 2, NamedSharding(mesh, P("data")))
    return y.sum()

print(jax.vmap(f, spmd_axis_name="data")(jnp.ones((2, 4))))
""")

SPMD_FREE = script("""
import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

mesh = Mesh(jax.devices()[:2], ("data",))

def f(x):
    return jax.lax.with_sharding_constraint(x * 2, NamedSharding(mesh, P(None))).sum()

print(jax.vmap(f, spmd_axis_name="data")(jnp.ones((2, 4))))
""")

ENSEMBLE = script("""
import equinox as eqx
import jax
import jax.numpy as jnp

keys = jax.random.split(jax.random.key(0), 3)
models = eqx.filter_vmap(lambda key: eqx.nn.Linear(4, 2, key=key))(keys)
x = jnp.ones(4)
print(jax.vmap(lambda model, x: model(x), in_axes=(0, None))(models, x).shape)
""")

ENSEMBLE_WRONG = script("""
import equinox as eqx
import jax
import jax.numpy as jnp

model = eqx.nn.MLP(4, 2, 8, 1, key=jax.random.key(0))
x = jnp.ones((5, 4))
print(jax.vmap(lambda model, x: model(x))(model, x).shape)
""")

STATE_KEYS = script("""
import jax
import jax.numpy as jnp

def create(key):
    return {"kernel": jax.random.normal(key, (4, 2)), "bias": jnp.zeros(2)}

def apply(params, x):
    return x @ params["kernel"] + params["bias"]

params = jax.vmap(create)(jax.random.split(jax.random.key(0), 3))
x = jnp.ones((5, 4))
print(jax.vmap(apply)(params, x).shape)
""")

NO_RULE = script("""
import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import mlir

cube_p = Primitive("cube")
cube_p.def_impl(lambda x: x * x * x)
cube_p.def_abstract_eval(lambda x: x)
mlir.register_lowering(cube_p, mlir.lower_fun(lambda x: x * x * x, multiple_results=False))

def f(x):
    return cube_p.bind(x) + 1

print(jax.vmap(f)(jnp.arange(3.0)))
""")

CALLBACK = script("""
import numpy as np
import jax
import jax.numpy as jnp

def host(x):
    return np.asarray(np.sort(x), np.float32)

def f(x):
    return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, jnp.float32), x)

print(jax.vmap(f)(jnp.array([[3.0, 1.0], [2.0, 5.0]])))
""")

CASES = (
    Case(
        "collective-without-a-name",
        "psum over a name that no level has",
        "jax-ml/jax#3120, patrick-kidger/equinox#111",
        UNNAMED,
        says=(r"axis_name", r"'i'", "psum"),
        level=0,
        mended=(releveled(UNNAMED, Vmap("0", axis_name="i")),),
    ),
    Case(
        "collective-without-a-name-in-a-script",
        "pmean over a name that no level has",
        "jax-ml/jax#3120",
        MISNAMED,
        says=(r"axis_name", "[\"']batch[\"']", "pmean"),
        mended=(edited(MISNAMED, ("jax.vmap(centred)", "jax.vmap(centred, axis_name='batch')")),),
    ),
    Case(
        "spmd-name-used-twice",
        "spmd_axis_name is the mesh axis that a constraint inside uses, too",
        "jax-ml/jax#15889, jax-ml/jax#15905, jax-ml/jax#17874, jax-ml/jax#23476",
        SPMD,
        says=("data", "spmd_axis_name", "mesh"),
        mended=(edited(SPMD, (', spmd_axis_name="data"', "")), edited(SPMD, ('P("data")', "P()"))),
    ),
    Case(
        "levels-of-a-mesh",
        "a level spread over a mesh axis by spmd_axis_name",
        "jax-ml/jax#29839",
        SPMD_FREE,
        fact=lambda report: (
            report.failure is None
            and "[16. 16.]" not in report.printed
            and "[8. 8.]" in report.printed
            and any(level.axis_size == 2 for level in report.levels)
        ),
    ),
    Case(
        "ensemble-of-modules",
        "an ensemble of Equinox modules shows which leaves are mapped",
        "patrick-kidger/equinox#278, patrick-kidger/equinox#359",
        ENSEMBLE,
        fact=lambda report: (
            report.failure is None
            and any(
                leaf.path.endswith("weight") and leaf.shape == (3, 2, 4) and leaf.index == 0
                for level in report.levels
                for leaf in level.inputs
            )
        ),
    ),
    Case(
        "module-mapped-by-accident",
        "a module is an argument, so its weights are mapped",
        "patrick-kidger/equinox#559, patrick-kidger/equinox#87",
        ENSEMBLE_WRONG,
        says=(r"model", "activation|function|weight|None"),
        mended=(
            edited(
                ENSEMBLE_WRONG,
                (
                    "jax.vmap(lambda model, x: model(x))",
                    "eqx.filter_vmap(lambda model, x: model(x), in_axes=(None, 0))",
                ),
            ),
        ),
    ),
    Case(
        "state-and-data-of-two-sizes",
        "three sets of parameters, five rows of data",
        "google/flax#4355",
        STATE_KEYS,
        says=(r"\bparams\b", r"\bx\b", "3", "5"),
        blames=("x",),
        mended=(
            edited(STATE_KEYS, ("jax.vmap(apply)(params", "jax.vmap(apply, in_axes=(0, None))(params")),
            edited(
                STATE_KEYS,
                (
                    "jax.vmap(apply)(params",
                    "jax.vmap(jax.vmap(apply, in_axes=(None, 0)), in_axes=(0, None))(params",
                ),
            ),
        ),
    ),
    Case(
        "no-batching-rule",
        "an operation of one's own has no batching rule",
        "jax-ml/jax#25365, NVIDIA/cuEquivariance#164, google-deepmind/tf2jax#196",
        NO_RULE,
        says=("cube", "rule", "lax.map|custom_vmap|sequential"),
        marks="cube_p.bind(x)",
        mended=(edited(NO_RULE, ("jax.vmap(f)(", "jax.lax.map(f, ")),),
    ),
    Case(
        "callback-without-a-method",
        "pure_callback does not say what it is to receive",
        "jax-ml/jax#23627",
        CALLBACK,
        says=("vmap_method", "sequential"),
        marks="jax.pure_callback",
        mended=(edited(CALLBACK, ("jnp.float32), x)", "jnp.float32), x, vmap_method='sequential')")),),
    ),
    Case(
        "toy-examples",
        "real tasks: per-example gradients, ensembles, kernels, keys",
        "jax-ml/jax#26212",
        script("import jax"),
        fact=lambda report: (
            {"Gradients", "Trees", "Several levels", "Random keys"}
            <= {lesson.topic for lesson in lessons.LESSONS}
        ),
    ),
)
