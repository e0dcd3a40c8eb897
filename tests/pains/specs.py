"""Mistakes in in_axes, and in the trees it stands for."""

from __future__ import annotations

from explainer import Vmap
from tests.pains.case import Case, edited, releveled, script, stated

DICT = script("""
import jax
import jax.numpy as jnp

def loss(params):
    return params["a"] * 2 + params["b"].sum()

params = {"a": jnp.arange(3.0), "b": jnp.ones((2,))}
print(jax.vmap(loss, in_axes={"a": 0, "b": None})(params))
""")

THREE = stated(
    "def affine(x, w, b):\n    return x @ w + b",
    "affine",
    "(0, None)",
    x="f32[5,3]",
    w="f32[3,2]",
    b="f32[2]",
)

KEYWORDS = script("""
import jax, jax.numpy as jnp

def scale(x, y, z):
    return x * y + z

out = jax.vmap(scale, in_axes=(0, None, None))(x=jnp.arange(4.), y=2., z=1.)
print(out)
""")

STATIC_KEYWORD = script("""
import jax
import jax.numpy as jnp

def power(x, n=1):
    return x ** n

x = jnp.arange(4.)
print(jax.vmap(power)(x, n=2))
""")

BOTH_AXES = script("""
import jax
import jax.numpy as jnp

def squash(x):
    return jnp.where(x > 2, x - 2, 0.)

a = jnp.arange(6.).reshape(2, 3)
print(jax.vmap(squash, in_axes=((0, 1),))(a))
""")

SIZES = stated(
    "def predict(a, b):\n    return jnp.dot(a, b)",
    "predict",
    "(0, 1)",
    a="f32[10,4]",
    b="f32[10,4]",
)

MAJORITY = stated(
    "def step(x, y, z):\n    return x + y + z.sum()",
    "step",
    "0",
    x="f32[5]",
    y="f32[5]",
    z="f32[3,5]",
)

SCALAR = stated("def scaled(x, rate):\n    return x * rate", "scaled", "0", x="f32[5,3]", rate="0.1")

RANGE = stated("def plus(x, y):\n    return x + y", "plus", "(0, 1)", x="f32[5]", y="f32[5]")

MISSING_KEY = stated(
    "def predict(params, x):\n    return x @ params['w'] + params['b']",
    "predict",
    "({'w': None}, 0)",
    params="{'w': f32[3,2], 'b': f32[2]}",
    x="f32[5,3]",
)

LIST_FOR_TUPLE = stated(
    "def predict(params, x):\n    w, b = params\n    return x @ w + b",
    "predict",
    "((None, None), 0)",
    params="[f32[3,2], f32[2]]",
    x="f32[5,3]",
)

MODELS = script("""
import jax
import jax.numpy as jnp

models = [{"w": jnp.full((3,), float(i)), "b": float(i)} for i in range(4)]
x = jnp.ones(3)

def predict(model, x):
    return model["w"] @ x + model["b"]

print(jax.vmap(predict, in_axes=(0, None))(models, x))
""")

ZIPPED = script("""
import jax
import jax.numpy as jnp

xs = jnp.arange(3.)
ys = jnp.arange(3.) * 10

def add(pair):
    x, y = pair
    return x + y

print(jax.vmap(add)(zip(xs, ys)))
""")

NUMBERS = script("""
import jax
import jax.numpy as jnp

values = tuple(float(i) for i in range(300))

def square(x):
    return x ** 2

out = jax.vmap(square)(values)
print(out[:4], out.shape)
""")

CHECKED_CLASS = script("""
import jax
import jax.numpy as jnp

@jax.tree_util.register_pytree_node_class
class Point:
    def __init__(self, x, y):
        if x.shape != y.shape:
            raise ValueError("x and y must have one shape")
        self.x = x
        self.y = y

    def tree_flatten(self):
        return (self.x, self.y), None

    @classmethod
    def tree_unflatten(cls, aux, children):
        return cls(*children)

def norm(p):
    return jnp.hypot(p.x, p.y)

p = Point(jnp.arange(3.), jnp.arange(3.))
print(jax.vmap(norm, in_axes=(Point(0, 0),))(p))
""")

METADATA = script("""
import dataclasses
import jax
import jax.numpy as jnp

@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Layer:
    w: jax.Array
    name: str = dataclasses.field(metadata=dict(static=True), default="")

def apply(layer, x):
    return layer.w * x

layer = Layer(jnp.arange(3.), "dense")
print(jax.vmap(apply, in_axes=(Layer(0), None))(layer, 2.))
""")

