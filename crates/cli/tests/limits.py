"""Runs the program on hostile files and prints, a JSON line each, what every run came to: exit code, processor and
elapsed seconds, greatest resident KiB, output. Only its own children can be asked for these, so this is no Rust.

`SLAB short|long MADE FOLDER..`: MADE has what `hostile_objects.py` makes; the folders are of real files and of fixtures.
"""
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time

slab, form, made, *folders = sys.argv[1:]
LONG = form == "long"
HANG = 60
# More than any run may take, and little enough for the machine that tries.
resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))

work = tempfile.mkdtemp()
os.chdir(work)
# No run may write here, whatever a pickle asks for.
here = os.path.join(work, "here")
os.mkdir(here)


def run(kind, name, size, args):
    """One run of the program in an empty folder."""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    start = time.monotonic()
    os.chdir(here)
    pid = os.posix_spawn(slab, [slab, *args], os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
    ended = 0
    while not ended:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if not ended:
            if time.monotonic() - start > HANG:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
    texts = []
    for f in (out, err):
        f.seek(0, 2)
        texts.append(f.tell())
        f.seek(0)
        texts.append(f.read(1 << 16).decode("utf-8", "replace"))
    whole = True
    if "--json" in args and texts[0]:
        # In a process of its own: what this one ever took counts for its children, too.
        checker = os.fork()
        if checker == 0:
            try:
                out.seek(0)
                # Python counts the digits of integers, which is not the question.
                json.load(out, parse_int=str)
            except BaseException:
                os._exit(1)
            os._exit(0)
        whole = os.waitpid(checker, 0)[1] == 0
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps(dict(
        kind=kind, name=name, args=[a for a in args if not a.startswith("/")], size=size, code=code,
        seconds=used.ru_utime + used.ru_stime, elapsed=time.monotonic() - start, kib=used.ru_maxrss,
        out_size=texts[0], out=texts[1], err=texts[3], whole=whole)), flush=True)
    left = os.listdir(here)
    assert not left, f"{name}: {args}: something was written: {left}"


def files(kind, *names):
    """What was made of a kind, and what else there is in folders of these names."""
    for folder in [os.path.join(made, kind), *(f for f in folders if os.path.basename(f) in names)]:
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and name.endswith((".pkl", ".nco", ".index")):
                yield name, path


def look(kind, name, path):
    """Every command that only looks, and those that write, elsewhere."""
    size = os.path.getsize(path)
    commands = [["show"]]
    if LONG or kind == "pickle" or name.startswith(("meta_call", "meta_dropped", "npy_")):
        commands += [["show", "--json"]]
    if LONG or kind == "object" and not name.startswith("meta_"):
        commands += [["verify"]]
    if LONG:
        commands += [["ls"], ["ls", "--json", "--attrs"], ["sum"], ["verify", "--json"], ["show", "--full"]]
    for command in commands:
        run(kind, name, size, [*command, path])
    saved = os.path.join(work, "saved")
    if LONG or name.startswith(("pack_", "headers_", "block", "magic_", "cut_")):
        run(kind, name, size, ["recover", path, saved])
        if os.path.exists(saved):
            # What was saved is sound, or at least readable.
            run("saved " + kind, name, os.path.getsize(saved), ["verify", saved])
            os.remove(saved)
    if LONG and os.path.basename(os.path.dirname(path)) != "packed":
        npz = os.path.join(work, "saved.npz")
        run(kind, name, size, ["convert", path, npz, "--allow-loss"])
        if os.path.exists(npz):
            os.remove(npz)
        run(kind, name, size, ["diff", path, path])


def tree(folder):
    """Everything in a folder, by its path, without following links."""
    found = {}
    for at, folders, names in os.walk(folder):
        for name in names + folders:
            path = os.path.join(at, name)
            stat = os.lstat(path)
            found[os.path.relpath(path, folder)] = (stat.st_mode, stat.st_ino, stat.st_size if name in names else 0)
    return found


SPECIAL = ["ab/ffffff-1234-11e1-8123-123456780f1f.nco", "ab/aaaaaa-1234-11e1-8123-1234567811af.nco",
           "ab/dddddd-1234-11e1-8123-1234567800d1.nco"]


def cache(kind, name, path):
    """An index in a folder of packs and of what is not the cache's own, by every command that looks and that tidies."""
    packs = os.path.join(made, "indexes/packs")
    commands = [["ls"], ["ls", "--json"], ["verify"], ["verify", "--json"]]
    if LONG:
        tidy = [["recover"], ["pack"], ["unpack"], ["shrink", "--to", "0"]]
    else:
        commands = commands[2:3]
        tidy = [["unpack"], ["shrink", "--to", "0"]] if os.path.getsize(path) < 200_000 else []
    for change in [None, *tidy]:
        outside = os.path.join(work, "outside")
        folder = os.path.join(outside, "cache")
        shutil.rmtree(outside, ignore_errors=True)
        os.mkdir(outside)
        shutil.copytree(packs, folder)
        foreign = {"../outside.nco", "notes.txt", "ab/notes.txt", "ab/" + "0" * 34 + ".txt"}
        for f in foreign:
            with open(os.path.join(folder, f), "w") as out:
                out.write("not the cache's\n")
        os.mkfifo(os.path.join(folder, SPECIAL[0]))
        os.symlink("../../outside.nco", os.path.join(folder, SPECIAL[1]))
        os.mkdir(os.path.join(folder, SPECIAL[2]))
        os.symlink("/etc", os.path.join(folder, "ee"))
        shutil.copy(path, os.path.join(folder, "index"))
        open(os.path.join(folder, "index.lock"), "w").close()
        size = os.path.getsize(path)
        # What a run may take grows with what it reads: index and packs.
        size += sum(os.path.getsize(p) for _, p in files("indexes/packs/cd"))
        before = tree(outside)
        if change is None:
            for command in commands:
                run(kind, name, size, ["cache", *command, folder])
            assert tree(outside) == before, f"{name}: looking at a cache changed it"
            continue
        run(kind, name, size, ["cache", change[0], folder, *change[1:]])
        after = tree(outside)
        grown = sum(s[2] for s in after.values()) - sum(s[2] for s in before.values())
        assert grown < 4096 + 2 * os.path.getsize(path), f"{name}: {change}: the folder grew by {grown} bytes"
        own = lambda p: p.startswith("cache/index") or p.endswith(".nco") and p.count("/") == 2 and p.removeprefix("cache/") not in SPECIAL
        for p, was in before.items():
            assert own(p) or after.get(p) == was, f"{name}: {change}: {p} was touched"


for name, path in files("pickles", "hostile"):
    # The largest take the longest.
    if name.endswith(".pkl") and (LONG or os.path.getsize(path) < 2_000_000):
        look("pickle", name, path)
for name, path in files("objects", "corrupt", "foreign", "packed", "hostile"):
    if name.endswith(".nco"):
        look("object", name, path)
for name, path in files("indexes", "index"):
    # An index is two pickles.
    link = os.path.join(work, name + ".pkl")
    os.symlink(path, link)
    if LONG or os.path.getsize(path) < 200_000:
        look("index as a pickle", name, link)
    os.remove(link)
    cache("index", name, path)
shutil.rmtree(work)
