"""Attacks on those who come later: whatever may remain of a visitor."""

from __future__ import annotations

from tests.attacks.attack import Attack

EACH_ITS_OWN = (
    "Each request has a process of its own at every level, made of one that no request has touched."
)

REMAINING = (
    Attack(
        "leaves_a_name_among_the_builtins",
        "import builtins\nbuiltins.left_here = True",
        after="import builtins\nif hasattr(builtins, 'left_here'): broke()",
        bare="answer",
        why=EACH_ITS_OWN,
    ),
    Attack(
        "leaves_another_vmap",
        "jax.vmap = None\njnp.sin.left_here = True",
        after="if jax.vmap is None or hasattr(jnp.sin, 'left_here'): broke()",
        bare="answer",
        why=EACH_ITS_OWN,
    ),
    Attack(
        "leaves_a_configuration_of_jax",
        "jax.config.update('jax_enable_x64', True)\njax.config.update('jax_debug_nans', True)",
        after="if jax.config.jax_enable_x64 or jax.config.jax_debug_nans: broke()",
        bare="answer",
        why=EACH_ITS_OWN,
    ),
    Attack(
        "leaves_a_variable_in_the_environment",
        "os.environ['LEFT_HERE'] = '1'\nos.putenv('LEFT_HERE', '1')",
        after="if 'LEFT_HERE' in os.environ: broke()",
        bare="answer",
        why=EACH_ITS_OWN,
    ),
    Attack(
        "leaves_a_name_without_a_file",
        "import socket, time\nkept = attempt(lambda: socket.socket(socket.AF_UNIX).bind('\\0left-' + NAME))",
        after="import socket\ntry: socket.socket(socket.AF_UNIX).bind('\\0left-' + NAME)\nexcept OSError as error:\n    if error.errno == 98: broke('taken')",
    ),
    Attack(
        "leaves_a_changed_page_of_a_package",
        """
import mmap
def change():
    with open(FOLDER + '/data.txt', 'r+b') as file:
        mmap.mmap(file.fileno(), 0)[:9] = b'left here'
attempt(change)
""",
        after="attempt(lambda: open(FOLDER + '/data.txt').read(9) == 'left here' or 1 / 0)",
    ),
    Attack(
        "limits_those_who_come_later",
        "import resource\nattempt(resource.prlimit, os.getppid(), resource.RLIMIT_NOFILE, (20, 20))",
    ),
    Attack("slows_those_who_come_later", "attempt(os.setpriority, os.PRIO_PROCESS, os.getppid(), 18)"),
    Attack("binds_those_who_come_later_to_one_core", "attempt(os.sched_setaffinity, os.getppid(), {0})"),
    Attack(
        "writes_to_the_memory_of_its_maker",
        """
class Part(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
held = ctypes.create_string_buffer(8)
place = id(os.environ)  # the same object, at the same place, as before the fork
mine, theirs = Part(ctypes.addressof(held), 8), Part(place, 8)
if call('process_vm_readv', os.getppid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) == 8: broke(held.raw)
""",
    ),
    Attack("traces_its_maker", "allowed('ptrace', 0x4206, os.getppid(), 0, 0)"),
    Attack(
        "takes_the_control_socket_of_its_maker",
        "fd = call('pidfd_open', os.getppid(), 0)\nif fd >= 0:\n    found = [n for n in range(3, 20) if call('pidfd_getfd', fd, n, 0) >= 0]\n    if found: broke(found)",
    ),
    Attack(
        "debugs_itself_for_others_to_attach", "attempt(lambda: libc.prctl(4, 1, 0, 0, 0) and 1 / 0)"
    ),  # PR_SET_DUMPABLE
    Attack(
        "blocks_the_end_of_its_worker",
        "import threading, time\nfor _ in range(20): threading.Thread(target=time.sleep, args=[99]).start()\nprint('done')",
        bare="answer",
        why="A worker ends with its answer, whatever its threads do.",
    ),
)
