"""What the text of the source tree says by itself: functions, sizes, prose."""
import collections
import re

# As all of src/ is written: the name begins a line, and so do the braces.
FUNCTION = re.compile(r"^(?P<name>[a-z_]\w*)\([^;{}]*\)\n\{\n.*?^\}", re.M | re.S)
COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'", re.S)
CODE_BLOCK = re.compile(r"^```.*?^```[ \t]*$", re.M | re.S)
CODE_WORD = re.compile(r"`[^`\n]*`")
LINK_TARGET = re.compile(r"\]\([^)\s]*\)")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")

PERSONS = re.compile(r"\b(?:who|whoever|nobody|somebody|anybody)\b", re.I)
PRONOUNS = re.compile(
    r"\b(?:it|its|those|that one|such (?:a|an) one)\b", re.I)
# The beginning of a comment that stands for a noun of which nothing was said.
NO_NOUN = re.compile(
    r"(?<=/\*)\s*(?:\*\s*)?(?:Who|Whoever|Those|They|Its?|That one)\b")
# Key, pattern, how the figure is called.
PROSE_WORDS = [
    ("persons", PERSONS, "who/whoever/nobody/somebody/anybody"),
    ("pronouns", PRONOUNS, "it/its/those/that one/such a one"),
]


class Function:
    """A function's definition: where it stands and how long it is."""

    def __init__(self, path, match):
        self.path, self.name = path, match["name"]
        self.line = match.string.count("\n", 0, match.start()) + 1
        self.length = match.group().count("\n") + 1


def sources(root):
    """The files of src/, their paths relative to it."""
    folder = root / "src"
    return sorted(path.relative_to(folder) for path in folder.rglob("*")
                  if path.suffix in (".c", ".h", ".inc"))


def functions(root):
    """All functions of src/, those in headers too."""
    return [Function(path, match) for path in sources(root)
            for match in FUNCTION.finditer((root / "src" / path).read_text())]


def place(function):
    return f"src/{function.path}:{function.line}: {function.name}"


def shared_names(functions):
    """{name: functions} of names that more than one function has."""
    of_name = collections.defaultdict(list)
    for function in functions:
        of_name[function.name].append(function)
    return {name: those for name, those in sorted(of_name.items())
            if len(those) > 1}


def bare_words(functions):
    """Functions named by one word; C itself names main()."""
    return [function for function in functions
            if "_" not in function.name and function.name != "main"]


def sizes(root):
    """{path: lines}"""
    return {path: (root / "src" / path).read_text().count("\n")
            for path in sources(root)}


def tested_files(root):
    """Sources, as relay/flow, with a unit test of their own.

    test_flow_words.c is a test of flow, unless there is a flow_words.
    """
    files = {str(path.with_suffix("")) for path in sources(root)
             if path.suffix == ".c"}
    tested = set()
    for test in (root / "tests/unit").glob("*/test_*.c"):
        words = test.stem.split("_")[1:]
        names = [f"{test.parent.name}/{'_'.join(words[:count])}"
                 for count in range(len(words), 0, -1)]
        tested |= set([name for name in names if name in files][:1])
    return tested


def comments(text):
    """The comments of a C source; all else is blank, so that lines stay."""
    kept, end = [], 0
    for match in COMMENT_OR_STRING.finditer(text):
        kept.append(re.sub(r"[^\n]", " ", text[end:match.start()]))
        is_comment = match.group().startswith("/")
        kept.append(match.group() if is_comment else " " * len(match.group()))
        end = match.end()
    return "".join(kept)


def without_code(text):
    """A Markdown text without code and targets of links; lines stay."""
    text = CODE_BLOCK.sub(lambda match: "\n" * match.group().count("\n"), text)
    return LINK_TARGET.sub("]", CODE_WORD.sub(" ", text))


def prose(part, root):
    """{path: text} of "src" (comments) or "docs" (docs/*.md)."""
    if part == "src":
        return {f"src/{path}": comments((root / "src" / path).read_text())
                for path in sources(root)}
    return {f"docs/{path.name}": without_code(path.read_text())
            for path in sorted((root / "docs").glob("*.md"))}


def occurrences(texts, words):
    """file:line: word for each occurrence of a pattern."""
    return [f"{path}:{text.count(chr(10), 0, match.start()) + 1}: "
            f"{match.group()}" for path, text in texts.items()
            for match in words.finditer(text)]


def rate(texts, words):
    """How often a pattern stands in 1,000 words."""
    total = sum(len(WORD.findall(text)) for text in texts.values())
    found = sum(len(words.findall(text)) for text in texts.values())
    return 1000 * found / total if total else 0.0
