"""Seccomp filter of the sandbox: the system calls that a Python program needs, and no others.

The filter is an allow list, so that a call which a later kernel adds is refused until somebody has
thought about it. What is left out on purpose: sockets of every family (`socketpair` makes a pair
that is connected to nothing else), keyrings, memory files, System V and POSIX message queues and
shared memory, mounts, namespaces, tracing, clocks that are set, extended attributes, owners of
files, BPF, io_uring, performance events, and loading of modules. It is a classic BPF program (see
`linux/seccomp.h` and `linux/bpf_common.h`), of about 300 instructions.

libseccomp writes such programs too, but it is a library of the system that Python's `pyseccomp`
only loads; the sandbox needs no more of it than the hundred lines here.
"""

import errno
import struct
from collections.abc import Iterator, Sequence

SYSCALLS = """
read 0 63; write 1 64; readv 19 65; writev 20 66; pread64 17 67; pwrite64 18 68; preadv 295 69;
pwritev 296 70; preadv2 327 286; pwritev2 328 287; open 2 -; openat 257 56; openat2 437 437;
creat 85 -; close 3 57; close_range 436 436; lseek 8 62; stat 4 -; fstat 5 80; lstat 6 -;
newfstatat 262 79; statx 332 291; statfs 137 43; fstatfs 138 44; access 21 -; faccessat 269 48;
faccessat2 439 439; readlink 89 -; readlinkat 267 78; getdents 78 -; getdents64 217 61;
getcwd 79 17; chdir 80 49; fchdir 81 50; mkdir 83 -; mkdirat 258 34; rmdir 84 -; unlink 87 -;
unlinkat 263 35; rename 82 -; renameat 264 38; renameat2 316 276; link 86 -; linkat 265 37;
symlink 88 -; symlinkat 266 36; chmod 90 -; fchmod 91 52; fchmodat 268 53; truncate 76 45;
ftruncate 77 46; fallocate 285 47; fsync 74 82; fdatasync 75 83; sync_file_range 277 84;
umask 95 166; utime 132 -; utimes 235 -; futimesat 261 -; utimensat 280 88;
fcntl 72 25; ioctl 16 29; dup 32 23; dup2 33 -; dup3 292 24; pipe 22 -; pipe2 293 59;
sendfile 40 71; copy_file_range 326 285; splice 275 76; tee 276 77; poll 7 -; ppoll 271 73;
select 23 -; pselect6 270 72; epoll_create 213 -; epoll_create1 291 20; epoll_ctl 233 21;
epoll_wait 232 -; epoll_pwait 281 22; epoll_pwait2 441 441; eventfd 284 -; eventfd2 290 19;
signalfd 282 -; signalfd4 289 74; timerfd_create 283 85; timerfd_settime 286 86;
timerfd_gettime 287 87; fadvise64 221 223; readahead 187 213; mmap 9 222; munmap 11 215;
mremap 25 216; mprotect 10 226; madvise 28 233; msync 26 227; mincore 27 232; brk 12 214;
mlock 149 228; munlock 150 229; membarrier 324 283; fork 57 -; vfork 58 -; clone 56 220;
execve 59 221; exit 60 93; exit_group 231 94; wait4 61 260; waitid 247 95; kill 62 129;
tkill 200 130; tgkill 234 131; getpid 39 172; getppid 110 173; gettid 186 178; getpgid 121 155;
getpgrp 111 -; setpgid 109 154; getsid 124 156; setsid 112 157; getuid 102 174; geteuid 107 175;
getgid 104 176; getegid 108 177; getresuid 118 148; getresgid 120 150; getgroups 115 158;
rt_sigaction 13 134; rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigpending 127 136;
rt_sigtimedwait 128 137; rt_sigsuspend 130 133; sigaltstack 131 132; restart_syscall 219 128;
pause 34 -; alarm 37 -; setitimer 38 103; getitimer 36 102; nanosleep 35 101;
clock_nanosleep 230 115; clock_gettime 228 113; clock_getres 229 114; gettimeofday 96 169;
time 201 -; times 100 153; getrlimit 97 163; setrlimit 160 164; prlimit64 302 261;
getrusage 98 165; getpriority 140 141; setpriority 141 140; sched_yield 24 124;
sched_getaffinity 204 123; sched_setaffinity 203 122; sched_getparam 143 121;
sched_getscheduler 145 120; sched_get_priority_max 146 125; sched_get_priority_min 147 126;
getcpu 309 168; sysinfo 99 179; uname 63 160; getrandom 318 278; prctl 157 167; arch_prctl 158 -;
futex 202 98; set_robust_list 273 99; get_robust_list 274 100; set_tid_address 218 96;
rseq 334 293; socketpair 53 199; shutdown 48 210; sendto 44 206; recvfrom 45 207;
getsockname 51 204; getpeername 52 205; getsockopt 55 209; fchmodat2 452 452
"""
"""Allowed calls: name, number on x86_64, number on aarch64; `-` where there is no such call."""

