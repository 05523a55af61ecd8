"""Attempts to get out of the sandbox, run inside it: prints those that got through, as JSON.

An attempt is refused if it raises OSError; it got through if it returns anything but False. The
numbers of system calls are those of x86_64. Never run this outside of the sandbox.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
ATTEMPTS: dict[str, Callable[[], Any]] = {}
PARENT, FOREIGN = "@PARENT@", "@FOREIGN@"
"""The id of a process outside, and the path of a file there."""


def attempt(function: Callable[[], Any]) -> Callable[[], Any]:
    ATTEMPTS[function.__name__] = function
    return function


def call(number: int, *arguments: Any) -> int:
    """Make a system call; raise OSError if it fails."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = int(libc.syscall(number, *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result


def tried(name: str, number: int, *arguments: Any) -> None:
    ATTEMPTS[name] = lambda: call(number, *arguments) or True


def killed(function: Callable[[], Any]) -> bool:
    """Return whether a child that calls a function is not killed for it."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except OSError:
            os._exit(9)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) == 0


room = ctypes.create_string_buffer(4096)
NEW_USER, NEW_MOUNTS, NEW_NET = 0x10000000, 0x20000, 0x40000000

# Keyrings (03 and 04 of the faults that were found, and their kin)
tried("keyctl_session", 250, 0, -3, 1)
tried("keyctl_join", 250, 1, None)
tried("keyctl_search", 250, 10, -4, b"user", b"memagent:test", 0)
tried("add_key", 248, b"user", b"x", b"y", 1, -3)
tried("request_key", 249, b"user", b"memagent:test", None, -3)
# Memory that no limit counts, and that outlives
tried("memfd_create", 319, b"x", 0)
tried("memfd_secret", 447, 0)
tried("shmget", 29, 0, 1 << 30, 0o1666)
tried("shmat", 30, 0, None, 0)
tried("semget", 64, 0, 1, 0o1666)
tried("msgget", 68, 0, 0o1666)
tried("mq_open", 240, b"x", 0o102, 0o600, None)
tried("vmsplice", 278, 1, room, 1, 0)
# Parts of the kernel that nobody needs here
tried("io_uring_setup", 425, 1, room)
tried("bpf", 321, 0, room, 72)
tried("perf_event_open", 298, room, 0, -1, -1, 0)
tried("userfaultfd", 323, 1)
tried("fanotify_init", 300, 0, 0)
tried("inotify_init1", 294, 0)
tried("seccomp_listener", 317, 1, 8, room)
tried("landlock_create_ruleset", 444, None, 0, 1)
tried("modify_ldt", 154, 0, room, 16)
tried("iopl", 172, 3)
tried("ioperm", 173, 0x70, 1, 1)
tried("personality", 135, 0x0040000)
tried("syslog", 103, 10, None, 0)
tried("quotactl", 179, 0x800002, None, 0, room)
tried("acct", 163, None)
tried("kcmp", 312, 1, 1, 0, 0, 0)
tried("timer_create", 222, 1, None, room)
# The machine itself
tried("reboot", 169, 0xFEE1DEAD, 672274793, 0, None)
tried("kexec_load", 246, 0, 0, None, 0)
tried("init_module", 175, room, 16, b"")
tried("finit_module", 313, 0, b"", 0)
tried("delete_module", 176, b"none", 0)
tried("swapon", 167, b"/work/swap", 0)
tried("swapoff", 168, b"/work/swap")
tried("sethostname", 170, b"x", 1)
tried("setdomainname", 171, b"x", 1)
tried("settimeofday", 164, room, None)
tried("clock_settime", 227, 0, room)
tried("adjtimex", 159, room)
tried("clock_adjtime", 305, 0, room)
tried("vhangup", 153)
# Namespaces, mounts, roots
tried("unshare_user", 272, NEW_USER)
tried("unshare_mounts", 272, NEW_MOUNTS)
tried("unshare_net", 272, NEW_NET)
tried("clone_user", 56, NEW_USER | signal.SIGCHLD, None, None, None, None)
tried("clone_net", 56, NEW_NET | signal.SIGCHLD, None, None, None, None)
tried("clone3_user", 435, struct.pack("=11Q", NEW_USER, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)
tried("setns", 308, 0, 0)
tried("mount_tmpfs", 165, b"none", b"/work", b"tmpfs", 0, None)
tried("mount_proc", 165, b"none", b"/work", b"proc", 0, None)
tried("mount_writable_usr", 165, None, b"/usr", None, 4096 | 32, None)
tried("mount_writable_null", 165, None, b"/dev/null", None, 4096 | 32, None)
tried("mount_setattr", 442, -100, b"/usr", 0x8000, struct.pack("=4Q", 0, 1, 0, 0), 32)
tried("umount_work", 166, b"/work", 2)
tried("umount_usr", 166, b"/usr", 2)
tried("pivot_root", 155, b"/work", b"/work")
tried("chroot", 161, b"/work")
tried("fsopen", 430, b"tmpfs", 0)
tried("open_tree", 428, -100, b"/", 1)
tried("name_to_handle_at", 303, -100, b"/usr", room, room, 0)
tried("open_by_handle_at", 304, 0, room, 0)
# Other processes
tried("ptrace_me", 101, 0, 0, None, None)
tried("ptrace_first", 101, 16, 1, None, None)
tried("process_vm_readv", 310, 1, room, 1, room, 1, 0)
tried("process_vm_writev", 311, 1, room, 1, room, 1, 0)
tried("pidfd_open", 434, 1, 0)
tried("pidfd_getfd", 438, 0, 0, 0)
tried("pidfd_send_signal", 424, 0, 9, None, 0)
tried("process_madvise", 440, 0, None, 0, 4, 0)
tried("prlimit_first", 302, 1, 7, None, room)
tried("migrate_pages", 256, 1, 1, room, room)
# Privileges
tried("setuid", 105, 0)
tried("setgid", 106, 0)
tried("setresuid", 117, 0, 0, 0)
tried("setgroups", 116, 1, room)
tried("setfsuid", 122, 0)
tried("capset", 126, struct.pack("=IIq", 0x20080522, 0, 0)[:8], b"\xff" * 24)
tried("ambient_capability", 157, 47, 2, 21, 0, 0)
tried("keep_capabilities", 157, 8, 1, 0, 0, 0)
tried("another_filter", 157, 22, 2, room, 0, 0)
tried("dumpable", 157, 4, 1, 0, 0, 0)
tried("real_time", 144, 0, 1, struct.pack("=i", 99))
# Devices
tried("chown_null", 92, b"/dev/null", os.getuid(), os.getgid())
tried("fchownat_null", 260, -100, b"/dev/null", os.getuid(), os.getgid(), 0)
tried("setxattr_null", 188, b"/dev/null", b"user.x", b"y", 1, 0)
tried("setxattr_work", 188, b"/work", b"user.x", b"y", 1, 0)
tried("mknod_null", 133, b"/work/null", 0o20666, 0x103)
tried("mknodat_disk", 259, -100, b"/work/disk", 0o60666, 0x800)
tried("lock_null", 73, 1, 2 | 4)
ATTEMPTS["chmod_null"] = lambda: os.chmod("/dev/null", 0o600)


@attempt
def chmod_every_device() -> Any:
    for name in os.listdir("/dev"):
        os.chmod(f"/dev/{name}", 0o666)


ATTEMPTS["touch_null"] = lambda: os.utime("/dev/null")
ATTEMPTS["date_null"] = lambda: os.utime("/dev/null", (0, 0))
ATTEMPTS["remove_null"] = lambda: os.unlink("/dev/null")
ATTEMPTS["rename_null"] = lambda: os.rename("/dev/null", "/dev/nil")
ATTEMPTS["cover_null"] = lambda: os.symlink("/work/x", "/dev/nil")
for device in "zero full random urandom tty ptmx console mem kmsg fuse kvm vsock shm/x sda".split():
    ATTEMPTS[f"open_{device}"] = lambda device=device: os.open(f"/dev/{device}", os.O_RDWR)
# Files
for path in "/x /dev/x /usr/x /bin/x /lib/x /root/x /tmp/x /etc/x".split():
    ATTEMPTS[f"write_{path}"] = lambda path=path: open(path, "w")
ATTEMPTS["write_prefix"] = lambda: open(f"{sys.base_prefix}/x", "w")
for (
    path
) in "/etc/shadow /etc/passwd /etc/hostname /proc/1/root /proc/self/mem /proc/self/exe".split():
    ATTEMPTS[f"read_{path}"] = lambda path=path: open(path, "rb")
for (
    path
) in "/proc /sys /etc /home /var /tmp /run /old /dev/shm /dev/mqueue /dev/pts /root/.ssh".split():
    ATTEMPTS[f"list_{path}"] = lambda path=path: os.listdir(path)
ATTEMPTS["read_a_file_outside"] = lambda: open(FOREIGN)


@attempt
def read_through_a_link() -> Any:
    os.symlink(FOREIGN, "link")
    return open("link")


ATTEMPTS["climb_up"] = lambda: open("/work/" + "../" * 40 + FOREIGN)
ATTEMPTS["hard_link"] = lambda: os.link(os.path.realpath(sys.executable), "/work/python")
ATTEMPTS["write_own_program"] = lambda: os.write(0, b"x")
ATTEMPTS["stretch_own_program"] = lambda: os.ftruncate(0, 1 << 20)


@attempt
def open_files_of_the_parent() -> Any:
    return any(valid(number) for number in range(3, 64))


def valid(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@attempt
def setuid_programs() -> Any:
    return not os.statvfs("/usr").f_flag & os.ST_NOSUID


@attempt
def device_nodes() -> Any:
    return not all(os.statvfs(path).f_flag & 4 for path in ("/usr", "/work"))  # ST_NODEV


@attempt
def every_socket_family() -> Any:
    opened: list[Any] = []
    for family in range(64):
        for kind in (1, 2, 3, 4, 5, 10):
            try:
                socket.socket(family, kind).close()
                opened.append((family, kind))
            except OSError as error:
                if error.errno != errno.EPERM:
                    opened.append((family, kind, str(error)))
    return opened or False


@attempt
def every_other_pair() -> Any:
    found = []
    for family in range(64):
        try:
            libc_pair = ctypes.create_string_buffer(8)
            call(53, family, 1, 0, libc_pair)
            found.append(family)
        except OSError:
            pass
    return found != [socket.AF_UNIX] and found


@attempt
def pair_connected_elsewhere() -> Any:
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return reached(pair[0].connect, "\0memagent-test")


@attempt
def pair_bound() -> Any:
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return reached(pair[0].bind, "/work/socket")


@attempt
def pair_sent_elsewhere() -> Any:
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return reached(pair[0].sendto, b"x", "\0memagent-test")


@attempt
def files_in_flight() -> Any:
    pair = socket.socketpair()
    return reached(socket.send_fds, pair[0], [b"x"], [1])


@attempt
def larger_buffers() -> Any:
    pair = socket.socketpair()
    return reached(pair[0].setsockopt, socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)


def reached(function: Callable[..., Any], *arguments: Any) -> bool:
    try:
        function(*arguments)
    except OSError as error:
        return error.errno != errno.EPERM
    return True


@attempt
def typing_into_a_terminal() -> Any:
    return [call(16, 1, code, b"x") for code in (0x5412, 0x541C)]


@attempt
def typing_with_a_disguised_number() -> Any:
    return reached(call, 16, 1, 0x5412 | 1 << 32, b"x") and ctypes.get_errno() != errno.ENOTTY


@attempt
def other_abi_x32() -> Any:
    return killed(lambda: call(0x40000000 + 39))


@attempt
def other_abi_i386() -> Any:
    """`mov eax, 20; int 0x80; ret`: getpid by the interface of 32 bits."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return killed(function)


