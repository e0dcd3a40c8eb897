"""The numbers that JAX gives for every lesson, as data: values, shapes, dtypes and mapped axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Any


@dataclass(frozen=True)
class Fact:
    """What the report of a lesson must show. `outputs`: path -> values, or a shape where they are many.

    `axes`: per level, outermost first, the mapped axis of each input leaf (None: shared).
    """

    lesson: str
    outputs: dict[str, Any]
    axes: list[dict[str, int | None]] = field(default_factory=list)
    dtype: str = "float32"


PAIRWISE_AXES: list[dict[str, int | None]] = [{"A": 0, "B": None}, {"A": None, "B": 0}]
SQUARED = [[5, 13, 5, 13], [5, 5, 13, 13], [13, 5, 13, 5]]

FACTS = (
    Fact("matvec-one", {"out": [5, 14]}),
    Fact("matvec-paired", {"out": [[5, 14], [86, 122], [275, 338]]}, [{"Ms": 0, "vs": 0}]),
    Fact("matvec-pairwise", {"out": (3, 4, 2)}, [{"Ms": 0, "vs": None}, {"Ms": None, "vs": 0}]),
    Fact("other-axis", {"out": [80**0.5, 107**0.5, 140**0.5, 179**0.5]}, [{"X": 1}]),
    Fact("distance-pairwise", {"out": SQUARED}, PAIRWISE_AXES),
    Fact("jit-of-vmap", {"out": SQUARED}, PAIRWISE_AXES),
    Fact("vmap-of-jit", {"out": SQUARED}, PAIRWISE_AXES),
    Fact("print-once", {"out": SQUARED}, PAIRWISE_AXES),
    Fact(
        "swapped-nest",
        {"out": [list(column) for column in zip(*SQUARED)]},
        [{"A": None, "B": 0}, {"A": 0, "B": None}],
    ),
    Fact(
        "logits-params",
        {"out": [[0.75, 0.6792], [4.5, 0.9890], [-0.5, 0.3775]]},
        [{"params['b']": None, "params['w']": None, "X": 0}],
    ),
    Fact(
        "params-tree-axes",
        {"out": (5, 3, 2)},
        [{"params['b']": 0, "params['w']": 0, "X": None}, {"params['b']": None, "params['w']": None, "X": 0}],
    ),
    Fact(
        "params-tree-prefix",
        {"out": (5, 3, 2)},
        [{"params['b']": 0, "params['w']": 0, "X": None}, {"params['b']": None, "params['w']": None, "X": 0}],
    ),
    Fact(
        "params-tree-partial",
        {"out": (5, 3, 2)},
        [
            {"params['b']": None, "params['w']": 0, "X": None},
            {"params['b']": None, "params['w']": None, "X": 0},
        ],
    ),
    Fact("scaled-loss", {"out": [0.04, 0.16]}, [{"scale": None, "preds": 0, "targets": 0}]),
    Fact("normalize-channels", {"out": (2, 28, 28)}, [{"images": 0}]),
    Fact("normalize-channels-last", {"out": (28, 28, 2)}, [{"images": 0}]),
    Fact(
        "output-tree-axes",
        {
            "out['scaled']": [[0, 3, 6, 9], [2, 8, 14, 20], [2, 5, 8, 11]],
            "out['weights']": [0.25, 0.5, 0.25],
        },
        [{"X": 0, "w": None}],
    ),
    Fact(
        "euclid-pairwise",
        {"out": [[0, 2**0.5], [1, 1], [1, 1]]},
        [{"X": 0, "Y": None}, {"X": None, "Y": 0}],
    ),
    Fact(
        "euclid-gradient",
        {
            "out": [
                [[nan, nan], [-(0.5**0.5), -(0.5**0.5)]],
                [[1, 0], [0, -1]],
                [[0, 1], [-1, 0]],
            ]
        },
        [{"X": 0, "Y": None}, {"X": None, "Y": 0}],
    ),
    Fact(
        "per-example-grad",
        {
            "out['b']": [0.1192, -0.2336, 0.3199],
            "out['w']": [[0.1192, 0], [-0.1168, -0.3504], [0.6399, -0.3199]],
        },
        [{"params['b']": None, "params['w']": None, "X": 0, "targets": 0}],
    ),
    Fact(
        "per-example-value-and-grad",
        {
            "out[0]": [0.6743, 0.8384, 1.4468],
            "out[1]['b']": [0.1192, -0.2336, 0.3199],
            "out[1]['w']": [[0.1192, 0], [-0.1168, -0.3504], [0.6399, -0.3199]],
        },
    ),
    Fact(
        "dropout-keys",
        {"out": [[0, 2, 0, 0, 0], [0, 0, 2, 2, 2], [0, 0, 2, 2, 2], [2, 2, 2, 0, 2]]},
        [{"keys": 0, "X": 0}],
    ),
    Fact("dropout-shared-key", {"out": [[2, 0, 0, 0, 2]] * 4}, [{"key": None, "X": 0}]),
    Fact(
        "mistake-same-noise",
        {"out": [[1.62264, 2.02526, -0.43359, -0.07862]] * 3},  # normal(key(0), (4,)), thrice
        [{"key": None, "X": 0}],
    ),
    Fact("rnn-scan", {"out": (4, 6, 3)}, [{"xs": 0, "params['u']": None, "params['w']": None}]),
    Fact("cond-mapped", {"out": [2, -1, 3]}, [{"flags": 0, "x": 0}]),
    Fact("cond-shared", {"out": [2, 1, 3]}, [{"flag": None, "x": 0}]),
    Fact("switch-mapped", {"out": [0.4794, 0.5403, 0.9051, 0.9093]}, [{"which": 0, "x": 0}]),
    Fact("while-slowest", {"out[0]": [1, 0.625, 0.78125]}, [{"x": 0}]),
    Fact("axis-name-psum", {"out": [0.1, 0.2, 0.3, 0.4]}, [{"x": 0}]),
    Fact("axis-name-gather", {"out": [3, 2, 1, 0]}, [{"x": 0}], dtype="int32"),
    Fact("axis-name-index", {"out": [1, 12, 23, 34]}, [{"x": 0}]),
    Fact(
        "axis-name-two-levels",
        {
            "out[0]": [[0.25, 0.75], [0.5, 0.5], [1 / 3, 2 / 3]],
            "out[1]": [[0.05, 0.15], [0.1, 0.1], [0.2, 0.4]],
        },
        [{"x": 0}, {"x": 0}],
    ),
    Fact("shared-argument", {"out": (4, 3)}, [{"X": 0, "w": None}]),
    Fact("materialize", {"out": (300, 200)}, [{"X": 0, "Y": None}, {"X": None, "Y": 0}]),
    Fact("materialize-map", {"out": (300, 200)}),
    Fact("rows-vmap", {"out": (16,)}, [{"X": 0}]),
    Fact("rows-loop", {"out": (16,)}),
    Fact("rows-map", {"out": (16,)}),
    Fact("rows-scan", {"out": (16,)}),
    Fact("rows-map-chunks", {"out": (16,)}),
    Fact("rows-pmap", {"out": (16,)}),
    Fact("rows-shard-map", {"out": (16,)}),
    Fact("pmap-psum", {"out": [0.1, 0.2, 0.3, 0.4]}),
    Fact("pmap-pmean-gradient", {"out": [[-2.42, -2.64]] * 4}),
    Fact("pmap-of-vmap", {"out": [[n / 78 for n in range(row, row + 3)] for row in (1, 4, 7, 10)]}),
    Fact("shard-map-psum", {"out": [n / 36 for n in range(1, 9)]}),
    Fact("batched-modules", {"out": (5, 3, 1)}),
)
