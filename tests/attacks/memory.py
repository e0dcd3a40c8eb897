"""Attacks on memory: more than a worker may hold, in every place where it could be."""

from __future__ import annotations

from tests.attacks.attack import HOWEVER, Attack

SHORT = 1.5
ENOUGH = "memory or MemoryError"

MEMORY = (
    Attack("grows_a_list", "kept = []\nwhile True: kept.append([0] * 10 ** 6)", bare=ENOUGH),
    Attack(
        "fills_a_buffer",
        "kept = bytearray(1 << 30)\nfor n in range(0, 1 << 30, 4096): kept[n] = 1\nkept += bytearray(1 << 30)\nfor n in range(0, 1 << 31, 4096): kept[n] = 1",
        bare=ENOUGH,
    ),
    Attack("asks_for_a_terabyte", "kept = bytearray(1 << 40)", bare="memory"),
    Attack("doubles_a_text", "text = 'x'\nwhile True: text += text", bare=ENOUGH),
    Attack("grows_a_number", "n = 3\nwhile True: n = n << 10 ** 8", bare=ENOUGH + " or deadline"),
    Attack(
        "fills_memory_that_is_shared",
        "import mmap\nkept = []\nwhile True:\n    part = mmap.mmap(-1, 1 << 28)\n    np.frombuffer(part, np.uint8)[:] = 1\n    kept.append(part)",
        bare="memory",
    ),
    Attack(
        "hides_shared_memory_from_all_counts",
        """
import mmap
def hide(size=1 << 28):
    kept = []
    for _ in range(6):
        part = mmap.mmap(-1, size)
        np.frombuffer(part, np.uint8)[::4096] = 1
        start = ctypes.addressof(ctypes.c_char.from_buffer(part))
        assert libc.munmap(ctypes.c_void_p(start + 4096), ctypes.c_size_t(size - 4096)) == 0
        kept.append(part)
    return 'one page that is mapped keeps all of it: six times 256 MB, of the 1024 MB that are allowed'
attempt(hide)
""",
    ),
    Attack(
        "makes_an_array_of_jax_that_is_too_large",
        "x = jnp.ones((10 ** 5, 10 ** 6))\nprint(x.sum())",
        bare="memory or JaxRuntimeError or ValueError",
    ),
    Attack(
        "has_xla_make_a_large_intermediate",
        "x = jnp.ones(60000)\nprint(jnp.sort(jnp.outer(x, x), axis=0).sum())",
        bare="memory or JaxRuntimeError",
    ),
    Attack(
        "has_vmap_make_a_large_result",
        "x = jnp.ones(40000)\nprint(jax.vmap(lambda a: jax.vmap(lambda b: a * b)(x))(x).block_until_ready())",
        bare="memory or JaxRuntimeError",
    ),
    Attack(
        "stacks_the_steps_of_a_scan",
        "print(lax.scan(lambda c, _: (c, c), jnp.ones(10 ** 6), None, length=10 ** 5)[1].shape)",
        bare="memory or JaxRuntimeError",
    ),
    Attack(
        "makes_an_array_of_numpy_that_is_too_large",
        "x = np.ones((1 << 15, 1 << 16))",
        bare=ENOUGH + " or _ArrayMemoryError",
    ),
    Attack(
        "maps_all_addresses",
        "import mmap\nkept = []\ntry:\n    while True: kept.append(mmap.mmap(-1, 1 << 33, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))\nexcept (OSError, MemoryError): print(len(kept))",
        bare="answer",
        why="Addresses cost nothing; what must hold is that no memory is taken with them.",
    ),
    Attack(
        "opens_all_descriptors",
        "kept = []\ntry:\n    while True: kept.append(os.open('/dev/null', os.O_RDONLY))\nexcept OSError: print(len(kept))",
        bare="answer",
        why="They are this process's own, and few; the pool must not run out of its own.",
    ),
    Attack(
        "fills_pipes",
        "kept = []\ntry:\n    while True:\n        out, into = os.pipe()\n        os.set_blocking(into, False)\n        kept.append(os.write(into, b'x' * (1 << 20)))\nexcept OSError: print(sum(kept))",
        bare="answer",
        why="What pipes hold is the kernel's memory; their number bounds it.",
    ),
    Attack(
        "enlarges_its_pipes",
        "import fcntl\ndef enlarge():\n    kept = []\n    for _ in range(50):\n        out, into = os.pipe()\n        kept.append(fcntl.fcntl(into, 1031, 1 << 20))\n    return sum(kept)\nattempt(enlarge)",
    ),
    Attack(
        "locks_memory",
        "page = ctypes.create_string_buffer(1 << 22)\nif libc.mlock(page, 1 << 22) == 0: broke()",
        where="root",
    ),
    Attack(
        "keeps_memory_in_a_file_without_a_name",
        "attempt(lambda: os.ftruncate(os.memfd_create('x'), 1 << 28))",
        bare="answer",
        why="RLIMIT_FSIZE alone refuses it at every level.",
    ),
    Attack(
        "holds_memory_in_many_threads",
        "import threading, time\ndef hold():\n    kept = bytearray(b'x' * (64 << 20))\n    time.sleep(9)\nfor _ in range(64): threading.Thread(target=hold, daemon=True).start()\ntime.sleep(9)",
        bare="memory or answer or deadline or MemoryError or RuntimeError",
        why=HOWEVER,
    ),
    Attack(
        "folds_a_large_constant",
        "print(jax.jit(lambda: jnp.ones((30000, 30000)).sum() + jnp.zeros((30000, 30000)).max())())",
        bare="answer or memory or JaxRuntimeError or deadline",
        why="XLA may fold, fuse or refuse it: each is well.",
    ),
)
