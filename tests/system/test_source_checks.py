"""What checks the source finds what it is there for: in a small tree."""
import json
import shutil
import subprocess

import pytest

from sallyport import PATIENCE, ROOT

HEADER = "#ifndef {0}_H\n#define {0}_H\n{1}\nvoid {0}(void (*call)(void));\n#endif\n"
SOURCE = '#include "low/{0}.h"\n{1}\nvoid\n{0}(void (*call)(void))\n{{\n    {2}\n}}\n'


class Tree:
    """Sources in src/low, compiled one by one."""

    def __init__(self, root):
        self.root = root
        for folder in ("src/low", "tests", "build"):
            (root / folder).mkdir(parents=True)
        shutil.copytree(ROOT / "scripts", root / "scripts")
        shutil.copy(ROOT / "tests/check_circles", root / "tests")
        (root / "src/CMakeLists.txt").write_text("sallyport_layer(low)\n")

    def write(self, name, body="call();", includes=(), header_includes=()):
        def lines(names):
            return "\n".join(f'#include "low/{name}.h"' for name in names)
        source = self.root / "src/low" / name
        source.with_suffix(".h").write_text(
            HEADER.format(name, lines(header_includes)))
        source.with_suffix(".c").write_text(
            SOURCE.format(name, lines(includes), body))

    def build(self):
        commands = []
        for source in sorted((self.root / "src").glob("*/*.c")):
            words = ["gcc", f"-I{self.root}/src", "-fPIC", "-o",
                     f"{source.stem}.o", "-c", str(source)]
            subprocess.run(words, check=True, cwd=self.root / "build",
                           timeout=PATIENCE)
            commands.append({"directory": str(self.root / "build"),
                             "command": " ".join(words), "file": str(source)})
        (self.root / "build/compile_commands.json").write_text(
            json.dumps(commands))

    def run(self, *words):
        return subprocess.run(words, capture_output=True, text=True,
                              cwd=self.root, timeout=PATIENCE)

    def check(self, *options):
        self.build()
        done = self.run("tests/check_circles", *options, ".", "build")
        assert done.stderr == ""
        return done.returncode, done.stdout

    def known(self, *lines):
        (self.root / "tests/circles.known").write_text(
            "".join(f"{line}\n" for line in ("# Known.", *lines)))


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    tree.write("a", "b(call);", ["b"])
    tree.write("b")
    return tree


def test_tree_without_circles_passes(tree):
    """A tree without circles passes."""
    assert tree.check() == (0, "0 circles of files\n")


def test_circle_by_calls_is_found(tree):
    """Two files that call each other are found."""
    tree.write("b", "a(call);", ["a"])
    code, said = tree.check()
    assert code == 1 and "calls: low/a low/b" in said


def test_circle_by_includes_is_found_through_others(tree):
    """A circle of includes over a third file is found."""
    tree.write("b", header_includes=["c"])
    tree.write("c", header_includes=["d"])
    tree.write("d", includes=["a"])
    code, said = tree.check()
    assert code == 1 and "includes: low/a low/b low/c low/d" in said
    assert "calls:" not in said


def test_callback_is_no_call(tree):
    """A function that is passed on is no call of its file."""
    tree.write("a", "b((void (*)(void))c);", ["b", "c"])
    tree.write("c", "a(call);", ["b"])
    (tree.root / "src/low/c.c").write_text(
        '#include "low/c.h"\nvoid a(void (*call)(void));\n'
        "void\nc(void (*call)(void))\n{\n    a(call);\n}\n")
    assert tree.check() == (0, "0 circles of files\n")


def test_known_circle_may_only_shrink(tree):
    """A listed circle that has been cut has to leave the list."""
    tree.write("b", "a(call);")
    path = tree.root / "src/low/b.c"
    path.write_text(path.read_text().replace(
        "\nvoid\nb", "\nvoid a(void (*call)(void));\nvoid\nb"))
    tree.known("calls: low/a low/b")
    assert tree.check()[0] == 0
    tree.known("calls: low/a low/b low/c", "includes: low/a low/b")
    code, said = tree.check()
    assert code == 1
    assert "not true any more: calls: low/a low/b low/c" in said
    assert "not true any more: includes: low/a low/b" in said
    assert tree.check("--write")[0] == 0
    known = tree.root / "tests/circles.known"
    assert known.read_text() == "# Known.\ncalls: low/a low/b\n"
    assert tree.check()[0] == 0
    tree.known("calls: low/a low/c")
    assert tree.check("--write")[0] == 1
    assert known.read_text() == "# Known.\ncalls: low/a low/c\n"