HUGE_TREE = stated(
    "def apply(params, x):\n    return x @ params['enc']['w'] @ params['dec']['w']",
    "apply",
    "({'enc': {'w': None, 'b': None}, 'dec': None}, 0)",
    params="{'enc': {'w': f32[3,4]}, 'dec': {'w': f32[4,2], 'b': f32[2]}}",
    x="f32[5,3]",
)

NOTHING = stated("def init(w):\n    return w * 2", "init", "None", w="f32[3]")

BOOLEAN = stated(
    "def predict(w, x):\n    return x @ w", "predict", "(False, True)", w="f32[3,2]", x="f32[5,3]"
)

STRING = script("""
import jax
import jax.numpy as jnp

def dense(x, w, act):
    h = x @ w
    return jax.nn.relu(h) if act == "relu" else h

x = jnp.ones((4, 3))
w = jnp.ones((3, 2))
print(jax.vmap(dense, in_axes=(0, None, 0))(x, w, "relu"))
""")

TYPO = script("""
import jax
import jax.numpy as jnp

def total(x):
    return jnp.sum(x)

x = jnp.arange(6.).reshape(2, 3)
print(jax.vmap(total, axis=1)(x))
""")

CASES = (
    Case(
        "spec-not-wrapped",
        "one dict argument, its spec not in a tuple",
        "jax-ml/jax#18548, patrick-kidger/equinox#952",
        DICT,
        says=(r"\bparams\b", r"tuple"),
        blames=("params",),
        mended=(edited(DICT, ('{"a": 0, "b": None}', '({"a": 0, "b": None},)')),),
    ),
    Case(
        "spec-too-short",
        "two entries for three arguments",
        "jax-ml/jax#9928, jax-ml/jax#17747",
        THREE,
        says=("2 entries", "3 positional", r"\bb\b"),
        blames=("b",),
        level=0,
        mended=(releveled(THREE, "(0, None, None)"),),
    ),
    Case(
        "keyword-arguments",
        "in_axes for arguments that are passed by keyword",
        "jax-ml/jax#7465, google/flax#2772",
        KEYWORDS,
        says=("keyword", "axis 0"),
        blames=("y",),
        mended=(edited(KEYWORDS, ("(x=jnp.arange(4.), y=2., z=1.)", "(jnp.arange(4.), 2., 1.)")),),
    ),
    Case(
        "static-option-by-keyword",
        "an option by keyword is mapped too",
        "jax-ml/jax#5617",
        STATIC_KEYWORD,
        says=(r"\bn\b", "keyword", "partial"),
        blames=("n",),
        mended=(
            edited(
                STATIC_KEYWORD,
                ("jax.vmap(power)(x, n=2)", "jax.vmap(partial(power, n=2))(x)"),
                ("import jax\n", "import jax\nfrom functools import partial\n"),
            ),
        ),
    ),
    Case(
        "two-axes-of-one-argument",
        "(0, 1) read as both axes of one argument",
        "a Stack Overflow question on in_axes=((0, 1),)",
        BOTH_AXES,
        says=("one axis", r"\ba\b", "level|vmap.*vmap"),
        blames=("a",),
        mended=(edited(BOTH_AXES, ("jax.vmap(squash, in_axes=((0, 1),))", "jax.vmap(jax.vmap(squash))")),),
    ),
    Case(
        "unequal-sizes",
        "the mapped axes have two sizes",
        "jax-ml/jax#705, jax-ml/jax#3877",
        SIZES,
        says=("10", r"\ba\b", "axis 0", "4", r"\bb\b", "axis 1"),
        blames=("a", "b"),
        level=0,
        mended=(releveled(SIZES, "(0, 0)"),),
    ),
    Case(
        "majority-blamed",
        "one argument of three has another size",
        "the message of jax.vmap",
        MAJORITY,
        says=(r"\bx\b.*\by\b", r"\bz\b", "3", "5"),
        blames=("z",),
        level=0,
        mended=(releveled(MAJORITY, "(0, 0, 1)"),),
    ),
    Case(
        "scalar-mapped",
        "a scalar among the mapped arguments",
        "jax-ml/jax#3102",
        SCALAR,
        says=(r"\brate\b", "scalar|no axis", "None"),
        blames=("rate",),
        level=0,
        mended=(releveled(SCALAR, "(0, None)"),),
    ),
    Case(
        "axis-out-of-range",
        "an axis that a vector does not have",
        "jax-ml/jax#7281",
        RANGE,
        says=(r"\by\b", r"f32\[5\]", "no axis 1", "0"),
        blames=("y",),
        level=0,
        mended=(releveled(RANGE, "(0, 0)"),),
    ),
    Case(
        "key-missing-in-spec",
        "the dict of axes has fewer keys than the argument",
        "jax-ml/jax#2367, jax-ml/jax#3161",
        MISSING_KEY,
        says=(r"\bparams\b", r"'b'"),
        blames=("params",),
        level=0,
        mended=(releveled(MISSING_KEY, "({'w': None, 'b': None}, 0)"),),
    ),
    Case(
        "list-against-tuple",
        "a tuple in the spec for a list in the argument",
        "jax-ml/jax#2367, jax-ml/jax#2395",
        LIST_FOR_TUPLE,
        says=(r"\bparams\b", "list", "tuple"),
        blames=("params",),
        level=0,
        mended=(releveled(LIST_FOR_TUPLE, "([None, None], 0)"),),
    ),
    Case(
        "list-of-models",
        "a list of dicts as the batch",
        "jax-ml/jax#7430, jax-ml/jax#3102, deepmind/dm-haiku#219",
        MODELS,
        says=(r"\bmodels?\b", "list", "stack"),
        blames=("models",),
        mended=(
            edited(
                MODELS,
                ("(models, x)", "(jax.tree.map(lambda *leaves: jnp.stack(leaves), *models), x)"),
                ("float(i)}", "jnp.array(float(i))}"),
            ),
        ),
    ),
    Case(
        "zip-as-batch",
        "zip() handed to the mapped function",
        "a tutorial on several arguments",
        ZIPPED,
        says=("zip", "array"),
        mended=(edited(ZIPPED, ("zip(xs, ys)", "(xs, ys)")),),
    ),
    Case(
        "tuple-of-numbers",
        "hundreds of numbers in a tuple for one array",
        "jax-ml/jax#17747",
        NUMBERS,
        says=(r"\bvalues\b", "300", "array"),
        blames=("values",),
        mended=(edited(NUMBERS, ("(square)(values)", "(square)(jnp.array(values))")),),
        fact=lambda report: report.failure is not None and len(report.failure.explanation) < 1500,
    ),
    Case(
        "constructor-that-checks",
        "a class of one's own whose constructor is given axes in place of arrays",
        "jax-ml/jax#12319, jax-ml/jax#3265, jax-ml/jax#16170, patrick-kidger/equinox#583",
        CHECKED_CLASS,
        says=("Point", "int|axes|not arrays|no array"),
        mended=(
            edited(CHECKED_CLASS, ("in_axes=(Point(0, 0),)", "in_axes=0")),
            edited(CHECKED_CLASS, (", in_axes=(Point(0, 0),)", "")),
        ),
    ),
    Case(
        "static-metadata-differs",
        "the spec is of the same class, but its static field differs",
        "jax-ml/jax#26053",
        METADATA,
        says=(r"\blayer\b", "static|metadata|dense"),
        blames=("layer",),
        mended=(edited(METADATA, ("(Layer(0), None)", "(0, None)")),),
    ),
    Case(
        "spelled-out-tree",
        "a large tree spelled out where one entry would do",
        "jax-ml/jax#4132",
        HUGE_TREE,
        says=(r"\bparams\b", "'b'|enc"),
        blames=("params",),
        level=0,
        mended=(releveled(HUGE_TREE, "(None, 0)"),),
    ),
    Case(
        "everything-shared",
        "None for every argument",
        "jax-ml/jax#5021",
        NOTHING,
        says=("None", "axis_size", "how many"),
        level=0,
        mended=(
            releveled(NOTHING, Vmap("None", axis_size="3")),
            releveled(NOTHING, Vmap("0")),
        ),
    ),
    Case(
        "boolean-axes",
        "True for an argument that is mapped",
        "jax-ml/jax#6399",
        BOOLEAN,
        says=("True|False", "int|write 0"),
        blames=("x",),
        level=0,
        mended=(releveled(BOOLEAN, "(None, 0)"),),
    ),
    Case(
        "string-argument",
        "a string is mapped",
        "jax-ml/jax#183",
        STRING,
        says=(r"\bact\b|relu", "None"),
        mended=(edited(STRING, ("(0, None, 0)", "(0, None, None)")),),
    ),
    Case(
        "axis-for-in-axes",
        "axis= in place of in_axes=",
        "jax-ml/jax#20474",
        TYPO,
        says=("axis", "in_axes"),
        marks="axis=1",
        mended=(edited(TYPO, ("axis=1", "in_axes=1")),),
    ),
)
