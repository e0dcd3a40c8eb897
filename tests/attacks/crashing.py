"""Attacks that crash: the process, the parser, the interpreter, whatever shows an error."""

from __future__ import annotations

from tests.attacks.attack import HOWEVER, Attack

PARSED = "memory or IndentationError or SyntaxError or RecursionError or WorkerCrashed or answer"
BREAKS_ITSELF = "It fools or breaks itself only; whatever its worker then says must be shown."


def _plain(name: str, code: str, bare: str = PARSED) -> Attack:
    return Attack(name, code, bare=bare, plain=True, why="Each version of Python refuses it in its own way.")


CRASHING = (
    Attack("ends_without_a_word", "os._exit(0)", bare="WorkerCrashed"),
    Attack("ends_with_a_code", "os._exit(3)", bare="WorkerCrashed"),
    Attack("aborts", "os.abort()", bare="WorkerCrashed"),
    Attack("reads_address_zero", "ctypes.string_at(0)", bare="WorkerCrashed"),
    Attack("jumps_to_address_zero", "ctypes.CFUNCTYPE(None)(1)()", bare="WorkerCrashed"),
    Attack(
        "frees_what_is_not_its_own",
        "libc.free.argtypes = [ctypes.c_void_p]\nlibc.free(id(os) + 8)",
        bare="WorkerCrashed",
    ),
    Attack(
        "kills_itself",
        "os.kill(os.getpid(), 9)",
        bare="WorkerCrashed or PermissionError",
        why="Walls refuse even that.",
    ),
    Attack(
        "stops_itself",
        "os.kill(os.getpid(), 19)\nimport time\ntime.sleep(99)",
        bare="deadline",
        deadline_s=1.5,
    ),
    Attack(
        "divides_by_zero_in_machine_code",
        "import mmap\npage = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)\npage.write(bytes.fromhex('31c9f7f1c3'))\nctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
        bare="WorkerCrashed",
        where="x86_64",
    ),
    Attack(
        "overflows_the_stack",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return [f(y) for y in [x]]\nf(0)",
        bare="WorkerCrashed or memory or deadline or MemoryError or RecursionError",
    ),
    Attack(
        "overflows_the_stack_of_jax",
        "x = ()\nfor _ in range(10 ** 6): x = (x,)\nprint(len(jax.tree.leaves(x)))",
        bare="WorkerCrashed or RecursionError or SystemError or answer",
        why=HOWEVER,
    ),
    Attack(
        "overflows_the_stack_as_it_is_compared",
        "import sys\nsys.setrecursionlimit(10 ** 8)\na, b = [], []\na.append(b)\nb.append(a)\na == b",
        bare="WorkerCrashed or RecursionError or memory or deadline",
    ),
    Attack(
        "runs_bytecode_that_no_compiler_made",
        "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255] * 20))\nf()",
        bare="WorkerCrashed or SystemError",
    ),
    _plain("opens_thousands_of_brackets", "(" * 30000),
    _plain("opens_and_closes_thousands_of_brackets", "x = " + "(" * 15000 + ")" * 15000),
    _plain("nests_thousands_of_lists", "x = " + "[" * 5000 + "]" * 5000),
    _plain("negates_thousands_of_times", "x = " + "-" * 60000 + "1"),
    _plain("adds_thousands_of_times", "x = 1" + "+1" * 30000),
    _plain("asks_for_attributes_thousands_of_times", "x = a" + ".a" * 30000),
    _plain("nests_thousands_of_lambdas", "x = " + "lambda:" * 8000 + "0"),
    _plain(
        "indents_a_hundred_times",
        "\n".join(" " * n + "if 1:" for n in range(300)) + "\n" + " " * 300 + "pass",
    ),
    _plain("nests_texts_in_texts", "x = " + 'f"{' * 140 + "1" + '}"' * 140),
    _plain("holds_a_null_byte", "x = 1\0\nprint(2)", "SyntaxError or ValueError"),
    _plain("holds_half_a_character", "x = '\ud800'\nprint(x)", "answer or SyntaxError or UnicodeEncodeError"),
    _plain(
        "declares_another_encoding", "# -*- coding: rot13 -*-\ncevag(1)", "SyntaxError or NameError or answer"
    ),
    Attack("exits", "raise SystemExit('\\ud800<b>')", bare="SystemExit"),
    Attack("interrupts", "raise KeyboardInterrupt", bare="KeyboardInterrupt"),
    Attack("raises_what_is_no_exception", "class Odd(BaseException): pass\nraise Odd", bare="Odd"),
    Attack(
        "raises_an_error_that_cannot_be_shown",
        "class Evil(Exception):\n    def __str__(self): raise SystemExit\n    __repr__ = __str__\nraise Evil",
        bare="Evil or SystemExit",
    ),
    Attack(
        "raises_an_error_of_a_hundred_megabytes",
        "raise ValueError('<b>' * 30_000_000)",
        bare="ValueError or answer_size",
    ),
    Attack(
        "raises_errors_in_a_circle",
        "a, b = ValueError('a'), ValueError('b')\na.__cause__, b.__cause__ = b, a\nraise a",
        bare="ValueError",
    ),
    Attack(
        "raises_a_group_of_groups",
        "e = ValueError('x')\nfor _ in range(5000): e = ExceptionGroup('g', [e])\nraise e",
        bare="ExceptionGroup or WorkerCrashed",
    ),
    Attack(
        "raises_an_error_whose_class_lies",
        "class Meta(type):\n    __name__ = property(lambda s: 1 / 0)\n    __module__ = property(lambda s: 1 / 0)\nclass Evil(Exception, metaclass=Meta): pass\nraise Evil('x')",
        bare="Evil or ZeroDivisionError or WorkerCrashed",
    ),
    Attack(
        "takes_the_builtins_away",
        "import builtins\nbuiltins.__dict__.clear()",
        bare="answer or WorkerCrashed or NameError or KeyError or ImportError or BadAnswer or SystemError",
        why=BREAKS_ITSELF,
    ),
    Attack(
        "takes_the_modules_away",
        "import sys\nsys.modules.clear()",
        bare="answer or WorkerCrashed or ImportError or KeyError or RuntimeError or BadAnswer",
        why=BREAKS_ITSELF,
    ),
    Attack(
        "puts_a_list_in_the_place_of_vmap",
        "jax.vmap = []\njnp.asarray = None\nnp.asarray = None",
        bare="answer or TypeError",
        why=BREAKS_ITSELF,
    ),
    Attack(
        "puts_a_lie_in_the_place_of_the_encoder",
        "import msgspec\nmsgspec.msgpack.encode = lambda *a, **k: b'\\xc1' * 9\nfrom explainer.sandbox import wire\nwire.pack = lambda m: b'\\x04\\0\\0\\0lies'",
        bare="BadAnswer",
    ),
    Attack(
        "puts_an_error_in_the_place_of_the_encoder",
        "from explainer.sandbox import wire\ndef no(m): raise MemoryError\nwire.pack = no\nwire.encode = no",
        bare="WorkerCrashed",
    ),
    Attack(
        "turns_warnings_into_errors",
        "import warnings\nwarnings.simplefilter('error')\njax.vmap(lambda x: x)(jnp.ones(2))",
        bare="answer",
        why=BREAKS_ITSELF,
    ),
    Attack(
        "traces_every_line",
        "import sys\nsys.settrace(lambda *a: 1 / 0)",
        bare="answer or ZeroDivisionError or WorkerCrashed",
        why=BREAKS_ITSELF,
    ),
    Attack(
        "makes_its_text_stream_raise",
        "import sys\nclass Evil:\n    def __getattr__(self, name): raise RuntimeError\nsys.stdout = sys.stderr = Evil()",
        bare="answer or RuntimeError",
        why=BREAKS_ITSELF,
    ),
)