_NEWEST = 470
"""Calls from this number on do not exist (ENOSYS), so that a newer libc takes an older one."""
_NAMESPACES = 0x7E020000
"""Flags of `clone` that make a namespace."""
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; not TIOCSTI, which types."""
_PRCTLS = (15, 16, 0x53564D41)
"""PR_SET_NAME, PR_GET_NAME, PR_SET_VMA."""
_UNIX = 1
"""AF_UNIX."""

_ARCHITECTURES = {
    "x86_64": (0, 0xC000003E, range(188, 200)),
    "aarch64": (1, 0xC00000B7, range(5, 17)),
}
"""By `platform.machine()`: column of the table, the kernel's number, and the calls on extended
attributes, which are not supported (ENOTSUP): what copies files expects no other refusal.
"""
_X32 = 0x40000000
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _JEQ, _JGT, _JGE, _JSET, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets into the kernel's `struct seccomp_data`."""

Instruction = tuple[int, int, int, int]


def seccomp_filter(machine: str) -> bytes | None:
    """Return the BPF program for a machine, None if there is no table for its system calls."""
    if machine not in _ARCHITECTURES:
        return None
    column, architecture, attributes = _ARCHITECTURES[machine]
    numbers = {
        name: int(columns[column])
        for name, *columns in (entry.split() for entry in SYSCALLS.split(";"))
        if columns[column] != "-"
    }
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JEQ, 1, 0, architecture),
        _returned(_KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        program += [(_JGE, 0, 1, _X32), _returned(_KILL)]
    checked = dict(_checked())
    program += _ranges(sorted(n for name, n in numbers.items() if name not in checked))
    for name, instructions in checked.items():
        if name in numbers:
            program += [(_JEQ, 0, len(instructions), numbers[name]), *instructions]
    program += [(_JGE, 0, 2, attributes[0]), (_JGT, 1, 0, attributes[-1])]
    program += [_returned(_ERRNO | errno.ENOTSUP)]
    no_such_call = _returned(_ERRNO | errno.ENOSYS)
    program += [(_JEQ, 0, 1, 435), no_such_call]  # clone3, whose flags lie in memory
    program += [(_JGE, 0, 1, _NEWEST), no_such_call, _returned(_ERRNO | errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _checked() -> Iterator[tuple[str, Sequence[Instruction]]]:
    """Yield the calls that are allowed with some arguments only, and what checks these."""
    yield (
        "clone",
        [_low(0), (_JSET, 0, 1, _NAMESPACES), _returned(_ERRNO | errno.EPERM), _returned(_ALLOW)],
    )
    yield "ioctl", _one_of(1, _IOCTLS, errno.ENOTTY)
    yield "prctl", _one_of(0, _PRCTLS, errno.EPERM)
    yield "prlimit64", _one_of(0, [0], errno.EPERM)  # of itself
    yield "socketpair", _one_of(0, [_UNIX], errno.EPERM)
    yield (  # without an address
        "sendto",
        [
            (_LOAD, 0, 0, _ARGUMENTS + 8 * 4 + 4),
            (_JEQ, 0, 2, 0),
            _low(4),
            (_JEQ, 1, 0, 0),
            _returned(_ERRNO | errno.EPERM),
            _returned(_ALLOW),
        ],
    )


def _one_of(argument: int, values: Sequence[int], error: int) -> list[Instruction]:
    """Return what allows a call whose argument is one of some 32-bit values."""
    tests = [(_JEQ, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_low(argument), *tests, _returned(_ERRNO | error), _returned(_ALLOW)]


def _ranges(numbers: Sequence[int]) -> Iterator[Instruction]:
    """Yield what allows calls by their numbers, of which runs are tested together."""
    first = 0
    for place, number in enumerate(numbers):
        if place + 1 < len(numbers) and numbers[place + 1] == number + 1:
            continue
        yield (_JGE, 0, 2, numbers[first])
        yield (_JGT, 1, 0, number)
        yield _returned(_ALLOW)
        first = place + 1


def _low(argument: int) -> Instruction:
    """Load the lower half of an argument, all that the kernel reads of a 32-bit one."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _returned(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)
