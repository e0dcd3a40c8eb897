"""Attacks on time: code that does not end, and takes care not to be ended."""

from __future__ import annotations

from tests.attacks.attack import Attack

SHORT = 1.5


def _endless(name: str, code: str) -> Attack:
    return Attack(name, code, bare="deadline", deadline_s=SHORT)


TIME = (
    _endless("loops", "while True: pass"),
    _endless(
        "loops_and_swallows_every_exception",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ),
    _endless(
        "ignores_every_signal",
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
    ),
    _endless(
        "blocks_every_signal",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    ),
    _endless("sleeps", "import time\ntime.sleep(10 ** 6)"),
    _endless(
        "waits_for_a_lock_that_it_holds",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    ),
    _endless("waits_for_a_pipe", "ends = os.pipe()\nos.read(ends[0], 1)"),
    _endless(
        "loops_in_xla",
        "print(lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] * 1, s[1] + 1), (jnp.float32(0), 0.0)))",
    ),
    _endless(
        "counts_to_two_to_the_sixty_in_xla",
        "print(jax.jit(lambda x: lax.fori_loop(0, 2 ** 31 - 1, lambda i, x: x + lax.fori_loop(0, 2 ** 31 - 1, lambda j, y: jnp.sin(y), x), x))(1.0))",
    ),
    _endless(
        "loops_through_callbacks",
        "shape = jax.ShapeDtypeStruct((), 'float32')\nlax.while_loop(lambda x: x < 1, lambda x: jax.pure_callback(lambda v: np.float32(0), shape, x), jnp.float32(0))",
    ),
    _endless("matches_a_pattern_that_backtracks", "import re\nre.match('(a+)+$', 'a' * 40 + 'b')"),
    _endless("computes_a_power_while_it_holds_the_interpreter", "x = 7 ** (10 ** 9)"),
    _endless("sums_without_end_while_it_holds_the_interpreter", "import itertools\nsum(itertools.repeat(1))"),
    _endless(
        "writes_a_number_of_a_million_digits",
        "import sys\nsys.set_int_max_str_digits(0)\nfor _ in range(99): str(10 ** 10 ** 6)",
    ),
    _endless(
        "loops_when_it_is_compared",
        "class Evil:\n    def __eq__(self, other):\n        while True: pass\n    def __hash__(self): return 1\n{Evil(): 1}[Evil()]",
    ),
    _endless(
        "loops_when_it_is_hashed_by_jit",
        "class Evil:\n    def __hash__(self):\n        while True: pass\njax.jit(lambda x: x, static_argnums=0)(Evil())",
    ),
    _endless(
        "loops_when_it_is_taken_for_an_array",
        "class Evil:\n    def __array__(self, *a, **k):\n        while True: pass\njnp.asarray(Evil())",
    ),
    _endless(
        "loops_when_its_error_is_shown",
        "class Evil(Exception):\n    def __str__(self):\n        while True: pass\nraise Evil",
    ),
    _endless(
        "loops_when_a_tree_is_flattened",
        "@jax.tree_util.register_pytree_node_class\nclass Evil:\n    def tree_flatten(self):\n        while True: pass\n    @classmethod\n    def tree_unflatten(cls, *a): return cls()\njax.vmap(lambda x: x)(Evil())",
    ),
    _endless(
        "loops_when_it_is_thrown_away",
        "class Evil:\n    def __del__(self):\n        while True: pass\nEvil()",
    ),
    _endless("doubles_its_calls_at_each_step", "def f(n):\n    try: f(n)\n    finally: f(n)\nf(0)"),
    Attack(
        "sets_an_exit_handler_that_loops",
        "import atexit\ndef loop():\n    while True: pass\natexit.register(loop)",
        bare="answer",
        why="A worker ends without exit handlers; one that ran them would hang until its deadline.",
    ),
    Attack(
        "leaves_a_thread_that_loops",
        "import threading\ndef loop():\n    while True: pass\nthreading.Thread(target=loop).start()",
        bare="answer",
        why="The answer must not wait for it, and nothing may be left of it.",
    ),
)