@attempt
def every_unknown_call() -> Any:
    """No number beyond the table does anything."""
    return [number for number in range(463, 1200) if not refused(number)] or False


def refused(number: int) -> bool:
    try:
        call(number, 0, 0, 0, 0, 0, 0)
    except OSError as error:
        return error.errno in (errno.EPERM, errno.ENOSYS)
    return False


@attempt
def signal_outside() -> Any:
    return os.kill(int(PARENT), 0)


@attempt
def signal_every_number() -> Any:
    return [n for n in range(3, 40000) if n != os.getpid() and alive(n)] or False


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@attempt
def end_the_first_process() -> Any:
    try:
        os.kill(1, signal.SIGKILL)
    except PermissionError:
        return False
    time.sleep(0.05)
    os.kill(1, 0)  # it lives, since a namespace's first process hears no signal from inside
    return False


@attempt
def higher_priority() -> Any:
    return os.setpriority(os.PRIO_PROCESS, 0, -5)


@attempt
def raised_limits() -> Any:
    kinds = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    kept = ("AS", "CORE", "CPU", "FSIZE", "NPROC", "NOFILE", "MEMLOCK", "MSGQUEUE", "SIGPENDING")
    bounded = [kind for kind in kinds if resource.getrlimit(kind)[1] != resource.RLIM_INFINITY]
    missing = [name for name in kept if getattr(resource, f"RLIMIT_{name}") not in bounded]
    lifted = []
    for kind in bounded:
        try:
            resource.setrlimit(kind, (resource.getrlimit(kind)[1] + 1,) * 2)
            lifted.append(kind)
        except (ValueError, OSError):
            pass
    return missing + lifted or False


