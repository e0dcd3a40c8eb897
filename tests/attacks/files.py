"""Attacks on files: to read what is secret, to change what is there, to leave something behind."""

from __future__ import annotations

from tests.attacks.attack import Attack

SEEN_WITHOUT_OPENING = (
    "Landlock restricts what is opened, not names and sizes: only namespaces hide that a file exists."
)

FILES = (
    Attack("reads_a_secret_file", "attempt(lambda: open(SECRET_FILE).read())"),
    Attack("reads_the_secrets_of_the_app", "attempt(lambda: open(APP_SECRET).read())"),
    Attack("reads_a_secret_of_the_home_folder", "attempt(lambda: open(HOME_SECRET).read())"),
    Attack("reads_the_list_of_users", "attempt(lambda: open('/etc/passwd').read())"),
    Attack("lists_a_folder_of_the_user", "attempt(os.listdir, FOLDER + '/listed')"),
    Attack("walks_the_whole_tree", "attempt(lambda: [f for _, _, fs in os.walk(FOLDER) for f in fs][0])"),
    Attack("reads_a_file_of_shared_memory", "attempt(lambda: open(SHARED_SECRET).read())"),
    Attack(
        "reads_a_secret_by_a_mapping_of_numpy",
        "attempt(lambda: bytes(np.memmap(SECRET_FILE, mode='r')[:99]))",
    ),
    Attack(
        "reads_a_secret_by_a_plain_system_call",
        """
fd = call('openat', -100, SECRET_FILE.encode(), 0)
if fd >= 0: attempt(os.read, fd, 100)
""",
    ),
    Attack(
        "reads_a_secret_by_the_c_library",
        """
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(SECRET_FILE.encode(), b'r')
text = ctypes.create_string_buffer(100)
if file and libc.fread(text, 1, 99, ctypes.c_void_p(file)) > 0: broke(text.value)
""",
    ),
    Attack(
        "reopens_a_path_that_was_opened_for_nothing",
        """
def reopen():
    fd = os.open(SECRET_FILE, os.O_PATH)
    return open(f'/proc/self/fd/{fd}').read()
attempt(reopen)
""",
    ),
    Attack(
        "reads_through_a_link_of_its_own",
        """
def plant():
    os.symlink(SECRET_FILE, f'{FOLDER}/{NAME}')
    return open(f'{FOLDER}/{NAME}').read()
attempt(plant)
""",
    ),
    Attack("plants_a_hard_link", "attempt(os.link, SECRET_FILE, f'{FOLDER}/{NAME}')"),
    Attack(
        "reads_through_the_root_of_another_process",
        "attempt(lambda: open(f'/proc/{APP}/root{SECRET_FILE}').read())",
    ),
    Attack(
        "reads_through_the_working_folder_of_another_process",
        "attempt(lambda: open(f'/proc/{VICTIM}/cwd/.streamlit/secrets.toml').read())",
    ),
    Attack(
        "reads_through_a_descriptor_of_another_process",
        "attempt(lambda: open(f'/proc/{APP}/fd/{HELD}').read())",
    ),
    Attack(
        "has_a_traceback_quote_a_secret_file",
        """
import traceback
try: exec(compile('raise ValueError', SECRET_FILE, 'exec'))
except ValueError: text = traceback.format_exc()
if 'password' in text: broke(text)
""",
    ),
    Attack(
        "has_the_explanation_quote_a_secret_file",
        """
exec(compile('def f(x): raise ValueError("see above")', SECRET_FILE, 'exec'))
try: jax.vmap(f)(jnp.ones(3))
except ValueError as error: trace = error.__traceback__
import linecache
if linecache.getline(SECRET_FILE, 1): broke(linecache.getline(SECRET_FILE, 1))
""",
    ),
    Attack(
        "opens_a_file_by_its_handle",
        """
handle = (ctypes.c_char * 136)()
ctypes.c_uint.from_buffer(handle).value = 128
mount = ctypes.c_int()
if call('name_to_handle_at', -100, SECRET_FILE.encode(), handle, ctypes.byref(mount), 0) == 0:
    near = os.open(FOLDER, os.O_RDONLY)
    fd = call('open_by_handle_at', near, handle, os.O_RDONLY)
    if fd >= 0: attempt(os.read, fd, 100)
""",
        where="root",
    ),
    Attack(
        "uses_descriptors_that_were_left_open",
        """
import stat
for fd in range(4, 1024):
    try: mode = os.fstat(fd).st_mode
    except OSError: continue
    if stat.S_ISSOCK(mode) or stat.S_ISDIR(mode) or stat.S_ISREG(mode) and 'site-packages' not in os.readlink(f'/proc/self/fd/{fd}'):
        broke((fd, oct(mode)))
""",
        bare="answer",
        why="A worker inherits four descriptors at every level; one more would be a way round all walls.",
    ),
    Attack(
        "measures_a_secret_file",
        "attempt(lambda: os.stat(SECRET_FILE).st_size)",
        leaks_at=("contained",),
        why=SEEN_WITHOUT_OPENING,
    ),
    Attack(
        "reads_where_a_link_points",
        "attempt(os.readlink, FOLDER + '/link')",
        leaks_at=("contained",),
        why=SEEN_WITHOUT_OPENING,
    ),
    Attack("writes_a_new_file", "attempt(open, f'{FOLDER}/{NAME}', 'w')"),
    Attack(
        "leaves_a_temporary_file",
        "import tempfile\nattempt(lambda: tempfile.mkstemp(prefix=NAME, dir='/tmp'))",
    ),
    Attack("leaves_a_file_in_the_home_folder", "attempt(open, f'{HOME}/{NAME}', 'w')"),
    Attack("leaves_a_file_in_shared_memory", "attempt(open, f'/dev/shm/{NAME}', 'w')"),
    Attack(
        "leaves_named_shared_memory",
        "fd = libc.shm_open(f'/{NAME}'.encode(), os.O_CREAT | os.O_RDWR, 0o600)\nif fd >= 0: broke(fd)",
    ),
    Attack("leaves_a_file_where_it_stands", "if attempt(open, NAME, 'w'): os.unlink(NAME)"),
    Attack("plants_a_module_among_the_packages", "attempt(open, f'{SITE}/{NAME}.pth', 'w')"),
    Attack("makes_a_folder", "attempt(os.mkdir, f'{FOLDER}/{NAME}')"),
    Attack("makes_a_pipe_with_a_name", "attempt(os.mkfifo, f'{FOLDER}/{NAME}')"),
    Attack(
        "makes_a_device_of_the_kernels_memory",
        "import stat\nattempt(os.mknod, f'{FOLDER}/{NAME}', 0o600 | stat.S_IFCHR, os.makedev(1, 1))",
        where="root",
    ),
    Attack("removes_a_file", "attempt(os.unlink, FOLDER + '/data.txt')"),
    Attack("removes_a_whole_tree", "import shutil\nattempt(shutil.rmtree, FOLDER + '/tree')"),
    Attack("renames_a_file", "attempt(os.rename, FOLDER + '/data.txt', FOLDER + '/moved.txt')"),
    Attack(
        "puts_a_file_in_anothers_place", "attempt(os.replace, FOLDER + '/data.txt', FOLDER + '/cached.pyc')"
    ),
    Attack("empties_a_file", "attempt(os.truncate, FOLDER + '/data.txt', 0)"),
    Attack("empties_a_file_by_opening_it", "attempt(open, FOLDER + '/data.txt', 'w')"),
    Attack(
        "overwrites_a_file",
        "attempt(lambda: os.pwrite(os.open(FOLDER + '/data.txt', os.O_RDWR), b'poison', 0))",
        bare="answer",
        why="RLIMIT_FSIZE alone refuses it at every level; the next attack goes round that limit.",
    ),
    Attack(
        "poisons_cached_code_through_a_mapping",
        """
import mmap
def poison():
    with open(FOLDER + '/cached.pyc', 'r+b') as file:
        page = mmap.mmap(file.fileno(), 0)
        page[:6] = b'poison'
        page.flush()
attempt(poison)
""",
    ),
    Attack("makes_a_secret_readable_to_all", "attempt(os.chmod, SECRET_FILE, 0o666)"),
    Attack(
        "gives_a_file_another_owner", "attempt(os.chown, FOLDER + '/data.txt', 12345, 12345)", where="root"
    ),
    Attack("changes_the_time_of_a_file", "attempt(os.utime, FOLDER + '/data.txt', (1, 1))"),
    Attack(
        "writes_to_the_attributes_of_a_file", "attempt(os.setxattr, FOLDER + '/data.txt', 'user.x', b'1')"
    ),
    Attack(
        "fills_a_folder_with_empty_files",
        "attempt(lambda: [open(f'{FOLDER}/{NAME}-{n}', 'w').close() for n in range(200)] and None)",
    ),
    Attack(
        "reads_the_log_of_the_kernel_by_its_device",
        "attempt(os.open, '/dev/kmsg', os.O_NONBLOCK)",
        where="root",
    ),
    Attack(
        "writes_to_a_terminal",
        "attempt(lambda: os.write(os.open(TERMINAL, os.O_WRONLY | os.O_NOCTTY), NAME.encode()))",
    ),
)
