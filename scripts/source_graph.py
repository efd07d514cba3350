"""Which files of src/ need which others, as the compiler and the linker see it.

A file here is a source with its headers: "relay/flow" stands for flow.c, flow.h
and flow_internal.h.  Includes come from the compiler's lists of dependencies,
calls from the symbols and relocations of objects.  A call through a function
pointer does not count, nor does passing a function as a callback; using data of
another file does.

Needs a build without link-time optimisation, whose objects hold machine code.
"""
import collections
import json
import os
import pathlib
import re
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
# A header without a source of its own that belongs to the file it is named for.
INTERNAL = re.compile(r"_internal\.h$")
# Relocations of call instructions: x86, Arm, RISC-V, POWER.
CALL = re.compile(r"PLT32|CALL|JUMP|REL24")


class GraphError(Exception):
    """The build cannot be read; the text says why."""


class NoMachineCode(GraphError):
    """The objects are for link-time optimisation."""


class Object:
    """A compiled source: its path below src/, the object, the command."""

    def __init__(self, entry, source_folder):
        words = shlex.split(entry["command"])
        folder = pathlib.Path(entry["directory"])
        self.source = pathlib.Path(entry["file"]).relative_to(source_folder)
        self.object = folder / words[words.index("-o") + 1]
        self.compiler = [word for word in words[:words.index("-o")]
                         if word != "ccache" and not word.endswith("/ccache")]


def objects(build, root=ROOT):
    """The objects of src/ that the build's commands name; all must be there."""
    commands = pathlib.Path(build) / "compile_commands.json"
    if not commands.exists():
        raise GraphError(f"{commands} is missing: build first")
    found = [Object(entry, root / "src")
             for entry in json.loads(commands.read_text())
             if pathlib.Path(entry["file"]).is_relative_to(root / "src")]
    for one in found:
        if not one.object.exists():
            raise GraphError(f"{one.object} is missing: build first")
    return found


def file_of(path):
    """relay/flow for relay/flow.c, relay/flow.h and relay/flow_internal.h."""
    return str(pathlib.Path(INTERNAL.sub(".h", str(path))).with_suffix(""))


def folder_of(file):
    return file.split("/")[0]


def layers(root=ROOT):
    """The folders of src/, lowest first."""
    return re.findall(r"^sallyport_layer\((\w+)",
                      (root / "src/CMakeLists.txt").read_text(), re.M)


def rules(text):
    """The words behind the colon of each rule of a makefile."""
    for rule in text.replace("\\\n", " ").splitlines():
        _, colon, words = rule.partition(": ")
        if colon:
            yield words.split()


def dependencies(found, root=ROOT):
    """For each file of src/ the paths that the compiler opens for it."""
    source = root / "src"
    text = ""
    paths = []
    for one in found:
        kept = pathlib.Path(f"{one.object}.d")
        if kept.exists():
            text += kept.read_text() + "\n"
        else:       # ninja takes these lists into a file of its own
            paths.append(source / one.source)
    sources = {file_of(one.source) for one in found}
    paths += [path for path in sorted(source.glob("*/*.h"))
              if file_of(path.relative_to(source)) not in sources]
    if paths:
        done = subprocess.run([*found[0].compiler, "-MM", *paths], check=True,
                              capture_output=True, text=True)
        text += done.stdout
    needs = collections.defaultdict(set)
    for words in rules(text):
        inside = [pathlib.Path(word).relative_to(source) for word in words
                  if pathlib.Path(word).is_relative_to(source)]
        needs[file_of(inside[0])] |= {str(path) for path in inside}
    return needs


def includes(found, root=ROOT):
    """{file: {files that it includes, through others too}}"""
    return {file: {file_of(path) for path in paths} - {file}
            for file, paths in dependencies(found, root).items()}


def output(tool, *words):
    """What one of binutils prints; a section that is missing is no failure."""
    return subprocess.run([tool, *words], capture_output=True,
                          text=True).stdout.splitlines()


def definitions(found):
    """{symbol: (file that defines it, nm's letter for its kind)}"""
    names = {str(one.object): file_of(one.source) for one in found}
    defined = {}
    for line in output("nm", "-A", "-P", "-g", "--defined-only", *names):
        path, rest = line.rsplit(": ", 1)
        symbol, kind = rest.split()[:2]
        defined[symbol] = names[path], kind
    return defined


def called(found):
    """{file: {symbols that its machine code calls}}"""
    names = {str(one.object): file_of(one.source) for one in found}
    calls_of = collections.defaultdict(set)
    file = None
    for line in output("objdump", "-r", "-j", ".text", "-j", ".text.unlikely",
                       "-j", ".text.startup", *names):
        path, is_file, _ = line.partition(":     file format")
        words = line.split()
        if is_file:
            file = names[path]
        elif len(words) == 3 and CALL.search(words[1]):
            calls_of[file].add(re.split(r"[-+@]", words[2])[0])
    if not calls_of:
        raise NoMachineCode("the objects are for link-time optimisation: "
                            "build with -DENABLE_LTO=OFF")
    return calls_of


def used_data(found, defined):
    """{file: {symbols of other files' data that it names}}"""
    names = {str(one.object): file_of(one.source) for one in found}
    used = collections.defaultdict(set)
    for line in output("nm", "-A", "-P", "-g", "--undefined-only", *names):
        path, rest = line.rsplit(": ", 1)
        symbol = rest.split()[0]
        if symbol in defined and defined[symbol][1] not in "TW":
            used[names[path]].add(symbol)
    return used


def uses(found):
    """{file: {symbol that it calls or reads: file that defines the symbol}}"""
    defined = definitions(found)
    code, data = called(found), used_data(found, defined)
    return {file: {symbol: defined[symbol][0]
                   for symbol in code.get(file, set()) | data.get(file, set())
                   if symbol in defined and defined[symbol][0] != file}
            for file in {*code, *data}}


def calls(found):
    """{file: {files that it calls or whose data it uses}}"""
    return {file: set(used.values()) for file, used in uses(found).items()}


def circles(graph):
    """The sets of files each of which needs all others of its set (Tarjan)."""
    number, lowest, stack, found = {}, {}, [], []

    def visit(file):
        number[file] = lowest[file] = len(number)
        stack.append(file)
        for other in sorted(graph.get(file, ())):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[file] = min(lowest[file], lowest[other])
        if lowest[file] == number[file]:
            circle = stack[stack.index(file):]
            del stack[-len(circle):]
            if len(circle) > 1:
                found.append(sorted(circle))

    for file in sorted(graph):
        if file not in number:
            visit(file)
    return sorted(found)