@attempt
def core_dump() -> Any:
    child = os.fork()
    if child == 0:
        os.abort()
    return os.WCOREDUMP(os.waitpid(child, 0)[1]) or os.path.exists("core")


@attempt
def root_inside() -> Any:
    return 0 in (*os.getresuid(), *os.getresgid()) or os.getgroups() not in ([], [65534])


@attempt
def run_su() -> Any:
    ran = subprocess.run(["/usr/bin/su", "-c", "id"], capture_output=True, stdin=subprocess.DEVNULL)
    return b"uid=0" in ran.stdout


@attempt
def run_unshare() -> Any:
    command = ["/usr/bin/unshare", "--map-root-user", "/usr/bin/true"]
    return subprocess.run(command, capture_output=True).returncode == 0


@attempt
def name_of_the_machine() -> Any:
    return os.uname().nodename != "sandbox" or socket.gethostname() != "sandbox"


@attempt
def environment() -> Any:
    return dict(os.environ) or False


@attempt
def environment_of_the_process() -> Any:
    first = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    return bool(first) and first[0] is not None


@attempt
def endless_empty_files() -> Any:
    try:
        os.mkdir("many")
        for number in range(20000):
            os.close(os.open(f"many/{number}", os.O_CREAT))
    except OSError as error:
        return error.errno != errno.ENOSPC
    return True


@attempt
def endless_links() -> Any:
    try:
        for number in range(20000):
            os.symlink("x" * 60, f"link{number}")
    except OSError as error:
        return error.errno != errno.ENOSPC
    return True


@attempt
def many_open_files() -> Any:
    opened: list[int] = []
    try:
        for _ in range(1000):
            opened += os.pipe()
    except OSError as error:
        for number in opened:
            os.close(number)
        return error.errno != errno.EMFILE
    return True


def main() -> None:
    outcome = {}
    for name, function in ATTEMPTS.items():
        try:
            result = function()
        except OSError:
            result = False
        if result is not False:
            outcome[name] = repr(result)
    print(json.dumps({"tried": len(ATTEMPTS), "got through": outcome}))


main()
