"""Attacks on the network: to reach the app, this machine, or anything beyond; to be reached."""

from __future__ import annotations

from tests.attacks.attack import Attack

NETWORK = (
    Attack("connects_to_the_app", "import socket\nattempt(socket.create_connection, ('127.0.0.1', PORT), 1)"),
    Attack(
        "connects_by_the_newer_protocol",
        "import socket\nattempt(socket.create_connection, ('::1', PORT6), 1)",
    ),
    Attack(
        "connects_by_many_paths_at_once",
        """
import socket
def connect():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)  # MPTCP: a rule for TCP does not see it
    s.settimeout(1)
    s.connect(('127.0.0.1', PORT))
    return s
attempt(connect)
""",
    ),
    Attack(
        "sends_with_the_first_packet",
        """
import socket
def send():
    s = socket.socket()
    s.settimeout(1)
    return s.sendto(b'hi', 0x20000000, ('127.0.0.1', PORT))  # MSG_FASTOPEN: connects without connect
attempt(send)
""",
    ),
    Attack(
        "asks_the_app_for_a_page",
        "import urllib.request\n"
        "try: urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=0.3)\n"
        "except TimeoutError: broke('it was asked')\nexcept OSError as error: print(error)",
    ),
    Attack(
        "sends_a_datagram",
        "import socket\nattempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hi', ('127.0.0.1', UDP_PORT)))",
    ),
    Attack(
        "connects_to_a_socket_with_a_path",
        "import socket\nattempt(lambda: socket.socket(socket.AF_UNIX).connect(UNIX))",
    ),
    Attack(
        "connects_to_a_socket_without_a_path",
        "import socket\nattempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0' + NAME))",
    ),
    Attack(
        "sends_a_datagram_to_a_path",
        "import socket\nattempt(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'hi', UNIX + '-datagrams'))",
    ),
    Attack(
        "leaves_a_socket_with_a_path",
        "import socket\nattempt(lambda: socket.socket(socket.AF_UNIX).bind(f'{FOLDER}/{NAME}'))",
    ),
    Attack(
        "opens_a_port",
        "import socket, time\nattempt(socket.create_server, ('127.0.0.1', FREE_PORT))\ntime.sleep(0.4)",
    ),
    Attack(
        "asks_the_kernel_for_the_network",
        """
import socket, struct
def ask():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.settimeout(1)
    s.send(struct.pack('<IHHIIB3x', 20, 18, 0x301, 1, 0, 0))  # RTM_GETLINK
    return s.recv(1000)
attempt(ask)
""",
    ),
    Attack(
        "opens_a_socket_to_the_hypervisor", "import socket\nattempt(socket.socket, 40, socket.SOCK_STREAM)"
    ),
    Attack(
        "sees_raw_packets", "import socket\nattempt(socket.socket, 17, socket.SOCK_RAW, 0x300)", where="root"
    ),
    Attack(
        "forges_raw_packets",
        "import socket\nattempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 255)",
        where="root",
    ),
    Attack(
        "pings", "import socket\nattempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)", where="root"
    ),
    Attack(
        "opens_the_cipher_sockets_of_the_kernel",
        "import socket\ndef use():\n s = socket.socket(38, socket.SOCK_SEQPACKET)\n s.bind(('hash', 'sha256'))\n"
        "attempt(use)",
        bare="answer",
        why="Many kernels have none; where they do it is a large surface, closed by the same rule as all sockets.",
    ),
    Attack(
        "opens_sockets_of_rare_families",
        """
import socket
for family in (15, 16, 21, 29, 30, 31, 36, 41, 42, 43, 44):
    for kind in (1, 2, 3, 5):
        try: socket.socket(family, kind)
        except OSError: continue
        broke(family)
""",
    ),
    Attack("asks_for_an_address_by_name", "import socket\nattempt(socket.getaddrinfo, 'localhost', 80)"),
    Attack(
        "makes_a_pair_of_sockets",
        "import socket\nattempt(socket.socketpair)",
    ),
    Attack("makes_a_network_device", "attempt(os.open, '/dev/net/tun', os.O_RDWR)", where="root"),
    Attack(
        "joins_a_cluster_by_jax",
        """
import threading, time
def join(): jax.distributed.initialize(f'127.0.0.1:{PORT}', 2, 1, initialization_timeout=1)
threading.Thread(target=join, daemon=True).start()
time.sleep(2.5)
""",
        bare="answer",
        why="JAX refuses to join once its backend is up, and in a worker it is.",
    ),
    Attack(
        "serves_the_profile_of_jax",
        "import time\ntry: jax.profiler.start_server(FREE_PORT)\nexcept Exception as error: print(error)\ntime.sleep(0.5)",
    ),
)
