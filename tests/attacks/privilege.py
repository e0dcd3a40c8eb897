"""Attacks on privilege: namespaces, mounts, keys, modules, and the rarer doors of the kernel."""

from __future__ import annotations

from tests.attacks.attack import Attack

MACHINE_CODE = """
import mmap
page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
page.write(bytes.fromhex(CODE))
result = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""

EVEN_ROOT = (
    "Even root may lack the capability for it, in a container: then only the filter is seen to refuse it."
)

PRIVILEGE = (
    Attack(
        "becomes_root_of_a_namespace",
        "pid = attempt(os.fork)\nif pid == 0:\n    allowed('unshare', 0x10000000)\n    os._exit(0)",
    ),
    Attack("leaves_for_namespaces_of_its_own", "allowed('unshare', 0x00020000)", where="root"),
    Attack(
        "enters_the_namespaces_of_another",
        "fd = call('pidfd_open', VICTIM, 0)\nif fd >= 0: allowed('setns', fd, 0x00020000)",
        where="root",
    ),
    Attack(
        "starts_a_process_in_namespaces",
        "pid = call('clone', 0x10000000 | 17, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\nif pid > 0: broke(pid)",
    ),
    Attack(
        "mounts_over_a_folder",
        "if allowed('mount', b'none', (FOLDER + '/tree').encode(), b'tmpfs', 0, 0) == 0: call('umount2', (FOLDER + '/tree').encode(), 2)",
        where="root",
    ),
    Attack("mounts_by_the_newer_calls", "allowed('fsopen', b'tmpfs', 0)", where="root"),
    Attack("copies_a_tree_of_mounts", "allowed('open_tree', -100, b'/', 1)", where="root"),
    Attack("changes_its_root", "attempt(os.chroot, FOLDER)", where="root"),
    Attack("swaps_its_root", "allowed('pivot_root', FOLDER.encode(), FOLDER.encode())", where="root"),
    Attack("becomes_another_user", "attempt(os.setuid, 12345)", where="root"),
    Attack("joins_another_group", "attempt(os.setgroups, [12345])", where="root"),
    Attack(
        "keeps_what_root_may_do",
        """
header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
if call('capget', header, held) == 0 and held[0]: broke(hex(held[0]))
text = open('/proc/self/status').read()
if 'CapEff:\\t0000000000000000' not in text: broke(text)
""",
        where="root",
    ),
    Attack(
        "raises_its_own_limits",
        "import resource\nattempt(resource.setrlimit, resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))",
        bare="answer or through",
        why=EVEN_ROOT,
    ),
    Attack("raises_its_own_priority", "attempt(os.nice, -10)", where="root"),
    Attack(
        "takes_a_core_for_itself",
        "attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))",
        where="root",
    ),
    Attack(
        "protects_itself_from_the_kernels_choice",
        "attempt(lambda: open('/proc/self/oom_score_adj', 'w').write('0'))",
    ),
    Attack(
        "loads_a_program_into_the_kernel",
        "given = (ctypes.c_uint32 * 32)()\nallowed('bpf', 0, given, 1)",
        where="root",
    ),
    Attack(
        "loads_a_module_into_the_kernel",
        "allowed('init_module', 0, 0, 0)",
        bare="answer or through",
        why=EVEN_ROOT,
    ),
    Attack(
        "loads_another_kernel", "allowed('kexec_load', 0, 99, 0, 0)", bare="answer or through", why=EVEN_ROOT
    ),
    Attack(
        "restarts_the_machine", "allowed('reboot', 1, 1, 1, 0)", where="root"
    ),  # wrong magic: nothing happens
    Attack("sets_the_clock", "allowed('settimeofday', -1, 0)", where="root"),
    Attack("renames_the_machine", "allowed('sethostname', 0, 1 << 30)", where="root"),  # too long: refused
    Attack("swaps_to_a_file", "allowed('swapon', (FOLDER + '/none').encode(), 0)", where="root"),
    Attack("accounts_processes_to_a_file", "allowed('acct', (FOLDER + '/none').encode())", where="root"),
    Attack(
        "measures_the_processor",
        "given = (ctypes.c_uint32 * 32)(1, 128)\nallowed('perf_event_open', given, 0, -1, -1, 0)",
    ),
    Attack("handles_page_faults", "allowed('userfaultfd', 1)"),
    Attack(
        "submits_work_past_the_filter",
        "given = (ctypes.c_uint32 * 30)()\nallowed('io_uring_setup', 4, given)",
    ),
    Attack(
        "submits_work_the_older_way",
        "context = ctypes.c_ulong()\nallowed('io_setup', 4, ctypes.byref(context))",
    ),
    Attack("leaves_a_key_with_the_kernel", "allowed('add_key', b'user', NAME.encode(), b'payload', 7, -4)"),
    Attack("reads_a_keyring", "allowed('keyctl', 0, -4, 1)"),
    Attack("watches_every_file", "allowed('fanotify_init', 0, 0)", where="root"),
    Attack(
        "hides_memory_from_the_kernel",
        "allowed('memfd_secret', 0)",
        bare="answer or through",
        why="Many kernels have it switched off.",
    ),
    Attack("switches_off_random_addresses", "allowed('personality', 0x0040000)"),
    Attack("lays_another_filter", "allowed('seccomp', 1, 8, 0)"),
    Attack(
        "changes_the_table_of_segments",
        "allowed(154, 0, ctypes.create_string_buffer(64), 64)",
        where="x86_64",
    ),
    Attack(
        "reaches_for_the_ports_of_the_machine", "allowed(172, 3)", bare="answer or through", why=EVEN_ROOT
    ),  # iopl
    Attack(
        "calls_as_a_program_of_32_bits_does",
        MACHINE_CODE.replace("CODE", "'b814000000cd80c3'") + "if result == os.getpid(): broke(result)",
        where="x86_64",
    ),
    Attack(
        "calls_by_the_numbers_of_x32",
        "result = call(0x40000000 | 39)\nif result == os.getpid(): broke(result)",
        where="x86_64",
        bare="answer",
        why="Few kernels take them; where one does, a filter that forgot them would be open.",
    ),
    Attack(
        "reads_shared_memory_of_another",
        """
libc.shmat.restype = ctypes.c_void_p
at = libc.shmat(SHARED_MEMORY, None, 0o10000)
if at != ctypes.c_void_p(-1).value: broke(ctypes.string_at(at, 36))
""",
    ),
    Attack("leaves_shared_memory", "kept = libc.shmget(0, 4096, 0o1600)\nif kept >= 0: broke(kept)"),
    Attack(
        "reads_a_message_of_another",
        "text = ctypes.create_string_buffer(100)\nif libc.msgrcv(QUEUE, text, 60, 0, 0o4000) > 0: broke(text.raw[8:])",
    ),
    Attack(
        "makes_semaphores",
        "kept = libc.semget(0, 1, 0o1600)\nif kept >= 0:\n    libc.semctl(kept, 0, 0)\n    broke(kept)",
    ),
    Attack(
        "makes_a_queue_of_messages",
        "fd = libc.mq_open(f'/{NAME}'.encode(), os.O_CREAT | os.O_RDWR, 0o600, None)\nif fd >= 0: broke(fd)",
        bare="answer or through",
        why="RLIMIT_MSGQUEUE alone refuses it to all but root.",
    ),
    Attack(
        "types_into_a_terminal",
        "import fcntl\nattempt(lambda: fcntl.ioctl(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY), 0x5412, b'x'))",
        where="root",
        bare="answer or through",
        why="Newer kernels refuse TIOCSTI to all.",
    ),
)