def test_figures_are_those_of_the_tree(tree):
    """The figures count what stands in the tree."""
    tree.write("b", "b(call);" + "\n    b(call);" * 60)
    tree.build()
    (tree.root / "docs").mkdir()
    (tree.root / "tests/unit/low").mkdir(parents=True)
    (tree.root / "tests/unit/low/test_a_words.c").touch()
    (tree.root / "docs/x.md").write_text(
        "Who holds it, `who` and [this](who.md).\n```\nnobody\n```\n")
    done = tree.run("scripts/tree-figures", "--json", "--list",
                    "--build", "build")
    assert done.stderr == ""
    figures = json.loads(done.stdout)
    assert figures["functions"]["value"] == 2
    assert figures["long_functions"] == {
        "value": 1, "offenders": ["src/low/b.c:4: b (64)"]}
    assert figures["bare_words"]["value"] == 2
    assert figures["unique_names"]["value"] == 100
    assert figures["circles_by_calls"]["value"] == 0
    assert figures["upward_calls"]["value"] == 0
    # test_a_words.c is a test of a.c; b.c has none.
    assert figures["tested_lines"]["offenders"] == ["src/low/b.c (72)"]
    assert figures["docs_persons"] == {
        "value": 200.0, "offenders": ["docs/x.md:1: Who"]}
    assert figures["docs_pronouns"]["value"] == 200
    assert figures["src_persons"]["value"] == 0


def test_upward_call_is_counted(tree):
    """A call from a lower folder to a higher one is counted."""
    high = tree.root / "src/high"
    high.mkdir()
    (tree.root / "src/CMakeLists.txt").write_text(
        "sallyport_layer(low)\nsallyport_layer(high)\n")
    (high / "roof.c").write_text("void roof(void);\nvoid\nroof(void)\n{\n}\n")
    tree.write("c", "void roof(void); roof();")
    tree.build()
    done = tree.run("scripts/tree-figures", "--json", "--list",
                    "--build", "build")
    assert json.loads(done.stdout)["upward_calls"] == {
        "value": 1, "offenders": ["low/c uses roof of high/roof"]}


@pytest.mark.parametrize("text, place", [
    ("/* Returns the number of flows. */ const char *x = \"who nobody\";\n",
     "src/low/x.c"),
    ("Nothing here but `who` and\n```\nnobody\n```\n", "docs/x.md")])
def test_text_without_persons_passes(tree, text, place):
    """A text without words for persons passes."""
    (tree.root / "docs").mkdir()
    (tree.root / place).write_text(text)
    done = tree.run("scripts/check-prose")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("text, place", [
    ("/* Returns who is left. */\n", "src/low/x.c"),
    ("Nobody is told.\n", "docs/x.md")])
def test_text_with_persons_is_found(tree, text, place):
    """A text with too many words for persons is found."""
    (tree.root / "docs").mkdir()
    (tree.root / place).write_text(text)
    done = tree.run("scripts/check-prose")
    assert done.returncode == 1
    assert done.stdout.startswith(place.split("/")[0] + ": ")


@pytest.mark.parametrize("word", ["It", "Its", "Those", "Whoever"])
def test_comment_without_noun_is_found(tree, word):
    """A comment that begins with a word for a noun that is not there is
    found."""
    (tree.root / "docs").mkdir()
    (tree.root / "src/low/x.c").write_text(
        f"/* The flow.  It ends. */\n\n/* {word} flows\n * on. */\n" +
        "/* A word among many others. */\n" * 50)
    done = tree.run("scripts/check-prose")
    assert done.returncode == 1
    assert f"src/low/x.c:3: {word} begins a comment: write the noun\n" in \
        done.stdout


def test_names_of_one_place_pass(tree):
    """Functions with names of their own pass, and so does main()."""
    for name, function in (("a", "a_start"), ("b", "start_b"), ("c", "main")):
        (tree.root / f"src/low/{name}.c").write_text(
            f"int\n{function}(void)\n{{\n    return 0;\n}}\n")
    done = tree.run("scripts/check-names")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("names, found", [
    (("start_a", "start_a"), ["src/low/a.c:2: start_a: ",
                              "src/low/b.c:2: start_a: "]),
    (("start_a", "start"), ["src/low/b.c:2: start: "])])
def test_name_of_two_places_or_one_word_is_found(tree, names, found):
    """A name that two functions share, or that is one word, is found."""
    for file, name in zip("ab", names):
        (tree.root / f"src/low/{file}.c").write_text(
            f"static int\n{name}(void)\n{{\n    return 0;\n}}\n")
    done = tree.run("scripts/check-names")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == len(found)
    assert all(map(str.startswith, lines, found))
