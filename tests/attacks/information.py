"""Attacks on what is known: about the machine, about others on it, about an earlier visitor."""

from __future__ import annotations

from tests.attacks.attack import Attack

SCAN = """
import re
def own_memory():
    for line in open('/proc/self/maps'):
        place, rights, *_, name = line.split(None, 5) + ['']
        if 'rw' not in rights or '[v' in line: continue
        start, end = (int(part, 16) for part in place.split('-'))
        if end - start > 1 << 28: continue
        try: yield os.pread(memory, end - start, start)
        except OSError: continue
memory = os.open('/proc/self/mem', os.O_RDONLY)
"""

INFORMATION = (
    Attack(
        "reads_its_environment",
        "found = [each for each in os.environ.values() if each.startswith('tok-')]\nif found: broke(found)",
        bare="answer",
        why="The environment of the app is filtered before a worker exists, at every level.",
    ),
    Attack(
        "reads_the_environment_of_another_process", "attempt(lambda: open(f'/proc/{VICTIM}/environ').read())"
    ),
    Attack(
        "reads_the_command_line_of_another_process", "attempt(lambda: open(f'/proc/{VICTIM}/cmdline').read())"
    ),
    Attack("reads_the_memory_map_of_the_app", "attempt(lambda: open(f'/proc/{APP}/maps').read()[:500])"),
    Attack(
        "reads_the_environment_of_its_maker",
        "attempt(lambda: open(f'/proc/{os.getppid()}/environ').read() or 1 / 0)",
    ),
    Attack(
        "lists_the_descriptors_of_its_maker",
        "attempt(lambda: os.listdir(f'/proc/{os.getppid()}/fd') or 1 / 0)",
    ),
    Attack(
        "lists_the_processes",
        "found = [each for each in os.listdir('/proc') if each.isdigit() and int(each) != os.getpid()]\n"
        "if found: broke(found)",
    ),
    Attack(
        "counts_the_processes_by_asking_for_each",
        "found = [n for n in (APP, VICTIM) if os.path.exists(f'/proc/{n}')]\nif found: broke(found)",
        leaks_at=("contained",),
        why="Landlock restricts what is opened, not names: only namespaces hide that a process exists.",
    ),
    Attack(
        "reads_what_other_software_keeps_among_the_libraries",
        "attempt(lambda: [open('/usr/lib/os-release').read(), os.listdir('/usr/lib/systemd')])",
    ),
    Attack(
        "searches_its_memory_for_an_earlier_visitor",
        SCAN
        + """
seen = 0
for part in own_memory():
    seen += len(part)
    for found in re.findall(rb'visitor-([0-9a-f]{12})-was-here', part): broke(found)
print(seen)
""",
        before="print('visitor-' + NAME[7:] + '-was-here')\nkept = ['visitor-' + NAME[7:] + '-was-here'] * 9",
        bare="answer",
        why="A worker is a copy of a process that never reads a request: at no level is there anything to find.",
    ),
    Attack(
        "searches_its_memory_for_secrets_of_the_app",
        SCAN
        + """
for part in own_memory():
    for found in re.findall(rb'tok-0{32}', part): broke(found)
""",
        bare="answer",
        why="A worker is a copy of a process that was started with a filtered environment.",
    ),
    Attack(
        "searches_the_objects_of_python_for_a_request",
        """
import gc
from explainer.spec import Request
mine = [each for each in gc.get_objects() if type(each).__name__ == 'Request' and 'FACTOR' not in each.code]
found = [each for each in mine if NAME in each.code or 'was-here' in each.code]
if found: broke(found)
""",
        before="kept = NAME + '-was-here'",
        bare="answer",
        why="Likewise: each request has a process of its own.",
    ),
    Attack(
        "reads_the_log_of_the_kernel",
        "text = ctypes.create_string_buffer(999)\nif call('syslog', 3, text, 999) >= 0: broke(text.value)",
        where="root",
    ),
    Attack(
        "reads_the_table_of_sockets",
        "attempt(lambda: [line for line in open('/proc/net/tcp') if f':{PORT:04X} ' in line][0])",
    ),
    Attack(
        "reads_the_identity_of_the_machine",
        """
for path in ('/etc/machine-id', '/etc/hostname', '/etc/resolv.conf', '/sys/class/net/lo/address', '/proc/version_signature'):
    try: text = open(path).read()
    except OSError: continue
    if text: broke((path, text))
""",
    ),
    Attack("asks_for_the_users_by_name", "import pwd\nattempt(lambda: pwd.getpwall()[0])"),
    Attack("reads_who_mounted_what", "attempt(lambda: open('/proc/mounts').read())"),
    Attack("reads_the_load_of_the_machine", "attempt(lambda: open('/proc/loadavg').read())"),
    Attack(
        "watches_a_folder",
        "fd = call('inotify_init1', 0)\nif fd >= 0: allowed('inotify_add_watch', fd, FOLDER.encode(), 0xfff)",
    ),
    Attack("compares_itself_with_the_app", "allowed('kcmp', os.getpid(), APP, 0, 0, 0)"),
    Attack("lists_the_keys_of_the_user", "attempt(lambda: open('/proc/keys').read())"),
    Attack(
        "reads_what_a_sibling_is_doing",
        """
found = []
for pid in OTHERS:
    if pid == os.getpid(): continue
    try: found.append(open(f'/proc/{pid}/status').read())
    except OSError: pass
if found: broke(found)
""",
        beside="import time\ntime.sleep(1)\nprint('done')",
    ),
)
