"""Attacks by JAX itself: callbacks, foreign functions, dumps, caches and profiles."""

from __future__ import annotations

from tests.attacks.attack import Attack

STEAL = "def steal(x):\n    attempt(lambda: open(SECRET_FILE).read())\n    return np.float32(0)\n"
SHAPE = "jax.ShapeDtypeStruct((), 'float32')"

CALLBACKS = (
    Attack(
        "reads_a_secret_in_a_pure_callback",
        STEAL + f"print(jax.jit(lambda x: jax.pure_callback(steal, {SHAPE}, x))(jnp.float32(1)))",
    ),
    Attack(
        "reads_a_secret_in_an_io_callback",
        STEAL
        + f"from jax.experimental import io_callback\nprint(jax.jit(lambda x: io_callback(steal, {SHAPE}, x))(jnp.float32(1)))",
    ),
    Attack(
        "reads_a_secret_in_a_debug_callback",
        STEAL + "jax.jit(lambda x: jax.debug.callback(steal, x))(jnp.float32(1))\njax.effects_barrier()",
    ),
    Attack(
        "forks_in_a_callback",
        "def fork(x):\n    if attempt(os.fork) == 0: os._exit(0)\njax.jit(lambda x: jax.debug.callback(fork, x))(jnp.float32(1))\njax.effects_barrier()",
    ),
    Attack(
        "connects_in_a_thread_of_xla",
        "import socket\ndef go(x): attempt(socket.create_connection, ('127.0.0.1', PORT), 1)\njax.jit(lambda x: jax.debug.callback(go, x))(jnp.float32(1))\njax.effects_barrier()",
    ),
    Attack(
        "has_xla_call_a_foreign_function",
        """
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def foreign(frame):
    attempt(lambda: open(SECRET_FILE).read())
    return None
jax.ffi.register_ffi_target('steal', jax.ffi.pycapsule(foreign), platform='cpu')
print(jax.ffi.ffi_call('steal', jax.ShapeDtypeStruct((), 'float32'))())
""",
    ),
    Attack(
        "has_jax_dump_its_programs",
        "jax.config.update('jax_dump_ir_to', f'{FOLDER}/{NAME}')\njax.jit(lambda x: x + 1)(jnp.ones(3))",
    ),
    Attack(
        "has_xla_dump_its_programs",
        "f = jax.jit(lambda x: x + 2).lower(jnp.ones(3))\ntry: f.compile(compiler_options={'xla_dump_to': f'{FOLDER}/{NAME}', 'xla_dump_hlo_as_text': True})\nexcept Exception as error: print(error)",
    ),
    Attack(
        "poisons_the_cache_of_compilations",
        """
jax.config.update('jax_compilation_cache_dir', f'{FOLDER}/{NAME}')
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
print(jax.jit(lambda x: jnp.sin(x) * 3)(jnp.ones(3)))
""",
    ),
    Attack("writes_a_profile", "with jax.profiler.trace(f'{FOLDER}/{NAME}'): jnp.ones(3).sum()"),
    Attack(
        "writes_a_profile_of_memory", "attempt(jax.profiler.save_device_memory_profile, f'{FOLDER}/{NAME}')"
    ),
    Attack("saves_an_array", "attempt(np.save, f'{FOLDER}/{NAME}.npy', np.ones(3))", bare="through"),
    Attack(
        "calls_a_target_that_is_not_there",
        "jax.ffi.ffi_call('no_such_target', jax.ShapeDtypeStruct((), 'float32'))()",
        bare="JaxRuntimeError",
    ),
    Attack(
        "ends_itself_in_a_callback",
        "jax.jit(lambda x: jax.debug.callback(lambda v: os._exit(5), x))(jnp.float32(1))\njax.effects_barrier()",
        bare="WorkerCrashed",
    ),
    Attack(
        "raises_an_exit_in_a_callback",
        "def leave(x): raise SystemExit(3)\njax.jit(lambda x: jax.debug.callback(leave, x))(jnp.float32(1))\njax.effects_barrier()",
        bare="JaxRuntimeError or SystemExit or answer",
        why="It is an error like any other.",
    ),
    Attack(
        "never_returns_from_a_callback",
        "import time\njax.jit(lambda x: jax.debug.callback(lambda v: time.sleep(999), x))(jnp.float32(1))\njax.effects_barrier()",
        bare="deadline",
        deadline_s=1.5,
    ),
    Attack(
        "returns_another_shape_from_a_callback",
        "print(jax.jit(lambda x: jax.pure_callback(lambda v: np.ones((9, 9)), jax.ShapeDtypeStruct((), 'float32'), x))(1.0))",
        bare="JaxRuntimeError or answer",
        why="XLA must not take the bytes for what they are not.",
    ),
    Attack(
        "hands_jax_memory_that_is_not_its_own",
        """
import ctypes
from jax import dlpack
class Forged:
    def __dlpack_device__(self): return (1, 0)
    def __dlpack__(self, **named):
        self.size = ctypes.c_int64(1 << 20)
        shape = ctypes.addressof(self.size)
        managed = (ctypes.c_uint64 * 16)(0x1000000000, 1, 1 | 0x12002 << 32, shape, 0, 0)
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        self.kept = managed
        return new(ctypes.addressof(managed), b'dltensor', None)
print(dlpack.from_dlpack(Forged()))
""",
        bare="WorkerCrashed",
    ),
    Attack(
        "overwrites_a_buffer_of_jax",
        "x = jnp.ones(4)\nctypes.memset(x.unsafe_buffer_pointer(), 0xff, 1 << 22)\nprint(x.sum())\nfor n in range(50): jnp.ones((9, n + 1)).sum()",
        bare="WorkerCrashed or answer",
        why="It spoils its own memory only; that may or may not end it.",
    ),
)
