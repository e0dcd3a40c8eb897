"""Attacks by and on processes: to start some, to read, change, stop or slow others."""

from __future__ import annotations

from tests.attacks.attack import HOWEVER, Attack

SIBLINGS = """
import time
def siblings():
    # in a namespace of its own the numbers are small; elsewhere it is told them
    small = range(2, 300) if os.getppid() in (1, 2) and os.getpid() < 1000 else ()
    return [pid for pid in {*OTHERS, *small} if pid not in (os.getpid(), os.getppid())]
def each(function):
    for pid in siblings():
        try: result = function(pid)
        except OSError: continue
        broke((pid, result))
"""
BESIDE = "import time\nkept = 'TOKEN'\ntime.sleep(1.5)\nprint('done')"
IOVEC = """
class Part(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
text = ctypes.create_string_buffer(b'poisoned by a visitor', 40)
"""

PROCESSES = (
    Attack("runs_a_command", "os.system(f'cat {SECRET_FILE}; echo {FACTOR * FACTOR}')"),
    Attack("runs_a_program", "import subprocess\nattempt(subprocess.check_output, ['cat', SECRET_FILE])"),
    Attack("becomes_another_program", "attempt(os.execv, '/bin/echo', ['echo', str(FACTOR * FACTOR)])"),
    Attack("spawns_a_program", "attempt(os.posix_spawn, '/bin/sleep', ['sleep', '1'], {})"),
    Attack(
        "becomes_a_program_by_its_descriptor",
        """
fd = call('openat', -100, b'/bin/echo', 0)
given = (ctypes.c_char_p * 3)(b'echo', str(FACTOR * FACTOR).encode(), None)
print(call('execveat', fd, b'', given, (ctypes.c_char_p * 1)(None), 0x1000))
""",
    ),
    Attack(
        "has_the_linker_run_a_program",
        """
import glob
for linker in glob.glob('/lib*/ld-linux*'): attempt(os.execv, linker, [linker, '/bin/echo', str(FACTOR * FACTOR)])
""",
    ),
    Attack(
        "runs_a_program_from_memory",
        """
fd = call('memfd_create', b'x', 0)
if fd >= 0: broke(fd)
""",
    ),
    Attack("forks", "pid = attempt(os.fork)\nif pid == 0: os._exit(0)"),
    Attack(
        "forks_by_a_plain_system_call",
        "pid = call('clone', 17, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\nif pid > 0: broke(pid)",
    ),
    Attack(
        "forks_by_the_newest_system_call",
        """
given = (ctypes.c_uint64 * 8)(0, 0, 0, 0, 17)
pid = call('clone3', given, 64)
if pid == 0: os._exit(0)
if pid > 0: broke(pid)
""",
    ),
    Attack(
        "forks_without_end",
        """
import time
made = 0
for _ in range(100):
    try: pid = os.fork()
    except OSError: break
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    made += 1
    if made == 9: broke(made)
""",
    ),
    Attack(
        "leaves_a_process_of_another_session",
        """
import time
def leave():
    if os.fork(): return
    os.setsid()
    if os.fork(): os._exit(0)
    time.sleep(60)
    os._exit(0)
attempt(leave)
""",
    ),
    Attack(
        "starts_a_process_by_multiprocessing",
        "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=print)\nattempt(p.start)",
    ),
    Attack(
        "outlives_its_maker",
        "attempt(lambda: libc.prctl(1, 0, 0, 0, 0) and 1 / 0)",  # PR_SET_PDEATHSIG
    ),
    Attack(
        "starts_threads_without_end",
        """
import threading, time
made = 0
try:
    while made < 5000:
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
        made += 1
except RuntimeError: print(made)
time.sleep(1)
print('threads', made)
""",
        bare="answer or threads",
        why="Its stacks count as memory, so that threads cannot be started, or the zygote counts them and ends it.",
    ),
    Attack("kills_its_maker", "attempt(os.kill, os.getppid(), 9)\nimport time\ntime.sleep(0.5)"),
    Attack("stops_its_maker", "attempt(os.kill, os.getppid(), 19)\nimport time\ntime.sleep(0.5)"),
    Attack("signals_the_app", "import signal\nattempt(os.kill, APP, signal.SIGWINCH)"),
    Attack("kills_a_bystander", "attempt(os.kill, VICTIM, 9)"),
    Attack("kills_a_bystanders_thread", "allowed('tgkill', VICTIM, VICTIM, 9)"),
    Attack(
        "kills_a_bystander_by_a_descriptor_of_it",
        "fd = call('pidfd_open', VICTIM, 0)\nif fd >= 0: allowed('pidfd_send_signal', fd, 9, 0, 0)",
    ),
    Attack(
        "sends_a_bystander_a_signal_with_a_forged_sender",
        """
info = (ctypes.c_int * 32)(15, 0, -1)
allowed('rt_sigqueueinfo', VICTIM, 15, info)
""",
    ),
    Attack(
        "has_a_pipe_kill_a_bystander",
        """
import fcntl, time
def arm():
    out, into = os.pipe()
    fcntl.fcntl(out, fcntl.F_SETOWN, VICTIM)
    fcntl.fcntl(out, 10, 9)  # F_SETSIG, SIGKILL
    fcntl.fcntl(out, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(into, b'x')
    time.sleep(0.1)
attempt(arm)
""",
    ),
    Attack(
        "has_its_own_socket_kill_a_bystander",
        """
import fcntl
def arm():
    fcntl.fcntl(3, 15, (ctypes.c_int * 2)(1, VICTIM))  # F_SETOWN_EX
    fcntl.fcntl(3, 10, 9)
attempt(arm)
""",
    ),
    Attack("kills_a_sibling", SIBLINGS + "each(lambda pid: os.kill(pid, 9))", beside=BESIDE),
    Attack(
        "stops_a_sibling",
        SIBLINGS + "each(lambda pid: os.kill(pid, 19))\ntime.sleep(0.2)\neach(lambda pid: os.kill(pid, 18))",
        beside=BESIDE,
    ),
    Attack(
        "traces_a_sibling",
        SIBLINGS
        + "def seize(pid):\n    if call('ptrace', 0x4206, pid, 0, 0) < 0: raise OSError\neach(seize)",
        beside=BESIDE,
    ),
    Attack(
        "reads_a_siblings_memory",
        SIBLINGS
        + """
import re
def read(pid):
    for line in open(f'/proc/{pid}/maps'):
        start, end = (int(part, 16) for part in line.split()[0].split('-'))
        if 'rw' not in line or end - start > 1 << 27: continue
        with open(f'/proc/{pid}/mem', 'rb') as memory:
            memory.seek(start)
            found = re.search(rb'tok-[0-9a-f]{32}', memory.read(end - start))
        if found: return found
    raise OSError
each(read)
""",
        beside=BESIDE,
    ),
    Attack("traces_a_bystander", "allowed('ptrace', 0x4206, VICTIM, 0, 0)"),
    Attack(
        "reads_a_bystanders_memory",
        IOVEC
        + """
mine, theirs = Part(ctypes.addressof(text), 40), Part(BUFFER, 40)
if call('process_vm_readv', VICTIM, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0: broke(text.value)
""",
    ),
    Attack(
        "writes_to_a_bystanders_memory",
        IOVEC
        + """
mine, theirs = Part(ctypes.addressof(text), 40), Part(BUFFER, 40)
if call('process_vm_writev', VICTIM, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0: broke()
""",
    ),
    Attack(
        "reads_a_bystanders_memory_as_a_file",
        "def read():\n    with open(f'/proc/{VICTIM}/mem', 'rb') as file:\n        file.seek(BUFFER)\n        return file.read(40)\nattempt(read)",
    ),
    Attack(
        "writes_to_a_bystanders_memory_as_a_file",
        "def write():\n    fd = os.open(f'/proc/{VICTIM}/mem', os.O_RDWR)\n    return os.pwrite(fd, b'poison', BUFFER)\nattempt(write)",
    ),
    Attack(
        "takes_a_bystanders_descriptor",
        """
fd = call('pidfd_open', VICTIM, 0)
if fd >= 0:
    stolen = call('pidfd_getfd', fd, VICTIMS_SECRET, 0)
    if stolen >= 0: broke(os.pread(stolen, 100, 0))
""",
    ),
    Attack(
        "limits_a_bystander",
        "import resource\nattempt(resource.prlimit, VICTIM, resource.RLIMIT_NOFILE, (9, 9))",
    ),
    Attack("slows_a_bystander", "attempt(os.setpriority, os.PRIO_PROCESS, VICTIM, 19)"),
    Attack("slows_a_bystanders_disk", "allowed('ioprio_set', 1, VICTIM, 3 << 13)"),
    Attack("binds_a_bystander_to_one_core", "attempt(os.sched_setaffinity, VICTIM, {0})"),
    Attack(
        "has_the_kernel_prefer_a_bystander_to_die",
        "attempt(lambda: os.write(os.open(f'/proc/{VICTIM}/oom_score_adj', os.O_WRONLY), b'999'))",
    ),
    Attack(
        "pages_a_bystander_out",
        "fd = call('pidfd_open', VICTIM, 0)\nif fd >= 0:\n    part = (ctypes.c_uint64 * 2)(BUFFER & ~4095, 4096)\n    allowed('process_madvise', fd, part, 1, 21, 0)",
    ),
    Attack(
        "ends_all_in_its_session", "import os\nos.killpg(0, 9)", bare="WorkerCrashed or answer", why=HOWEVER
    ),
)
